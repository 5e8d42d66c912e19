package issue_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/issue"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func text(s string) *string { return &s }

// made is an issue that message "a" made.
func made() *issue.History {
	return &issue.History{Issue: &issue.Issue{
		Number: 7, Message: "a", Subject: "Hi", Priority: "normal", Status: "new", Assignee: "wrong", Tags: []string{"one"},
		Watchers: []string{}, Fields: map[string]string{},
	}}
}

// first is what "a" gives when it is decided again.
func first(sets ...issue.Set) *issue.Revision {
	return &issue.Revision{Number: 7, By: "a", Sets: append([]issue.Set{
		{Field: "subject", Value: "Hi"}, {Field: "priority", Value: "normal"}, {Field: "status", Value: "new"}, {Field: "tags.one", Value: issue.There},
	}, sets...), At: noon}
}

func TestRevise(t *testing.T) {
	t.Parallel()
	assign := func(v string) issue.Set { return issue.Set{Field: "assignee", Value: v} }
	for name, c := range map[string]struct {
		later []*issue.IssueChange // by b, c, …
		r     *issue.Revision
		want  string // fields that are otherwise afterwards
		said  []issue.Revised
	}{
		"what only it gave":        {nil, first(assign("right")), "assignee=right", []issue.Revised{{Field: "assignee", Was: "wrong", Is: "right"}}},
		"nothing new":              {nil, first(assign("wrong")), "", nil},
		"of what it says nothing":  {nil, first(), "", nil},
		"what another set since":   {[]*issue.IssueChange{{Assignee: text("bob")}}, first(assign("right")), "", []issue.Revised{{Field: "assignee", Was: "bob", Is: "right", Left: "set since by message b"}}},
		"what another set alike":   {[]*issue.IssueChange{{Assignee: text("wrong")}}, first(assign("right")), "", []issue.Revised{{Field: "assignee", Was: "wrong", Is: "right", Left: "set since by message b"}}},
		"another's other field":    {[]*issue.IssueChange{{Priority: text("high")}}, first(assign("right")), "assignee=right", []issue.Revised{{Field: "assignee", Was: "wrong", Is: "right"}}},
		"a tag more, one less":     {nil, first(assign("wrong"), issue.Set{Field: "tags.two", Value: issue.There}, issue.Set{Field: "tags.one"}), "tags.one= tags.two=+", []issue.Revised{{Field: "tags.one", Was: "+"}, {Field: "tags.two", Is: "+"}}},
		"a tag that another took":  {[]*issue.IssueChange{{AddTags: []string{"two"}}, {RemoveTags: []string{"two"}}}, first(assign("wrong"), issue.Set{Field: "tags.two", Value: issue.There}), "", []issue.Revised{{Field: "tags.two", Is: "+", Left: "set since by message c"}}},
		"a tag that another gave":  {[]*issue.IssueChange{{AddTags: []string{"one"}}}, &issue.Revision{By: "a", At: noon}, "", []issue.Revised{{Field: "tags.one", Was: "+", Left: "set since by message b"}}},
		"a reply's field":          {[]*issue.IssueChange{{Priority: text("high")}}, &issue.Revision{By: "b", At: noon}, "priority=normal", []issue.Revised{{Field: "priority", Was: "high", Is: "normal"}}},
		"a reply's other value":    {[]*issue.IssueChange{{Priority: text("high")}}, &issue.Revision{By: "b", At: noon, Sets: []issue.Set{{Field: "priority", Value: "low"}}}, "priority=low", []issue.Revised{{Field: "priority", Was: "high", Is: "low"}}},
		"what a reply did not set": {[]*issue.IssueChange{{Priority: text("high")}}, &issue.Revision{By: "b", At: noon, Sets: []issue.Set{{Field: "priority", Value: "high"}, assign("right")}}, "", []issue.Revised{{Field: "assignee", Was: "wrong", Is: "right", Left: "the decision before did not set it"}}},
		"a reply's tags":           {[]*issue.IssueChange{{AddTags: []string{"two"}}}, &issue.Revision{By: "b", At: noon, Sets: []issue.Set{{Field: "tags.three", Value: issue.There}}}, "tags.three=+ tags.two=", []issue.Revised{{Field: "tags.three", Is: "+"}, {Field: "tags.two", Was: "+"}}},
		"the middle one":           {[]*issue.IssueChange{{Priority: text("high")}, {Priority: text("low")}}, &issue.Revision{By: "b", At: noon}, "", []issue.Revised{{Field: "priority", Was: "low", Left: "set since by message c"}}},
		"a field of one's own":     {[]*issue.IssueChange{{Fields: map[string]string{"host": "x"}}}, &issue.Revision{By: "b", At: noon}, "fields.host=", []issue.Revised{{Field: "fields.host", Was: "x"}}},
		"withdrawn":                {nil, &issue.Revision{By: "a", At: noon, Withdrawn: true}, "withdrawn", []issue.Revised{{Field: "issue", Is: "withdrawn"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := made()
			for i, ch := range c.later {
				h.Change(ch, string(rune('b'+i)))
			}
			before := *h.Issue
			said := h.Revise(c.r)
			if diff := cmp.Diff(c.said, said); diff != "" {
				t.Errorf("said (-want +got)\n%s", diff)
			}
			if got := changed(&before, h.Issue); got != c.want {
				t.Errorf("changed: got %q, want %q", got, c.want)
			}
			after, sets := *h.Issue, fmt.Sprint(h.Sets)
			for _, again := range h.Revise(c.r) {
				if again.Left == "" {
					t.Errorf("once more: %+v", again)
				}
			}
			if diff := cmp.Diff(&after, h.Issue) + cmp.Diff(sets, fmt.Sprint(h.Sets)); diff != "" {
				t.Errorf("once more changes something\n%s", diff)
			}
		})
	}
}

func changed(a, b *issue.Issue) string {
	var out []string
	for _, f := range []string{"subject", "assignee", "fields.host", "priority", "status", "tags.one", "tags.three", "tags.two"} {
		if v := b.Value(f); v != a.Value(f) {
			out = append(out, f+"="+v)
		}
	}
	if b.WithdrawnAt != nil && a.WithdrawnAt == nil {
		out = append(out, "withdrawn")
	}
	return strings.Join(out, " ")
}

// A status that goes back brings back since when the issue is closed.
func TestReviseStatus(t *testing.T) {
	t.Parallel()
	h := made()
	one, two := noon.Add(time.Hour), noon.Add(2*time.Hour)
	h.Change(&issue.IssueChange{Status: text("closed"), ClosedAt: &one}, "b")
	h.Change(&issue.IssueChange{Status: text("open"), ClosedAt: &time.Time{}}, "c")
	h.Revise(&issue.Revision{By: "c", At: noon})
	if h.Issue.Status != "closed" || h.Issue.ClosedAt == nil || !h.Issue.ClosedAt.Equal(one) {
		t.Errorf("got %q since %v, want closed since %v", h.Issue.Status, h.Issue.ClosedAt, one)
	}
	h.Revise(&issue.Revision{By: "c", At: noon, Sets: []issue.Set{{Field: "status", Value: "closed", Closed: &two}}})
	if h.Issue.ClosedAt == nil || !h.Issue.ClosedAt.Equal(one) {
		t.Errorf("closed once more: got since %v, want %v", h.Issue.ClosedAt, one)
	}
	h.Revise(&issue.Revision{By: "b", At: noon})
	h.Revise(&issue.Revision{By: "c", At: noon, Sets: []issue.Set{{Field: "status", Value: "closed", Closed: &two}}})
	if h.Issue.ClosedAt == nil || !h.Issue.ClosedAt.Equal(two) {
		t.Errorf("closed by the second alone: got since %v, want %v", h.Issue.ClosedAt, two)
	}
	h.Revise(&issue.Revision{By: "c", At: noon})
	if h.Issue.Status != "new" || h.Issue.ClosedAt != nil {
		t.Errorf("got %q, closed at %v, want new as at first", h.Issue.Status, h.Issue.ClosedAt)
	}
}

// A bad rule nearly always acted on all mails of a thread: in whatever order they are decided again, the issue is what it would be
// without it, and undone it is what it was.
func TestReviseWholeThread(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		bad, good := made(), made()
		var ids []string
		for i := range 6 {
			id := string(rune('b' + i))
			ids = append(ids, id)
			var g, b issue.IssueChange
			if rnd.IntN(2) == 0 {
				g.Priority, b.Priority = text(fmt.Sprint("p", i)), text(fmt.Sprint("p", i))
			}
			if rnd.IntN(2) == 0 {
				b.Assignee = text("bad")
			}
			if rnd.IntN(2) == 0 {
				b.AddTags = []string{"bad"}
			}
			if rnd.IntN(3) == 0 {
				g.RemoveTags, b.RemoveTags = []string{"one"}, []string{"one"}
			}
			if rnd.IntN(3) == 0 {
				b.RemoveTags = []string{"one"}
			}
			good.Change(&g, id)
			bad.Change(&b, id)
		}
		was := *bad.Issue
		layer := func(h *issue.History, id string) *issue.Revision {
			r := &issue.Revision{By: id, At: noon}
			for _, s := range h.Sets {
				if s.By == id && !s.Gone {
					r.Sets = append(r.Sets, s)
				}
			}
			return r
		}
		undo := map[string]*issue.Revision{}
		for _, i := range rnd.Perm(len(ids)) {
			undo[ids[i]] = layer(bad, ids[i])
			bad.Revise(layer(good, ids[i]))
		}
		bad.Issue.UpdatedAt = good.Issue.UpdatedAt
		if diff := cmp.Diff(good.Issue, bad.Issue); diff != "" {
			t.Fatalf("seed %d: (-as by good rules +repaired)\n%s", seed, diff)
		}
		for _, i := range rnd.Perm(len(ids)) {
			bad.Revise(undo[ids[i]])
		}
		bad.Issue.UpdatedAt = was.UpdatedAt
		if diff := cmp.Diff(&was, bad.Issue); diff != "" {
			t.Fatalf("seed %d: (-as it was +undone)\n%s", seed, diff)
		}
	}
}

