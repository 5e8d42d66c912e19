package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/intake"
	"postern/internal/issue"
)

func (p *program) quarantine() *cobra.Command {
	c := &cobra.Command{
		Use: "quarantine", Short: "Look at what was kept for review, and decide about it",
		Example: `  postern quarantine list
  postern quarantine show ID          # what it is, and why it was stopped
  postern quarantine release ID       # decide again, past the rule that stopped it
  postern quarantine reject ID
  postern quarantine delete ID`,
	}
	var limit int
	ls := p.withJSON(&cobra.Command{
		Use: "list", Short: "List what waits for review, newest first", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				items, err := list[issue.Message](ctx, cl, "/api/v1/quarantine", nil, limit)
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(items)
				}
				for _, m := range items {
					fmt.Fprintf(p.out, "%s  %s  %s  %s: %s\n", m.ID, m.ReceivedAt.Format(time.DateTime), authorOf(&m), safe(m.Subject), safe(m.Reason))
				}
				return nil
			})
		},
	})
	ls.Flags().IntVar(&limit, "limit", 100, "how many at most")
	show := &cobra.Command{
		Use: "show ID", Short: "Show one message with its decision, as JSON", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				var m map[string]any
				if err := cl.get(ctx, "/api/v1/messages/"+url.PathEscape(args[0]), nil, &m); err != nil {
					return err
				}
				return p.printJSON(m)
			})
		},
	}
	act := func(name, short, method, suffix string) *cobra.Command {
		return &cobra.Command{
			Use: name + " ID…", Short: short, Args: cobra.MinimumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				ctx := cmd.Context()
				return p.with(ctx, func(cl *client) error {
					for _, id := range args {
						if err := cl.do(ctx, method, "/api/v1/quarantine/"+url.PathEscape(id)+suffix, nil, nil, "", nil); err != nil {
							return fmt.Errorf("%s: %w", id, err)
						}
						fmt.Fprintln(p.out, id, past[name])
					}
					return nil
				})
			},
		}
	}
	reject := act("reject", "Refuse for good; if the same mail comes again it hears so", http.MethodPost, "/reject")
	c.AddCommand(ls, show,
		act("release", "Decide again, past the rule that stopped it", http.MethodPost, "/release"), reject,
		act("delete", "Delete its raw mail, text and files", http.MethodDelete, ""))
	return c
}

var past = map[string]string{"release": "decided again", "reject": "rejected", "delete": "deleted"}

func authorOf(m *issue.Message) string {
	if len(m.From) > 0 {
		return safe(m.From[0].Email)
	}
	return "(nobody)"
}

// safe keeps what strangers wrote from steering a terminal.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

func (p *program) replay() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "replay ID…", Short: "Decide stored messages again, by the rules as they are now", Args: cobra.MinimumNArgs(1),
		Long: `Decides stored messages again. What was quarantined, rejected, discarded or put off becomes what is now decided. For one
that already made an issue the difference is shown and nothing is changed. It never makes a second issue of one mail.`,
		Example: `  postern replay 06f1k2m3n4p5q6r7s8t9v0w1x2`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				for _, id := range args {
					var r intake.Replay
					if err := cl.post(ctx, "/control/replay/"+url.PathEscape(id), nil, nil, &r); err != nil {
						return fmt.Errorf("%s: %w", id, err)
					}
					if p.json {
						if err := p.printJSON(r); err != nil {
							return err
						}
						continue
					}
					fmt.Fprintf(p.out, "%s: was %s, now %s", id, r.Was, r.Now)
					if r.Reason != "" {
						fmt.Fprintf(p.out, " (%s)", safe(r.Reason))
					}
					if r.Issue != 0 {
						fmt.Fprintf(p.out, ", issue %d", r.Issue)
					}
					if r.Note != "" {
						fmt.Fprintf(p.out, "; %s", r.Note)
					}
					fmt.Fprintln(p.out)
				}
				return nil
			})
		},
	})
}

