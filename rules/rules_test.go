package rules_test

import (
	"context"
	"errors"
	"flag"
	"testing"
	"time"

	"postern/dsl"
	"postern/rules"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var vocabulary = dsl.Vocabulary{
	Mailboxes:  []string{"support", "monitoring", "sales"},
	Types:      []string{"bug", "bug/crash", "question"},
	Classes:    []string{"internal", "external"},
	Priorities: []string{"low", "normal", "high", "urgent"},
	Statuses:   []string{"new", "open", "pending", "closed"},
	Teams:      []string{"first", "second", "oncall"},
	Fields:     []string{"order", "product"},
}

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// compile makes a set of one file, or of several by name.
func compile(t testing.TB, files map[string]string) *rules.Set {
	t.Helper()
	s, diags := rules.FromFiles(files, rules.LoadOptions{Vocabulary: vocabulary, Now: noon.AddDate(-2, 0, 0)})
	if diags.HasErrors() {
		t.Fatalf("compile:\n%s", diags.Text())
	}
	return s
}

func compileOne(t testing.TB, text string) *rules.Set {
	t.Helper()
	return compile(t, map[string]string{"10.rules": text})
}

// newView is a mail from Ann to support that starts an issue.
func newView() *dsl.View {
	from := dsl.Address{Email: "ann@example.org", Name: "Ann", Local: "ann", Domain: "example.org"}
	to := dsl.Address{Email: "support@example.com", Local: "support", Domain: "example.com"}
	return &dsl.View{
		Now: noon,
		Mail: &dsl.Mail{ID: "m1", Subject: "The printer is on fire", From: from, To: []dsl.Address{to},
			Text: "Please help.", NewText: "Please help.", Size: 400, Date: noon, MessageID: "<1@example.org>",
			Cc: []dsl.Address{}, ReplyTo: []dsl.Address{}, InReplyTo: []string{}, References: []string{},
			Attachments: []dsl.Attachment{}, Auth: dsl.Auth{SPF: "none", DKIM: "none", DMARC: "none", ARC: "none"}},
		Envelope: &dsl.Envelope{From: from, To: to, IP: "192.0.2.1", Helo: "mx.example.org", Source: "smtp"},
		Mailbox:  &dsl.Mailbox{Name: "support", Addresses: []string{"support@example.com"}},
		Sender:   &dsl.Sender{Email: "ann@example.org", Name: "Ann", Trust: "none"},
		Issue:    newIssue(),
	}
}

func newIssue() *dsl.Issue {
	return &dsl.Issue{IsNew: true, Subject: "The printer is on fire", Description: "Please help.", Priority: "normal", Status: "new",
		Requester: dsl.Address{Email: "ann@example.org", Name: "Ann"}, Watchers: []string{}, Tags: []string{}, Fields: map[string]string{}, CreatedAt: noon}
}

// issues is a host over plain maps.
type issues struct {
	keys  map[string]int
	known map[int]*dsl.Issue
	down  bool
}

var errDown = errors.New("the store is down")

func (h *issues) Thread(_ context.Context, key string, _ time.Duration) (*dsl.Issue, error) {
	if h.down {
		return nil, errDown
	}
	return h.known[h.keys[key]], nil
}

func (h *issues) Issue(_ context.Context, number int) (*dsl.Issue, error) {
	if h.down {
		return nil, errDown
	}
	return h.known[number], nil
}

func (h *issues) New(context.Context) (*dsl.Issue, error) { return newIssue(), nil }

// still is a clock that stands, so that traces compare.
func still() time.Time { return noon }

func decide(t testing.TB, s *rules.Set, v *dsl.View, o rules.Options) *rules.Result {
	t.Helper()
	if o.Now == nil {
		o.Now = still
	}
	return s.Decide(t.Context(), v, &issues{known: map[int]*dsl.Issue{}}, o)
}
