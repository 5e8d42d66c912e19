package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Difference is one thing that two sets decide differently about a message, and the rule that makes it.
type Difference struct {
	Field string `json:"field"` // "verdict", "priority", "tags", "fields.order", "thread", …
	Was   string `json:"was"`   // by the first set; "" where it says nothing
	Is    string `json:"is"`    // by the second

	Rule Rule `json:"rule"`           // of the second set, or of the first where none of the second sets the field; no name: none is known
	Gone bool `json:"gone,omitempty"` // it is the first set's: the second does not do it any more
}

// A Rule is where a rule stands.
type Rule struct {
	Name string `json:"name"`
	File string `json:"file"`
	Line int    `json:"line"`
}

// A Decided is what a set made of a message, as far as it is compared.
type Decided struct {
	Verdict string // as it is told: "committed", "rejected", …
	Reason  string
	Changes Changes
	Trace   []Entry
}

const maxShown = 120 // bytes of a value that a difference shows

// Compare says what the second set decides differently from the first. What a message becomes is compared where both let it become an issue
// or a note; else the verdict says it all.
func Compare(was, is Decided) []Difference {
	before, after := was.fields(), is.fields()
	if before["verdict"] != after["verdict"] && !(was.kept() && is.kept()) {
		before, after = map[string]string{"verdict": before["verdict"]}, map[string]string{"verdict": after["verdict"]}
	}
	wasBy, isBy := SetBy(was.Trace), SetBy(is.Trace)
	all := maps.Clone(before)
	maps.Copy(all, after)
	var out []Difference
	for _, field := range slices.Sorted(maps.Keys(all)) {
		if before[field] == after[field] {
			continue
		}
		d := Difference{Field: field, Was: shown(before[field]), Is: shown(after[field])}
		by, ok := isBy[field]
		if !ok {
			by, ok = wasBy[field]
			d.Gone = ok
		}
		d.Rule = Rule{by.Rule, by.File, by.Line}
		out = append(out, d)
	}
	return out
}

// shown cuts a value, and keeps it on one line.
func shown(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, string(utf8.RuneError))), " ")
	return shorten(s, maxShown)
}

// kept reports whether the message becomes something, or waits to.
func (d Decided) kept() bool { return d.Verdict == "committed" || d.Verdict == Quarantined }

// fields are what was decided, by the names that traces have for them.
func (d Decided) fields() map[string]string {
	out := map[string]string{"verdict": d.Verdict}
	if d.Reason != "" && d.Verdict != "committed" {
		out["verdict"] += ": " + d.Reason
	}
	if !d.kept() {
		return out
	}
	c := &d.Changes
	for name, v := range map[string]*string{
		"subject": c.Subject, "type": c.Type, "class": c.Class, "priority": c.Priority, "status": c.Status, "assignee": c.Assignee,
		"team": c.Team, "template": c.Template, "visibility": c.Visibility,
	} {
		if v != nil {
			out[name] = strconv.Quote(*v)
		}
	}
	put := func(name, text string) {
		if text != "" {
			out[name] = text
		}
	}
	if c.Due != nil {
		put("due", c.Due.UTC().Format(time.RFC3339))
	}
	put("tags", signed(c.AddTags, c.RemoveTags))
	put("watchers", signed(c.AddWatchers, c.DropWatchers))
	for name, v := range c.Fields {
		out["fields."+name] = strconv.Quote(v)
	}
	put("notes", strings.Join(c.Notes, " | "))
	put("thread", place(c))
	if c.Quiet {
		put("quiet", "yes")
	}
	if len(c.DropAttachments) > 0 {
		put("attachments", fmt.Sprintf("without %v", c.DropAttachments))
	}
	put("redact", strings.Join(c.Redact, " "))
	return out
}

// signed is what is added and what is taken away, in order.
func signed(add, remove []string) string {
	var out []string
	for _, s := range slices.Sorted(slices.Values(add)) {
		out = append(out, "+"+s)
	}
	for _, s := range slices.Sorted(slices.Values(remove)) {
		out = append(out, "-"+s)
	}
	return strings.Join(out, " ")
}

func place(c *Changes) string {
	var out []string
	switch {
	case c.NewIssue:
		out = append(out, "a new issue")
	case c.AttachTo != 0:
		out = append(out, fmt.Sprint("issue ", c.AttachTo))
	}
	if c.ThreadKey != "" {
		out = append(out, fmt.Sprintf("key %q", c.ThreadKey))
	}
	return strings.Join(out, ", ")
}

// Bounds of a report of differences, which is kept in one document.
const (
	maxRulesTold = 100
	maxExamples  = 3
	maxDiffers   = 6 // of one example
)

// Differences count what two sets decide differently over many messages, by rule.
type Differences struct {
	Compared  int64             `json:"compared"`
	Different int64             `json:"different"`
	Rules     []RuleDifferences `json:"rules"`            // most messages first
	Others    int64             `json:"others,omitempty"` // differences by rules that are not listed, because there are many
}

// RuleDifferences are those that one rule makes.
type RuleDifferences struct {
	Rule     Rule      `json:"rule"` // no name: of no rule that is known
	Gone     bool      `json:"gone,omitempty"`
	Messages int64     `json:"messages"`
	Examples []Example `json:"examples"`
}

// An Example is one message that is decided differently.
type Example struct {
	Message string       `json:"message"`
	Issue   int64        `json:"issue,omitempty"`
	Differs []Difference `json:"differs"`
}

// Add counts one message. It is not safe for several goroutines at once.
func (ds *Differences) Add(message string, issue int64, found []Difference) {
	ds.Compared++
	if len(found) == 0 {
		return
	}
	ds.Different++
	for len(found) > 0 {
		first := found[0]
		mine := func(d Difference) bool { return d.Rule == first.Rule && d.Gone == first.Gone }
		var same, rest []Difference
		for _, d := range found {
			if mine(d) {
				same = append(same, d)
			} else {
				rest = append(rest, d)
			}
		}
		ds.add(RuleDifferences{Rule: first.Rule, Gone: first.Gone, Messages: 1, Examples: []Example{{message, issue, same[:min(len(same), maxDiffers)]}}})
		found = rest
	}
	ds.sort()
}

func (ds *Differences) add(r RuleDifferences) {
	for i := range ds.Rules {
		if old := &ds.Rules[i]; old.Rule == r.Rule && old.Gone == r.Gone {
			old.Messages += r.Messages
			old.Examples = append(old.Examples, r.Examples...)
			if len(old.Examples) > maxExamples { // the newest: the oldest mail goes first by retention
				old.Examples = slices.Clone(old.Examples[len(old.Examples)-maxExamples:])
			}
			return
		}
	}
	if len(ds.Rules) == maxRulesTold {
		ds.Others += r.Messages
		return
	}
	ds.Rules = append(ds.Rules, r)
}

// Merge adds what another node counted.
func (ds *Differences) Merge(other Differences) {
	ds.Compared, ds.Different, ds.Others = ds.Compared+other.Compared, ds.Different+other.Different, ds.Others+other.Others
	for _, r := range other.Rules {
		r.Examples = slices.Clone(r.Examples)
		ds.add(r)
	}
	ds.sort()
}

func (ds *Differences) sort() {
	slices.SortStableFunc(ds.Rules, func(a, b RuleDifferences) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Rule.File, b.Rule.File), cmp.Compare(a.Rule.Line, b.Rule.Line), cmp.Compare(a.Rule.Name, b.Rule.Name))
	})
}
