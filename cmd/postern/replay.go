package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/rules"
)

func (p *program) replay() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "replay ID…", Short: "Decide stored messages again, by the rules as they are now", Args: some("ID"),
		Long: `Decides stored messages again. What was quarantined, rejected, discarded or put off becomes what is now decided. For one
that already made an issue the difference is shown and nothing is changed. It never makes a second issue of one mail.

In the difference a line with - is what a rule did then, one with + what a rule would do now.`,
		Example: `  postern find ann@example.org              # the last word of a line is the message's id
  postern replay 06h1hr15vrb910yt3qrc1najx8`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error {
				for _, id := range args {
					var was issue.Message
					if err := cl.get(ctx, "/api/v1/messages/"+url.PathEscape(id), nil, &was); err != nil {
						return fmt.Errorf("%s: %w", id, err)
					}
					r := replayed{Difference: []string{}}
					if err := cl.post(ctx, "/control/replay/"+url.PathEscape(id), nil, nil, &r.Replay); err != nil {
						return fmt.Errorf("%s: %w", id, err)
					}
					if !r.Applied {
						r.Difference = difference(traceOf(&was), r.Trace)
					}
					if err := p.printReplayed(&r); err != nil {
						return err
					}
				}
				return nil
			})
		},
	})
}

type replayed struct {
	intake.Replay
	Difference []string `json:"difference"` // where nothing was changed
}

func (p *program) printReplayed(r *replayed) error {
	if p.json {
		return p.printJSON(r)
	}
	fmt.Fprintf(p.out, "%s: was %s, now %s", r.Message, r.Was, r.Now)
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
	if r.Was == intake.Committed && len(r.Difference) == 0 {
		fmt.Fprintln(p.out, "    the rules would do the same")
	}
	for _, line := range r.Difference {
		fmt.Fprintln(p.out, "    "+safe(line))
	}
	return nil
}

// traceOf is what the rules did to a message.
func traceOf(m *issue.Message) []rules.Entry {
	var trace []rules.Entry
	_ = json.Unmarshal(m.Decision.Trace, &trace) // none after keep.trace
	return trace
}

// difference is what the rules did then and would not do now, with -, and the opposite, with +.
func difference(then, now []rules.Entry) []string {
	before, after := deeds(then), deeds(now)
	out := []string{}
	for _, d := range before {
		if !slices.Contains(after, d) {
			out = append(out, "- "+d)
		}
	}
	for _, d := range after {
		if !slices.Contains(before, d) {
			out = append(out, "+ "+d)
		}
	}
	return out
}

func deeds(trace []rules.Entry) []string {
	var out []string
	for _, e := range trace {
		if e.Shadow || e.Error != "" {
			continue
		}
		for _, a := range e.Actions {
			out = append(out, fmt.Sprintf("rule %q: %s", e.Rule, a))
		}
	}
	return out
}
