package dsl

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// pure makes a function that depends on its arguments, and on the run only for its budget.
func pure(name string, result reflect.Type, call func(r *Run, args []any) (any, error), params ...param) *function {
	return &function{name: name, params: params, result: result, call: call, constant: true}
}

func takes(name string, k kind) param { return param{name: name, kind: k} }

// optional says that the last n parameters may be left out.
func (f *function) omit(n int) *function { f.optional = n; return f }

// of makes the result's type that of the first argument.
func (f *function) ofFirst() *function {
	f.resultOf = func(args []reflect.Type) reflect.Type {
		if len(args) > 0 && args[0] != nil && args[0].Kind() == reflect.Slice {
			return args[0]
		}
		return f.result
	}
	return f
}

// functions are what scripts can ask, beside what expr itself brings and allowedBuiltins lets pass.
func functions() []*function {
	return slices.Concat(mailFunctions(), textFunctions(), compareFunctions(), domainFunctions(), timeFunctions(), extractFunctions(), templateFunctions())
}

// mailFunctions are about the message: they know the run.
func mailFunctions() []*function {
	return []*function{
		pure("has", typeBool, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			words, err := asTexts(args, 1)
			if err != nil {
				return nil, err
			}
			return has(r, s, words)
		}, takes("text", kindText), takes("words", kindTexts)),
		pure("find", typeFound, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			p, ok := args[1].(*pattern)
			if !ok {
				return nil, wrongKind("find", args[1], kindRegex)
			}
			return p.find(r, s)
		}, takes("text", kindText), takes("regex", kindRegex)),
		pure("under", typeBool, func(r *Run, args []any) (any, error) {
			domain, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			if set, ok := args[1].(*Entries); ok {
				return underAny(domain, set), nil
			}
			parents, err := asTexts(args, 1)
			if err != nil {
				return nil, err
			}
			return under(r, domain, parents)
		}, takes("domain", kindText), takes("parent", kindTexts)),
		{name: "now", result: typeTime, call: func(r *Run, _ []any) (any, error) { return r.view.Now, nil }},
		{name: "header", method: true, result: typeString, params: []param{takes("mail", kindMail), takes("name", kindText)},
			call: func(r *Run, args []any) (any, error) {
				values, err := headers(args)
				if err != nil || len(values) == 0 {
					return "", err
				}
				return values[0], nil
			}},
		{name: "headers", method: true, result: typeStrings, params: []param{takes("mail", kindMail), takes("name", kindText)},
			call: func(r *Run, args []any) (any, error) { return headers(args) }},
		{name: "atLeast", method: true, result: typeBool, params: []param{takes("sender", kindSender), {"trust", kindText, vocabularyTrust}},
			call: func(r *Run, args []any) (any, error) {
				s, ok := args[0].(*Sender)
				if !ok {
					return nil, wrongKind("atLeast", args[0], kindSender)
				}
				trust, err := asText(args, 1)
				return trustRank(s.Trust) >= trustRank(trust) && trustRank(trust) >= 0, err
			}},
		{name: "recent", method: true, result: typeInt, params: []param{takes("sender", kindSender), takes("within", kindDuration)},
			call: func(r *Run, args []any) (any, error) {
				s, ok := args[0].(*Sender)
				if !ok {
					return nil, wrongKind("recent", args[0], kindSender)
				}
				within, err := asDuration(args, 1)
				if err != nil || s.Count == nil {
					return 0, err
				}
				return r.recent(s, within)
			}},
	}
}

// mostRecents are the different times that the rules of one message may ask recent about: each is a question to the store.
const mostRecents = 20

// recent asks once about each time.
func (r *Run) recent(s *Sender, within time.Duration) (any, error) {
	if n, ok := r.recents[within]; ok {
		return n, nil
	}
	if len(r.recents) == mostRecents {
		return nil, fmt.Errorf("recent is asked about more than %d different times", mostRecents)
	}
	if r.recents == nil {
		r.recents = map[time.Duration]int{}
	}
	began := time.Now()
	n := s.Count(within)
	r.Away(time.Since(began))
	r.recents[within] = n
	return n, nil
}

// trusts are the values of a sender's trust, from low to high.
var trusts = []string{"none", "known", "authenticated"}

// trustRank is the place of a trust among trusts. An unset one is "none"; an unknown one is -1.
func trustRank(s string) int {
	if s == "" {
		return 0
	}
	for i, t := range trusts {
		if s == t {
			return i
		}
	}
	return -1
}

// headers are the values of all fields of a name, ignoring case.
func headers(args []any) ([]string, error) {
	m, ok := args[0].(*Mail)
	if !ok {
		return nil, wrongKind("header", args[0], kindMail)
	}
	name, err := asText(args, 1)
	if err != nil {
		return nil, err
	}
	values := []string{}
	for _, f := range m.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values, nil
}

func durationOf(r *Run, args []any) (any, error) { return orNil(asDuration(args, 0)) }

func dateOf(r *Run, args []any) (any, error) {
	s, err := asText(args, 0)
	if err != nil {
		return nil, err
	}
	if len(s) > longestLayout {
		return nil, fmt.Errorf("a date of %d bytes is too long: at most %d", len(s), longestLayout)
	}
	if len(args) == 1 {
		return orNil(parseTime(s))
	}
	layout, err := asText(args, 1)
	if err == nil && len(layout) > longestLayout {
		err = fmt.Errorf("a layout of %d bytes is too long: at most %d", len(layout), longestLayout)
	}
	if err != nil {
		return nil, err
	}
	return orNil(time.Parse(layout, s))
}

func orNil[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}
