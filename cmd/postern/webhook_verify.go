package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"postern/receiver/webhook"
)

func (p *program) webhookVerify() *cobra.Command {
	var hook string
	c := p.withJSON(&cobra.Command{
		Use: "verify FILE", Short: "Say what a recorded request proves, step by step", Args: exactly("FILE"),
		Long: `Holds a recorded request against a hook: its path, its secret, its signature, and says of each step what was found: what was signed, what
is missing, how old it is, whether a key fits. No key and no secret is printed. It is judged by the time at which it was recorded. What was blanked in
the record cannot be compared. Exits 1 when the request proves nothing.`,
		Example: `  postern webhook verify one.http --hook sendgrid-support`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := p.recorded(args[0], hook)
			if err != nil {
				return err
			}
			defer r.close()
			var steps []string
			proven, err := webhook.Explain(cmd.Context(), r.tools, r.hook, r.request, r.read, func(s string) { steps = append(steps, safe(s)) })
			if err != nil {
				return err
			}
			if p.json {
				err = p.printJSON(map[string]any{"hook": r.hook.Name, "proven": proven, "steps": steps})
			} else {
				for _, s := range steps {
					fmt.Fprintln(p.out, s)
				}
				fmt.Fprintf(p.out, "%s: %s\n", r.hook.Name, map[bool]string{true: "proven", false: "not proven: it would hear 401"}[proven])
			}
			if err == nil && !proven {
				err = &exit{code: exitFailed}
			}
			return err
		},
	})
	c.Flags().StringVar(&hook, "hook", "", "the hook, by its name in the configuration; else the first for the record's path")
	return c
}
