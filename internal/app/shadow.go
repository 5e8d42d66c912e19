package app

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"sync"
	"time"

	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/rules"
)

const (
	shadowKeep = 5 * time.Second // how often a node keeps what it found
	longest    = 31 * 24 * time.Hour
)

// found is what one node found of a candidate, as it is kept.
type found struct {
	Differences rules.Differences `json:"differences"`
	Missed      int64             `json:"missed"`
	Trouble     string            `json:"trouble,omitempty"` // why this node cannot ask the candidate
}

// A shadower has this node ask the candidate that the store names, and keeps what it finds there.
type shadower struct {
	app  *App
	node string

	mu    sync.Mutex
	is    *issue.Shadow // without files; nil: none
	found found
	dirty bool
	again bool // the configuration has changed: compile it again
}

// retake has the candidate compiled again, against the configuration as it is now.
func (s *shadower) retake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = true
}

// run follows the store until ctx ends.
func (s *shadower) run(ctx context.Context) {
	ask, keep := time.NewTicker(follow(s.app.conf.Config())), time.NewTicker(shadowKeep)
	defer ask.Stop()
	defer keep.Stop()
	next, trouble := s.follow, false
	for {
		err := next(ctx)
		if err != nil && !trouble && ctx.Err() == nil {
			s.app.part("shadow").WarnContext(ctx, "the candidate's state could not be read or kept; trying again", logkey.Error, err)
		}
		trouble = err != nil
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			_ = s.keep(last) // the store is about to close; what it does not take is lost
			return
		case <-ask.C:
			next = s.follow
		case <-keep.C:
			next = s.keep
		}
	}
}

// follow takes up the candidate that there is, and lets go of one that is over.
func (s *shadower) follow(ctx context.Context) error {
	now, err := s.app.store.Shadow(ctx, false)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	s.mu.Lock()
	same, again := s.is != nil && s.is.ID == now.ID, s.again
	s.again = false
	if same {
		s.is.StoppedAt = now.StoppedAt
	}
	s.mu.Unlock()
	if over(now, s.app.o.Now()) {
		s.app.intake.Shadow(nil)
		if same {
			return nil
		}
	}
	if same && !again {
		return nil
	}
	if err := s.keep(ctx); err != nil {
		return err
	}
	return s.take(ctx)
}

func over(sh *issue.Shadow, now time.Time) bool { return sh.StoppedAt != nil || !now.Before(sh.Until) }

// take begins with a candidate, on top of what this node found of it before a restart.
func (s *shadower) take(ctx context.Context) error {
	sh, err := s.app.store.Shadow(ctx, true)
	if err != nil {
		return err
	}
	reports, err := s.app.store.ShadowReports(ctx, sh.ID)
	if err != nil {
		return err
	}
	var before found
	if b, ok := reports[s.node]; ok {
		_ = json.Unmarshal(b, &before) // of another version: then from the beginning
	}
	before.Trouble = ""
	set, diags := rules.FromFiles(sh.Files, rules.LoadOptions{Vocabulary: s.app.policy.Load().Vocabulary})
	sh.Files = nil
	s.mu.Lock()
	s.is, s.found, s.dirty = sh, before, false
	if set == nil {
		s.found.Trouble, s.dirty = fmt.Sprint("it does not fit this node's configuration: ", diags), true
	}
	s.mu.Unlock()
	if set == nil || over(sh, s.app.o.Now()) {
		s.app.intake.Shadow(nil)
		return nil
	}
	s.app.intake.Shadow(&intake.Candidate{
		Set: set, Share: sh.Share, Until: sh.Until,
		Result: func(message string, number int64, differs []rules.Difference) {
			s.count(sh.ID, func(f *found) { f.Differences.Add(message, number, differs) })
		},
		Missed: func() { s.count(sh.ID, func(f *found) { f.Missed++ }) },
	})
	s.app.part("shadow").InfoContext(ctx, "a candidate is asked beside the rules that decide", logkey.Ruleset, set.Short(), "share", sh.Share, "until", sh.Until)
	return nil
}

func (s *shadower) count(id string, f func(*found)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.is != nil && s.is.ID == id {
		f(&s.found)
		s.dirty = true
	}
}

