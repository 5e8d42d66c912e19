package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/intake"
)

func (p *program) replay() *cobra.Command {
	var q intake.ReplayQuery
	var since, until string
	c := p.withJSON(&cobra.Command{
		Use: "replay [ID…]", Short: "Decide stored messages again, by the rules as they are now, and repair what wrong ones did",
		Long: `Says what the rules of now would make of stored messages that are named, or chosen by the rule that acted on them, the version that
decided them, their verdict, mailbox or time; with --apply it does so. Nothing is ever sent because of it.

A message that made an issue, or a note on one, is decided again in place: the same issue, the same note. A field of the issue changes only if
the decision before had set it and nobody has set it since. An issue that should not be is withdrawn, unless others have worked on it: it goes
from lists and searches and keeps its number, and a reply brings it back. No mail is moved from one issue to another. What was quarantined,
rejected, discarded or put off becomes what is now decided. No mail ever has two issues.

A run that changes something has an id, which events and "postern explain" name. --undo RUN makes its messages what they were before, under the
same rule, and is a run of its own that can be undone; it, too, only shows what it would do without --apply.

Of what is shown a line with - is what a rule did then, one with + what a rule would do now, and one with = what becomes of the issue. People,
issues and counts are taken as they were then; but what has no issue yet finds its thread and its sender, when it is applied, as they are now.`,
		Example: `  postern replay --rule "spam" --since 2d               # what a wrong rule would not do any more
  postern replay --rule "spam" --since 2d --apply
  postern replay --verdict discarded --mailbox support --since 7d
  postern replay --undo 06h1hr15vrb910yt3qrc1najx8      # a run's id: what going back would change
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
			if until != "" {
				to, err := time.Parse(time.RFC3339, until)
				if d, notSpan := config.ParseDuration(until); notSpan == nil {
					to, err = time.Now().Add(-d).UTC(), nil
				}
				if err != nil {
					return usage(cmd, fmt.Errorf("--until: %q is neither like 7d or 12h nor a time like 2026-11-24T10:00:00Z", until))
				}
				q.Until = &to
			}
			q.IDs = args
			if len(args) == 0 && q.Rule == "" && q.Version == "" && q.Verdict == "" && q.Mailbox == "" && q.Since == nil && q.Until == nil && q.Undo == "" {
				return usage(cmd, fmt.Errorf("ID is missing, or --rule, --version, --verdict, --mailbox, --since, --until or --undo"))
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
	c.Flags().StringVar(&until, "until", "", "those that came until then: 2d, or a time like 2026-11-24T10:00:00Z")
	c.Flags().StringVar(&q.Undo, "undo", "", "make the messages of this run what they were before it")
	c.Flags().BoolVar(&q.Apply, "apply", false, "do it; without it only what would change is shown")
	return c
}

func (p *program) printRun(r *intake.ReplayRun, applied bool) error {
	done, would, left := 0, 0, 0
	for _, one := range r.Changes {
		p.printReplayed(one, applied)
		switch {
		case one.Left != "":
			left++
		case one.Applied:
			done++
		case one.Otherwise:
			would++
		}
	}
	for _, s := range r.Unable {
		fmt.Fprintf(p.out, "%s: %s\n", s.Message, safe(s.Reason))
	}
	fmt.Fprintf(p.out, "%s: ", count(r.Messages, "message"))
	switch {
	case !applied && would == 0:
		fmt.Fprint(p.out, "nothing would change")
	case !applied:
		fmt.Fprintf(p.out, "%d would change; nothing was changed, --apply does it", would)
	case done == 0:
		fmt.Fprint(p.out, "nothing was changed")
	default:
		fmt.Fprintf(p.out, "%d decided again, run %s", done, r.Run)
	}
	if left += len(r.Unable); left > 0 {
		fmt.Fprintf(p.out, "; %d left as they are", left)
	}
	fmt.Fprintln(p.out)
	if r.Stopped != "" {
		return fault.Errorf(fault.Unavailable, "the run ended before all messages were looked at; run it again for the rest: %s", r.Stopped)
	}
	if r.More {
		fmt.Fprintf(p.out, "there are more than one run takes: the newest were taken; run it again with --until %s for the rest\n", r.Oldest.Add(time.Second-1).Format(time.RFC3339))
	}
	return nil
}

func (p *program) printReplayed(r *intake.Replay, applied bool) {
	would := "now"
	if !r.Applied && (!applied || r.Left != "") {
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
	if r.Left != "" {
		fmt.Fprintf(p.out, "; %s", safe(r.Left))
	}
	fmt.Fprintln(p.out)
	if r.Left == "" && !r.Applied && !r.Otherwise {
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
	for _, f := range r.Fields {
		fmt.Fprintf(p.out, "    = %s\n", safe(f.String()))
	}
}
