package mail_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"postern/internal/mail"
)

// wrongCases are those that we get wrong, and why.
var wrongCases = map[string]string{}

// TestCases holds what is said of the mails of testdata/cases/open, by people who did not ask a parser, against what we
// make of them. White space counts for nothing.
func TestCases(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("testdata/cases/open/*.txtar")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			parts := map[string]string{}
			for _, f := range ar.Files {
				parts[f.Name] = string(f.Data)
			}
			raw := []byte(parts["mail.eml"])
			if s := parts["mail.eml.b64"]; s != "" {
				if raw, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), "")); err != nil {
					t.Fatal(err)
				}
			}
			var want struct {
				Reply, Forward *bool
				Kind           mail.Kind
				Bounce         *wantedReport
			}
			if s := parts["want.json"]; s != "" {
				if err := json.Unmarshal([]byte(s), &want); err != nil {
					t.Fatal(err)
				}
			}
			m := parse(t, raw)
			check(t, m)
			var faults []string
			fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
			if text, ok := parts["new.txt"]; ok && folded(m.NewText()) != folded(text) {
				fault("new text\n%s\nwant\n%s\nspans\n%s\ntext\n%s", m.NewText(), text, spanLines(m), m.Text)
			}
			if text, ok := parts["new.txt"]; ok && m.HTML != "" {
				left := parse(t, []byte("Content-Type: text/html; charset=utf-8\n\n"+newHTML(m)))
				if folded(left.Text) != folded(text) {
					fault("new HTML says\n%s\nwant\n%s\nspans\n%s", left.Text, text, spanLines(m))
				}
			}
			for line := range strings.Lines(parts["has.txt"] + parts["text.txt"]) {
				if !strings.Contains(folded(m.Text), folded(line)) {
					fault("the text lacks %q:\n%s", line, m.Text)
				}
			}
			for line := range strings.Lines(parts["hasnot.txt"]) {
				if s := folded(line); s != "" && strings.Contains(folded(m.Text), s) {
					fault("the text has %q:\n%s", line, m.Text)
				}
			}
			if want.Reply != nil && *want.Reply != m.IsReply {
				fault("reply: %t", m.IsReply)
			}
			if want.Forward != nil && *want.Forward != m.IsForward {
				fault("forward: %t", m.IsForward)
			}
			if want.Kind != "" && want.Kind != m.Kind {
				fault("kind: %s, want %s", m.Kind, want.Kind)
			}
			faults = append(faults, want.Bounce.compare(m.Report)...)
			switch why := wrongCases[name]; {
			case why == "" && len(faults) > 0:
				t.Error(strings.Join(faults, "\n"))
			case why != "" && len(faults) == 0:
				t.Errorf("is right now, and stands among those that are wrong: %s", why)
			}
		})
	}
}

// A wantedReport is what a case says of a bounce. What it does not say may be anything; status and reason are of the
// first recipient.
type wantedReport struct {
	Recipients                []string
	Status, Reason, MessageID *string
}

// compare tells what is wrong with a report.
func (w *wantedReport) compare(r *mail.Report) (faults []string) {
	if w == nil {
		return nil
	}
	if r == nil {
		return []string{"no report"}
	}
	var emails []string
	var first mail.ReportedRcpt
	for i, rcpt := range r.Recipients {
		if emails = append(emails, rcpt.Email); i == 0 {
			first = rcpt
		}
	}
	if w.Recipients != nil && !slices.Equal(emails, w.Recipients) {
		faults = append(faults, fmt.Sprintf("recipients: %q, want %q", emails, w.Recipients))
	}
	for _, f := range []struct {
		what, got string
		want      *string
	}{{"status", first.Status, w.Status}, {"reason", string(first.Reason), w.Reason}, {"message id", r.MessageID, w.MessageID}} {
		if f.want != nil && f.got != *f.want {
			faults = append(faults, fmt.Sprintf("%s: %q, want %q", f.what, f.got, *f.want))
		}
	}
	return faults
}

func folded(s string) string { return strings.Join(strings.Fields(s), " ") }
