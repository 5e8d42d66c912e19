package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/intake"
)

func (p *program) replay() *cobra.Command {
	var q intake.ReplayQuery
	var since string
	c := p.withJSON(&cobra.Command{
		Use: "replay [ID…]", Short: "Decide stored messages again, by the rules as they are now",
		Long: `Says what the rules of now would make of stored messages that are named, or chosen by the rule that acted on them, the version that
decided them, their verdict, mailbox or time; with --apply it does so. What was quarantined, rejected, discarded or put off becomes what is
now decided. For one that already made an issue the difference is shown and nothing is changed. It never makes a second issue of one mail,
and sends nothing. A run that changes something has an id, by which events name it.

Of what is shown a line with - is what a rule did then, one with + what a rule would do now, with people, issues and counts as they were then.
With --apply mail finds its issue and its sender as they are now.`,
		Example: `  postern replay --rule "spam" --since 2d               # what a wrong rule would not do any more
  postern replay --rule "spam" --since 2d --apply
  postern replay --verdict discarded --mailbox support --since 7d
  postern find ann@example.org                          # the last word of a line is the message's id
  postern replay 06h1hr15vrb910yt3qrc1najx8 --apply`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if since != "" {
				d, err := config.ParseDuration(since)
				if err != nil {
					return usage(cmd, fmt.Errorf("--since: %w", err))
				}
				from := time.Now().Add(-d).UTC()
				q.Since = &from
			}
			q.IDs = args
			if len(args) == 0 && q.Rule == "" && q.Version == "" && q.Verdict == "" && q.Mailbox == "" && q.Since == nil {
				return usage(cmd, fmt.Errorf("ID is missing, or --rule, --version, --verdict, --mailbox or --since"))
			}
			ctx := cmd.Context()
			open := p.peek
			if q.Apply {
				open = p.look
			}
			return open(ctx, func(cl *client) error {
				var r intake.ReplayRun
				if err := cl.post(ctx, "/control/replay", nil, &q, &r); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(&r)
				}
				return p.printRun(&r, q.Apply)
			})
		},
	})
	c.Flags().StringVar(&q.Rule, "rule", "", "those on which this rule acted or failed")
	c.Flags().StringVar(&q.Version, "version", "", "those that this version of the rules decided; its beginning will do")
	c.Flags().StringVar(&q.Verdict, "verdict", "", "those with this verdict: committed, rejected, discarded, quarantined, \"try later\"")
	c.Flags().StringVar(&q.Mailbox, "mailbox", "", "those of this mailbox")
	p.completeFlag(c, "mailbox", mailboxNames)
	c.Flags().StringVar(&since, "since", "", "those that came since then: 7d, 12h")
	c.Flags().BoolVar(&q.Apply, "apply", false, "do it; without it only what would change is shown")
	return c
}

func (p *program) printRun(r *intake.ReplayRun, applied bool) error {
	done, shown := 0, 0
	for _, one := range r.Changes {
		p.printReplayed(one, applied)
		if one.Applied {
			done++
		} else {
			shown++
		}
	}
	for _, s := range r.Unable {
		fmt.Fprintf(p.out, "%s: %s\n", s.Message, safe(s.Reason))
	}
	fmt.Fprintf(p.out, "%s: ", count(r.Messages, "message"))
	switch {
	case !applied && shown == 0:
		fmt.Fprintln(p.out, "nothing would change")
	case !applied:
		fmt.Fprintln(p.out, "nothing was changed; --apply does it")
	default:
		fmt.Fprintf(p.out, "%d decided again, run %s\n", done, r.Run)
	}
	if r.More {
		fmt.Fprintln(p.out, "there are more than one run takes: the newest were taken, run it again with a shorter --since for the rest")
	}
	return nil
}

func (p *program) printReplayed(r *intake.Replay, applied bool) {
	would := "now"
	if !r.Applied && !applied {
		would = "would be"
	}
	fmt.Fprintf(p.out, "%s: was %s, %s %s", r.Message, r.Was, would, r.Now)
	if r.Reason != "" {
		fmt.Fprintf(p.out, " (%s)", safe(r.Reason))
	}
	if r.Issue != 0 {
		fmt.Fprintf(p.out, ", issue %d", r.Issue)
	}
	if r.Became != "" && r.Became != r.Message {
		fmt.Fprintf(p.out, ", as message %s", r.Became)
	}
	if r.Note != "" {
		fmt.Fprintf(p.out, "; %s", r.Note)
	}
	fmt.Fprintln(p.out)
	if r.Was == r.Now && len(r.Differs) == 0 && !r.Applied {
		fmt.Fprintln(p.out, "    the rules would do the same")
	}
	for _, d := range r.Differs {
		for _, a := range d.Was {
			fmt.Fprintf(p.out, "    - rule %q: %s\n", safe(d.Rule), safe(a))
		}
		for _, a := range d.Now {
			fmt.Fprintf(p.out, "    + rule %q: %s\n", safe(d.Rule), safe(a))
		}
	}
}
