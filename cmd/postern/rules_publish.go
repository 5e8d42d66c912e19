package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/app"
	"postern/internal/issue"
	"postern/rules"
)

const rulesetsPath = "/api/v1/rulesets"

func (p *program) rulesPublish() *cobra.Command {
	var note string
	var after int64
	var check bool
	c := p.withJSON(&cobra.Command{
		Use: "publish DIR", Short: "Check, test and publish the rules in a folder", Args: exactly("DIR"),
		Long: `Sends a folder's rules, and the files that they name, to the server, which checks them against its configuration, runs their
tests and makes them the rules that decide, on every node within seconds. What is wrong is told a line each, and changes nothing.
With --after they are published only if that is still the latest publication; without it, if none comes between the command's
look and its answer.`,
		Example: `  postern rules publish rules -m "outages of VIPs are urgent"
  postern rules publish rules --check               # only say what is wrong
  postern rules publish rules -m "…" --after 41     # refused when somebody has published number 42`,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := rules.ReadFiles(args[0])
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				if check {
					var found api.CheckedRules
					err := cl.post(ctx, rulesetsPath, url.Values{"check": {"true"}}, api.NewRuleset{Files: files}, &found)
					if err != nil {
						return inFolder(args[0], err)
					}
					if p.json {
						return p.printJSON(found)
					}
					p.warn(args[0], found.Warnings)
					_, err = fmt.Fprintln(p.out, "nothing is wrong")
					return err
				}
				if !cmd.Flags().Changed("after") {
					if after, err = latestNumber(ctx, cl); err != nil {
						return err
					}
				}
				var r api.PublishedRuleset
				if err := cl.post(ctx, rulesetsPath, nil, api.NewRuleset{Files: files, Note: note, After: &after}, &r); err != nil {
					return inFolder(args[0], err)
				}
				if p.json {
					return p.printJSON(r)
				}
				p.warn(args[0], r.Warnings)
				return p.decides(&r.Ruleset, after)
			})
		},
	})
	c.Flags().StringVarP(&note, "message", "m", "", "why: kept with the publication")
	c.Flags().Int64Var(&after, "after", 0, "publish only on top of that number")
	c.Flags().BoolVar(&check, "check", false, "check and test them, and publish nothing")
	return c
}

func (p *program) rulesRollback() *cobra.Command {
	var note string
	var after int64
	c := p.withJSON(&cobra.Command{
		Use: "rollback ID", Short: "Publish an earlier set again", Args: exactly("ID"),
		Long: `Makes the rules of an earlier publication, named by its number or its version, the ones that decide. They are compiled
against the configuration and not tested again. A rules folder that holds others stays as it is, and is published again only when it is
edited: mend it there too.`,
		Example: `  postern rules rollback 41
  postern rules rollback 41 -m "number 42 closed the wrong issues"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) (err error) {
				if !cmd.Flags().Changed("after") {
					if after, err = latestNumber(ctx, cl); err != nil {
						return err
					}
				}
				var r issue.Ruleset
				if err := cl.post(ctx, rulesetPath(args[0])+"/rollback", nil, api.RollBack{Note: note, After: &after}, &r); err != nil {
					return inFolder("", err)
				}
				return p.decides(&r, after)
			})
		},
	})
	c.Flags().StringVarP(&note, "message", "m", "", "why: kept with the publication")
	c.Flags().Int64Var(&after, "after", 0, "only while that number is the latest")
	return c
}

func rulesetPath(id string) string { return rulesetsPath + "/" + url.PathEscape(id) }

// latestNumber is 0 before the first publication.
func latestNumber(ctx context.Context, cl *client) (int64, error) {
	found, err := list[issue.Ruleset](ctx, cl, rulesetsPath, nil, 1)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	return found[0].Number, nil
}

func (p *program) decides(r *issue.Ruleset, after int64) error {
	if p.json {
		return p.printJSON(r)
	}
	how := "decides now"
	if r.Number == after {
		how = "decides already: nothing to publish"
	}
	_, err := fmt.Fprintf(p.out, "number %d, version %s, %s\n", r.Number, clipped(r.Version), how)
	return err
}

// clipped is the beginning of a version, for people.
func clipped(version string) string { return version[:min(12, len(version))] }

// A refusedRules is what a server found wrong with rules that were sent.
type refusedRules struct {
	error
	problems []api.RulesProblem
}

func (e *refusedRules) Unwrap() error { return e.error }

// inFolder tells what is wrong with a folder's files as check and test do.
func inFolder(dir string, err error) error {
	var wrong *refusedRules
	if !errors.As(err, &wrong) {
		return err
	}
	return &app.ErrConfig{Problems: places(dir, "", wrong.problems)}
}

// warn tells what the author of a folder may not have meant.
func (p *program) warn(dir string, warnings []api.RulesProblem) {
	fmt.Fprint(p.err, places(dir, "warning: ", warnings))
}

// places are problems a line each, by the files' names from where the caller stands.
func places(dir, what string, problems []api.RulesProblem) string {
	text := ""
	for _, d := range problems {
		text += fmt.Sprintf("%s:%d:%d: %s%s\n", filepath.ToSlash(filepath.Join(dir, filepath.FromSlash(d.File))), d.Line, d.Column, what, d.Message)
		if d.Snippet != "" {
			text += d.Snippet + "\n"
		}
		for _, r := range d.Related {
			text += fmt.Sprintf("    %s:%d:%d: %s\n", filepath.ToSlash(filepath.Join(dir, filepath.FromSlash(r.File))), r.Line, r.Column, r.Message)
		}
		if d.Hint != "" {
			text += "    " + d.Hint + "\n"
		}
	}
	return plain(text, true)
}
