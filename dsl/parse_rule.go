package dsl

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// ruleAhead is how many words begin the rule or token that stands here: `rule`, `disabled shadow rule`, `token`; 0 for none.
func (p *fileParser) ruleAhead() int {
	n, shadow := 0, false
	if p.is("disabled") {
		n++
	}
	if p.isAt(p.at+n, "shadow") {
		shadow = true
		n++
	}
	if p.isAt(p.at+n, "rule") || p.isAt(p.at+n, "token") && !shadow {
		return n + 1
	}
	return 0
}

// rule reads a rule, shadow rule or token whose kind stands in the next words.
func (p *fileParser) rule(words int) {
	disabled, shadow := p.is("disabled"), words > 1 && p.isAt(p.at+words-2, "shadow")
	what := p.text(p.tokens[p.at+words-1])
	token := what == "token"
	from := p.at
	p.at += words
	name, ok := p.header(what, from)
	if !ok {
		return
	}
	r := &RuleBlock{Name: name.text, start: p.tokens[from].start, offset: name.offset, Pos: p.src.pos(name.offset), Shadow: shadow, Token: token, Stage: StageMail,
		Attributes: Attributes{Disabled: disabled}}
	seen := map[string]bool{}
	p.inRule(r, seen)
	then, before := false, len(p.diags)
	for !p.closed(what, name) {
		from, item := p.at, p.peek()
		text := p.text(item)
		if seen[text] {
			hint := "a " + what + " has one"
			if text == "when" {
				hint += "; join conditions with and, or"
			}
			p.error(item.start, "a second "+strconv.Quote(text)+" in one "+what, hint)
		}
		switch {
		case p.is("in"):
			p.mailboxes(r)
		case p.is("on"):
			p.stage(r)
		case p.is("let"):
			p.let(r)
			p.item(from)
			continue
		case p.is("when"):
			p.when(r, then)
		case p.is("then"):
			then = true
			r.statements = p.statements("then")
		case p.is("else"):
			if r.when == nil && !seen["when"] {
				p.error(item.start, "else would never run: this "+what+" has no when", "give it a condition before then: when CONDITION")
			} else if !then {
				p.error(item.start, "else comes after then", "write it as: then { … } else { … }")
			}
			r.otherwise = p.statements("else")
		case p.is("until"), p.is("sample"), p.is("owner"), p.is("doc"):
			p.attribute(r)
		default:
			p.unexpected(what, ruleWords)
			continue
		}
		if text != "then" && text != "else" { // these say themselves where their heads end
			p.item(from)
		}
		seen[text] = true
	}
	if !then && len(p.diags) == before && !p.bad { // else the mistake may have hidden it
		p.error(name.offset, "this "+what+" has no then", "say what it does: then { tag(\"seen\") }")
	}
	r.end = p.lastEnd()
	p.file.Rules = append(p.file.Rules, r)
}

// mailboxes reads `in NAME, NAME`: bare words or texts in quotes, with commas or spaces between.
func (p *fileParser) mailboxes(r *RuleBlock) {
	in := p.peek()
	p.at++
	for {
		p.expects(spotMailbox)
		w, ok := p.mailbox()
		if !ok {
			break
		}
		r.mailboxes = append(r.mailboxes, w)
		r.Mailboxes = append(r.Mailboxes, w.text)
		if p.is(",") {
			p.at++
			p.skipNewlines()
		}
	}
	if len(r.mailboxes) == 0 {
		p.error(in.start, "in needs the name of a mailbox", "write it as: in support, sales")
	}
}

// mailbox reads one name: in quotes, or tokens that touch each other, so that names may hold - . @.
func (p *fileParser) mailbox() (word, bool) {
	t := p.peek()
	if t.kind == tokenString {
		text, err := unquote(p.text(t))
		p.at++
		return word{text, t.start}, err == nil
	}
	start := p.at
	for p.touches(start) {
		p.at++
	}
	if p.at == start {
		return word{}, false
	}
	return word{p.src.text[t.start:p.tokens[p.at-1].end], t.start}, true
}

func (p *fileParser) touches(start int) bool {
	t := p.peek()
	if p.at > start && p.tokens[p.at-1].end != t.start {
		return false
	}
	switch t.kind {
	case tokenName:
		return p.at > start || !isRuleWord(p.text(t))
	case tokenNumber:
		return true
	case tokenPunct:
		switch p.text(t) {
		case "-", ".", "@", "+":
			return true
		}
	}
	return false
}

func isRuleWord(s string) bool {
	return slices.Contains(ruleWords, s)
}

// stage reads `on STAGE`.
func (p *fileParser) stage(r *RuleBlock) {
	p.at++
	p.expects(spotStage)
	t := p.peek()
	if t.kind != tokenName {
		p.error(t.start, "on needs a stage", "the stages are: envelope, mail")
		return
	}
	p.at++
	r.stage = word{p.text(t), t.start}
	switch s := Stage(r.stage.text); s {
	case StageEnvelope, StageMail:
		if r.Token && s == StageEnvelope {
			p.error(t.start, "a token is read from the mail's text, so it has no stage envelope", "leave `on` out")
			return
		}
		r.Stage = s
	case "refused":
		p.error(t.start, `the stage "refused" is not available in this version`, "the stages are: envelope, mail")
	default:
		near := didYouMean(r.stage.text, []string{"envelope", "mail"})
		if meant := habit("stage", r.stage.text); meant != "" {
			near = "; did you mean " + meant + "?"
		}
		p.error(t.start, "unknown stage "+strconv.Quote(r.stage.text)+near, "the stages are: envelope, mail")
	}
}

