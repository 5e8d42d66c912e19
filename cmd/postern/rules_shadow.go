package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/issue"
	"postern/rules"
)

const shadowPath = "/api/v1/shadow"

func (p *program) rulesShadow() *cobra.Command {
	c := &cobra.Command{
		Use: "shadow", Short: "Watch what other rules would make of the mail that comes, before they decide anything",
		Long: `Has a candidate, a whole set of rules, asked about real mail beside the rules that decide, for a time and a share of the mails, on
every node. It is asked after each decision is committed, with a budget of its own; what there is no time for is left out. It changes and delays nothing.`,
		Example: `  postern rules shadow start next --for 24h --share 10%
  postern rules shadow report
  postern rules shadow stop`,
	}
	c.AddCommand(p.shadowStart(), p.shadowReport(), p.shadowStop())
	return c
}

func (p *program) shadowStart() *cobra.Command {
	var n api.NewShadow
	var share string
	c := p.withJSON(&cobra.Command{
		Use: "start DIR", Short: "Begin to ask the rules in a folder", Args: exactly("DIR"),
		Long: `Checks the rules in a folder, and begins to ask them about the mail that comes. Of their tests those that fail are told: they would keep
the rules from being published. One candidate is watched at a time; the report of the one before goes.`,
		Example: `  postern rules shadow start next --for 24h --share 10%
  postern rules shadow start next --for 7d -m "the new escalation"`,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if _, err := config.ParseDuration(n.For); err != nil {
				return usage(cmd, fmt.Errorf("--for: %w", err))
			}
			if n.Share, err = strconv.ParseFloat(strings.TrimSuffix(share, "%"), 64); err != nil {
				return usage(cmd, fmt.Errorf("--share: %q is no percentage: write it like 10%%", share))
			}
			if n.Files, err = rules.ReadFiles(args[0]); err != nil {
				return err
			}
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				var sh api.StartedShadow
				if err := cl.post(ctx, shadowPath, nil, n, &sh); err != nil {
					return inFolder(args[0], err)
				}
				if p.json {
					return p.printJSON(sh)
				}
				p.warn(args[0], sh.Warnings)
				return p.watched(&sh.Shadow, "watched until "+at(sh.Until))
			})
		},
	})
	c.Flags().StringVar(&n.For, "for", "24h", "how long: 90m, 24h, 7d")
	c.Flags().StringVar(&share, "share", "100%", "of how many mails")
	c.Flags().StringVarP(&n.Note, "message", "m", "", "why: kept with it")
	return c
}

func (p *program) watched(sh *issue.Shadow, what string) error {
	if p.json {
		return p.printJSON(sh)
	}
	_, err := fmt.Fprintf(p.out, "version %s, %s%% of the mails, %s\n", clipped(sh.Version), strconv.FormatFloat(sh.Share, 'f', -1, 64), what)
	return err
}

func (p *program) shadowStop() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "stop", Short: "Stop asking the candidate; its report stays", Args: none,
		Example: `  postern rules shadow stop`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return p.peek(ctx, func(cl *client) error {
				var sh issue.Shadow
				if err := cl.do(ctx, http.MethodDelete, shadowPath, nil, nil, "", &sh); err != nil {
					return err
				}
				return p.watched(&sh, "is over")
			})
		},
	})
}

func (p *program) shadowReport() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "report", Short: "Show what the candidate would have decided differently, by rule, with examples", Args: none,
		Example: `  postern rules shadow report
  postern rules shadow report --json | jq -r '.rules[].examples[].message'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.peek(cmd.Context(), func(cl *client) error { return p.report(cmd.Context(), cl) })
		},
	})
}

func (p *program) report(ctx context.Context, cl *client) error {
	var r api.ShadowReport
	if err := cl.get(ctx, shadowPath, nil, &r); err != nil {
		return err
	}
	if p.json {
		return p.printJSON(r)
	}
	state := "over"
	if r.Running {
		state = "until " + at(r.Shadow.Until)
	}
	if err := p.watched(&r.Shadow, fmt.Sprintf("since %s, %s", at(r.Shadow.StartedAt), state)); err != nil {
		return err
	}
	fmt.Fprintf(p.out, "%s compared, %d decided differently", count(int(r.Compared), "message"), r.Different)
	if r.Missed > 0 {
		fmt.Fprintf(p.out, "; %d left out: too much to do", r.Missed)
	}
	fmt.Fprintln(p.out)
	if r.Trouble != "" {
		fmt.Fprintln(p.out, "not asked on every node: "+safe(r.Trouble))
	}
	for _, d := range r.Rules {
		fmt.Fprintf(p.out, "\n%s: %s\n", ruleOf(d), count(int(d.Messages), "message"))
		for _, e := range d.Examples {
			where := ""
			if e.Issue != 0 {
				where = fmt.Sprintf("  issue %d", e.Issue)
			}
			fmt.Fprintf(p.out, "    %s%s\n", safe(e.Message), where)
			for _, f := range e.Differs {
				fmt.Fprintf(p.out, "        %s: %s → %s\n", safe(f.Field), orNothing(f.Was), orNothing(f.Is))
			}
		}
	}
	if r.Others > 0 {
		fmt.Fprintf(p.out, "\nand by more rules: %d\n", r.Others)
	}
	return nil
}

func ruleOf(d api.RuleDifferences) string {
	if d.Rule == "" {
		return "by no rule that is known"
	}
	s := fmt.Sprintf("%s:%d: %q", safe(d.File), d.Line, safe(d.Rule))
	if d.Gone {
		s += ", which decides now and would no longer"
	}
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return safe(s)
}
