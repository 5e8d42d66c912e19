package issue

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// A History is an issue with what its fields were given, and by whom. What made the issue gave it everything that it has and that
// no Set says another gave.
type History struct {
	Issue *Issue
	Sets  []Set // in the order in which they were given; bounded: see maxSets
}

// A Set is one value that a field was given.
type Set struct {
	Field  string     `json:"field"`            // "priority", …, "due", "fields.NAME", "tags.NAME", "watchers.ADDRESS"
	Value  string     `json:"value"`            // of a tag or a watcher There, or "" where it was taken away; of a time RFC 3339
	By     string     `json:"by"`               // the id of the message whose decision gave it
	Closed *time.Time `json:"closed,omitempty"` // with a status that closes: since when the issue is closed
	Gone   bool       `json:"gone,omitempty"`   // taken back
}

// There is the value of a tag or a watcher that an issue has.
const There = "+"

// An issue remembers what its fields were given this often, the latest; of a field always who gave it what it has, as long as it has no more
// than mostSets fields. What is older cannot be taken back any more.
const (
	maxSets      = 300
	mostSets     = 1000
	maxFieldSets = 30
)

// Names of fields that consist of entries, each with a name of its own.
const (
	fieldPrefix   = "fields."
	tagPrefix     = "tags."
	watcherPrefix = "watchers."
	dueField      = "due"
	statusField   = "status"
)

// scalars are the fields with one text.
var scalars = []string{"subject", "type", "class", "priority", statusField, "assignee", "team", "template", "visibility"}

// scalar is where an issue has the value of such a field, nil for any other.
func (is *Issue) scalar(field string) *string {
	switch field {
	case "subject":
		return &is.Subject
	case "type":
		return &is.Type
	case "class":
		return &is.Class
	case "priority":
		return &is.Priority
	case statusField:
		return &is.Status
	case "assignee":
		return &is.Assignee
	case "team":
		return &is.Team
	case "template":
		return &is.Template
	case "visibility":
		return &is.Visibility
	}
	return nil
}

// Value is what a field of an issue has, by its name in a Set.
func (is *Issue) Value(field string) string {
	if p := is.scalar(field); p != nil {
		return *p
	}
	if field == dueField {
		return stamp(is.DueAt)
	}
	if name, ok := strings.CutPrefix(field, fieldPrefix); ok {
		return is.Fields[name]
	}
	has := false
	if name, ok := strings.CutPrefix(field, tagPrefix); ok {
		has = slices.Contains(is.Tags, name)
	} else if name, ok := strings.CutPrefix(field, watcherPrefix); ok {
		has = slices.Contains(is.Watchers, name)
	}
	if has {
		return There
	}
	return ""
}

// take makes a set's value the field's.
func (is *Issue) take(s Set) {
	if p := is.scalar(s.Field); p != nil {
		*p = s.Value
		if s.Field == statusField {
			is.ClosedAt = s.Closed
		}
		return
	}
	if s.Field == dueField {
		is.DueAt = nil
		if t, err := time.Parse(time.RFC3339Nano, s.Value); err == nil {
			is.DueAt = &t
		}
		return
	}
	if name, ok := strings.CutPrefix(s.Field, fieldPrefix); ok {
		fields := maps.Clone(is.Fields)
		if fields == nil {
			fields = map[string]string{}
		}
		if fields[name] = s.Value; s.Value == "" {
			delete(fields, name)
		}
		is.Fields = fields
	} else if name, ok := strings.CutPrefix(s.Field, tagPrefix); ok {
		is.Tags = member(is.Tags, name, s.Value == There)
	} else if name, ok := strings.CutPrefix(s.Field, watcherPrefix); ok {
		is.Watchers = member(is.Watchers, name, s.Value == There)
	}
}

// member is the list with a name in it, or without.
func member(list []string, name string, in bool) []string {
	switch i := slices.Index(list, name); {
	case in && i < 0:
		return append(slices.Clip(list), name)
	case !in && i >= 0:
		return slices.Delete(slices.Clone(list), i, i+1)
	}
	return list
}

// stamp writes a time as a Set has it.
func stamp(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return Time(*t).Format(time.RFC3339Nano)
}

