package rules

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// How a rule differs between two decisions of one message.
const (
	NowMatches = "now matches"
	NoLonger   = "no longer matches"
	Otherwise  = "does otherwise"
	NowFails   = "now fails"
)

// A Deviation is what one rule did to a message, and what it does in another decision of it.
type Deviation struct {
	Rule  string   `json:"rule"`
	Stage string   `json:"stage"`
	File  string   `json:"file"` // where it stands; where it is in one set only, in that one
	Line  int      `json:"line"`
	Kind  string   `json:"kind"`
	Was   []string `json:"was"` // its actions
	Now   []string `json:"now"`
}

// Deviations say how the rules' deeds differ between two traces of one message. Shadow rules do nothing, and an else that has nothing
// to do is no deed.
func Deviations(then, now []Entry) []Deviation {
	var out []Deviation
	before, after := deeds(then), deeds(now)
	for _, is := range after {
		was := find(before, is)
		if d, differs := is.against(was); differs {
			out = append(out, d)
		}
	}
	for _, was := range before {
		if find(after, was) == nil {
			e := was.entry
			out = append(out, Deviation{Rule: e.Rule, Stage: e.Stage, File: e.File, Line: e.Line, Kind: NoLonger, Was: was.actions, Now: []string{}})
		}
	}
	return out
}

// A deed is all that one rule did to a message: a token may stand in it twice.
type deed struct {
	entry   Entry
	actions []string
	failed  bool
}

func deeds(trace []Entry) []*deed {
	var out []*deed
	for _, e := range trace {
		if e.Shadow || e.Rule == "" || !e.Acted() && e.Error == "" {
			continue
		}
		d := find(out, &deed{entry: e})
		if d == nil {
			d = &deed{entry: e, actions: []string{}}
			out = append(out, d)
		}
		if e.Error != "" {
			d.failed = true // it took none of its actions
		} else {
			d.actions = append(d.actions, e.Actions...)
		}
	}
	return out
}

func find(list []*deed, like *deed) *deed {
	i := slices.IndexFunc(list, func(d *deed) bool { return d.entry.Rule == like.entry.Rule && d.entry.Stage == like.entry.Stage })
	if i < 0 {
		return nil
	}
	return list[i]
}

func (is *deed) against(was *deed) (d Deviation, differs bool) {
	e := is.entry
	d = Deviation{Rule: e.Rule, Stage: e.Stage, File: e.File, Line: e.Line, Was: []string{}, Now: is.actions}
	if was != nil {
		d.Was = was.actions
	}
	switch {
	case is.failed && (was == nil || !was.failed):
		d.Kind = NowFails
	case was == nil || was.failed && !is.failed:
		d.Kind = NowMatches
	case !slices.Equal(was.actions, is.actions):
		d.Kind = Otherwise
	}
	return d, d.Kind != ""
}

// A Backtest gathers how a set would have decided messages that another decided. It is safe for any number of goroutines.
type Backtest struct {
	mu       sync.Mutex
	examples int
	report   BacktestReport
	rules    map[ruleChange]*BacktestRule
	verdicts map[[2]string]*BacktestVerdict
}

type ruleChange struct{ rule, stage, kind string }

// A BacktestReport is what came of it.
type BacktestReport struct {
	Version  string            `json:"version"`  // of the set that was tried
	Messages int               `json:"messages"` // decided again
	Changed  int               `json:"changed"`  // of those: decided otherwise, by a rule or in their verdict
	Skipped  map[string]int    `json:"skipped"`  // not decided again, by the reason
	Verdicts []BacktestVerdict `json:"verdicts"`
	Rules    []BacktestRule    `json:"rules"` // those that concern most messages first
	Took     time.Duration     `json:"took"`  // nanoseconds
}

// A BacktestVerdict is how many messages had one verdict and would have another.
type BacktestVerdict struct {
	Was      string            `json:"was"`
	Now      string            `json:"now"`
	Messages int               `json:"messages"`
	Examples []BacktestExample `json:"examples"`
}

// A BacktestRule is how many messages one rule would concern otherwise, and in what way.
type BacktestRule struct {
	Rule     string            `json:"rule"`
	Stage    string            `json:"stage"`
	File     string            `json:"file"`
	Line     int               `json:"line"`
	Kind     string            `json:"kind"`
	Messages int               `json:"messages"`
	Examples []BacktestExample `json:"examples"`
}

// A BacktestExample is one message that a difference concerns.
type BacktestExample struct {
	Message    string    `json:"message"`
	Issue      int64     `json:"issue,omitempty"`
	Subject    string    `json:"subject"`
	ReceivedAt time.Time `json:"receivedAt"`
	Was        []string  `json:"was,omitempty"` // the rule's actions
	Now        []string  `json:"now,omitempty"`
	Reason     string    `json:"reason,omitempty"` // of the verdict that it would have
}

// NewBacktest begins one that shows so many examples of each difference.
func NewBacktest(version string, examples int) *Backtest {
	return &Backtest{
		examples: examples, report: BacktestReport{Version: version, Skipped: map[string]int{}},
		rules: map[ruleChange]*BacktestRule{}, verdicts: map[[2]string]*BacktestVerdict{},
	}
}

// Skip counts a message that could not be decided again.
func (b *Backtest) Skip(reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.report.Skipped[reason]++
}

// Decided counts a message that was. Of is the message; was and now are its verdicts.
func (b *Backtest) Decided(of BacktestExample, was, now, reason string, then, again []Entry) {
	differences := Deviations(then, again)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.report.Messages++
	if was != now || len(differences) > 0 {
		b.report.Changed++
	}
	if was != now {
		v := b.verdicts[[2]string{was, now}]
		if v == nil {
			v = &BacktestVerdict{Was: was, Now: now}
			b.verdicts[[2]string{was, now}] = v
		}
		e := of
		e.Reason = reason
		v.Messages++
		v.Examples = b.example(v.Examples, e)
	}
	for _, d := range differences {
		r := b.rules[ruleChange{d.Rule, d.Stage, d.Kind}]
		if r == nil {
			r = &BacktestRule{Rule: d.Rule, Stage: d.Stage, Kind: d.Kind}
			b.rules[ruleChange{d.Rule, d.Stage, d.Kind}] = r
		}
		e := of
		e.Was, e.Now = d.Was, d.Now
		r.File, r.Line = d.File, d.Line
		r.Messages++
		r.Examples = b.example(r.Examples, e)
	}
}

// example keeps the newest, in whatever order they come.
func (b *Backtest) example(list []BacktestExample, e BacktestExample) []BacktestExample {
	newer := func(a, b BacktestExample) int {
		return cmp.Or(b.ReceivedAt.Compare(a.ReceivedAt), cmp.Compare(b.Message, a.Message))
	}
	i, _ := slices.BinarySearchFunc(list, e, newer)
	list = slices.Insert(list, i, e)
	return list[:min(len(list), b.examples)]
}

// Report is what came of all of them.
func (b *Backtest) Report() *BacktestReport {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.report
	r.Verdicts, r.Rules = []BacktestVerdict{}, []BacktestRule{}
	for _, v := range b.verdicts {
		r.Verdicts = append(r.Verdicts, *v)
	}
	for _, d := range b.rules {
		r.Rules = append(r.Rules, *d)
	}
	slices.SortFunc(r.Verdicts, func(a, b BacktestVerdict) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Was, b.Was), cmp.Compare(a.Now, b.Now))
	})
	slices.SortFunc(r.Rules, func(a, b BacktestRule) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Kind, b.Kind))
	})
	return &r
}
