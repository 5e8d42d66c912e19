package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"postern/internal/config"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/metrics"
	"postern/poller"
)

const (
	silenceEvery = time.Minute      // between two looks at what was heard
	smtpEvery    = 10 * time.Second // between two notes of mail by SMTP
)

// A silence watches the ways in: whether each brings mail as often as usual. What it finds it tells once, and keeps for
// health details and metrics.
type silence struct {
	app *App

	mu     sync.Mutex
	silent map[string]bool
	ways   []metrics.Way

	smtp issue.Heard // mail by SMTP that is not noted yet
	last time.Time   // the last before it
}

// run looks each minute until ctx ends.
func (s *silence) run(ctx context.Context) {
	look, note := time.NewTicker(silenceEvery), time.NewTicker(smtpEvery)
	defer look.Stop()
	defer note.Stop()
	s.look(ctx)
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			s.note(last)
			return
		case <-look.C:
			s.look(ctx)
		case <-note.C:
			s.note(ctx)
		}
	}
}

// came hears of mail by SMTP, which a source may be the fallback of.
func (s *silence) came(env *intake.Envelope) {
	if env.Source != intake.SourceSMTP {
		return
	}
	now := s.app.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.last.IsZero() {
		s.smtp.Gap = max(s.smtp.Gap, now.Sub(s.last))
	}
	s.smtp.At, s.smtp.Mail, s.last = now, now, now
	s.smtp.Mails++
}

// note writes it, where some source wants to know.
func (s *silence) note(ctx context.Context) {
	s.mu.Lock()
	h := s.smtp
	s.smtp = issue.Heard{}
	s.mu.Unlock()
	wanted := slices.ContainsFunc(s.app.conf.Config().SourceList(), func(src config.Source) bool {
		return slices.Contains(src.FallbackFor, intake.SourceSMTP)
	})
	if h.Mails == 0 || !wanted {
		return
	}
	if err := s.app.store.HeardSource(ctx, intake.SourceSMTP, h); err != nil {
		s.app.log.WarnContext(ctx, "that mail came by SMTP was not noted", logkey.Error, err)
	}
}

// look asks what was heard of each way in.
func (s *silence) look(ctx context.Context) {
	records, err := s.app.store.Sources(ctx)
	if err != nil {
		return // the store's trouble is told by others
	}
	st, _ := s.app.poller.Status(ctx)
	patience := s.watched()
	now := s.app.o.Now()
	silent, ways := map[string]bool{}, []metrics.Way{}
	for _, r := range records {
		configured, ok := patience[r.Name]
		if !ok {
			continue
		}
		since, too := poller.Silent(r, configured, now)
		w := metrics.Way{Name: r.Name, HeardAt: r.HeardAt, MailAt: r.MailAt, Failing: r.Error != "", Silent: too, Backlog: -1}
		if i := slices.IndexFunc(st, func(one poller.Status) bool { return one.Name == r.Name }); i >= 0 {
			w.Backlog, w.Pending, w.Parked, w.Polled = st[i].Backlog, len(st[i].Pending), len(st[i].Parked), true
		}
		ways = append(ways, w)
		if too {
			silent[r.Name] = true
		}
		switch was := s.was(r.Name); {
		case too && !was:
			s.app.log.ErrorContext(ctx, "a way in is silent for longer than usual: look whether its mail still comes", logkey.Source, r.Name,
				"silence", since.Round(time.Second), "usual", poller.Patience(r, configured))
		case was && !too:
			s.app.log.InfoContext(ctx, "a way in that was silent brings mail again", logkey.Source, r.Name)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent, s.ways = silent, ways
}

// watched are the ways in that are configured, with how long each may be silent, 0 where only what is usual says so.
func (s *silence) watched() map[string]time.Duration {
	c := s.app.conf.Config()
	out := map[string]time.Duration{}
	for _, src := range c.SourceList() {
		if src.Active && !src.DryRun {
			out[src.Name] = src.SilentAfter
		}
	}
	for _, h := range c.Hooks {
		if h.Active {
			out[h.Name] = 0
		}
	}
	return out
}

func (s *silence) was(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent[name]
}

// names are those that are silent now.
func (s *silence) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]string, 0, len(s.silent))
	for name := range s.silent {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// now is what metrics show.
func (s *silence) now() []metrics.Way {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ways)
}
