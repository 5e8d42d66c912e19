package dsl

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/file"
)

var readable = strings.NewReplacer(
	"*dsl.", "", "dsl.", "", "time.Duration", "duration", "time.Time", "time", "[]interface {}", "list", "interface {}", "any value",
	"struct {}", "list entry", "[]string", "list of texts", "[]int", "list of numbers", "string", "text",
)

// syntaxError reports what expr's parser says, in our words where they help.
func (u *unit) syntaxError(err error) {
	var fe *file.Error
	if !errors.As(err, &fe) {
		u.at(u.frag.start, err.Error(), "")
		return
	}
	offset := u.frag.offset(fe.From)
	message, hint := fe.Message, ""
	switch {
	case strings.HasPrefix(message, "unexpected token EOF"):
		message, hint = "the expression ends too early: nothing stands behind "+quoteShort(lastWord(u.frag.original())), ofOneLine
		if u.scope.what == "when" {
			hint = "say what is missing, or remove it"
		} else if strings.Contains(u.frag.text, "?") {
			hint = "say what else is done: condition ? action : nil"
		}
		if u.scope.actions && strings.HasPrefix(u.frag.text, "let ") {
			message = "nothing is done with this let"
			hint = "write what uses it on the same line: let x = …; tag(x). Or put the let before when, for the whole rule"
		}
		offset = max(u.frag.start, u.frag.end-1)
	case strings.HasPrefix(message, "unexpected token"):
		message, hint = u.unexpected(fe, offset)
	case strings.Contains(message, "exceeds maximum allowed nodes"):
		message, hint = "this expression is too long", `put long lists into a file: list banned = file("lists/banned.txt")`
	case message == "invalid char escape":
		hint = "write the text in `backticks`, where a \\ is just that"
		if i := strings.LastIndexByte(u.frag.src.text[:min(offset+1, len(u.frag.src.text))], '\\'); i >= max(u.frag.start, offset-1) {
			offset = i
		}
		message = "\\" + after(u.frag.src.text[offset:], 1) + " means nothing in quotes"
	case strings.HasPrefix(message, "unrecognized character"):
		message, hint = strangeSign(u.frag.src.text[offset:])
	case message == "expected name":
		message, hint = "a name is missing behind the .", "write what of it: mail.subject"
	case strings.HasPrefix(message, "bad number syntax"):
		message, hint = u.badNumber(offset)
	}
	u.at(offset, message, hint)
}

const ofOneLine = "an expression ends with its line unless a bracket is open: put one of several lines in ( )"

// unexpected says what expr's parser did not expect, and what may have been meant.
func (u *unit) unexpected(fe *file.Error, offset int) (message, hint string) {
	what := unexpectedToken(fe.Message)
	name := strings.Trim(strings.TrimPrefix(what, "unexpected "), `"`)
	f := u.c.functions[name]
	sign, habit := habitOfSign(u.frag.src.text, offset)
	before := wordBefore(u.frag.src.text, offset)
	switch {
	case before == "NOT" || before == "AND" || before == "OR":
		return "unexpected " + quoteShort(before), "write it in lower case: " + strings.ToLower(before)
	case before == "any" || before == "all" || before == "some":
		hint = "write: has(mail.subject, [\"one\", \"two\"]), or any(list, mail.subject contains #)"
	case name == "then" && strings.Contains(u.frag.text, "if "):
		hint = "write it as: if CONDITION { … }"
	case u.scope.actions && u.c.functions[before] != nil && name != "=":
		hint = "write it as: " + u.c.functions[before].signature()
	case u.scope.actions && before == ")" && (f != nil || u.habitOfCall(name) != ""):
		hint = "one statement a line, or ; between two"
	case habit != "":
		return "unexpected " + quoteShort(sign), habit
	case name == "=":
		hint = "compare with =="
		if u.scope.actions {
			hint = `to set something, call its action: priority("high")`
		}
	case name == "elsif" || name == "elif" || name == "elseif":
		hint = "write it as: else if CONDITION { … }"
	case name == "contains" || name == "startsWith" || name == "endsWith" || name == "matches":
		hint = `it stands between two texts: mail.subject ` + name + ` "x"`
	case strings.HasPrefix(u.frag.text, "if ") && f != nil && f.action:
		hint = "write it as: if CONDITION { " + f.signature() + " }"
	case name == "," && u.scope.actions:
		hint = "one statement a line, or ; between two"
	case f != nil:
		hint = "write it as: " + f.signature()
	case name == "#" || strings.HasPrefix(u.frag.src.text[offset:], "#"):
		return "unexpected \"#\"", "a comment begins with //"
	case u.scope.actions && strings.HasPrefix(u.frag.text, "when "):
		hint = "in then a condition is written as: if CONDITION { … }"
	case u.scope.actions && (strings.HasPrefix(u.frag.text, "for ") || strings.HasPrefix(u.frag.text, "while ")):
		hint = "there are no loops; to do something for each of a list: map(mail.to, tag(.domain))"
	case u.scope.actions && name == "if":
		hint = "the condition comes first: if CONDITION { … }"
	case name == "," && u.scope.constant:
		hint = `a list stands in [ ]: list NAME = ["one", "two"]`
	case offset == u.frag.start && u.scope.what == "when":
		hint = "nothing stands before it"
	case offset == u.frag.start:
		hint = ofOneLine
	case before != "" && isOperand(u.frag.src.text[offset:]):
		hint = "something is missing before it: a comma, an operator, or and, or"
	}
	return what, hint
}

