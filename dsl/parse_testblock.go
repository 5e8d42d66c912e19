package dsl

import (
	"slices"
	"strconv"
	"strings"
)

var givenKinds = []string{"sender", "people", "issue", "auth", "envelope", "mailbox", "time"}

// test reads the body of a test.
func (p *fileParser) test(from int) {
	name, ok := p.header("test", from)
	if !ok {
		return
	}
	t := &TestBlock{Name: name.text, start: p.tokens[from].start, offset: name.offset, Pos: p.src.pos(name.offset)}
	p.inTest(t)
	before := len(p.diags)
	for !p.closed("test", name) {
		from := p.at
		switch {
		case p.is("for"):
			p.testLoop(t)
			continue
		case p.is("given"):
			p.given(t)
		case p.is("mail"):
			p.testMail(t)
		case p.is("expect"):
			p.expectation(t)
		default:
			p.unexpected("test", testWords)
		}
		p.item(from)
	}
	mistaken := len(p.diags) > before // which may have hidden what is missing
	if !t.hasMail && !mistaken {
		p.error(name.offset, "this test has no mail", `give it one: mail """…""" or mail file("x.eml")`)
	}
	if len(t.expects) == 0 && !mistaken {
		p.error(name.offset, "this test expects nothing", `say what must come of it: expect issue.priority == "urgent"`)
	}
	t.end = p.lastEnd()
	p.file.Tests = append(p.file.Tests, t)
}

// testLoop reads `for NAME in LIST {` and the items up to its brace, which are those of the test.
func (p *fileParser) testLoop(t *TestBlock) {
	const hint = `write it as: for case in [{subject: "one"}, {subject: "two"}] { … }`
	first, at := p.at, p.peek()
	p.at++
	p.expects(spotNew)
	name := p.peek()
	if name.kind != tokenName || !p.isAt(p.at+1, "in") {
		p.error(at.start, "for needs a name and in", hint)
		p.skipItem()
		return
	}
	p.at += 2
	list, ok := p.expression("for", func(int) bool { return p.is("{") })
	if !p.is("{") {
		p.error(at.start, "{ is missing after the list of for", hint)
		p.skipItem()
		return
	}
	p.item(first)
	loop := &forLine{name: word{p.text(name), name.start}, list: list, start: p.peek().start}
	p.inLoop(loop)
	p.brace()
	for !p.closed("for", loop.name) {
		from := p.at
		switch {
		case p.is("given"):
			p.given(t)
		case p.is("mail"):
			p.testMail(t)
		case p.is("expect"):
			p.expectation(t)
		default:
			p.unexpected("for", testWords[:3])
		}
		p.item(from)
	}
	loop.end = p.tokens[p.at-1].end
	p.inLoop(nil)
	switch {
	case t.loop != nil:
		p.error(at.start, "a second for in one test", "write a test for each")
	case ok:
		t.loop = loop
	}
}

// expectation reads `expect CONDITION`.
func (p *fileParser) expectation(t *TestBlock) {
	p.at++
	p.skipNewlines()
	if value, ok := p.testLine("expect"); ok {
		t.expects = append(t.expects, value)
	}
}

// testLine reads an expression that ends with its line or before the next item.
func (p *fileParser) testLine(what string) (fragment, bool) {
	return p.expression(what, func(int) bool {
		return p.peek().kind == tokenNewline || p.is(";") || p.is("expect") || p.is("given") || p.is("for") ||
			p.is("mail") && (p.isKind(p.at+1, tokenText) || p.isAt(p.at+1, "file"))
	})
}

// given reads `given KIND VALUE`.
func (p *fileParser) given(t *TestBlock) {
	hint := "what can be given: " + strings.Join(givenKinds, ", ")
	p.at++
	p.expects(spotGiven)
	kind := p.peek()
	text := p.text(kind)
	switch {
	case kind.kind != tokenName:
		p.error(kind.start, "given needs a word that says what is given", hint)
		p.skipLine()
		return
	case !slices.Contains(givenKinds, text):
		p.error(kind.start, "unknown word "+strconv.Quote(text)+" after given"+didYouMean(text, givenKinds), hint)
		p.at++
		if p.is("{") {
			p.line("given") // pass over the map as a whole
		} else {
			p.skipLine()
		}
		return
	}
	p.at++
	g := givenLine{kind: word{text, kind.start}}
	if text == "mailbox" {
		p.expects(spotMailbox)
		w, ok := p.mailbox()
		if !ok {
			p.error(p.peek().start, "given mailbox needs the name of a mailbox", "write it as: given mailbox support")
			return
		}
		g.mailbox = w
	} else {
		value, ok := p.testLine("given " + text)
		if !ok {
			return
		}
		g.value = value
	}
	if slices.ContainsFunc(t.given, func(o givenLine) bool { return o.kind.text == text }) {
		p.error(kind.start, "a second given "+text, "put all of it into one")
		return
	}
	t.given = append(t.given, g)
}

// testMail reads `mail """…"""` or `mail file("x.eml")`.
func (p *fileParser) testMail(t *TestBlock) {
	at := p.peek()
	if t.hasMail {
		p.error(at.start, "a second mail in one test", "write a test for each")
	}
	t.hasMail = true
	p.at++
	p.skipNewlines()
	p.expects(spotMail)
	switch next := p.peek(); {
	case next.kind == tokenText:
		t.mail, t.mailAt = dedent(p.text(next)), next.start
		if len(t.mail) == 0 {
			p.error(next.start, "this mail is empty", "")
		}
		p.at++
	case p.is("file") && p.isAt(p.at+1, "(") && p.isKind(p.at+2, tokenString) && p.isAt(p.at+3, ")"):
		name := p.tokens[p.at+2]
		path, err := unquote(p.text(name))
		if err != nil {
			p.error(name.start, "the name of the file cannot be read", "")
		}
		t.mailFile, t.mailAt = &word{path, name.start}, name.start
		p.at += 4
	default:
		if p.is("file") {
			p.expectsRest(spotMailFile)
		}
		p.error(next.start, "mail needs a text or a file", `write it as: mail """…""" or mail file("x.eml")`)
		p.skipLine()
	}
}

// dedent takes the quotes, the first line end, the last line when it is blank, and the indentation
// that all lines share from a text in triple quotes, and gives it the line ends of mail.
func dedent(quoted string) []byte {
	text := strings.TrimSuffix(strings.TrimPrefix(quoted, `"""`), `"""`)
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	if strings.TrimSpace(lines[0]) == "" {
		lines = lines[1:]
	}
	if n := len(lines); n > 0 && strings.TrimSpace(lines[n-1]) == "" {
		lines = lines[:n-1]
	}
	indent, found := "", false
	for _, line := range lines {
		if strings.TrimSpace(line) == "" {
			continue
		}
		own := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if !found {
			indent, found = own, true
		}
		for !strings.HasPrefix(own, indent) {
			indent = indent[:len(indent)-1]
		}
	}
	var b strings.Builder
	for _, line := range lines {
		line = strings.TrimPrefix(line, indent)
		if strings.TrimSpace(line) == "" {
			line = ""
		}
		b.WriteString(line)
		b.WriteString("\r\n")
	}
	return []byte(b.String())
}
