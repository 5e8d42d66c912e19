package webhook_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/spool"
	"postern/receiver/webhook"
)

// A rig is a server whose mails end in a recorder: support@ and sales@example.com are mailboxes.
type rig struct {
	t      testing.TB
	server *webhook.Server
	spool  *spool.Dir
	dir    string
	log    *lines

	mu      sync.Mutex
	now     time.Time
	taken   []delivery
	refused []string // reasons of requests without a mail
	claims  map[string]string
	results []string // what the observer heard
	heard   map[string]issue.Heard
	verdict func(mail string) intake.Verdict // nil: committed
	begin   error
	sizes   *atomic.Int64 // where it is there, mails are only counted
}

// A delivery is one mail as it reached the road.
type delivery struct {
	env  intake.Envelope
	to   []string // MAILBOX ADDRESS
	raw  string
	held string // the reason, where it was kept undecided
}

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func newRig(t testing.TB, change func(*webhook.Options), hooks ...webhook.Hook) *rig {
	t.Helper()
	g := &rig{t: t, now: start, claims: map[string]string{}, heard: map[string]issue.Heard{}, log: &lines{}, dir: t.TempDir()}
	var err error
	if g.spool, err = spool.Open(g.dir); err != nil {
		t.Fatal(err)
	}
	o := webhook.Options{
		Begin: g.transaction, Spool: g.spool, Log: slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: g.clock, Hooks: hooks,
		Claim: func(_ context.Context, key, value string, _ time.Time) (string, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			if have, ok := g.claims[key]; ok {
				return have, nil
			}
			g.claims[key] = value
			return value, nil
		},
		Heard: func(_ context.Context, hook string, _ time.Time, h issue.Heard) error {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.heard[hook] = h
			return nil
		},
		Observer: func(a webhook.Answered) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.results = append(g.results, a.Hook+" "+a.Result)
		},
	}
	if change != nil {
		change(&o)
	}
	g.server = webhook.New(o)
	t.Cleanup(func() {
		if left, err := os.ReadDir(g.dir); err != nil || len(left) > 0 {
			t.Errorf("left in the spool: %v, %v", left, err)
		}
	})
	return g
}

func (g *rig) clock() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

// post sends one request, as "Name: value" headers and a body.
func (g *rig) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	g.t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Add(name, value)
	}
	return g.do(r)
}

func (g *rig) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	g.server.ServeHTTP(w, r)
	return w
}

func (g *rig) mails() []delivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]delivery(nil), g.taken...)
}

// result is what the observer heard last.
func (g *rig) result() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.results) == 0 {
		return ""
	}
	return g.results[len(g.results)-1]
}

func (g *rig) transaction(_ context.Context, env intake.Envelope) (webhook.Transaction, error) {
	if g.begin != nil {
		return nil, g.begin
	}
	return &transaction{g: g, d: delivery{env: env}}, nil
}

// A transaction records what would go down the road.
type transaction struct {
	g *rig
	d delivery
}

func (t *transaction) MailboxOf(address string) string {
	name, domain, _ := strings.Cut(strings.ToLower(address), "@")
	name, _, _ = strings.Cut(name, "+")
	if domain == "example.com" && (name == "support" || name == "sales") {
		return name
	}
	return ""
}

func (t *transaction) Recipient(ctx context.Context, address string) error {
	return t.RecipientIn(ctx, t.MailboxOf(address), address)
}

func (t *transaction) RecipientIn(_ context.Context, mailbox, address string) error {
	switch {
	case strings.HasPrefix(address, "retry"):
		return &intake.Refusal{Temporary: true, Reason: "later"}
	case strings.HasPrefix(address, "denied"):
		return &intake.Refusal{Reason: "not you"}
	case mailbox == "":
		return &intake.Refusal{Unknown: true, Reason: "no such mailbox here"}
	}
	t.d.to = append(t.d.to, strings.TrimSpace(mailbox+" "+address))
	return nil
}

func (t *transaction) Deliver(_ context.Context, raw *spool.Body) []intake.Outcome {
	f, err := raw.Open()
	if err != nil {
		t.g.t.Error(err)
		return nil
	}
	defer f.Close()
	if t.g.sizes != nil {
		n, err := io.Copy(io.Discard, f)
		if err != nil {
			t.g.t.Error(err)
		}
		t.g.sizes.Add(n)
		return []intake.Outcome{{Verdict: intake.Committed}}
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.g.t.Error(err)
	}
	t.d.raw = string(b)
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	v := intake.Committed
	if t.d.held != "" {
		v = intake.Quarantined
	} else if t.g.verdict != nil {
		v = t.g.verdict(t.d.raw)
	}
	t.g.taken = append(t.g.taken, t.d)
	var out []intake.Outcome
	for i := range t.d.to {
		out = append(out, intake.Outcome{Recipient: t.d.to[i], Verdict: v, Reason: "said so", Message: fmt.Sprintf("m%d", len(t.g.taken))})
	}
	return out
}

func (t *transaction) Hold(ctx context.Context, raw *spool.Body, reason string) []intake.Outcome {
	t.d.held = reason
	return t.Deliver(ctx, raw)
}

func (t *transaction) Refuse(_ context.Context, later bool, reason string) {
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	t.g.refused = append(t.g.refused, fmt.Sprintf("%s later=%t %s", t.d.env.Source, later, reason))
}

// lines is a log that many write and one reads.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
