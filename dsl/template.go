package dsl

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// Texts that stand in a rule between the brackets of an action are templates: note("from {mail.from.name}"). They are taken apart
// before expr reads them, so a text that comes from a mail is never one, and what is wrong in the braces is told by its place.

// templated are the actions whose texts are templates: all but those whose text is a regular expression or a condition.
var templated = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	for _, f := range actions() {
		names[f.name] = true
	}
	delete(names, "redact")
	delete(names, "dropAttachments")
	return names
})

// templateFunctions puts values into templates.
func templateFunctions() []*function {
	return []*function{
		{name: inlineName, params: []param{takes("value", kindInline)}, result: typeString, call: func(r *Run, args []any) (any, error) {
			s, err := inline(args[0])
			if err != nil {
				return nil, err
			}
			return s, r.make(len(s))
		}},
	}
}

const inlineName = "$inline"

// mostInline is how many of a list a template shows.
const mostInline = 100

// inline prints a value on one line: texts lose control characters and line breaks, addresses are their email, lists stand with
// commas between.
func inline(v any) (string, error) {
	switch v := v.(type) {
	case Address:
		return oneLine(v.Email), nil
	case string:
		if len(v) > longestNote {
			return "", errTooLong
		}
		return oneLine(v), nil
	}
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		s, err := asString(v)
		return oneLine(s), err
	}
	var parts []string
	size := 0
	for i := range list.Len() {
		if i == mostInline {
			parts = append(parts, "…")
			break
		}
		s, err := inline(list.Index(i).Interface())
		if err != nil {
			return "", err
		}
		if size += len(s); size > longestNote {
			return "", errTooLong
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", "), nil
}

// template takes the literal at token i apart, if it is one of an action's own: not of a call or a comparison within.
func (r *rewriter) template(i int) {
	t := r.p.tokens[i]
	text := r.p.text(t)
	if t.bad || !strings.ContainsAny(text, "{}") || !r.ofAction() || r.compared(i) {
		return
	}
	quote := text[:1]
	end := len(text) - 1
	opened := false
	for at := 1; at < end; {
		switch c := text[at]; {
		case c == '\\' && quote != "`":
			at += 2
		case (c == '{' || c == '}') && at+1 < end && text[at+1] == c:
			r.mustache(t.start+at, head(text[at+2:end], 200))
			r.replace(t.start+at, 2, string(c))
			at += 2
		case c == '{':
			length := r.piece(t.start+at+1, text[at+1:end], quote)
			if length < 0 {
				return
			}
			if !opened {
				opened = true
				r.insert(t.start, "(")
			}
			r.replace(t.start+at, 1, quote+" + "+inlineName+"(")
			r.replace(t.start+at+1+length, 1, ") + "+quote)
			at += 1 + length + 1
		default:
			at++
		}
	}
	if opened {
		r.insert(t.end, ")")
	}
}

// mustache warns of two braces around what other programs' templates would put in: here they are braces.
func (r *rewriter) mustache(offset int, rest string) {
	inside, _, closed := strings.Cut(rest, "}}")
	inside = strings.TrimSpace(inside)
	root, _, dot := strings.Cut(inside, ".")
	if closed && dot && slices.Contains(mailNames, root) {
		r.p.warn(offset, "braces", "two braces are a brace itself: the text will say {"+inside+"}", "one brace holds a value: {"+inside+"}")
	}
}

// piece is the length of the expression that begins a text, up to its closing brace; -1 where something is wrong, which is reported.
func (r *rewriter) piece(offset int, text, quote string) int {
	const hint = "in the text of an action braces hold an expression: a brace itself is written {{ or }}"
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '\\':
			if quote != "`" {
				r.p.error(offset+i, "there is a \\ in the braces of a text", "write the text in `backticks`")
				return -1
			}
		case '"', '\'', '`':
			closing := strings.IndexByte(text[i+1:], c)
			if closing < 0 {
				r.p.error(offset+i, "a text in the braces is not closed", hint)
				return -1
			}
			i += 1 + closing
		case '{', '(', '[':
			depth++
		case ')', ']':
			depth--
		case '}':
			if depth--; depth < 0 {
				if strings.TrimSpace(text[:i]) == "" {
					r.p.error(offset-1, "there is nothing in the braces", hint)
					return -1
				}
				return i
			}
		case '\n':
			i = len(text)
		}
	}
	r.p.error(offset-1, "{ is not closed in this text", hint)
	return -1
}

// ofAction says whether the brackets that are open belong to an action: through lists and brackets that only group.
func (r *rewriter) ofAction() bool {
	for i := len(r.open) - 1; i >= 0; i-- {
		switch b := r.open[i]; {
		case b.call == "" && b.groups:
			continue
		default:
			return templated()[b.call]
		}
	}
	return false
}

// compared says whether a literal is a side of a comparison.
func (r *rewriter) compared(i int) bool {
	operator := func(at int) bool {
		if at < r.first || at >= r.last {
			return false
		}
		switch r.p.text(r.p.tokens[at]) {
		case "=", "<", ">", "contains", "startsWith", "endsWith", "matches", "in":
			return true
		}
		return false
	}
	before := i - 1
	for before >= r.first && r.p.isKind(before, tokenNewline) {
		before--
	}
	after := r.significant(i + 1)
	return operator(before) || operator(after) || r.p.isAt(after, "!") && r.p.isAt(after+1, "=")
}
