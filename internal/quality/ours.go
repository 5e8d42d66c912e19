package main

import (
	"bytes"
	"time"

	"postern/internal/mail"
)

func readOurs(raw []byte) Reading {
	m, err := mail.Parse(bytes.NewReader(raw), mail.Options{})
	if err != nil {
		return Reading{Failed: err.Error()}
	}
	got := Reading{
		Subject: m.Subject, Text: m.Text, New: m.NewText(), Date: m.Date,
		Kind: string(m.Kind), Reply: m.IsReply, Forward: m.IsForward,
	}
	if len(m.From) > 0 {
		got.From, got.FromName = m.From[0].Email, m.From[0].Name
	}
	for _, a := range m.Attachments {
		got.Files = append(got.Files, File{a.Name, a.Type, a.Size, a.SHA256})
	}
	if m.Report != nil {
		b := &Bounce{MessageID: m.Report.MessageID}
		for _, r := range m.Report.Recipients {
			b.Recipients = append(b.Recipients, r.Email)
			if b.Status == "" {
				b.Status = r.Status
			}
			if b.Reason == "" {
				b.Reason = string(r.Reason)
			}
		}
		got.Bounce = b
	}
	if e := m.Calendar; e != nil {
		got.Calendar = &Calendar{Method: e.Method, UID: e.UID, Summary: e.Summary, Location: e.Location, Organizer: e.Organizer.Email, Answer: e.Answer}
		got.Calendar.Start, got.Calendar.End = stamp(e.Start), stamp(e.End)
	}
	return got
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
