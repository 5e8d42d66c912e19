package mail

import (
	"bytes"
	"strings"

	"golang.org/x/net/html/atom"
)

// An elementMark is what a mail program writes on an element of HTML to say what it holds.
type elementMark struct {
	extent markExtent
	whose  string // the mail program, for people
	drawn  bool   // told by its style alone
}

type markExtent uint8

const (
	markHistory     markExtent = iota // the element is an older message and the line above it
	markAttribution                   // it is the line above one
	markRest                          // an older message begins here and goes on behind it
	markSignature
	markNotice // of a scanner or a firm
)

// elementMarks are by the attribute and its value as one word, as in the table: ".gmail_quote"; styleMarks
// by what the style has.
var elementMarks, styleMarks = func() (byAttribute map[string]*elementMark, byStyle []styleMark) {
	extents := map[string]markExtent{"history": markHistory, "attribution": markAttribution, "rest": markRest, "signature": markSignature, "notice": markNotice}
	byAttribute = map[string]*elementMark{}
	for _, row := range table("elements") {
		style, drawn := strings.CutPrefix(row[1], "~")
		m := &elementMark{extents[row[0]], row[2], drawn}
		if drawn {
			byStyle = append(byStyle, styleMark{[]byte(style), m})
			continue
		}
		byAttribute[row[1]] = m
	}
	return byAttribute, byStyle
}()

type styleMark struct {
	has  []byte
	mark *elementMark
}

// bearsMarks says whether mail programs mark elements of that name.
func bearsMarks(name atom.Atom) bool {
	switch name {
	case atom.Div, atom.Blockquote, atom.Hr, atom.P, atom.Table, atom.Section, atom.Pre, atom.Span:
		return true
	}
	return false
}

// markMax is how far into a tag attributes are looked at.
const markMax = 1000

// markOf reads what a start tag says of its element, nil for nothing.
func markOf(name atom.Atom, raw []byte) *elementMark {
	raw = raw[:min(len(raw), markMax)]
	i := 1
	for i < len(raw) && raw[i] > ' ' {
		i++
	}
	for i < len(raw) {
		for i < len(raw) && (raw[i] <= ' ' || raw[i] == '/' || raw[i] == '>' || raw[i] == '=') {
			i++
		}
		from := i
		for i < len(raw) && raw[i] > ' ' && raw[i] != '=' && raw[i] != '>' {
			i++
		}
		key := raw[from:i]
		if i == len(raw) || raw[i] != '=' {
			continue
		}
		i++
		var value []byte
		if i < len(raw) && (raw[i] == '"' || raw[i] == '\'') {
			end := bytes.IndexByte(raw[i+1:], raw[i])
			if end < 0 {
				return nil
			}
			value = raw[i+1 : i+1+end]
			i += end + 2
		} else {
			from = i
			for i < len(raw) && raw[i] > ' ' && raw[i] != '>' {
				i++
			}
			value = raw[from:i]
		}
		if m := attributeMark(name, key, value); m != nil {
			return m
		}
	}
	return nil
}

// attributeMark looks an attribute up in the table.
func attributeMark(name atom.Atom, key, value []byte) *elementMark {
	var buf [64]byte
	switch {
	case len(key) == 2 && key[0]|0x20 == 'i' && key[1]|0x20 == 'd':
		return lookUp(append(buf[:0], '#'), value)
	case foldedEqual(key, "class"):
		for len(value) > 0 {
			word, rest, _ := bytes.Cut(value, []byte{' '})
			if m := lookUp(append(buf[:0], '.'), word); m != nil {
				return m
			}
			value = rest
		}
	case foldedEqual(key, "style"):
		if name == atom.Div && bytes.Contains(value, []byte("border-top")) {
			return styleOf(value)
		}
	case foldedEqual(key, "name"), foldedEqual(key, "type"), foldedEqual(key, "data-marker"), foldedEqual(key, "data-smartmail"):
		return lookUp(append(appendLower(buf[:0], key), '='), value)
	}
	return nil
}

// lookUp finds a value below its prefix, without what Outlook and Yahoo put before it.
func lookUp(prefix, value []byte) *elementMark {
	if len(value) > 48 {
		return nil
	}
	for len(value) > 2 && value[0] == 'x' && value[1] == '_' {
		value = value[2:]
	}
	word := appendLower(prefix, value)
	if m := elementMarks[string(word)]; m != nil || len(value) < 4 || string(word[len(prefix):len(prefix)+3]) != "ydp" {
		return m
	}
	from := len(prefix) + 3
	for n := 0; n < 10 && from < len(word) && strings.IndexByte("0123456789abcdef", word[from]) >= 0; n++ {
		from++
		copy(word[from-len(prefix):], prefix)
		if m := elementMarks[string(word[from-len(prefix):])]; m != nil {
			return m
		}
	}
	return nil
}

func styleOf(value []byte) *elementMark {
	var buf [256]byte
	folded := appendFolded(buf[:0], value)
	for _, s := range styleMarks {
		if bytes.Contains(folded, s.has) {
			return s.mark
		}
	}
	return nil
}

// appendFolded appends the beginning of a tag or a style in lower case, without white space.
func appendFolded(dst, s []byte) []byte {
	for _, c := range s[:min(len(s), cap(dst))] {
		if c > ' ' {
			dst = append(dst, lower(c))
		}
	}
	return dst
}

// isIndent says whether a blockquote is one with which editors indent what is written in them: WebKit's, in Gmail,
// Apple Mail and others.
func isIndent(raw []byte) bool {
	if len(raw) <= len("<blockquote>") {
		return false
	}
	var buf [256]byte
	s := appendFolded(buf[:0], raw)
	return bytes.Contains(s, []byte("40px;border:none;padding:0"))
}

func foldedEqual(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != s[i] {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// mayBeMarked says whether one of the elements of a page may have a mark.
func mayBeMarked(page string) bool {
	for _, s := range []string{"ignature", "quote", "cite", "RplyFwd", "data-marker", "reference-message", "OutlookMessageHeader"} {
		if strings.Contains(page, s) {
			return true
		}
	}
	return false
}
