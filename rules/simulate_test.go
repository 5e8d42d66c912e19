package rules_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"

	"postern/dsl"
	"postern/rules"
)

// simulate is as much of the road as these tests need: headers, text, file names.
func simulate(ctx context.Context, s *rules.Set, t *dsl.Test) (*dsl.Outcome, []rules.Entry, error) {
	m, err := mail.ReadMessage(bytes.NewReader(t.Mail))
	if err != nil {
		return nil, nil, fmt.Errorf("read the test's mail: %w", err)
	}
	v := newView()
	if t.Given.Sender != nil {
		v.Sender = t.Given.Sender
	}
	if t.Given.Mailbox != "" {
		v.Mailbox.Name = t.Given.Mailbox
	}
	v.Mail.Subject, v.Issue.Subject = m.Header.Get("Subject"), m.Header.Get("Subject")
	v.Mail.IsList = m.Header.Get("List-Id") != ""
	v.Mail.IsAutoReply = m.Header.Get("Auto-Submitted") != ""
	if from, err := mail.ParseAddress(m.Header.Get("From")); err == nil {
		v.Mail.From.Email = from.Address
		v.Mail.From.Local, v.Mail.From.Domain, _ = strings.Cut(from.Address, "@")
	}
	if kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type")); err == nil && strings.HasPrefix(kind, "multipart/") {
		for r := multipart.NewReader(m.Body, params["boundary"]); ; {
			p, err := r.NextPart()
			if err != nil {
				break
			}
			if p.FileName() != "" {
				v.Mail.Attachments = append(v.Mail.Attachments, dsl.Attachment{Name: p.FileName()})
			}
		}
	} else {
		text, _ := io.ReadAll(m.Body)
		v.Mail.Text, v.Mail.NewText = string(text), string(text)
	}
	r := s.Decide(ctx, v, &issues{}, rules.Options{Now: still})
	verdict := r.Verdict
	if verdict == "" {
		verdict = "committed"
	}
	return &dsl.Outcome{View: v, Verdict: verdict, Reason: r.Reason}, r.Trace, r.Err
}
