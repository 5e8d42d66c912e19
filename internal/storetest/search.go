package storetest

import (
	"fmt"

	"postern/internal/issue"
)

// found are the numbers of the issues that hold all words, newest first.
func (w *world) found(words ...string) []int64 {
	w.Helper()
	var got []int64
	for _, is := range all(w, 2, func(p issue.Page) ([]*issue.Issue, issue.Cursor, error) {
		return w.s.Issues(background(), issue.IssueQuery{Page: p, Words: words})
	}) {
		got = append(got, is.Number)
	}
	return got
}

// indexed waits until an issue made just now is found, and with it all that came before.
func (w *world) indexed() {
	w.Helper()
	word := fmt.Sprintf("indexed%d", w.next())
	c := w.mail()
	c.NewIssue.Description = word
	w.commit(c)
	w.until("search finds what was committed", func() bool { return len(w.found(word)) == 1 })
}

func search(w *world) {
	made := func(subject, description string) int64 {
		c := w.mail()
		c.NewIssue.Subject, c.NewIssue.Description, c.NewIssue.Tags = subject, description, nil
		return w.commit(c).Issue
	}
	a := made("Outage in Zürich", "The RÉSUMÉ server is down, error E-4711.")
	b := made("Lunch", "Curry sausages; résumé attached")
	c := made("Third", "foo@bar.example and 日本語 text")
	w.commit(w.reply(a, "It is a spindle, said Ann."))
	subject := "Retitled to gasket"
	r := w.reply(b, "")
	r.Change.Subject = &subject
	w.commit(r)
	w.indexed()
	for _, tt := range []struct {
		words []string
		want  []int64
	}{
		{[]string{"outage"}, []int64{a}},
		{[]string{"OUTAGE"}, []int64{a}},
		{[]string{"zurich"}, []int64{a}},
		{[]string{"Zürich"}, []int64{a}},
		{[]string{"resume"}, []int64{b, a}},
		{[]string{"re\u0301sume\u0301"}, []int64{b, a}},
		{[]string{"resume", "lunch"}, nil}, // the subject is another by now
		{[]string{"resume", "gasket"}, []int64{b}},
		{[]string{"spindle"}, []int64{a}},
		{[]string{"spindle", "outage"}, []int64{a}}, // one in a note, one in the subject
		{[]string{"spindle", "curry"}, nil},
		{[]string{"out"}, nil}, // whole words
		{[]string{"outages"}, nil},
		{[]string{"e-4711"}, []int64{a}},
		{[]string{"foo@bar.example"}, []int64{c}},
		{[]string{"日本語"}, []int64{c}},
		{[]string{"resume attached"}, []int64{b}},
	} {
		w.same(w.found(tt.words...), tt.want, fmt.Sprintf("search for %q", tt.words))
	}
	list, _, err := w.s.Issues(background(), issue.IssueQuery{Words: []string{"resume"}, Status: "closed"})
	w.must(err, "search with a filter")
	w.same(list, []*issue.Issue{}, "words with a filter that nothing passes")

	w.restart()
	w.same(w.found("resume"), []int64{b, a}, "after opening again")
	late := made("Late", "the word nightingale")
	w.crash() // at once: it may not have been indexed
	w.until("search finds what came just before a crash", func() bool { return len(w.found("nightingale")) == 1 })
	w.same(w.found("nightingale"), []int64{late}, "what came just before a crash")
}

func searchSyntax(w *world) {
	c := w.mail()
	c.NewIssue.Subject, c.NewIssue.Description = "nothing here", `plain and simple "quoted" near not or star`
	number := w.commit(c).Issue
	w.indexed()
	for _, tt := range []struct {
		words []string
		want  []int64
	}{
		{[]string{"AND"}, []int64{number}},
		{[]string{"NOT", "OR"}, []int64{number}},
		{[]string{"plain OR absent"}, nil},
		{[]string{`"`, "plain"}, []int64{number}}, // punctuation alone asks for nothing
		{[]string{`"plain`}, []int64{number}},
		{[]string{`quoted"`}, []int64{number}},
		{[]string{`"simple" "plain"`}, []int64{number}},
		{[]string{"sta*"}, nil},
		{[]string{"star*"}, []int64{number}},
		{[]string{"NEAR(plain simple)"}, []int64{number}},
		{[]string{"subject:plain"}, nil},
		{[]string{"-plain"}, []int64{number}},
		{[]string{"^plain", "{simple}", "(or"}, []int64{number}},
		{[]string{"plain\x00simple"}, []int64{number}},
		{[]string{"pl.*"}, nil},
		{[]string{"'; DROP TABLE issues; --"}, nil},
		{[]string{`{"$ne": null}`}, nil},
	} {
		w.same(w.found(tt.words...), tt.want, fmt.Sprintf("search for %q", tt.words))
	}
}
