package intake_test

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/dsl"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/spool"
	"postern/internal/sqlite"
	"postern/rules"
)

// A rig is the road with a real store, and two mailboxes: support@ and sales@example.com.
type rig struct {
	t      testing.TB
	in     *intake.Intake
	intake func(issue.Store) *intake.Intake // another one beside it
	store  issue.Store
	set    atomic.Pointer[rules.Set]
	pol    *intake.Policy
	clock  atomic.Int64 // unix milliseconds
	fail   atomic.Pointer[error]
}

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func newRig(t testing.TB, script string) *rig {
	t.Helper()
	r := &rig{t: t}
	r.clock.Store(start.UnixMilli())
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := t.TempDir()
	store, err := sqlite.Open(t.Context(), filepath.Join(dir, "data"), sqlite.Options{Log: log, Now: r.now, Fault: func(string) error {
		if e := r.fail.Load(); e != nil {
			return *e
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	sp, err := spool.Open(filepath.Join(dir, "spool"))
	if err != nil {
		t.Fatal(err)
	}
	r.store = store
	boxes := map[string]*intake.Mailbox{}
	r.pol = &intake.Policy{
		Marker:  "[[",
		Relays:  []netip.Prefix{netip.MustParsePrefix("192.0.2.25/32")},
		Origins: []intake.Origin{{Net: netip.MustParsePrefix("192.0.2.0/24"), From: []string{"proven.example"}}},
		Route: func(a string) (*intake.Mailbox, bool) {
			mb, ok := boxes[strings.ToLower(a)]
			return mb, ok
		},
		Ours: func(a string) bool { _, ok := boxes[a]; return ok },
	}
	for _, name := range []string{"support", "sales"} {
		mb := &intake.Mailbox{Name: name, Active: true, Addresses: []string{name + "@example.com"}, Visibility: "public",
			New: intake.Defaults{Priority: "normal", Status: "new"}}
		boxes[name+"@example.com"] = mb
		r.pol.Mailboxes = append(r.pol.Mailboxes, mb)
	}
	r.rules(script)
	r.intake = func(s issue.Store) *intake.Intake {
		return intake.New(intake.Options{
			Store: s, Spool: sp, Policy: func() *intake.Policy { return r.pol }, Rules: r.set.Load, Log: log, Now: r.now,
			Budget: dsl.Budget{Time: 5 * time.Second},
		})
	}
	r.in = r.intake(store)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	in := r.in // a test may put another in its place
	go func() { defer close(done); _ = in.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return r
}

func (r *rig) now() time.Time { return time.UnixMilli(r.clock.Load()).UTC() }

func (r *rig) later(d time.Duration) { r.clock.Add(d.Milliseconds()) }

// rules makes a script the live set.
func (r *rig) rules(script string) {
	r.t.Helper()
	set, diags := rules.FromFiles(map[string]string{"10-test.rules": script}, rules.LoadOptions{})
	if set == nil {
		r.t.Fatal(diags)
	}
	r.set.Store(set)
}

// newRigWith is newRig with its rules published, too.
func newRigWith(t testing.TB, script string) *rig {
	t.Helper()
	r := newRig(t, script)
	set := r.set.Load()
	if _, err := r.store.PublishRuleset(t.Context(), issue.Ruleset{Version: set.Version(), Files: set.Files(), PublishedAt: r.now()}, 0); err != nil {
		t.Fatal(err)
	}
	return r
}

// send hands one mail over as SMTP would.
func (r *rig) send(mail string, to ...string) []intake.Outcome {
	r.t.Helper()
	return r.sendAs(intake.Envelope{Source: "smtp", Peer: netip.MustParseAddr("198.51.100.7"), From: "someone@example.org"}, mail, to...)
}

func (r *rig) sendAs(env intake.Envelope, mail string, to ...string) []intake.Outcome {
	r.t.Helper()
	if len(to) == 0 {
		to = []string{"support@example.com"}
	}
	ctx := r.t.Context()
	tx, err := r.in.Begin(ctx, env)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, a := range to {
		if err := tx.Recipient(ctx, a); err != nil {
			r.t.Fatalf("recipient %s: %v", a, err)
		}
	}
	return tx.Deliver(ctx, spool.Bytes([]byte(strings.ReplaceAll(mail, "\n", "\r\n"))))
}

// one is send for a single recipient.
func (r *rig) one(mail string) intake.Outcome {
	r.t.Helper()
	return r.send(mail)[0]
}

func (r *rig) issue(n int64) *issue.Issue {
	r.t.Helper()
	is, err := r.store.Issue(r.t.Context(), n)
	if err != nil {
		r.t.Fatalf("issue %d: %v", n, err)
	}
	return is
}

func (r *rig) issues() []*issue.Issue {
	r.t.Helper()
	all, _, err := r.store.Issues(r.t.Context(), issue.IssueQuery{Page: issue.Page{Limit: 500}})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *rig) notes(n int64) []*issue.Note {
	r.t.Helper()
	all, _, err := r.store.Notes(r.t.Context(), n, issue.Page{Limit: 500})
	if err != nil {
		r.t.Fatal(err)
	}
	return all
}

func (r *rig) message(id string) *issue.Message {
	r.t.Helper()
	m, err := r.store.Message(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// mail writes a message: headers as "Name: value" lines, then the text.
func mail(text string, headers ...string) string {
	return strings.Join(headers, "\n") + "\n\n" + text + "\n"
}

func plain(id, from, subject, text string, more ...string) string {
	h := append([]string{
		"From: " + from, "To: support@example.com", "Subject: " + subject, "Date: Tue, 24 Nov 2026 09:59:00 +0000", "Message-ID: " + id,
	}, more...)
	return mail(text, h...)
}

func pageOf(n int) issue.Page { return issue.Page{Limit: n} }
