package webhook

import (
	"context"
	"sync"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/logkey"
)

// heard collects what happens at each hook, so that the store is told of it now and then only.
type heard struct {
	mu    sync.Mutex
	hooks map[string]*news
}

type news struct {
	issue.Heard
	first time.Time // when the first mail of it came
}

// tellEvery is how often the store is told.
const tellEvery = 10 * time.Second

// request notes what became of one.
func (h *heard) request(now time.Time, hook string, c *call) {
	if hook == "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.hooks[hook]
	if n == nil {
		n = &news{}
		h.hooks[hook] = n
	}
	now = issue.Time(now)
	switch c.result {
	case ResultUnproven:
		n.Rejected++
		return
	case ResultTaken, ResultRejected:
		n.At, n.Error, n.ErrorAt = now, "", time.Time{}
	default:
		n.Error, n.ErrorAt = line(c.reason, 300), now
	}
	for _, o := range c.outcomes {
		if o.Verdict == intake.TryLater {
			continue
		}
		n.Mails++
		n.Mail = now
		if n.first.IsZero() {
			n.first = now
		}
	}
}

// back counts on what could not be told.
func (h *heard) back(hook string, n *news) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := h.hooks[hook]
	if since == nil {
		h.hooks[hook] = n
		return
	}
	since.Mails, since.Rejected, since.first = since.Mails+n.Mails, since.Rejected+n.Rejected, n.first
	if since.At.IsZero() {
		since.At = n.At
	}
	if since.Mail.IsZero() {
		since.Mail = n.Mail
	}
	if since.Error == "" && since.At.Before(n.ErrorAt) {
		since.Error, since.ErrorAt = n.Error, n.ErrorAt
	}
}

// Run tells what was heard until ctx ends, waits for the requests that are under way, and tells the rest.
func (s *Server) Run(ctx context.Context) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.tellHeard(ctx)
		case <-ctx.Done():
			s.busy.Wait()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.tellHeard(last)
			return nil
		}
	}
}

func (s *Server) tellHeard(ctx context.Context) {
	s.heard.mu.Lock()
	all := s.heard.hooks
	s.heard.hooks = map[string]*news{}
	s.heard.mu.Unlock()
	if s.o.Heard == nil {
		return
	}
	for hook, n := range all {
		if err := s.o.Heard(ctx, hook, n.first, n.Heard); err != nil {
			s.o.Log.WarnContext(ctx, "what happened at a hook was not written; trying again", logkey.Source, hook, logkey.Error, err)
			s.heard.back(hook, n)
		}
	}
}