// An issue of many mails remembers a bounded number of them, and always who gave each field what it has.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	h := made()
	for i := range 2000 {
		h.Change(&issue.IssueChange{Status: text("open"), Fields: map[string]string{fmt.Sprint("f", i%20): fmt.Sprint(i)}}, fmt.Sprintf("m%04d", i))
	}
	if len(h.Sets) > 300 {
		t.Errorf("%d sets", len(h.Sets))
	}
	h.Revise(&issue.Revision{By: "m1999", At: noon})
	if got := h.Issue.Value("fields.f19"); got != "1979" {
		t.Errorf("got %q, want what the one before gave", got)
	}
	said := h.Revise(&issue.Revision{By: "a", At: noon, Sets: []issue.Set{{Field: "status", Value: "new"}}})
	if h.Issue.Status != "open" || len(said) == 0 || said[0].Left == "" {
		t.Errorf("status %q, said %+v: want it left", h.Issue.Status, said)
	}
}

// What an old mail says, taken in afterwards, takes nothing from what came after it; but the issue is open again, since whoever closed it had
// not seen that mail.
func TestLateChange(t *testing.T) {
	t.Parallel()
	closed := noon.Add(time.Hour)
	for name, c := range map[string]struct {
		since, late issue.IssueChange
		want        string
	}{
		"another field":      {issue.IssueChange{Assignee: text("bob")}, issue.IssueChange{Priority: text("high")}, "high bob new [one] false"},
		"the same field":     {issue.IssueChange{Priority: text("low")}, issue.IssueChange{Priority: text("high")}, "low wrong new [one] false"},
		"a tag taken since":  {issue.IssueChange{RemoveTags: []string{"one"}}, issue.IssueChange{AddTags: []string{"one", "two"}}, "normal wrong new [two] false"},
		"closed since":       {issue.IssueChange{Status: text("closed"), ClosedAt: &closed}, issue.IssueChange{Priority: text("high")}, "high wrong closed [one] true"},
		"opened again":       {issue.IssueChange{Status: text("closed"), ClosedAt: &closed}, issue.IssueChange{Status: text("open"), ClosedAt: &time.Time{}}, "normal wrong open [one] false"},
		"closed, then since": {issue.IssueChange{Status: text("open"), ClosedAt: &time.Time{}}, issue.IssueChange{Status: text("closed"), ClosedAt: &closed}, "normal wrong open [one] false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := made()
			h.Change(&c.since, "c")
			c.late.Late = true
			h.Change(&c.late, "b")
			is := h.Issue
			if got := fmt.Sprint(is.Priority, " ", is.Assignee, " ", is.Status, " ", is.Tags, " ", is.ClosedAt != nil); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			h.Revise(&issue.Revision{By: "b", At: noon}) // taken back, the rest is as by the other alone
			alone := made()
			alone.Change(&c.since, "c")
			if is, want := h.Issue, alone.Issue; is.Priority != want.Priority || is.Status != want.Status || fmt.Sprint(is.Tags) != fmt.Sprint(want.Tags) || (is.ClosedAt == nil) != (want.ClosedAt == nil) {
				t.Errorf("taken back: got %+v, want %+v", is, want)
			}
		})
	}
}

// A rule that tags each mail with a word of its own does not make the history grow without end, and what is forgotten is left.
func TestHistoryOfManyTags(t *testing.T) {
	t.Parallel()
	h := made()
	began := time.Now()
	for i := range 3000 {
		h.Change(&issue.IssueChange{AddTags: []string{fmt.Sprint("t", i)}}, fmt.Sprintf("m%04d", i))
	}
	if len(h.Sets) > 1000 || len(h.Issue.Tags) != 3001 {
		t.Errorf("%d sets, %d tags", len(h.Sets), len(h.Issue.Tags))
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	before := len(h.Issue.Tags)
	h.Revise(first(issue.Set{Field: "assignee", Value: "right"}))
	said := h.Revise(&issue.Revision{By: "m2999", At: noon})
	if got := len(h.Issue.Tags); got != before || h.Issue.Assignee != "wrong" || len(said) != 1 || said[0].Left == "" {
		t.Errorf("got %d tags, assignee %q, said %+v: want all left, and it said", got, h.Issue.Assignee, said)
	}
}
