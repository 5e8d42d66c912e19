package intake_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
)

// What rules black out is nowhere in what is kept of a mail, but in the raw and the facts, which retention takes; nor in what is told of it.
func TestRedactReachesAllThatIsKept(t *testing.T) {
	t.Parallel()
	const card = "4111111111111111"
	r := newRigWith(t, `
rule "no cards" { then { redact("[0-9]{16}") } }
rule "what is known of it" {
	then {
		tag("card {find(mail.text, '[0-9]{16}')[0]}")
		set("order", mail.subject)
		subject("Re {mail.subject}")
		note("paid by {find(mail.text, '[0-9]{16}')[0]}")
	}
}
rule "fails" { when mail.subject contains "fails" then { tag(jsonValue(mail.subject, "x")) } }
rule "held" { when mail.subject contains "hold" then { quarantine("for {mail.subject}") } }
`)
	mailOf := func(id, subject string, more ...string) string {
		h := append([]string{
			"From: \"Ann " + card + "\" <ann@example.org>", "To: \"" + card + "\" <support@example.com>", "Subject: " + subject + " " + card,
			"Date: Tue, 24 Nov 2026 09:59:00 +0000", "Message-ID: " + id, "MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b",
		}, more...)
		return mail("--b\nContent-Type: text/plain\n\nMy card is "+card+".\n--b\nContent-Type: text/html\n\n<p>My card is "+card+".</p>\n"+
			"--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=\"card "+card+".pdf\"\n\nx\n--b--", h...)
	}
	first := r.one(mailOf("<1@example.org>", "Pay fails"))
	answer := r.one(mailOf("<2@example.org>", "Re: Pay", "In-Reply-To: <1@example.org>"))
	held := r.one(mailOf("<3@example.org>", "hold"))
	r.one(strings.Replace(mailOf("<1@example.org>", "Pay fails"), "\nTo:", "\nX-Way: other\nTo:", 1)) // it comes again
	if answer.Issue != first.Issue || held.Verdict != intake.Quarantined {
		t.Fatalf("%+v, %+v, %+v", first, answer, held)
	}
	kept := map[string]any{"issue": r.issue(first.Issue), "notes": r.notes(first.Issue)}
	for _, o := range []intake.Outcome{first, answer, held} {
		m := r.message(o.Message)
		if m.ID == first.Message && !strings.Contains(string(m.Decision.Facts), card) {
			t.Errorf("the facts do not hold it: this test looks for nothing: %s", m.Decision.Facts)
		}
		m.Decision.Facts = nil
		kept["message "+m.ID] = m
		e, err := r.in.Explain(t.Context(), m.ID, intake.ExplainOptions{Near: true})
		if err != nil {
			t.Fatal(err)
		}
		kept["explained "+m.ID] = e
		if html := m.HTMLBlob.SHA256; html != "" {
			kept["html "+m.ID] = blobOf(t, r, html)
		}
	}
	ann, err := r.store.FindUser(t.Context(), "ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	kept["sender"] = ann
	var lines []*issue.LedgerLine
	for deadline := time.Now().Add(5 * time.Second); len(lines) < 4 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) { // it is written behind
		if lines, _, err = r.store.Ledger(t.Context(), issue.LedgerQuery{}); err != nil {
			t.Fatal(err)
		}
	}
	if len(lines) != 4 {
		t.Errorf("%d lines in the ledger", len(lines))
	}
	kept["ledger"] = lines
	for what, v := range kept {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), card) {
			t.Errorf("%s holds it: %s", what, b)
		}
	}
	if found, _, err := r.store.Issues(t.Context(), issue.IssueQuery{Words: []string{card}}); err != nil || len(found) > 0 {
		t.Errorf("it is found by %d issues, %v", len(found), err)
	}
	r.later(time.Hour)
	if report, err := r.in.Backtest(t.Context(), intake.Backtest{}); err != nil || report.Changed != 0 || report.Messages != 3 {
		t.Errorf("decided again: %+v, %v", report, err)
	}
}

func blobOf(t *testing.T, r *rig, sha string) string {
	t.Helper()
	b, err := r.store.OpenBlob(t.Context(), sha)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	text, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
