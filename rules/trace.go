package rules

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"postern/dsl"
)

// Bounds of a trace. Rules that matched or failed are listed before all others.
const (
	maxEntries   = 200      // of one message and stage
	maxUnmatched = 50       // of rules that were tried and did not match
	maxActions   = 50       // of one rule
	maxErrorText = 500      // bytes
	maxTraceText = 64 << 10 // bytes of all actions of one message and stage
)

// An Entry is what one rule did with one message.
type Entry struct {
	Rule       string   `json:"rule"`
	Stage      string   `json:"stage"` // "envelope", "token", "mail"
	File       string   `json:"file"`  // below the rules folder
	Line       int      `json:"line"`
	Shadow     bool     `json:"shadow,omitempty"`
	Matched    bool     `json:"matched"`
	Else       bool     `json:"else,omitempty"`      // it did not match, and did what its else says
	Skipped    string   `json:"skipped,omitempty"`   // why it was not asked: "until", "not sampled", "set aside"; why a command is not obeyed
	Actions    []string `json:"actions,omitempty"`   // as they would be written; of a failed rule: what it would have done until then
	Fields     []string `json:"fields,omitempty"`    // what its actions set: "priority", "tags", "fields.order", "verdict", …
	Overruled  bool     `json:"overruled,omitempty"` // a person let the message go past its verdict
	Error      string   `json:"error,omitempty"`     // why it took none of its actions
	TookMicros int64    `json:"tookMicros"`

	// Omitted, in an entry without a rule, counts the entries of the stage that were left out: nearly always rules
	// that did not match.
	Omitted int `json:"omitted,omitempty"`
}

// Acted reports whether the rule had something to do: it matched, or has an else.
func (e Entry) Acted() bool { return e.Matched || e.Else }

// StageToken is the stage of entries for commands that the sender wrote.
const StageToken = "token"

// SetBy says which entry gave each field the value that it has: of those that set it and were applied, the last.
func SetBy(trace []Entry) map[string]Entry {
	by := map[string]Entry{}
	for _, e := range trace {
		if e.Shadow || e.Error != "" {
			continue
		}
		for _, f := range e.Fields {
			by[f] = e
		}
	}
	return by
}

// A recorder writes the trace of one stage within its bounds.
type recorder struct {
	entries   []Entry
	first     int // where this stage begins; an earlier stage's entries stand before
	unmatched int
	omitted   int
	text      int // bytes of actions
	stage     string
	unlisted  []Entry
}

func (t *recorder) begin(stage string) {
	t.first, t.unmatched, t.omitted, t.text, t.stage = len(t.entries), 0, 0, 0, stage
}

// passed notes a rule that did not match, if there is room.
func (t *recorder) passed(r *dsl.Rule, took time.Duration) {
	t.unmatched++
	if t.unmatched > maxUnmatched || !t.room() {
		t.omitted++
		return
	}
	t.entries = append(t.entries, t.entry(r, took))
}

// skipped notes a rule that was not asked, if there is room.
func (t *recorder) skipped(r *dsl.Rule, why dsl.Skip) {
	n := len(t.entries)
	if t.passed(r, 0); len(t.entries) > n {
		t.entries[n].Skipped = string(why)
	}
}

// full reports whether rules that do not match are only counted from here on.
func (t *recorder) full() bool { return t.unmatched >= maxUnmatched || !t.room() }

func (t *recorder) entry(r *dsl.Rule, took time.Duration) Entry {
	return Entry{Rule: r.Name, Stage: t.stage, File: r.Pos.File, Line: r.Pos.Line, Shadow: r.Shadow, TookMicros: took.Microseconds()}
}

func (t *recorder) add(e Entry) {
	if !t.room() && !t.makeRoom() {
		t.omitted++
		t.unlisted = append(t.unlisted, Entry{Rule: e.Rule, Stage: e.Stage, Matched: e.Matched, Error: e.Error, TookMicros: e.TookMicros})
		return
	}
	t.entries = append(t.entries, e)
}

func (t *recorder) room() bool { return len(t.entries)-t.first < maxEntries }

// makeRoom drops the last entry of this stage that says only "did not match".
func (t *recorder) makeRoom() bool {
	for i := len(t.entries) - 1; i >= t.first; i-- {
		if e := &t.entries[i]; !e.Acted() && e.Error == "" {
			t.entries = append(t.entries[:i], t.entries[i+1:]...)
			t.omitted++
			return true
		}
	}
	return false
}

// action adds an action to those of a rule; what is beyond the bounds is one "…".
func (t *recorder) action(list []string, a dsl.Action) []string {
	if len(list) < maxActions && t.text < maxTraceText {
		s := a.String()
		t.text += len(s)
		return append(list, s)
	}
	return with(list, "…")
}

func (t *recorder) end() {
	if t.omitted > 0 {
		t.entries = append(t.entries, Entry{Stage: t.stage, Omitted: t.omitted})
	}
}

// describe fits an error into a trace. The text may hold what a stranger wrote.
func describe(err error) string {
	text := err.Error()
	var re *dsl.RuleError
	if errors.As(err, &re) {
		text = re.String()
	}
	return shorten(strings.ToValidUTF8(text, "\uFFFD"), maxErrorText)
}

// shorten cuts a text to at most n bytes, between two characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len("…")
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
