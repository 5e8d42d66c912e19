package dsl

import (
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// mostElements bounds every list that a function makes, mostListed where it is for a list block.
const (
	mostElements = 100_000
	mostListed   = 5_000_000
)

// textFunctions take the place of expr's own functions that make text or lists: these count what
// they make against the message's budget, and have one signature each (expr's checker is exponential
// in nested calls of functions that have several).
func textFunctions() []*function {
	s, list, n := takes("text", kindText), takes("list", kindList), takes("count", kindInt)
	return []*function{
		pure("lower", typeString, func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			return r.lower(s)
		}, s),
		pure("upper", typeString, texts(1, func(r *Run, a []string) (string, error) {
			if err := r.make(len(a[0])); err != nil {
				return "", err
			}
			return strings.ToUpper(a[0]), nil
		}), s),
		pure("trim", typeString, texts(1, func(_ *Run, a []string) (string, error) {
			if len(a) == 1 {
				return strings.TrimSpace(a[0]), nil
			}
			return trimAll(a[0], a[1]), nil
		}), s, takes("characters", kindText)).omit(1),
		pure("trimPrefix", typeString, texts(2, func(_ *Run, a []string) (string, error) {
			return strings.TrimPrefix(a[0], a[1]), nil
		}), s, takes("prefix", kindText)),
		pure("trimSuffix", typeString, texts(2, func(_ *Run, a []string) (string, error) {
			return strings.TrimSuffix(a[0], a[1]), nil
		}), s, takes("suffix", kindText)),
		pure("string", typeString, func(r *Run, args []any) (any, error) {
			s, err := asString(args[0])
			if err != nil {
				return nil, err
			}
			return s, r.make(len(s))
		}, takes("value", kindScalar)),
		pure("repeat", typeString, repeat, s, n),
		pure("replace", typeString, texts(3, replace), s, takes("old", kindText), takes("new", kindText)),
		pure("split", typeStrings, func(r *Run, args []any) (any, error) { return split(r, args, strings.SplitN) }, s, takes("separator", kindText), n).omit(1),
		pure("splitAfter", typeStrings, func(r *Run, args []any) (any, error) { return split(r, args, strings.SplitAfterN) }, s, takes("separator", kindText), n).omit(1),
		pure("join", typeString, join, takes("list", kindTexts), takes("separator", kindText)).omit(1),
		pure("concat", typeAnys, concat, list, takes("more", kindList)).repeat().ofFirstAlike(),
		pure("uniq", typeAnys, uniq, list).ofFirst(),
		pure("sort", typeAnys, sortList, list).ofFirst(),
		pure("duration", typeDuration, durationOf, s),
		pure("date", typeTime, dateOf, s, takes("layout", kindText)).omit(1),
		pure("fromJSON", typeAny, fromJSON, s),
		pure("toBase64", typeString, texts(1, func(r *Run, a []string) (string, error) {
			return base64.StdEncoding.EncodeToString([]byte(a[0])), r.make(2 * len(a[0]))
		}), s),
		pure("fromBase64", typeString, texts(1, func(r *Run, a []string) (string, error) {
			b, err := base64.StdEncoding.DecodeString(a[0])
			if err != nil {
				return "", errors.New("this is not base64")
			}
			return strings.ToValidUTF8(string(b), "\uFFFD"), r.make(2 * len(b))
		}), s),
	}
}

func (f *function) repeat() *function { f.rest = true; return f }

// ofFirstAlike makes the result's type that of the arguments, where they are all of one.
func (f *function) ofFirstAlike() *function {
	f.resultOf = func(args []reflect.Type) reflect.Type {
		for _, t := range args {
			if t == nil || t.Kind() != reflect.Slice || t != args[0] {
				return f.result
			}
		}
		if len(args) == 0 {
			return f.result
		}
		return args[0]
	}
	return f
}

// texts adapts a function of texts, of which at least n are there.
func texts(n int, f func(*Run, []string) (string, error)) func(*Run, []any) (any, error) {
	return func(r *Run, args []any) (any, error) {
		if len(args) < n {
			return nil, errors.New("not enough arguments")
		}
		a := make([]string, len(args))
		for i := range args {
			s, err := asText(args, i)
			if err != nil {
				return nil, err
			}
			a[i] = s
		}
		return orNil(f(r, a))
	}
}

// trimAll is strings.Trim, which looks through all the characters for each of the text's.
func trimAll(s, characters string) string {
	if len(characters) < 32 {
		return strings.Trim(s, characters)
	}
	set := map[rune]bool{}
	for _, c := range characters {
		set[c] = true
	}
	return strings.TrimFunc(s, func(c rune) bool { return set[c] })
}

func repeat(r *Run, args []any) (any, error) {
	s, err := asText(args, 0)
	if err != nil {
		return nil, err
	}
	n, err := asInt(args, 1)
	switch {
	case err != nil:
		return nil, err
	case n < 0:
		return nil, fmt.Errorf("repeat cannot repeat %d times", n)
	case len(s) == 0:
		return "", nil
	}
	if err := r.makeRepeated(len(s), n); err != nil {
		return nil, err
	}
	return strings.Repeat(s, n), nil
}

func replace(r *Run, a []string) (string, error) {
	count := strings.Count(a[0], a[1])
	if count > 0 {
		if err := r.make(len(a[0])); err != nil {
			return "", err
		}
		if err := r.makeRepeated(max(0, len(a[2])-len(a[1])), count); err != nil {
			return "", err
		}
	}
	return strings.ReplaceAll(a[0], a[1], a[2]), nil
}

func split(r *Run, args []any, cut func(string, string, int) []string) (any, error) {
	s, err := asText(args, 0)
	if err != nil {
		return nil, err
	}
	separator, err := asText(args, 1)
	if err != nil {
		return nil, err
	}
	limit := -1
	if len(args) == 3 {
		if limit, err = asInt(args, 2); err != nil {
			return nil, err
		}
	}
	n := strings.Count(s, separator) + 1
	if limit >= 0 {
		n = min(n, limit)
	}
	if err := r.makeList(n); err != nil {
		return nil, err
	}
	return cut(s, separator, limit), nil
}

func join(r *Run, args []any) (any, error) {
	parts, err := asTexts(args, 0)
	if err != nil {
		return nil, err
	}
	separator := ""
	if len(args) == 2 {
		if separator, err = asText(args, 1); err != nil {
			return nil, err
		}
	}
	if err := r.makeRepeated(len(separator), len(parts)); err != nil {
		return nil, err
	}
	size := 0
	for _, p := range parts {
		if size += len(p); size > r.budget.Bytes {
			return nil, r.tooLarge()
		}
	}
	if err := r.make(size); err != nil {
		return nil, err
	}
	return strings.Join(parts, separator), nil
}
