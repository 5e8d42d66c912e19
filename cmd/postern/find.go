package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/issue"
)

func (p *program) find() *cobra.Command {
	var since string
	var limit int
	c := p.withJSON(&cobra.Command{
		Use: "find ADDRESS", Short: "Where is the mail that somebody sent? Asks the ledger", Args: exactly("ADDRESS"),
		Long: `Lists what the ledger knows of an address, as sender, recipient or author, newest first: also of mail that was refused, put
off, or never came whole.`,
		Example: `  postern find ann@example.org --since 3d
  postern find support@example.com --json | jq -r '.[].verdict'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := config.ParseDuration(since)
			if err != nil {
				return usage(cmd, fmt.Errorf("--since: %w", err))
			}
			q := url.Values{"address": {args[0]}, "since": {time.Now().Add(-d).UTC().Format(time.RFC3339)}}
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error {
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
					fmt.Fprintf(p.err, "nothing from or to %s in the last %s\n", safe(args[0]), since)
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
	fmt.Fprintf(p.out, "%s  %-7s %-11s from <%s> to <%s>", at(l.At), l.Source, l.Verdict, safe(l.From), safe(l.To))
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