// keep writes down what this node found.
func (s *shadower) keep(ctx context.Context) error {
	s.mu.Lock()
	if !s.dirty || s.is == nil {
		s.mu.Unlock()
		return nil
	}
	s.dirty = false
	id := s.is.ID
	b, err := json.Marshal(s.found)
	s.mu.Unlock()
	if err != nil {
		return err
	}
	err = s.app.store.PutShadowReport(ctx, id, s.node, b)
	if err != nil && !fault.Is(err, fault.Conflict) { // else another candidate is there by now
		s.mu.Lock()
		s.dirty = true
		s.mu.Unlock()
		return err
	}
	return nil
}

// Start makes a set the candidate, in place of one that is over.
func (s *shadower) Start(ctx context.Context, n api.NewShadow, by string) (*api.StartedShadow, error) {
	set, warnings, failing, err := s.app.rules.Try(ctx, n.Files)
	if err != nil {
		return nil, refused(err)
	}
	length, err := config.ParseDuration(n.For)
	if err != nil || length <= 0 || length > longest {
		return nil, fault.Errorf(fault.Invalid, "for must be a duration of at most %dd, such as 24h or 7d", int(longest.Hours())/24)
	}
	if math.IsNaN(n.Share) || n.Share <= 0 || n.Share > 100 {
		return nil, fault.Errorf(fault.Invalid, "share must be a percentage above 0, 100 at most")
	}
	now := s.app.o.Now()
	before := ""
	switch there, err := s.app.store.Shadow(ctx, false); {
	case err == nil && !over(there, now):
		return nil, fault.Errorf(fault.Conflict, "a candidate by %s is watched until %s: stop it first", there.By, there.Until.Format(time.RFC3339))
	case err == nil:
		before = there.ID
	case !fault.Is(err, fault.NotFound):
		return nil, err
	}
	sh := issue.Shadow{
		ID: issue.NewID(now), Version: set.Version(), Files: set.Files(), Share: n.Share,
		StartedAt: issue.Time(now), Until: issue.Time(now.Add(length)), By: by, Note: n.Note,
	}
	if err := s.app.store.PutShadow(ctx, sh, before); err != nil {
		return nil, err
	}
	sh.Files = nil
	return &api.StartedShadow{Shadow: sh, Warnings: append(problemsOf(warnings), failuresOf(failing)...)}, s.follow(ctx)
}

// Stop ends the candidate's time; what was found stays.
func (s *shadower) Stop(ctx context.Context) (*issue.Shadow, error) {
	sh, err := s.app.store.Shadow(ctx, true)
	if err != nil {
		return nil, err
	}
	if now := issue.Time(s.app.o.Now()); !over(sh, now) {
		sh.StoppedAt = &now
		if err := s.app.store.PutShadow(ctx, *sh, sh.ID); err != nil {
			return nil, err
		}
	}
	sh.Files = nil
	return sh, s.follow(ctx)
}

// Report is what all nodes found.
func (s *shadower) Report(ctx context.Context) (*api.ShadowReport, error) {
	if err := s.follow(ctx); err != nil {
		return nil, err
	}
	if err := s.keep(ctx); err != nil {
		return nil, err
	}
	sh, err := s.app.store.Shadow(ctx, false)
	if err != nil {
		return nil, err
	}
	reports, err := s.app.store.ShadowReports(ctx, sh.ID)
	if err != nil {
		return nil, err
	}
	out := &api.ShadowReport{Shadow: *sh, Running: !over(sh, s.app.o.Now()), Nodes: len(reports), Rules: []api.RuleDifferences{}}
	var all rules.Differences
	for _, b := range reports {
		var f found
		if err := json.Unmarshal(b, &f); err != nil {
			return nil, fmt.Errorf("read a report: %w", err)
		}
		all.Merge(f.Differences)
		out.Missed += f.Missed
		if f.Trouble != "" {
			out.Trouble = f.Trouble
		}
	}
	out.Compared, out.Different, out.Others = all.Compared, all.Different, all.Others
	for _, r := range all.Rules {
		out.Rules = append(out.Rules, differencesOf(r))
	}
	return out, nil
}

func differencesOf(r rules.RuleDifferences) api.RuleDifferences {
	out := api.RuleDifferences{Rule: r.Rule.Name, File: r.Rule.File, Line: r.Rule.Line, Gone: r.Gone, Messages: r.Messages}
	for _, e := range r.Examples {
		x := api.DifferenceExample{Message: e.Message, Issue: e.Issue}
		for _, d := range e.Differs {
			x.Differs = append(x.Differs, api.FieldDifference{Field: d.Field, Was: d.Was, Is: d.Is})
		}
		out.Examples = append(out.Examples, x)
	}
	return out
}
