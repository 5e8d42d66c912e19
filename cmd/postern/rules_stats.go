package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

func (p *program) rulesStats() *cobra.Command {
	var idle bool
	c := p.withJSON(&cobra.Command{
		Use: "stats [ID]", Short: "What did each rule do? And which have not matched for 90 days", Args: atMost("ID"),
		Long: `Lists the rules of the set that decides, or of another by its number or version: how often each matched and failed in that set, how long
it took on average where it did, how often a rule of that name ever matched, and when last. A rule that was there 90 days ago and has
not matched since is marked idle: it may be in the wrong place, or no longer needed. One that failed 20 times in a row on the node that is asked is marked failing. Counts of other nodes are up to 30 seconds old.`,
		Example: `  postern rules stats
  postern rules stats --idle                        # those that nobody would miss
  postern rules stats 41 --json | jq -r '.rules[] | select(.errors > 0) | .rule'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id := "latest"
			if len(args) > 0 {
				id = args[0]
			}
			ctx := cmd.Context()
			return p.peek(ctx, func(cl *client) error {
				var s api.RulesetStats
				if err := cl.get(ctx, rulesetPath(id)+"/stats", nil, &s); err != nil {
					return err
				}
				if idle {
					kept := []api.RuleStatistic{}
					for _, r := range s.Rules {
						if r.Idle {
							kept = append(kept, r)
						}
					}
					s.Rules = kept
				}
				if p.json {
					return p.printJSON(&s)
				}
				return p.printStats(&s)
			})
		},
	})
	c.Flags().BoolVar(&idle, "idle", false, "only those that have not matched for 90 days")
	return c
}

func (p *program) printStats(s *api.RulesetStats) error {
	fmt.Fprintf(p.out, "number %d, version %s\n", s.Ruleset.Number, clipped(s.Ruleset.Version))
	w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "RULE\tSTAGE\tMATCHES\tERRORS\tTIME\tEVER\tLAST\t\n")
	for _, r := range s.Rules {
		last, mean := "never", "-"
		if r.LastMatch != nil {
			last = at(*r.LastMatch)
		}
		if n := r.Matches + r.Errors; n > 0 {
			mean = (r.Took / time.Duration(n)).Round(time.Microsecond).String()
		}
		word := ""
		switch {
		case r.Disabled:
			word = "disabled"
		case r.Failing > 0:
			word = fmt.Sprintf("failing, %d times in a row", r.Failing)
		case r.Idle:
			word = "idle"
		case r.Shadow:
			word = "shadow"
		}
		fmt.Fprintf(w, "%s:%d %q\t%s\t%d\t%d\t%s\t%d\t%s\t%s\n", safe(r.File), r.Line, safe(r.Rule), r.Stage, r.Matches, r.Errors, mean, r.Ever, last, word)
	}
	return w.Flush()
}
