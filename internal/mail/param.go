package mail

import (
	"sort"
	"strconv"
	"strings"
)

// paramMax is how many parameters of one field are read.
const paramMax = 200

// A value is a field like Content-Type: a word and parameters.
type value struct {
	word   string // lower case
	params []param
}

type param struct {
	name string // lower case, without the marks of RFC 2231
	text string // unquoted; encoded words as they are
}

func (v *value) get(name string) string {
	for i := range v.params {
		if v.params[i].name == name {
			return v.params[i].text
		}
	}
	return ""
}

// parseValue reads word; name=value; … . Values may be quoted or not, and unquoted ones may have
// spaces: senders write name=My File.pdf. RFC 2231 continuations and charsets are put together.
func (p *parser) parseValue(s string) value {
	word, rest, _ := strings.Cut(s, ";")
	word = trimSpace(word)
	if i := strings.IndexAny(word, " \t,("); i > 0 { // a comment, or a second value
		if strings.IndexByte(word[i:], '=') > 0 { // text/plain charset=utf-8
			rest = word[i+1:] + ";" + rest
		}
		word = word[:i]
	}
	v := value{word: strings.ToLower(word)}
	var pieces []piece
	for rest != "" && len(v.params)+len(pieces) < paramMax {
		var name, text string
		name, text, rest = nextParam(rest)
		if name == "" {
			continue
		}
		if strings.IndexByte(name, '*') > 0 {
			pieces = append(pieces, newPiece(name, text))
			continue
		}
		v.params = append(v.params, param{name, text})
	}
	if len(pieces) > 0 {
		// What RFC 2231 says wins over a plain parameter of the same name, which is there for old readers.
		v.params = append(p.assemble(pieces), v.params...)
	}
	return v
}

// nextParam cuts the first name=value from s.
func nextParam(s string) (name, text, rest string) {
	end := strings.IndexAny(s, ";=")
	if end < 0 {
		return "", "", ""
	}
	if s[end] == ';' {
		return "", "", s[end+1:]
	}
	name = strings.ToLower(trimSpace(s[:end]))
	s = strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		text, rest, _ = strings.Cut(s, ";")
		if at := runOn(text); at > 0 {
			return name, strings.Trim(text[:at], " \t,"), s[at:]
		}
		return name, trimSpace(text), rest
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			// Only these two: Windows paths are written with single backslashes.
			i++
			b.WriteByte(s[i])
		case c == '"':
			_, rest, _ = strings.Cut(s[i+1:], ";")
			return name, b.String(), rest
		default:
			b.WriteByte(c)
		}
	}
	// The quote never ends: then it is no quote.
	text, rest, _ = strings.Cut(s[1:], ";")
	return name, trimSpace(text), rest
}

// runOn finds where a next parameter begins in a value that is not quoted, its semicolon forgotten: format=flowed charset=utf-8.
// Only names that are known count: file names have blanks and may have equals signs.
func runOn(text string) int {
	eq := strings.IndexByte(text, '=')
	if eq < 0 {
		return 0
	}
	at := strings.LastIndexAny(text[:eq], " \t,")
	if at <= 0 {
		return 0
	}
	switch strings.ToLower(text[at+1 : eq]) {
	case "charset", "boundary", "name", "format", "delsp", "filename", "method", "report-type":
		return at + 1
	}
	return 0
}

// A piece is one section of a parameter of RFC 2231: name*, name*0 or name*0*.
type piece struct {
	name    string
	index   int
	encoded bool
	text    string
}

func newPiece(name, text string) piece {
	name, mark, _ := strings.Cut(name, "*")
	pc := piece{name: name, text: text}
	if mark == "" {
		pc.encoded = true
		return pc
	}
	mark, pc.encoded = strings.CutSuffix(mark, "*")
	pc.index, _ = strconv.Atoi(mark)
	return pc
}

// assemble joins the sections of each parameter in their order and reads the charset of the first.
func (p *parser) assemble(pieces []piece) []param {
	sort.SliceStable(pieces, func(i, j int) bool {
		if pieces[i].name != pieces[j].name {
			return pieces[i].name < pieces[j].name
		}
		return pieces[i].index < pieces[j].index
	})
	var out []param
	for len(pieces) > 0 {
		n := 1
		for n < len(pieces) && pieces[n].name == pieces[0].name {
			n++
		}
		var raw []byte
		var label string
		decoded := false
		for i, pc := range pieces[:n] {
			text := pc.text
			if i == 0 && pc.encoded {
				if parts := strings.SplitN(text, "'", 3); len(parts) == 3 {
					label, text = parts[0], parts[2]
				}
			}
			if pc.encoded {
				decoded = true
				raw = appendUnescaped(raw, text)
			} else {
				raw = append(raw, text...)
			}
		}
		text := string(raw)
		if decoded {
			text = p.charset(raw, label)
		}
		out = append(out, param{pieces[0].name, text})
		pieces = pieces[n:]
	}
	return out
}

// appendUnescaped undoes %XX.
func appendUnescaped(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if hi, lo := unhex(s[i+1]), unhex(s[i+2]); hi < 16 && lo < 16 {
				dst = append(dst, hi<<4|lo)
				i += 2
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst
}
