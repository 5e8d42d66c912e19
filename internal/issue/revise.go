package issue

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Revision is what a message that was decided again gives its issue, in place of what it gave before. The issue becomes what it
// would be had the message been decided so at first, with all that was done since: where another has set a field after it, that stands.
type Revision struct {
	Number      int64        `json:"number"`
	By          string       `json:"by"`                  // the message's id
	Sets        []Set        `json:"sets"`                // all that the decision gives; By need not be said
	Withdrawn   bool         `json:"withdrawn,omitempty"` // it gives nothing any more: the issue that it made, or its note, is withdrawn
	Description *string      `json:"description,omitempty"`
	Notes       []NoteChange `json:"notes,omitempty"` // of those that the message has made already
	At          time.Time    `json:"at"`
}

// A NoteChange is what a note becomes.
type NoteChange struct {
	ID          string     `json:"id"`
	Text        string     `json:"text"`
	Visibility  string     `json:"visibility"`
	WithdrawnAt *time.Time `json:"withdrawnAt,omitempty"`
}

// A Revised is what became of one field.
type Revised struct {
	Field string `json:"field"`
	Was   string `json:"was"`
	Is    string `json:"is"`             // or would be
	Left  string `json:"left,omitempty"` // why it stays as it was
}

// LeftSince says that a field stays as a later message set it.
func LeftSince(by string) string { return leftSince + by }

// String is a line that tells it.
func (r Revised) String() string {
	switch {
	case r.Left != "":
		return fmt.Sprintf("%s stays %s: %s", r.Field, shown(r.Was), r.Left)
	case r.Was == "":
		return fmt.Sprintf("%s %s", r.Field, shown(r.Is))
	}
	return fmt.Sprintf("%s %s → %s", r.Field, shown(r.Was), shown(r.Is))
}

func shown(v string) string {
	if v == "" {
		return "none"
	}
	return strconv.Quote(v)
}

// Name is String without what mail or rules wrote: for records that outlive both.
func (r Revised) Name() string {
	plain := r.Field == dueField || r.Field == "issue" || gathers(r.Field) || r.Field != "subject" && slices.Contains(scalars, r.Field)
	switch {
	case r.Left != "":
		return r.Field + " stays: " + r.Left
	case plain:
		return r.String()
	}
	return r.Field
}

// Why a field stays as it was.
const (
	leftUnset   = "the decision before did not set it"
	leftUnknown = "what it was before is not remembered"
	leftSince   = "set since by message "
)

// Revise does what a revision says and tells what came of it. Doing it once more does nothing.
func (h *History) Revise(r *Revision) []Revised {
	is := h.Issue
	made := is.Message == r.By
	var out []Revised
	want := map[string]Set{}
	for _, s := range r.Sets {
		s.By = r.By
		want[s.Field] = s
	}
	fields := h.concerned(r.By, made, want)
	if made && r.Withdrawn { // it leaves the issue as it is, unless it says otherwise: its fields are its only memory of them
		fields = slices.Sorted(maps.Keys(want))
	}
	for _, field := range fields {
		s, gives := want[field]
		if d, ok := h.revise(field, s, gives, r.By, made); ok {
			out = append(out, d)
		}
	}
	if r.Description != nil && *r.Description != is.Description {
		is.Description = *r.Description
	}
	switch withdrawn := made && r.Withdrawn; {
	case withdrawn && is.WithdrawnAt == nil:
		at := Time(r.At)
		is.WithdrawnAt = &at
		out = append(out, Revised{Field: "issue", Is: "withdrawn"})
	case !r.Withdrawn && is.WithdrawnAt != nil:
		is.WithdrawnAt = nil
		out = append(out, Revised{Field: "issue", Was: "withdrawn"})
	}
	if at := Time(r.At); len(out) > 0 && at.After(is.UpdatedAt) {
		is.UpdatedAt = at
	}
	return out
}

// concerned are the fields that a message gave something or gives now, in order.
func (h *History) concerned(by string, made bool, want map[string]Set) []string {
	fields := map[string]bool{}
	for f := range want {
		fields[f] = true
	}
	others := map[string]bool{}
	for _, s := range h.Sets {
		if s.By == by {
			fields[s.Field] = true
		} else {
			others[s.Field] = true
		}
	}
	if made && !h.forgot() {
		for _, f := range h.Issue.entries() {
			if !others[f] {
				fields[f] = true
			}
		}
		if h.Issue.DueAt != nil && !others[dueField] {
			fields[dueField] = true
		}
	}
	if made {
		for _, f := range scalars { // of which it says nothing
			if _, ok := want[f]; !ok {
				delete(fields, f)
			}
		}
	}
	return slices.Sorted(maps.Keys(fields))
}

// entries are the names of the tags, watchers and own fields that an issue has.
func (is *Issue) entries() (out []string) {
	for _, t := range is.Tags {
		out = append(out, tagPrefix+t)
	}
	for _, w := range is.Watchers {
		out = append(out, watcherPrefix+w)
	}
	for name := range is.Fields {
		out = append(out, fieldPrefix+name)
	}
	return out
}

