package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/intake"
	"postern/rules"
)

func (p *program) backtest() *cobra.Command {
	var set, since string
	var n api.NewBacktest
	var tell bool
	c := p.withJSON(&cobra.Command{
		Use: "backtest", Short: "What would other rules have made of the mail that came?", Args: none,
		Long: `Decides stored mail again, by the rules in a folder, by an earlier set, or by those that decide now, and shows what would be
otherwise, by rule. People, issues, counts, and the time are as they were when the mail came: they were stored with its decision. What only
a new rule asks is looked up now, without what came later. Nothing is changed and nothing is sent.

Mail whose raw (keep.raw) or facts (keep.trace) retention took is counted and left out.`,
		Example: `  postern backtest --set rules                       # a folder, before it is published
  postern backtest --set rules --since 7d --mailbox support
  postern backtest --set 41 --last 100               # a published set, by its number or version
  postern backtest --set rules --exit-code           # 1 where anything would be otherwise`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since != "" {
				d, err := config.ParseDuration(since)
				if err != nil {
					return usage(cmd, fmt.Errorf("--since: %w", err))
				}
				from := time.Now().Add(-d).UTC()
				n.Since = &from
			}
			if !cmd.Flags().Changed("last") && since != "" {
				n.Last = 0
			}
			if info, err := os.Stat(set); err == nil && info.IsDir() {
				if n.Files, err = rules.ReadFiles(set); err != nil {
					return err
				}
			} else if n.Set = set; strings.ContainsAny(set, `/\`) && errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("%s: there is no such folder", set)
			}
			ctx := cmd.Context()
			var r intake.BacktestReport
			err := p.peek(ctx, func(cl *client) error { return cl.post(ctx, "/api/v1/backtest", nil, n, &r) })
			if err != nil {
				return inFolder(set, err)
			}
			if p.json {
				err = p.printJSON(&r)
			} else {
				p.printBacktest(&r)
			}
			if err == nil && tell && r.Changed > 0 {
				err = &exit{code: exitFailed}
			}
			return err
		},
	})
	c.Flags().StringVar(&set, "set", "", "a folder with rules, or a published set by its number or version (default: the one that decides)")
	c.Flags().IntVar(&n.Last, "last", intake.DefaultLast, "how many messages at most, the newest")
	c.Flags().StringVar(&since, "since", "", "those that came since then: 7d, 12h; all of them unless --last is given, too")
	c.Flags().StringVar(&n.Mailbox, "mailbox", "", "those of this mailbox")
	p.completeFlag(c, "mailbox", mailboxNames)
	c.Flags().IntVar(&n.Examples, "examples", 3, "how many messages are shown of each difference")
	c.Flags().BoolVar(&tell, "exit-code", false, "exit with 1 where anything would be otherwise")
	return c
}

func (p *program) printBacktest(r *intake.BacktestReport) {
	fmt.Fprintf(p.out, "%s decided again by version %s: %s\n", count(r.Messages, "message"), clipped(r.Version), otherwise(r.Changed))
	for why, n := range sorted(r.Skipped) {
		fmt.Fprintf(p.out, "%s left out: %s\n", count(n, "message"), why)
	}
	for _, v := range r.Verdicts {
		fmt.Fprintf(p.out, "\n%s, now %s: %s\n", v.Was, v.Now, count(v.Messages, "message"))
		p.printExamples(v.Examples)
	}
	for _, d := range r.Rules {
		fmt.Fprintf(p.out, "\n%s:%d %q %s: %s\n", safe(d.File), d.Line, safe(d.Rule), d.Kind, count(d.Messages, "message"))
		p.printExamples(d.Examples)
	}
}

func otherwise(n int) string {
	switch n {
	case 0:
		return "all as they were"
	case 1:
		return "1 would be otherwise"
	}
	return fmt.Sprint(n, " would be otherwise")
}

func (p *program) printExamples(list []rules.BacktestExample) {
	for _, e := range list {
		fmt.Fprintf(p.out, "    %s  %s", e.Message, at(e.ReceivedAt))
		if e.Issue != 0 {
			fmt.Fprintf(p.out, "  issue %d", e.Issue)
		}
		fmt.Fprintf(p.out, "  %q", safe(e.Subject))
		if e.Reason != "" {
			fmt.Fprintf(p.out, "  (%s)", safe(e.Reason))
		}
		fmt.Fprintln(p.out)
		for _, a := range e.Was {
			fmt.Fprintf(p.out, "        - %s\n", safe(a))
		}
		for _, a := range e.Now {
			fmt.Fprintf(p.out, "        + %s\n", safe(a))
		}
	}
}