// wordBefore is the word, or the one sign, before a place.
func wordBefore(text string, at int) string {
	text = strings.TrimRight(text[:at], " \t")
	start := len(text)
	for start > 0 && (text[start-1] >= 'a' && text[start-1] <= 'z' || text[start-1] >= 'A' && text[start-1] <= 'Z') {
		start--
	}
	if start == len(text) && start > 0 {
		start--
	}
	return text[start:]
}

// badNumber says what may have been meant by digits with letters behind them.
func (u *unit) badNumber(offset int) (message, hint string) {
	text, start := u.frag.src.text, offset
	isPart := func(b byte) bool {
		return b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b == '.' || b == '_'
	}
	for start > 0 && isPart(text[start-1]) {
		start--
	}
	end := start
	for end < len(text) && isPart(text[end]) {
		end++
	}
	number := text[start:end]
	hint = "a number is digits alone, 1_000_000; a text is in quotes"
	if _, err := parseDuration(number); err == nil {
		hint = "write a duration in quotes: " + quoteShort(number)
	} else if digits := strings.TrimRight(strings.ToLower(number), "kmgib"); digits != number && digits != "" {
		hint = "write so many bytes: " + digits + map[bool]string{true: "_000", false: "_000_000"}[strings.Contains(strings.ToLower(number), "k")]
	}
	return quoteShort(number) + " is no number", hint
}

// unexpectedToken turns expr's `unexpected token Operator("=")` into `unexpected "="`.
func unexpectedToken(message string) string {
	open, end := strings.Index(message, "("), strings.LastIndex(message, ")")
	if open < 0 || end < open {
		return message
	}
	return "unexpected " + message[open+1:end]
}

// checkError reports what expr's type checker says and explain did not.
func (u *unit) checkError(err error) {
	var fe *file.Error
	if !errors.As(err, &fe) {
		u.at(u.frag.start, readable.Replace(err.Error()), "")
		return
	}
	u.at(u.frag.offset(fe.From), readable.Replace(strings.TrimSpace(fe.Message)), "")
}

// isOperand says whether a text, number or name begins here.
func isOperand(text string) bool {
	return wordLength(text) > 0 || text != "" && strings.ContainsRune("\"'`", rune(text[0]))
}

// lastWord is the last word or sign of an expression.
func lastWord(text string) string {
	l := lex(newSource("", text))
	for i := len(l.tokens) - 1; i >= 0; i-- {
		t := l.tokens[i]
		if t.kind == tokenEOF || t.kind == tokenNewline {
			continue
		}
		for start := t.start; t.kind == tokenPunct && i > 0 && l.tokens[i-1].kind == tokenPunct && l.tokens[i-1].end == start && !strings.Contains("()[]{}", text[start:t.end]); i-- { // ==
			start = l.tokens[i-1].start
			t.start = start
		}
		return text[t.start:t.end]
	}
	return text
}

// after is the rune so many bytes behind the beginning.
func after(text string, at int) string {
	if at >= len(text) {
		return ""
	}
	_, size := utf8.DecodeRuneInString(text[at:])
	return text[at : at+size]
}

// strangeSign says what is wrong with a sign that the language does not have.
func strangeSign(text string) (message, hint string) {
	r, _ := utf8.DecodeRuneInString(text)
	switch {
	case strings.ContainsRune("–—−", r):
		hint = "a minus is written -"
	case r == '~':
		hint = "write: mail.subject matches `x`"
	case strings.ContainsRune("≠≤≥", r):
		hint = "write != or <= or >="
	}
	return string(r) + " means nothing here", hint
}