// revise makes one field what it is when the message gives it s, or nothing.
func (h *History) revise(field string, s Set, gives bool, by string, made bool) (Revised, bool) {
	of := h.of(field)
	mine := slices.IndexFunc(of, func(i int) bool { return h.Sets[i].By == by })
	d := Revised{Field: field, Was: h.Issue.Value(field), Is: s.Value}
	switch {
	case mine >= 0:
		e := &h.Sets[of[mine]]
		before := *e
		if gives && s.Closed != nil {
			s.Closed = h.since(s, of[:mine])
		}
		if made && !gives { // its word is the first: without it there is nothing
			s, gives = Set{Field: field, By: by}, true
		}
		if e.Gone = !gives; gives {
			e.Value, e.Closed = s.Value, s.Closed
		}
		if e.Value == before.Value && e.Gone == before.Gone && same(e.Closed, before.Closed) {
			return Revised{}, false
		}
	case len(of) == 0 && made && !h.forgot():
		if s.Field = field; d.Was == s.Value && (field != statusField || same(s.Closed, h.Issue.ClosedAt)) {
			return Revised{}, false
		}
		h.Issue.take(s)
		return d, true
	case !gives:
		return Revised{}, false
	case !gathers(field) || s.Value == "":
		d.Left = leftUnset
		if made {
			d.Left = leftUnknown
		}
		return d, d.Was != d.Is
	default:
		h.insert(s, of)
	}
	return h.settle(d, by)
}

// since is when a set closes the issue: to set the same status again closes nothing anew.
func (h *History) since(s Set, before []int) *time.Time {
	for _, i := range slices.Backward(before) {
		if o := h.Sets[i]; !o.Gone {
			if o.Value == s.Value && o.Closed != nil {
				return o.Closed
			}
			break
		}
	}
	return s.Closed
}

// gathers reports whether a field is one of many: to add one of these takes nothing from anybody.
func gathers(field string) bool {
	return strings.HasPrefix(field, tagPrefix) || strings.HasPrefix(field, watcherPrefix)
}

// insert puts a set where it would stand had it been given when the message came: ids sort by time.
func (h *History) insert(s Set, of []int) {
	if len(of) == 0 {
		h.Sets = append(h.Sets, h.first(s.Field))
	}
	at := len(h.Sets)
	for _, i := range of {
		if h.Sets[i].By > s.By {
			at = i
			break
		}
	}
	h.Sets = slices.Insert(h.Sets, at, s)
	h.forget(s.Field)
}

// settle makes a field what the last set of it says that was not taken back.
func (h *History) settle(d Revised, by string) (Revised, bool) {
	of := h.of(d.Field)
	last := -1
	for _, i := range of {
		if !h.Sets[i].Gone {
			last = i
		}
	}
	if last < 0 {
		d.Left = leftUnknown
		return d, true
	}
	top := h.Sets[last]
	if top.Value != d.Was || top.Field == statusField && !same(top.Closed, h.Issue.ClosedAt) {
		h.Issue.take(top)
		d.Is = top.Value
		return d, true
	}
	if top.By != by && d.Is != d.Was && slices.ContainsFunc(of, func(i int) bool { return h.Sets[i].By == by && i < last }) {
		d.Left = leftSince + top.By
		return d, true
	}
	return Revised{}, false
}

func same(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// Given is all that a message gives the issue now, as a Revision says it.
func (h *History) Given(by string) []Set {
	var out []Set
	made := h.Issue.Message == by
	want := map[string]Set{}
	if made {
		for _, f := range append(slices.Clone(scalars), dueField) {
			want[f] = Set{}
		}
	}
	for _, field := range h.concerned(by, made, want) {
		of := h.of(field)
		i := slices.IndexFunc(of, func(i int) bool { return h.Sets[i].By == by })
		switch {
		case i >= 0 && !h.Sets[of[i]].Gone:
			out = append(out, h.Sets[of[i]])
		case i < 0 && len(of) == 0 && !h.forgot():
			out = append(out, h.first(field))
		}
	}
	return out
}

// Owner is the message that gave a field what it has; "" where no set says so.
func (h *History) Owner(field string) string {
	for _, i := range slices.Backward(h.of(field)) {
		if !h.Sets[i].Gone {
			return h.Sets[i].By
		}
	}
	return ""
}

// Clone is a copy that can be changed by itself.
func (h *History) Clone() *History {
	is := *h.Issue
	is.Tags, is.Watchers, is.Fields = slices.Clone(is.Tags), slices.Clone(is.Watchers), maps.Clone(is.Fields)
	return &History{Issue: &is, Sets: slices.Clone(h.Sets)}
}

// Others reports whether somebody else than the message has set something since, of those that count.
func (h *History) Others(by string, counts func(by string) bool) bool {
	return slices.ContainsFunc(h.Sets, func(s Set) bool { return s.By != by && !s.Gone && counts(s.By) })
}
