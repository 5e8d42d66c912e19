package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/app"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/rules"
)

func (p *program) rulesVersions() *cobra.Command {
	var limit int
	c := p.withJSON(&cobra.Command{
		Use: "versions", Short: "List what was published, newest first: the first decides", Args: none,
		Example: `  postern rules versions
  postern rules versions --json | jq -r '.[] | select(.by != "built-in") | .number'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return p.peek(ctx, func(cl *client) error {
				items, err := list[issue.Ruleset](ctx, cl, rulesetsPath, nil, limit)
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(items)
				}
				for _, r := range items {
					fmt.Fprintln(p.out, publicationLine(&r))
				}
				return nil
			})
		},
	})
	c.Flags().IntVar(&limit, "limit", 20, "how many at most")
	return c
}

func publicationLine(r *issue.Ruleset) string {
	return strings.TrimRight(fmt.Sprintf("%4d  %s  %s  %s  %s", r.Number, clipped(r.Version), at(r.PublishedAt), safe(r.By), safe(r.Note)), " ")
}

// peek is look for what publishes nothing: where no server runs, not even an edit of the rules folder.
func (p *program) peek(ctx context.Context, f func(*client) error) error {
	p.dry = true
	return p.look(ctx, f)
}

func (p *program) rulesShow() *cobra.Command {
	var out string
	c := p.withJSON(&cobra.Command{
		Use: "show [ID [FILE]]", Short: "Show a published set, or one of its files, or write them into a folder", Args: cobra.MaximumNArgs(2),
		Long: `Shows who published a set, when and why, and what files it is made of. ID is its number, 8 or more digits of its version (a
message's decision names it), or latest, which is what decides.`,
		Example: `  postern rules show
  postern rules show 41 20-outage.rules
  postern rules show latest --out rules     # to edit them, then: postern rules publish rules -m "…"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.peek(ctx, func(cl *client) error {
				r, err := publishedSet(ctx, cl, argument(args, 0, "latest"))
				switch {
				case err != nil:
					return err
				case len(args) == 2:
					return p.printFile(r, args[1])
				case out != "":
					return p.writeSet(r, out)
				case p.json:
					return p.printJSON(r)
				}
				fmt.Fprintln(p.out, publicationLine(r))
				for _, name := range slices.Sorted(maps.Keys(r.Files)) {
					fmt.Fprintf(p.out, "      %s (%d bytes)\n", safe(name), len(r.Files[name]))
				}
				return nil
			})
		},
	})
	c.Flags().StringVar(&out, "out", "", "write the files into this folder, which must be empty or new")
	return c
}

// checkedRules are the configuration's rules, checked: those of the folder, or the published ones where rules live in the store.
func (p *program) checkedRules(ctx context.Context) (*app.Checked, error) {
	c := app.Check(p.options())
	if c.Wrong || !c.Config.RulesInStore() {
		return c, nil
	}
	err := p.peek(ctx, func(cl *client) error {
		r, err := publishedSet(ctx, cl, "latest")
		if err == nil {
			c.Take(r.Files)
		}
		return err
	})
	return c, err
}

func argument(args []string, i int, other string) string {
	if i < len(args) {
		return args[i]
	}
	return other
}

func publishedSet(ctx context.Context, cl *client, id string) (*issue.Ruleset, error) {
	var r issue.Ruleset
	return &r, cl.get(ctx, rulesetPath(id), nil, &r)
}

func (p *program) printFile(r *issue.Ruleset, name string) error {
	text, ok := r.Files[name]
	if !ok {
		return fault.Errorf(fault.NotFound, "number %d has no file %s", r.Number, name)
	}
	b, err := rules.Content(text)
	if err != nil {
		return err
	}
	_, err = p.out.Write(b)
	return err
}

// writeSet writes a set's files below dir, and nowhere else.
func (p *program) writeSet(r *issue.Ruleset, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if there, err := os.ReadDir(dir); err != nil || len(there) > 0 {
		return fault.Errorf(fault.Conflict, "%s is not empty: name a new folder", dir)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		b, err := rules.Content(r.Files[name])
		if err != nil {
			return err
		}
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, b, 0o644); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(p.out, "number %d: %s in %s\n", r.Number, count(len(r.Files), "file"), dir)
	return err
}

func (p *program) rulesDiff() *cobra.Command {
	var dir string
	c := p.withJSON(&cobra.Command{
		Use: "diff [FROM [TO]]", Short: "Show how two published sets differ, or a folder from what decides", Args: cobra.MaximumNArgs(2),
		Long: `Shows the difference between two publications, file by file, as diff -u does. FROM and TO are as in show: TO is the latest
unless told, and FROM the one before TO. With --dir TO is a folder that has not been published.`,
		Example: `  postern rules diff               # what the last publication changed
  postern rules diff 40 42
  postern rules diff --dir rules   # what publishing the folder would change`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if dir != "" && len(args) > 1 {
				return usage(cmd, fmt.Errorf("--dir takes the place of TO"))
			}
			return p.peek(ctx, func(cl *client) error {
				d, err := compared(ctx, cl, dir, args)
				switch {
				case err != nil:
					return err
				case p.json:
					return p.printJSON(d)
				}
				for _, f := range d.Files {
					fmt.Fprint(p.out, plain(f.Text, true))
				}
				return nil
			})
		},
	})
	c.Flags().StringVar(&dir, "dir", "", "compare with the rules in this folder")
	return c
}

func compared(ctx context.Context, cl *client, dir string, args []string) (*api.RulesetDiff, error) {
	if dir == "" {
		q := url.Values{}
		if len(args) > 0 {
			q.Set("from", args[0])
		}
		var d api.RulesetDiff
		return &d, cl.get(ctx, rulesetPath(argument(args, 1, "latest"))+"/diff", q, &d)
	}
	from, err := publishedSet(ctx, cl, argument(args, 0, "latest"))
	if err != nil {
		return nil, err
	}
	files, err := rules.ReadFiles(dir)
	if err != nil {
		return nil, err
	}
	d := &api.RulesetDiff{From: from, To: &issue.Ruleset{}, Files: []api.FileDiff{}}
	for _, f := range rules.Diff(from.Files, files) {
		d.Files = append(d.Files, api.FileDiff(f))
	}
	from.Files = nil
	return d, nil
}
