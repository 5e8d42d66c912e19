package mail

import "strings"

// ParseAddress reads one address as an envelope or a person writes it: "ann@example.org",
// "<ann@example.org>" or "Ann <ann@example.org>". What is no address has an empty Email.
func ParseAddress(s string) Address {
	list := ParseAddresses(s)
	if len(list) == 0 {
		return Address{}
	}
	return list[0]
}

// ParseAddresses reads a list of addresses, leniently.
func ParseAddresses(s string) []Address {
	var p parser
	p.msg = &Message{}
	list, _, _ := appendAddresses(&p, nil, unfold(s, ""), DefaultLimits.Addresses)
	return list
}

// appendAddresses reads an unfolded address list (RFC 5322 section 3.4, and what senders make of
// it) in one pass. bad: there was something that looks like an address and is none; over: the list
// reached its limit.
func appendAddresses(p *parser, list []Address, s string, limit int) (_ []Address, bad, over bool) {
	a := addressReader{p: p, s: s, words: wordScanner{s: s}, lastQuote: strings.LastIndexByte(s, '"')}
	if list == nil && a.s != "" {
		list = make([]Address, 0, min(limit, 1+strings.Count(s, ",")))
	}
	for a.at < len(a.s) {
		if len(list) >= limit {
			return list, bad, true
		}
		e := a.next()
		if e.angle == "" && e.spec == "" && !e.hasAngle {
			// A comma in a name that is not quoted: "Lee, Ann <ann@example.org>".
			if e.ended == ',' && e.phrase != "" && !strings.Contains(e.phrase, "@") {
				if a.loose == "" {
					a.loose = e.phrase
				} else if len(a.loose) < phraseMax {
					a.loose = cutString(a.loose+", "+e.phrase, phraseMax)
				}
				continue
			}
		}
		addr, ok := a.make(e)
		if ok {
			list = append(list, addr)
		}
		bad = bad || ok && addr.Email == ""
	}
	if a.loose != "" && len(list) < limit {
		list = append(list, Address{Name: a.loose})
		bad = true
	}
	return list, bad, false
}

// An element is what stands between two commas.
type element struct {
	phrase   string // words before the address, decoded
	angle    string // what stood in <>
	hasAngle bool
	spec     string // a word with an @, outside <>
	comment  string // the last comment
	doubt    bool   // something with an @ is left over: whose address it is nobody can say
	coded    bool   // the words are from encoded ones, which are never an address (RFC 2047 section 5)
	ended    byte   // what ended it: ',', ';', ':' or 0
}

type addressReader struct {
	p         *parser
	s         string
	at        int
	words     wordScanner
	lastQuote int
	noParen   bool   // no ) is left
	phrase    []byte // words of the element so far
	word      int    // where the last of them begins
	carry     string // words that belong to the next element
	loose     string // names that were not followed by an address, before a comma
}

// phraseMax is how much of a name is kept, in bytes.
const phraseMax = 1000

// add puts a word to the phrase; joined says that nothing stood between it and the last one.
func (a *addressReader) add(w string, joined bool) {
	if !joined || len(a.phrase) == 0 {
		if len(a.phrase) > 0 {
			a.phrase = append(a.phrase, ' ')
		}
		a.word = len(a.phrase)
	}
	a.phrase = append(a.phrase, w[:min(len(w), max(0, phraseMax-len(a.phrase)))]...)
}

// take returns the phrase.
func (a *addressReader) take() string {
	s := cleanName(strings.ToValidUTF8(string(a.phrase), ""))
	a.phrase = a.phrase[:0]
	return s
}

