package mail_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postern/internal/mail"
)

// check holds a message against what is true of every one.
func check(t testing.TB, m *mail.Message) {
	t.Helper()
	utf := func(what, s string) {
		if !utf8.ValidString(s) {
			t.Errorf("%s is not UTF-8: %q", what, s)
		}
	}
	utf("Subject", m.Subject)
	utf("Text", m.Text)
	utf("HTML", m.HTML)
	utf("MessageID", m.MessageID)
	for _, list := range [][]string{m.InReplyTo, m.References} {
		for _, id := range list {
			utf("id", id)
			if !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, ">") {
				t.Errorf("id without brackets: %q", id)
			}
		}
	}
	for _, list := range [][]mail.Address{m.From, m.Sender, m.ReplyTo, m.To, m.Cc} {
		for _, a := range list {
			checkAddress(t, a)
		}
	}
	for _, f := range m.Header {
		utf("field name", f.Name)
		utf("field", f.Value)
		if strings.ContainsAny(f.Value, "\r\n\x00") {
			t.Errorf("line end or NUL in field %s: %q", f.Name, f.Value)
		}
	}
	for _, a := range m.Attachments {
		utf("attachment name", a.Name)
		utf("attachment type", a.Type)
		utf("attachment id", a.ContentID)
		if a.Name == "" || a.Name == "." || a.Name == ".." || len(a.Name) > 255 || strings.ContainsAny(a.Name, "/\\\x00\r\n") {
			t.Errorf("unsafe attachment name %q", a.Name)
		}
		if a.Message != nil {
			check(t, a.Message)
		}
		if len(a.SHA256) != 64 {
			t.Errorf("attachment %s has no hash", a.Name)
		}
	}
	if m.Calendar != nil {
		checkEvent(t, m.Calendar)
	}
	for _, w := range m.Warnings {
		utf("warning", w.Detail)
		if len(w.Detail) > 200 || w.Code == "" {
			t.Errorf("bad warning %+v", w)
		}
	}
	if m.Kind == "" {
		t.Error("no kind")
	}
	checkReport(t, m)
	checkSpans(t, m)
	if _, err := m.MarshalParsed("x"); err != nil {
		t.Error(err)
	}
}

// checkReport: bounces and delays have a report and nothing else has; it is bounded, each recipient is in it once,
// and what it says is one clean line.
func checkReport(t testing.TB, m *mail.Message) {
	t.Helper()
	if (m.Report != nil) != (m.Kind == mail.KindBounce || m.Kind == mail.KindDelay) || m.IsBounce != (m.Kind == mail.KindBounce) {
		t.Errorf("%s, bounce %t, with the report %+v", m.Kind, m.IsBounce, m.Report)
	}
	if m.Kind != mail.KindHuman && !m.AutoSubmitted {
		t.Errorf("%s would be answered", m.Kind)
	}
	if m.Report == nil {
		return
	}
	if id := m.Report.MessageID; id != "" && (id[0] != '<' || id[len(id)-1] != '>' || !utf8.ValidString(id)) {
		t.Errorf("id of the original: %q", id)
	}
	if n := len(m.Report.Recipients); n > 100 || m.Report.Recipients == nil {
		t.Errorf("%d recipients", n)
	}
	seen := map[string]bool{}
	for _, r := range m.Report.Recipients {
		if seen[r.Email] || r.Email == "" || mail.ParseAddress("<"+r.Email+">").Email == "" {
			t.Errorf("no recipient, or twice: %+v", r)
		}
		seen[r.Email] = true
		switch r.Action {
		case "failed", "delayed", "delivered", "relayed", "expanded":
		default:
			t.Errorf("action of %+v", r)
		}
		if r.Reason == "" || len(r.Diagnostic) > 500 || !utf8.ValidString(r.Diagnostic) || strings.ContainsAny(r.Diagnostic, "\r\n\x00\u202e") {
			t.Errorf("reason or diagnostic of %+v", r)
		}
		if s := r.Status; s != "" && (len(s) < 5 || len(s) > 7 || strings.Trim(s, "0123456789.") != "" || strings.IndexByte("245", s[0]) < 0) {
			t.Errorf("status of %+v", r)
		}
	}
}

func checkSpans(t testing.TB, m *mail.Message) {
	t.Helper()
	checkSpansOf(t, m.Text, m.Spans)
	checkSpansOf(t, m.HTML, m.HTMLSpans)
	if nt := m.NewText(); strings.TrimSpace(nt) == "" && strings.TrimSpace(m.Text) != "" {
		t.Errorf("nothing new in %q", m.Text)
	} else if !utf8.ValidString(nt) {
		t.Errorf("new text is not UTF-8: %q", nt)
	}
}

// checkSpansOf holds spans against the text that they are of: in range, in order, at characters, so that with the pieces
// between them they are the text.
func checkSpansOf(t testing.TB, text string, spans []mail.Span) {
	t.Helper()
	at := 0
	for _, s := range spans {
		if s.Start < at || s.End <= s.Start || s.End > len(text) || s.Reason == "" || s.Kind == "" {
			t.Errorf("span out of order or range: %+v after %d, of %d bytes", s, at, len(text))
		} else if !utf8.ValidString(text[s.Start:s.End]) {
			t.Errorf("span splits a character: %+v", s)
		}
		at = s.End
	}
}

func checkAddress(t testing.TB, a mail.Address) {
	t.Helper()
	if !utf8.ValidString(a.Name + a.Email + a.Display) {
		t.Errorf("address is not UTF-8: %+v", a)
	}
	if strings.ContainsAny(a.Name+a.Email, "\r\n\x00\u202e\u2066\u200b") {
		t.Errorf("control or bidi characters in %q", a.Name+" "+a.Email)
	}
	if a.Email == "" {
		return
	}
	if a.Email != a.Local+"@"+a.Domain || a.Local == "" || a.Domain == "" || a.Email != strings.ToLower(a.Email) {
		t.Errorf("address in pieces that do not fit: %+v", a)
	}
	for i := range len(a.Domain) {
		if a.Domain[i] >= 0x80 {
			t.Errorf("domain not in ASCII: %+v", a)
		}
	}
}

func checkEvent(t testing.TB, e *mail.Event) {
	t.Helper()
	for _, s := range []string{e.Method, e.UID, e.Summary, e.Location, e.Answer} {
		if !utf8.ValidString(s) || strings.ContainsAny(s, "\r\n\x00\u202e") || len(s) > 4096 {
			t.Errorf("bad text in an event: %.100q", s)
		}
	}
	for _, a := range append(e.Attendees[:len(e.Attendees):len(e.Attendees)], e.Organizer) {
		checkAddress(t, a)
	}
	for _, at := range []time.Time{e.Start, e.End} {
		if at.Location() != time.UTC || at.Year() < 1 || at.Year() > 9999 {
			t.Errorf("a time out of range: %v", at)
		}
	}
}
