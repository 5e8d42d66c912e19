package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/issue"
	"postern/rules"
)

func (p *program) quarantine() *cobra.Command {
	c := &cobra.Command{
		Use: "quarantine", Short: "Look at what was kept for review, and decide about it",
		Example: `  postern quarantine list
  postern quarantine show ID          # what it is, and why it was stopped
  postern quarantine show ID --raw    # the mail itself, byte for byte
  postern quarantine release ID       # decide again, past the rule that stopped it
  postern quarantine reject ID
  postern quarantine delete ID`,
	}
	c.AddCommand(p.quarantineList(), p.quarantineShow(),
		p.review("release", "decided again", "Decide again, past the rule that stopped it", http.MethodPost, "/release"),
		p.review("reject", "rejected", "Refuse for good; if the same mail comes again it hears so", http.MethodPost, "/reject"),
		p.review("delete", "deleted", "Delete its raw mail, text and files", http.MethodDelete, ""))
	return c
}

func (p *program) quarantineList() *cobra.Command {
	var limit int
	c := p.withJSON(&cobra.Command{
		Use: "list", Short: "List what waits for review, newest first", Args: none,
		Example: `  postern quarantine list
  postern quarantine list --json | jq -r '.[].id'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error {
				items, err := list[issue.Message](ctx, cl, "/api/v1/quarantine", nil, limit)
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(items)
				}
				for _, m := range items {
					fmt.Fprintf(p.out, "%s  %s  %s  %s: %s\n", m.ID, at(m.ReceivedAt), authorOf(&m), safe(m.Subject), safe(m.Reason))
				}
				return nil
			})
		},
	})
	c.Flags().IntVar(&limit, "limit", 100, "how many at most")
	return c
}

func (p *program) quarantineShow() *cobra.Command {
	var raw bool
	c := p.withJSON(&cobra.Command{
		Use: "show ID", Short: "Show one message, and why it was stopped", Args: exactly("ID"),
		Example: `  postern quarantine show 06h1hr15vrb910yt3qrc1najx8
  postern quarantine show 06h1hr15vrb910yt3qrc1najx8 --raw | postern parse
  postern quarantine show 06h1hr15vrb910yt3qrc1najx8 --json | jq .decision.trace`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error { return p.showMessage(ctx, cl, args[0], raw) })
		},
	})
	c.Flags().BoolVar(&raw, "raw", false, "print the mail itself, as it came")
	return c
}

func (p *program) showMessage(ctx context.Context, cl *client, id string, raw bool) error {
	path := "/api/v1/messages/" + url.PathEscape(id)
	switch {
	case raw:
		return cl.get(ctx, path+"/raw", nil, p.out)
	case p.json:
		var m json.RawMessage
		if err := cl.get(ctx, path, nil, &m); err != nil {
			return err
		}
		return p.printJSON(m)
	}
	var m issue.Message
	if err := cl.get(ctx, path, nil, &m); err != nil {
		return err
	}
	p.printMessage(&m)
	return nil
}

func (p *program) printMessage(m *issue.Message) {
	fmt.Fprintf(p.out, "%s: %s\n", m.ID, safe(m.Subject))
	for _, from := range m.From {
		p.line("from", person(from))
	}
	e := m.Envelope
	p.line("came", strings.TrimSpace(fmt.Sprintf("%s by %s from <%s> to <%s> %s", at(m.ReceivedAt), e.Source, e.From, e.To, e.Peer)))
	p.line("mailbox", m.Mailbox)
	p.line("verdict", m.Verdict)
	p.line("reason", m.Reason)
	for _, t := range traceOf(m) {
		if t.Acted() || t.Error != "" {
			p.line("rule", t.String())
		}
	}
	if m.Issue != 0 {
		p.line("issue", fmt.Sprint(m.Issue))
	}
	for _, a := range m.Attachments {
		p.line("file", fileLine(a.Name, a.Type, a.Size))
	}
	if m.Text != "" {
		fmt.Fprintf(p.out, "\n%s\n", indented(m.Text))
	}
}

// review is a command that decides about messages.
func (p *program) review(name, done, short, method, suffix string) *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: name + " ID…", Short: short, Args: some("ID"),
		Example: "  postern quarantine " + name + " 06h1hr15vrb910yt3qrc1najx8",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error {
				for _, id := range args {
					r := reviewed{ID: id, Done: done}
					var answer any
					if name == "release" {
						answer = &r
					}
					if err := cl.do(ctx, method, "/api/v1/quarantine/"+url.PathEscape(id)+suffix, nil, nil, "", answer); err != nil {
						return fmt.Errorf("%s: %w", id, err)
					}
					if err := p.printReviewed(&r); err != nil {
						return err
					}
				}
				return nil
			})
		},
	})
}

// reviewed is what came of a review; what a release became, too.
type reviewed struct {
	ID      string `json:"id"`
	Done    string `json:"done"`
	Verdict string `json:"verdict,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Issue   int64  `json:"issue,omitempty"`
}

func (p *program) printReviewed(r *reviewed) error {
	if p.json {
		return p.printJSON(r)
	}
	fmt.Fprintf(p.out, "%s %s", r.ID, r.Done)
	if r.Verdict != "" {
		fmt.Fprintf(p.out, ": %s", r.Verdict)
	}
	if r.Reason != "" {
		fmt.Fprintf(p.out, " (%s)", safe(r.Reason))
	}
	if r.Issue != 0 {
		fmt.Fprintf(p.out, ", issue %d", r.Issue)
	}
	_, err := fmt.Fprintln(p.out)
	return err
}

func authorOf(m *issue.Message) string {
	if len(m.From) > 0 {
		return safe(m.From[0].Email)
	}
	return "(nobody)"
}

// traceOf is what the rules did to a message.
func traceOf(m *issue.Message) []rules.Entry {
	var trace []rules.Entry
	_ = json.Unmarshal(m.Decision.Trace, &trace) // none after keep.trace
	return trace
}