func (p *program) find() *cobra.Command {
	var since string
	var limit int
	c := p.withJSON(&cobra.Command{
		Use: "find ADDRESS", Short: "Where is the mail that somebody sent? Asks the ledger", Args: cobra.ExactArgs(1),
		Long: `Lists what the ledger knows of an address, as sender, recipient or author, newest first: also of mail that was refused, put
off, or never came whole.`,
		Example: `  postern find ann@example.org --since 3d`,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := config.ParseDuration(since)
			if err != nil {
				return &exit{exitUsage, fmt.Errorf("--since: %w", err)}
			}
			q := url.Values{"address": {args[0]}, "since": {time.Now().Add(-d).UTC().Format(time.RFC3339)}}
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				lines, err := list[issue.LedgerLine](ctx, cl, "/api/v1/ledger", q, limit)
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(lines)
				}
				for _, l := range lines {
					p.ledgerLine(&l)
				}
				if len(lines) == 0 {
					fmt.Fprintf(p.err, "nothing from or to %s in the last %s\n", args[0], since)
				}
				return nil
			})
		},
	})
	c.Flags().StringVar(&since, "since", "7d", "how far back: 90d, 12h, 10m")
	c.Flags().IntVar(&limit, "limit", 100, "how many lines at most")
	return c
}

func (p *program) ledgerLine(l *issue.LedgerLine) {
	fmt.Fprintf(p.out, "%s  %-6s %-11s from <%s> to <%s>", l.At.Format(time.DateTime), l.Source, l.Verdict, safe(l.From), safe(l.To))
	if l.Author != "" && l.Author != l.From {
		fmt.Fprintf(p.out, " by %s", safe(l.Author))
	}
	if l.Subject != "" {
		fmt.Fprintf(p.out, "  %q", safe(l.Subject))
	}
	if l.Issue != 0 {
		fmt.Fprintf(p.out, "  issue %d", l.Issue)
	}
	if l.Reason != "" {
		fmt.Fprintf(p.out, "  (%s)", safe(l.Reason))
	}
	if l.Count > 1 {
		fmt.Fprintf(p.out, "  ×%d", l.Count)
	}
	if l.Message != "" {
		fmt.Fprintf(p.out, "  %s", l.Message)
	}
	fmt.Fprintln(p.out)
}

func (p *program) issues() *cobra.Command {
	var words, status string
	var limit int
	c := p.withJSON(&cobra.Command{
		Use: "issues [NUMBER]", Short: "List issues, or show one with its notes", Args: cobra.MaximumNArgs(1),
		Example: `  postern issues
  postern issues --words "printer berlin" --status new
  postern issues 17`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				if len(args) == 1 {
					return p.showIssue(ctx, cl, args[0])
				}
				q := url.Values{}
				if words != "" {
					q.Set("q", words)
				}
				if status != "" {
					q.Set("status", status)
				}
				items, err := list[issue.Issue](ctx, cl, "/api/v1/issues", q, limit)
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(items)
				}
				for _, is := range items {
					fmt.Fprintf(p.out, "%6d  %s  %-8s %-8s %s  %s\n", is.Number, is.CreatedAt.Format(time.DateTime), is.Status, is.Priority, safe(is.Requester.Email), safe(is.Subject))
				}
				return nil
			})
		},
	})
	c.Flags().StringVar(&words, "words", "", "only issues in which all these words occur")
	c.Flags().StringVar(&status, "status", "", "only issues of this status")
	c.Flags().IntVar(&limit, "limit", 50, "how many at most")
	return c
}

func (p *program) showIssue(ctx context.Context, cl *client, number string) error {
	var is map[string]any
	if err := cl.get(ctx, "/api/v1/issues/"+url.PathEscape(number), nil, &is); err != nil {
		return err
	}
	return p.printJSON(is)
}
