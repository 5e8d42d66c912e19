package dsl

import (
	"errors"
	"strings"

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
		message, hint = "the expression ends too early", ofOneLine
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
	case strings.HasPrefix(message, "bad number syntax"):
		hint = `write a duration in quotes: "7d"`
	}
	u.at(offset, message, hint)
}

const ofOneLine = "an expression ends with its line unless a bracket is open: put one of several lines in ( )"

// unexpected says what expr's parser did not expect, and what may have been meant.
func (u *unit) unexpected(fe *file.Error, offset int) (message, hint string) {
	what := unexpectedToken(fe.Message)
	name := strings.Trim(strings.TrimPrefix(what, "unexpected "), `"`)
	f := u.c.functions[name]
	switch {
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
	case f != nil:
		hint = "write it as: " + f.signature()
	case offset == u.frag.start:
		hint = ofOneLine
	}
	return what, hint
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
