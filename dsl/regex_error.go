package dsl

import (
	"errors"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// regexError reports a regular expression that cannot be compiled, at the place within it.
func (u *unit) regexError(s *ast.StringNode, err error) {
	const hint = "the syntax is that of RE2: https://github.com/google/re2/wiki/Syntax"
	e := (*syntax.Error)(nil)
	if !errors.As(err, &e) || u.full() {
		u.error(s, describeRegexError(err), hint)
		return
	}
	at, length := regexPlace(s.Value, e)
	from, okFrom := u.within(s, at)
	to, okTo := u.within(s, at+length)
	if !okFrom || !okTo {
		u.error(s, describeRegexError(err), hint)
		return
	}
	message, advice := regexWords(e, s.Value[:at])
	if advice == "" {
		advice = hint
	}
	u.c.report(u.frag.src.between(from, to, SeverityError, message, advice))
}

// regexWords says in our words what is wrong, and what to do about it.
func regexWords(e *syntax.Error, before string) (message, hint string) {
	message = "this regular expression is wrong: " + e.Code.String()
	switch {
	case e.Code == syntax.ErrMissingParen:
		return "this regular expression is wrong: ( is not closed", `add ), or write \( for the sign itself`
	case e.Code == syntax.ErrUnexpectedParen:
		return "this regular expression is wrong: ) closes nothing", `remove it, or write \) for the sign itself`
	case e.Code == syntax.ErrMissingBracket:
		return "this regular expression is wrong: [ is not closed", `add ], or write \[ for the sign itself`
	case e.Code == syntax.ErrMissingRepeatArgument && before == "" && strings.HasPrefix(e.Expr, "*"):
		return "this regular expression is wrong: nothing stands before " + e.Expr, `write .* for anything, or ask with glob(text, "*.exe")`
	case e.Code == syntax.ErrMissingRepeatArgument:
		return "this regular expression is wrong: nothing stands before " + e.Expr, `write \` + e.Expr[:1] + " for the sign itself"
	case strings.HasPrefix(e.Expr, "(?=") || strings.HasPrefix(e.Expr, "(?!") || strings.HasPrefix(e.Expr, "(?<"):
		return "this regular expression is wrong: it cannot look ahead or back with " + e.Expr, "ask in two conditions: … matches `…` and not (… matches `…`)"
	case e.Code == syntax.ErrInvalidRepeatSize:
		return message + ": " + quoteShort(e.Expr), "at most 1000 times"
	case e.Expr != "":
		message += ": " + quoteShort(e.Expr)
	}
	return message, ""
}

// regexPlace is where in a regular expression the error is, in bytes, and how long it is. RE2's parser names the piece, but not its place;
// of a bracket that is not closed it names all.
func regexPlace(pattern string, e *syntax.Error) (at, length int) {
	switch e.Code {
	case syntax.ErrMissingParen:
		return openedAt(pattern), 1
	case syntax.ErrUnexpectedParen:
		return closedAt(pattern), 1
	}
	if e.Expr == "" {
		return 0, len(pattern)
	}
	for i := 0; i+len(e.Expr) <= len(pattern); i++ {
		if strings.HasPrefix(pattern[i:], e.Expr) {
			return i, len(e.Expr)
		}
		if pattern[i] == '\\' { // what it stands before is no beginning
			i++
		}
	}
	if i := strings.Index(pattern, e.Expr); i >= 0 {
		return i, len(e.Expr)
	}
	return 0, len(pattern)
}

// openedAt is the last ( that is not closed, and closedAt the first ) that closes nothing.
func openedAt(pattern string) int {
	open, _ := brackets(pattern)
	if len(open) == 0 {
		return 0
	}
	return open[len(open)-1]
}

func closedAt(pattern string) int {
	_, extra := brackets(pattern)
	return max(extra, 0)
}

func brackets(pattern string) (open []int, extra int) {
	extra = -1
	class := -1 // where [ stands
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\':
			i++
		case class >= 0:
			if c == ']' && i > class+1 && pattern[class+1:i] != "^" {
				class = -1
			}
		case c == '[':
			class = i
		case c == '(':
			open = append(open, i)
		case c == ')' && len(open) > 0:
			open = open[:len(open)-1]
		case c == ')' && extra < 0:
			extra = i
		}
	}
	return open, extra
}

// within is the byte of the file at which a byte of a literal's value stands; not ok where the literal is none of the file's own.
func (u *unit) within(s *ast.StringNode, at int) (int, bool) {
	from, to := u.frag.offset(s.Location().From), u.frag.offset(s.Location().To)
	text := u.frag.src.text[from:max(from, to)]
	if value, err := unquote(text); err != nil || value != s.Value {
		return 0, false
	}
	quote, rest, done := text[0], text[1:], 0
	for done < at && len(rest) > 1 {
		if quote == '`' {
			_, size := utf8.DecodeRuneInString(rest)
			done += size
			if strings.HasPrefix(rest, "``") {
				size = 2
			}
			rest = rest[size:]
			continue
		}
		r, _, tail, err := strconv.UnquoteChar(rest, quote)
		if err != nil {
			return 0, false
		}
		done += utf8.RuneLen(r)
		rest = tail
	}
	return from + len(text) - len(rest), true
}
