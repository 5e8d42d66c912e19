package api

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// A param is a query parameter that a route takes. What it does not name is refused: a misspelled filter must
// not quietly return everything.
type param struct {
	name     string
	kind     paramKind
	means    string
	one      []string // the values it may have
	max      int      // bytes of a text, or the largest number
	required bool
}

type paramKind int

const (
	text    paramKind = iota
	number            // 1 to max
	instant           // RFC 3339, or a date at 00:00 UTC
	flag              // "true" or "false"
)

// values are a request's query parameters, checked.
type values struct {
	texts    map[string]string
	numbers  map[string]int64
	instants map[string]time.Time
	flags    map[string]bool
}

func parseQuery(raw string, params []param) (values, error) {
	v := values{map[string]string{}, map[string]int64{}, map[string]time.Time{}, map[string]bool{}}
	given, err := url.ParseQuery(raw)
	if err != nil {
		return v, say(fault.Invalid, "the query cannot be read: it is not in the form name=value&name=value")
	}
	for name := range given {
		if !slices.ContainsFunc(params, func(p param) bool { return p.name == name }) {
			return v, say(fault.Invalid, "unknown query parameter; %s", allowed(params))
		}
	}
	for _, p := range params {
		switch got := given[p.name]; {
		case len(got) > 1:
			return v, say(fault.Invalid, "%s is given more than once", p.name)
		case len(got) == 1 && got[0] != "":
			if err := v.set(p, got[0]); err != nil {
				return v, err
			}
		case p.required:
			return v, say(fault.Invalid, "%s is missing: %s", p.name, p.means)
		}
	}
	return v, nil
}

func allowed(params []param) string {
	if len(params) == 0 {
		return "this path takes none"
	}
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.name
	}
	return "this path takes " + strings.Join(names, ", ")
}

func (v *values) set(p param, s string) error {
	switch p.kind {
	case number:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 1 || n > int64(p.max) {
			return say(fault.Invalid, "%s is not a number from 1 to %d", p.name, p.max)
		}
		v.numbers[p.name] = n
	case instant:
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t, err = time.Parse(time.DateOnly, s)
		}
		if err != nil {
			return say(fault.Invalid, "%s is not a time like 2026-03-01T08:00:00Z or 2026-03-01", p.name)
		}
		v.instants[p.name] = issue.Time(t)
	case flag:
		if s != "true" && s != "false" {
			return say(fault.Invalid, "%s is not true or false", p.name)
		}
		v.flags[p.name] = s == "true"
	default:
		if len(s) > p.max {
			return say(fault.Invalid, "%s is longer than %d bytes", p.name, p.max)
		}
		if p.one != nil && !slices.Contains(p.one, s) {
			return say(fault.Invalid, "%s is not one of: %s", p.name, strings.Join(p.one, ", "))
		}
		v.texts[p.name] = strings.ToValidUTF8(s, "\uFFFD")
	}
	return nil
}

func (v *values) text(name string) string       { return v.texts[name] }
func (v *values) number(name string) int64      { return v.numbers[name] }
func (v *values) instant(name string) time.Time { return v.instants[name] }

// address is a text in the form that stores keep addresses in.
func (v *values) address(name string) string {
	return strings.ToLower(strings.TrimSpace(v.texts[name]))
}

// page is what limit and after say.
func (v *values) page() issue.Page {
	return issue.Page{After: issue.Cursor(v.texts["after"]), Limit: int(v.numbers["limit"])}
}

// bounded refuses a search for too many words.
func (a *API) bounded(words []string) ([]string, error) {
	if len(words) > a.o.MaxWords {
		return nil, say(fault.Invalid, "q has more than %d words", a.o.MaxWords)
	}
	return words, nil
}

// listed explains an error of a list: the one thing in it that the store alone can judge is the cursor.
func listed(err error, p issue.Page) error {
	if fault.Is(err, fault.Invalid) && p.After != "" {
		return say(fault.Invalid, "after is not a cursor that this list gave as next").because(err)
	}
	return err
}
