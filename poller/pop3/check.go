package pop3

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/poller"
	"postern/poller/wire"
)

// Check tries what polling does, up to the list of what lies there. Nothing is deleted.
func (a *Account) Check(ctx context.Context, tell func(poller.Step)) {
	s, err := a.open(ctx, tell)
	if err != nil {
		if ctx.Err() != nil {
			tell(poller.Step{Name: "login", Says: "it took too long", Todo: "look whether the server is slow, or a firewall holds packets back"})
		}
		return
	}
	defer func() { _ = s.Close() }()
	if a.o.Mode() == wire.Off {
		tell(poller.Step{Name: "tls", OK: true, Warn: true, Says: "no TLS", Todo: "anyone between us and the server can read the password and the mail: set tls: on or starttls"})
	}
	tell(s.capabilitiesStep())
	begun := time.Now()
	if err := s.load(ctx); err != nil {
		tell(poller.Step{Name: "mail", Says: "what lies there cannot be listed: " + err.Error(), Todo: listTodo(err), Took: time.Since(begun)})
		return
	}
	tell(s.idsStep())
	tell(s.mailStep(time.Since(begun)))
}

func listTodo(err error) string {
	var no *refusal
	if errors.As(err, &no) {
		return "the server lets us in and does not show the mail: look into its log"
	}
	return ""
}

// capabilitiesStep tells of what the server can, and what it says about time.
func (s *session) capabilitiesStep() poller.Step {
	step := poller.Step{Name: "capabilities", OK: true}
	if s.caps == nil {
		step.Says = "the server does not tell what it can (no CAPA): mails are fetched one by one"
		return step
	}
	var names []string
	for name := range s.caps {
		names = append(names, name)
	}
	slices.Sort(names)
	step.Says = wire.Said(strings.Join(names, " "))
	if !s.caps.has("PIPELINING") {
		step.Says += "; no PIPELINING: mails are fetched one by one, each with a round trip"
	}
	if n := s.caps.number("LOGIN-DELAY"); n > 0 {
		step.Warn, step.Says = true, fmt.Sprintf("%s; %d seconds must lie between logins", step.Says, n)
		step.Todo = fmt.Sprintf("set every: to no less than %ds", n)
	}
	if expire := s.caps["EXPIRE"]; len(expire) > 0 && expire[0] != "NEVER" {
		step.Warn, step.Says = true, step.Says+"; the server deletes mail by itself, "+wire.Said(expire[0])+" days after it came or was fetched"
		step.Todo = strings.TrimPrefix(step.Todo+"; poll more often than it deletes, and keep elsewhere what is to be kept", "; ")
	}
	return step
}

// idsStep tells how mails are known again.
func (s *session) idsStep() poller.Step {
	if !s.noUIDL {
		return poller.Step{Name: "uidl", OK: true, Says: "mails are known again by their unique ids"}
	}
	step := poller.Step{Name: "uidl", OK: true, Warn: true, Says: "the server has no unique ids (UIDL): mails are known again by a hash, for which each poll reads "}
	if s.caps == nil || s.caps.has("TOP") {
		step.Says += "the beginning of every mail that lies there"
	} else {
		step.Says += "every mail that lies there, whole"
	}
	step.Todo = "set after: delete, so that little lies there, or use IMAP"
	return step
}

func (s *session) mailStep(took time.Duration) poller.Step {
	var bytes, largest int64
	for _, m := range s.mails {
		bytes += max(m.size, 0)
		largest = max(largest, m.size)
	}
	step := poller.Step{Name: "mail", OK: true, Took: took, Says: fmt.Sprintf("%d mails lie there, %d bytes, the largest %d", len(s.mails), bytes, largest)}
	if len(s.mails) > 20_000 {
		step.Warn, step.Todo = true, "POP3 lists every mail at each poll: set after: delete, or use IMAP"
	}
	return step
}
