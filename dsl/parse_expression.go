package dsl

import "slices"

// line reads an expression that ends with its line.
func (p *fileParser) line(what string) (fragment, bool) {
	return p.expression(what, func(int) bool { return p.peek().kind == tokenNewline || p.is(";") })
}

// mostTokens bounds an expression, because expr's parser and checker are recursive. Literals and the
// commas between them are not counted: a list may be long.
const mostTokens = 20_000

const mostListNodes = 200_000

// expression reads up to where stop says so with no bracket open, or to a bracket that closes what
// the expression did not open, or to the next block. It reports brackets that do not fit.
func (p *fileParser) expression(what string, stop func(depth int) bool) (fragment, bool) {
	var open []token
	first, counted := p.at, 0
	good := true
	p.expectsExpression(what)
	for {
		t := p.peek()
		if t.kind == tokenEOF || p.startsBlock(p.at) {
			break
		}
		if len(open) == 0 && (p.is("}") || stop(0)) {
			break
		}
		if len(open) > 0 && p.leaves(open) { // what is open is not closed
			break
		}
		good, p.bad = good && !t.bad, p.bad || t.bad
		if t.kind == tokenText {
			p.error(t.start, `"""text""" stands only after mail in a test`, "use \"quotes\" or `backticks`")
			good = false
		}
		if t.kind == tokenPunct {
			switch text := p.text(t); text {
			case "(", "[", "{":
				open = append(open, t)
			case ")", "]", "}":
				if len(open) == 0 || closing(p.text(open[len(open)-1])) != text {
					p.mismatch(t, open)
					good = false
				}
				if len(open) > 0 {
					open = open[:len(open)-1]
				}
			}
		}
		if t.kind == tokenName || t.kind == tokenPunct && !p.is(",") {
			counted++
		}
		p.at++
	}
	p.unfinished()
	if len(open) > 0 {
		t := open[len(open)-1]
		p.error(t.start, p.text(t)+" is not closed", "add "+closing(p.text(t)))
		good = false
	}
	last := p.at
	for last > first && p.tokens[last-1].kind == tokenNewline {
		last--
	}
	for first < last && p.tokens[first].kind == tokenNewline {
		first++
	}
	if last == first {
		if good {
			p.error(p.tokens[first].start, what+" has no expression", "")
		}
		return fragment{}, false
	}
	if counted > mostTokens {
		p.error(p.tokens[first].start, "this expression is too long", `put long lists into a file: list banned = file("lists/banned.txt")`)
		return fragment{}, false
	}
	return p.fragment(first, last, what == aStatement), good
}

func (p *fileParser) mismatch(t token, open []token) {
	if len(open) == 0 {
		p.error(t.start, p.text(t)+" closes nothing", "remove it")
		return
	}
	o := open[len(open)-1]
	p.error(t.start, p.text(t)+" does not close "+p.text(o)+" of "+p.src.pos(o.start).String(), "close it with "+closing(p.text(o)))
}

func closing(open string) string {
	switch open {
	case "(":
		return ")"
	case "[":
		return "]"
	default:
		return "}"
	}
}

// leaves says whether what comes cannot stand within brackets: then {, and a } where no { is open.
func (p *fileParser) leaves(open []token) bool {
	if p.is("}") {
		return !slices.ContainsFunc(open, func(t token) bool { return p.text(t) == "{" })
	}
	return p.is("then") && p.isAt(p.significant(p.at+1), "{") && p.text(open[len(open)-1]) != "{"
}

// significant is the next token that is not a line end.
func (p *fileParser) significant(i int) int {
	for p.isKind(i, tokenNewline) {
		i++
	}
	return i
}
