package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/intake"
	"postern/internal/mail"
	"postern/receiver/webhook"
)

func (p *program) webhookReplay() *cobra.Command {
	var hook string
	var deliver bool
	c := &cobra.Command{
		Use: "replay FILE", Short: "Print the mail in a recorded request", Args: exactly("FILE"),
		Long: `Has a recorded request read by its provider's parser, without asking what it proves, and prints a JSON line for each mail in it: id from to
arrived rebuilt spamScore spf dkim dmarc peer helo, and below mail what postern parse prints. A mail that cannot be read has the reason in broken. What
the provider keeps elsewhere is fetched with the hook's api-key-file. Nothing is decided or kept; with --deliver each mail is handed to Postern, as postern
deliver does: one that was here before is the same again.`,
		Example: `  postern webhook replay one.http | jq .mail.subject
  postern webhook replay --deliver one.http    # after the rules, or Postern, were mended`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := p.recorded(args[0], hook)
			if err != nil {
				return err
			}
			defer r.close()
			defer r.read.Body.Close()
			broken := false
			err = webhook.Lookup(r.hook.Provider).Read(cmd.Context(), r.tools, r.hook, r.read, func(m *webhook.Mail) error {
				if m.Raw != nil {
					defer m.Raw.Close()
				}
				if m.Broken != "" {
					broken = true
				}
				if err := p.replayed(m); err != nil || !deliver || m.Raw == nil || m.Broken != "" {
					return err
				}
				return p.handOn(cmd.Context(), r.hook, m)
			})
			if err == nil && broken {
				err = &exit{code: exitFailed}
			}
			return err
		},
	}
	c.Flags().StringVar(&hook, "hook", "", "the hook, by its name in the configuration; else the first for the record's path")
	c.Flags().BoolVar(&deliver, "deliver", false, "hand each mail to Postern")
	return c
}

// replayedMail is a mail of a recorded request, for programs.
type replayedMail struct {
	ID        string          `json:"id,omitempty"`
	From      *string         `json:"from"` // null: the provider does not tell
	To        []string        `json:"to"`
	Arrived   time.Time       `json:"arrived,omitzero"`
	Rebuilt   bool            `json:"rebuilt"`
	SpamScore *float64        `json:"spamScore,omitempty"`
	SPF       string          `json:"spf,omitempty"`
	DKIM      string          `json:"dkim,omitempty"`
	DMARC     string          `json:"dmarc,omitempty"`
	Peer      string          `json:"peer,omitempty"`
	Helo      string          `json:"helo,omitempty"`
	Broken    string          `json:"broken,omitempty"`
	Mail      json.RawMessage `json:"mail,omitempty"`
}

func (p *program) replayed(m *webhook.Mail) error {
	out := replayedMail{
		ID: m.ID, To: nonNil(m.Recipients), Arrived: m.Arrived, Rebuilt: m.Rebuilt, SpamScore: m.SpamScore, SPF: m.SPF, DKIM: m.DKIM, DMARC: m.DMARC, Helo: m.Helo, Broken: m.Broken,
	}
	if m.FromKnown {
		out.From = &m.From
	}
	if m.Peer.IsValid() {
		out.Peer = m.Peer.String()
	}
	if m.Raw != nil && m.Broken == "" {
		f, err := m.Raw.Open()
		if err != nil {
			return err
		}
		defer f.Close()
		parsed, err := mail.Parse(f, mail.Options{})
		if err != nil {
			return err
		}
		if out.Mail, err = parsed.MarshalParsed(""); err != nil {
			return err
		}
	}
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

// handOn gives one mail to a Postern.
func (p *program) handOn(ctx context.Context, h *webhook.Hook, m *webhook.Mail) error {
	b, err := bytesOf(m.Raw)
	if err != nil {
		return err
	}
	q := url.Values{"to": m.Recipients, "from": {m.From}}
	if h.Mailbox != "-" {
		q.Set("mailbox", h.Mailbox)
	} else if len(m.Recipients) == 0 {
		return errors.New("the mail names no recipient, and the hook no mailbox: postern deliver --to ADDRESS takes its raw")
	}
	d := &app.Delivered{}
	err = p.with(ctx, func(cl *client) error {
		return cl.do(ctx, http.MethodPost, "/control/deliver", q, bytes.NewReader(b), "message/rfc822", d)
	})
	if err != nil {
		return err
	}
	for _, o := range d.Outcomes {
		again := ""
		if o.Again {
			again = ", the same mail as before"
		}
		fmt.Fprintf(p.err, "%s: %s, message %s%s %s\n", safe(o.Mailbox), o.Verdict, o.Message, again, safe(o.Reason))
	}
	if one := intake.Combine(d.Outcomes); one.Verdict == intake.TryLater {
		return &exit{exitLater, errors.New("try again later: " + safe(one.Reason))}
	}
	return nil
}