// Change changes the issue as a message's decision says. One that was withdrawn is there again.
func (h *History) Change(c *IssueChange, by string) {
	is := h.Issue
	give := h.give
	if c.Late {
		give = h.giveLate
	}
	closed := is.ClosedAt
	if c.ClosedAt != nil {
		if closed = nil; !c.ClosedAt.IsZero() {
			t := Time(*c.ClosedAt)
			closed = &t
		}
	}
	for i, v := range []*string{c.Subject, c.Type, c.Class, c.Priority, c.Status, c.Assignee, c.Team, c.Template, c.Visibility} {
		if v != nil {
			s := Set{Field: scalars[i], Value: *v, By: by}
			if s.Field == statusField {
				if s.Closed = closed; c.Late && closed == nil { // whoever closed it had not seen this mail
					h.give(s)
					continue
				}
			}
			give(s)
		}
	}
	if !c.Late || c.Status == nil {
		is.ClosedAt = closed
	}
	if c.DueAt != nil {
		give(Set{Field: dueField, Value: stamp(c.DueAt), By: by})
	}
	h.entries(give, tagPrefix, c.AddTags, c.RemoveTags, by)
	h.entries(give, watcherPrefix, c.AddWatchers, c.DropWatchers, by)
	for _, name := range slices.Sorted(maps.Keys(c.Fields)) {
		give(Set{Field: fieldPrefix + name, Value: c.Fields[name], By: by})
	}
	is.WithdrawnAt = nil
	if at := Time(c.UpdatedAt); at.After(is.UpdatedAt) {
		is.UpdatedAt = at
	}
}

// entries adds some and takes others away. To take away what was never there says nothing.
func (h *History) entries(give func(Set), prefix string, add, remove []string, by string) {
	for _, name := range add {
		give(Set{Field: prefix + name, Value: There, By: by})
	}
	for _, name := range remove {
		if h.Issue.Value(prefix+name) != "" || len(h.of(prefix+name)) > 0 {
			give(Set{Field: prefix + name, By: by})
		}
	}
}

// give notes a set and what there was before the first of its field, and makes its value the field's.
func (h *History) give(s Set) {
	switch of := h.of(s.Field); {
	case len(of) == 0:
		h.Sets = append(h.Sets, h.first(s.Field))
		h.Sets = append(h.Sets, s)
	case h.Sets[of[len(of)-1]].By == s.By:
		h.Sets[of[len(of)-1]] = s
	default:
		h.Sets = append(h.Sets, s)
	}
	h.Issue.take(s)
	h.forget(s.Field)
}

// giveLate is give for a message that came before others: it stands behind what these have set, by their ids, which sort by time. What made the
// issue had its say before everybody.
func (h *History) giveLate(s Set) {
	for _, i := range h.of(s.Field) {
		if is := h.Sets[i]; is.By > s.By && is.By != h.Issue.Message && !is.Gone {
			h.Sets = slices.Insert(h.Sets, i, s)
			h.forget(s.Field)
			return
		}
	}
	h.give(s)
}

// first is what a field has, as the word of what made the issue.
func (h *History) first(field string) Set {
	s := Set{Field: field, Value: h.Issue.Value(field), By: h.Issue.Message}
	if field == statusField {
		s.Closed = h.Issue.ClosedAt
	}
	return s
}

// of are the places of a field's sets.
func (h *History) of(field string) (at []int) {
	for i, s := range h.Sets {
		if s.Field == field {
			at = append(at, i)
		}
	}
	return at
}

// forget keeps the history within its bounds.
func (h *History) forget(field string) {
	if of := h.of(field); len(of) > maxFieldSets {
		h.Sets = slices.Delete(h.Sets, of[0], of[0]+1)
	}
	if len(h.Sets) <= maxSets {
		return
	}
	last := make(map[string]int, len(h.Sets))
	for i, s := range h.Sets {
		last[s.Field] = i
	}
	kept, excess := h.Sets[:0], len(h.Sets)-maxSets
	for i, s := range h.Sets {
		if excess > 0 && last[s.Field] != i {
			excess--
			continue
		}
		kept = append(kept, s)
	}
	if h.Sets = kept; len(h.Sets) > mostSets {
		h.Sets = slices.Delete(h.Sets, 0, len(h.Sets)-mostSets)
		h.Sets[0] = Set{Gone: true} // in place of all that is forgotten
	}
}

// forgot reports whether somebody may have given a field what it has and no set says so any more.
func (h *History) forgot() bool { return len(h.Sets) > 0 && h.Sets[0].Field == "" }