// next reads one element and the comma after it.
func (a *addressReader) next() element {
	var e element
	a.phrase, a.word = append(a.phrase[:0], a.carry...), 0
	a.carry = ""
	named := 0       // how much of the phrase stands before the address
	glue := false    // the next word touches the one before
	wasWord := false // the last word was an encoded one
	for a.at < len(a.s) {
		c := a.s[a.at]
		switch {
		case isSpace(c):
			a.at++
			glue = false
			continue
		case c == ',', c == ';':
			a.at++
			e.ended = c
			e.phrase = a.take()
			return e
		case c == ':' && !e.hasAngle && e.spec == "":
			// The name of a group: what follows are its members.
			a.at++
			if !strings.EqualFold(string(a.phrase), "mailto") {
				e, a.loose = element{}, ""
			}
			a.phrase = a.phrase[:0]
		case c == ':' && trimSpace(a.s[a.at+1:]) != "":
			// An address where the name of a group stands: one reader takes it, another the members. Nobody can say.
			a.at++
			e.doubt, e.ended, e.phrase = true, ':', a.take()
			return e
		case c == '<' && e.angle != "":
			// A comma is missing between two addresses: the words between them are the name of the second.
			a.carry = strings.TrimSpace(string(a.phrase[named:]))
			a.phrase = a.phrase[:named]
			e.phrase = a.take()
			return e
		case c == '<':
			e.angle, e.hasAngle = a.angle(), true
			named = len(a.phrase)
		case c == '(':
			if text, ok := a.comment(); ok {
				e.comment = text
			} else {
				a.add("(", glue)
			}
		case c == '"':
			text, ok := a.quoted()
			if ok && a.at < len(a.s) && a.s[a.at] == '@' {
				// "a local part"@example.org
				a.at++
				e.spec = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"@` + a.atom()
				break
			}
			e.coded = e.coded || strings.Contains(text, "=?")
			a.add(a.p.nameWords(text), glue && !strings.HasPrefix(text, " "))
			glue, wasWord = !strings.HasSuffix(text, " "), false
			continue
		case strings.HasPrefix(a.s[a.at:], "=?"):
			if text, ok := a.encoded(); ok {
				e.coded = true
				a.add(text, glue || wasWord)
				wasWord = true
				glue = true
				continue
			}
			a.add("=?", glue)
			a.at += 2
		default:
			start := a.at
			w := a.atom()
			if w == "" { // ')', '>' and the like, lost
				a.at++
				continue
			}
			if i := strings.IndexByte(w, '@'); i >= 0 {
				switch edge := i == 0 || i == len(w)-1; {
				case wasWord && i == 0: // =?…?=@example.org
				case e.spec == "" && !e.hasAngle && edge:
					e.spec = a.spaced(w)
					glue, wasWord = true, false
					continue
				case e.spec == "" && !e.hasAngle:
					e.spec = w
				case edge:
					e.doubt = true
				case !e.hasAngle:
					a.at, e.phrase = start, a.take() // a comma is missing
					return e
				}
			}
			if glue && w[0] == '.' && e.spec != "" && !e.hasAngle {
				e.doubt = true // ann@example(comment).org
			}
			a.add(w, glue)
		}
		glue, wasWord = true, false
	}
	e.phrase = a.take()
	return e
}

// make turns an element into an address.
func (a *addressReader) make(e element) (Address, bool) {
	loose := a.loose
	a.loose = ""
	spec, name := e.angle, e.phrase
	if !e.hasAngle || spec == "" && e.spec != "" {
		spec = e.spec
		if e.spec != "" { // the words beside it are the name
			name = cleanName(strings.TrimSpace(strings.Replace(e.phrase, e.spec, "", 1)))
		}
	}
	if !e.hasAngle && e.spec == "" && !e.coded && strings.Contains(name, "@") {
		switch before, after, ok := strings.Cut(name, "<"); {
		case !strings.Contains(name, " "):
			spec, name = name, "" // a quoted address
		case ok && strings.HasSuffix(after, ">"): // quoted or encoded as a whole
			spec, name = strings.TrimSuffix(after, ">"), before
		}
	}
	if loose != "" {
		if name == "" {
			name = loose
		} else {
			name = loose + ", " + name
		}
	}
	if name == "" {
		name = e.comment
	}
	name = unquote(name)
	if spec == "" && name == "" {
		return Address{}, false
	}
	var addr Address
	if !e.doubt {
		addr = makeAddress(spec)
	}
	if addr.Email == "" && name == "" {
		name = cleanName(spec)
	}
	addr.Name = name
	return addr, addr.Email != "" || addr.Name != ""
}

// unquote takes off the quotes that senders leave around a name, but not from "'Ann' via a list".
func unquote(s string) string {
	s = strings.Trim(s, "\" ")
	for len(s) > 1 && s[0] == '\'' && s[len(s)-1] == '\'' {
		s = strings.Trim(s[1:len(s)-1], "\" ")
	}
	return s
}
