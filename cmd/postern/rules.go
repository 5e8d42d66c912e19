package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"postern/rules"
)

func (p *program) rules() *cobra.Command {
	c := &cobra.Command{
		Use: "rules", Short: "Look at the rules, publish them, and go back to earlier ones",
		Example: `  postern rules list
  postern rules versions                            # who published what, when and why
  postern rules publish rules -m "VIPs first"       # checked and tested first
  postern rules diff                                # what the last publication changed
  postern rules rollback 41`,
	}
	c.AddCommand(p.rulesList(), p.rulesPublish(), p.rulesVersions(), p.rulesShow(), p.rulesDiff(), p.rulesRollback(), p.rulesStats(), p.rulesShadow())
	return c
}

func (p *program) rulesList() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "list", Short: "List the rules in the order in which they are asked, with what they say of themselves", Args: none,
		Long: `Lists the rules and tokens of the rules folder, or what is published where rules live in the store, in the order of their files and blocks: place, stage, mailboxes, name, and
attributes such as owner, until and sample. The first line names the version, which is a hash of all the files. Exits 1 when the rules are wrong.`,
		Example: `  postern rules list
  postern rules list --json | jq -r '.rules[] | select(.owner == "billing") | .name'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checked, err := p.checkedRules(cmd.Context())
			if err != nil {
				return err
			}
			if checked.Wrong {
				return p.checked(checked, true)
			}
			set := checked.Rules
			if p.json {
				return p.printJSON(map[string]any{"version": set.Version(), "rules": set.List()})
			}
			fmt.Fprintf(p.out, "version %s\n", set.Short())
			w := tabwriter.NewWriter(p.out, 0, 0, 2, ' ', 0)
			for _, r := range set.List() {
				fmt.Fprintf(w, "%s:%d\t%s\t%s\t%s\n", safe(r.File), r.Line, r.Stage, mailboxesOf(r), described(r))
			}
			return w.Flush()
		},
	})
}

func mailboxesOf(r rules.Listed) string {
	if len(r.Mailboxes) == 0 {
		return "all"
	}
	return safe(strings.Join(r.Mailboxes, ", "))
}

// described is the rule's name and its attributes, as a rules file would write them.
func described(r rules.Listed) string {
	var b strings.Builder
	add := func(is bool, format string, args ...any) {
		if is {
			fmt.Fprintf(&b, format, args...)
		}
	}
	add(r.Disabled, "disabled ")
	add(r.Shadow, "shadow ")
	fmt.Fprintf(&b, "%s %q", r.Kind, r.Name)
	add(r.UntilText != "", ", until %s", r.UntilText)
	add(r.Sample > 0, ", sample %s%%", strconv.FormatFloat(r.Sample, 'f', -1, 64))
	add(r.Owner != "", ", owner %q", r.Owner)
	doc, _, more := strings.Cut(r.Doc, "\n")
	if more {
		doc += " …"
	}
	add(doc != "", ": %s", doc)
	return safe(b.String())
}
