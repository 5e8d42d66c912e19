package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) test() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "test", Short: "Run the tests that stand in the rules", Args: none,
		Long: `Runs every test block of the rules, or of those that are published where rules live in the store. What fails is told a line each, file:line:col: message, with the rules that
matched below it. Exits 1 when a test fails or the rules are wrong.`,
		Example: `  postern test
  postern test -c /etc/postern/postern.yaml --json | jq .tests`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checked, err := p.checkedRules(cmd.Context())
			if err != nil {
				return err
			}
			if checked.Wrong {
				return p.checked(checked, true)
			}
			report := checked.Test(cmd.Context())
			if p.json {
				if err := p.printJSON(report); err != nil {
					return err
				}
			} else {
				if err := report.Write(p.out, true); err != nil {
					return err
				}
				fmt.Fprintf(p.out, "%d passed, %d failed\n", len(report.Tests)-report.Failed(), report.Failed())
			}
			if !report.OK() {
				return &exit{code: exitFailed}
			}
			return nil
		},
	})
}