const mostLetsOfRule = 1000

// let reads `let NAME = EXPR`.
func (p *fileParser) let(r *RuleBlock) {
	const hint = "write it as: let NAME = EXPRESSION"
	p.at++
	p.expects(spotNew)
	name := p.peek()
	if name.kind != tokenName || isRuleWord(p.text(name)) {
		p.error(name.start, "let needs a name", hint)
		p.skipLine()
		return
	}
	p.at++
	if !p.is("=") || p.isAt(p.at+1, "=") {
		p.error(p.peek().start, "= is missing after the name of the let", hint)
		p.skipLine()
		return
	}
	p.at++
	p.skipNewlines()
	value, ok := p.expression("the let "+p.text(name), func(depth int) bool {
		return p.peek().kind == tokenNewline || p.is(";") || p.is("let") || p.is("when") || p.is("then")
	})
	switch {
	case len(r.lets) == mostLetsOfRule:
		p.error(name.start, "more than "+strconv.Itoa(mostLetsOfRule)+" lets in one rule", "")
	case ok:
		r.lets = append(r.lets, letLine{word{p.text(name), name.start}, value})
	}
}

// when reads `when EXPR`, over any lines up to then.
func (p *fileParser) when(r *RuleBlock, then bool) {
	t := p.peek()
	p.at++
	from, before := p.at, len(p.diags)
	value, ok := p.expression("when", func(depth int) bool { return p.is("then") })
	if !p.is("then") {
		if p.bad || len(p.diags) > before { // which hides it
			return
		}
		if p.at = from; then {
			p.error(t.start, "when comes before then", "write it as: when CONDITION then { … }")
			p.skipItem()
			return
		}
		value, ok = p.expression("when", func(int) bool { return p.instead() })
		what := "then is missing before this"
		if next := p.peek(); next.kind == tokenName {
			what += didYouMean(p.text(next), []string{"then"})
		}
		p.error(p.peek().start, what, "write it as: when CONDITION then { … }")
		p.skipItem()
	}
	if ok {
		r.when = &value
	}
}

// instead says whether a condition without then ends here: at a brace, a word that looks like then, or a line that begins with an action or
// another item.
func (p *fileParser) instead() bool {
	if p.is("{") || p.is("else") {
		return true
	}
	if p.peek().kind != tokenName {
		return false
	}
	if p.isAt(p.at+1, "{") && nearest(p.text(p.peek()), []string{"then"}) != "" {
		return true
	}
	return p.isKind(p.at-1, tokenNewline) && (isRuleWord(p.text(p.peek())) || p.isAt(p.at+1, "(") && templated()[p.text(p.peek())])
}

// aStatement is what messages call one; texts in it may be templates.
const aStatement = "a statement"

// statements reads `then { STATEMENTS }`, and the same after else.
func (p *fileParser) statements(word string) (list []fragment) {
	hint := "write it as: " + word + " { tag(\"seen\") }"
	from, start, before := p.at, p.peek(), len(p.diags)
	p.at++
	p.skipNewlines()
	p.expects(spotNew)
	if !p.is("{") {
		if p.is("if") {
			hint = "else has no condition of its own: write another rule, or if inside the braces"
		}
		p.error(p.peek().start, "{ is missing after "+word, cmp.Or(p.inBraces(word), hint))
		p.skipItem()
		return nil
	}
	p.item(from)
	p.brace()
	for {
		p.skipBreaks()
		p.expectsExpression(aStatement)
		if p.is("}") {
			p.brace()
			break
		}
		if p.peek().kind == tokenEOF || p.startsBlock(p.at) {
			p.error(start.start, "the braces after "+word+" are not closed", "end the statements with }")
			break
		}
		if value, ok := p.statement(); ok {
			list = append(list, value)
		}
	}
	if len(list) == 0 && len(p.diags) == before && !p.bad {
		p.error(start.start, word+" says nothing", "say what the rule does: "+word+" { tag(\"seen\") }")
	}
	return list
}

// inBraces is a hint with what stands there in the braces that are missing, "" where that is no call.
func (p *fileParser) inBraces(word string) string {
	rest, _, _ := strings.Cut(p.src.text[p.peek().start:], "\n")
	rest = strings.TrimSpace(rest)
	if call, ok := strings.CutSuffix(rest, ")"); p.peek().kind == tokenName && ok && strings.Contains(call, "(") && len(rest) <= 80 && !p.is("if") {
		return "write it as: " + word + " { " + rest + " }"
	}
	return ""
}

// statement reads one statement: to the end of its line or the next semicolon, where no bracket is
// open. One that begins with let goes on over semicolons, as expr's own let does.
func (p *fileParser) statement() (fragment, bool) {
	let := p.is("let")
	return p.expression(aStatement, func(depth int) bool {
		switch {
		case p.peek().kind == tokenNewline:
			next := p.at
			for p.isKind(next, tokenNewline) {
				next++
			}
			return !p.isAt(next, "else")
		case p.is(";"):
			return !let
		}
		return false
	})
}
