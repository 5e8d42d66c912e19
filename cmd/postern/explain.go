package main

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"postern/dsl"
	"postern/internal/intake"
)

func (p *program) explain() *cobra.Command {
	var rule string
	c := p.withJSON(&cobra.Command{
		Use: "explain ISSUE|MESSAGE", Short: "Why is it as it is?", Args: exactly("ISSUE or MESSAGE"),
		Long: `Says which rule, by its file and line, gave each field of an issue its value, on which of its mails; of a message besides what rules
did and which nearly matched: each part of their conditions, whether it held, and the values that it looked at, as they were when the mail
came. What rules black out (redact) stays so, and long texts are cut.`,
		Example: `  postern explain 7
  postern explain 06h1hr15vrb910yt3qrc1najx8
  postern explain 06h1hr15vrb910yt3qrc1najx8 --rule "outage reported by a VIP"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.peek(ctx, func(cl *client) error {
				if n, err := strconv.ParseInt(args[0], 10, 64); err == nil && n > 0 && rule == "" {
					return p.explainIssue(ctx, cl, n)
				}
				var e intake.Explanation
				q := url.Values{}
				if rule != "" {
					q.Set("rule", rule)
				}
				if err := cl.get(ctx, "/api/v1/messages/"+url.PathEscape(args[0])+"/explanation", q, &e); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(&e)
				}
				p.printExplanation(&e)
				p.printNear(&e, rule)
				return nil
			})
		},
	})
	c.Flags().StringVar(&rule, "rule", "", "of a message: why this rule did not match")
	return c
}

func (p *program) explainIssue(ctx context.Context, cl *client, number int64) error {
	var x intake.IssueExplanation
	if err := cl.get(ctx, fmt.Sprintf("/api/v1/issues/%d/explanation", number), nil, &x); err != nil {
		return err
	}
	if p.json {
		return p.printJSON(&x)
	}
	fmt.Fprintf(p.out, "issue %d  %q\n", x.Issue.Number, safe(x.Issue.Subject))
	if w := x.Issue.WithdrawnAt; w != nil {
		fmt.Fprintf(p.out, "    withdrawn by a replay at %s\n", at(*w))
	}
	p.printFields(x.Fields, true)
	for i := range x.Messages {
		fmt.Fprintln(p.out)
		p.printExplanation(&x.Messages[i])
	}
	if x.More {
		fmt.Fprintln(p.out, "\nit has older messages, which are not shown")
	}
	return nil
}

func (p *program) printExplanation(e *intake.Explanation) {
	fmt.Fprintf(p.out, "message %s  %s  %s  %q\n", e.Message, at(e.ReceivedAt), safe(e.Mailbox), safe(e.Subject))
	fmt.Fprintf(p.out, "    %s", e.Verdict)
	if e.Reason != "" {
		fmt.Fprintf(p.out, " (%s)", safe(e.Reason))
	}
	if e.Issue != 0 {
		fmt.Fprintf(p.out, ", issue %d", e.Issue)
	}
	if e.Thread != "" {
		fmt.Fprintf(p.out, ", found by %s", safe(e.Thread))
	}
	if e.Trust != "" {
		fmt.Fprintf(p.out, ", sender's trust: %s", e.Trust)
	}
	fmt.Fprintf(p.out, ", rules %s", clipped(e.Ruleset))
	if e.Run != "" {
		fmt.Fprintf(p.out, ", decided again by replay %s", e.Run)
	}
	fmt.Fprintln(p.out)
	p.printFields(e.Fields, false)
	for _, r := range e.Rules {
		fmt.Fprintf(p.out, "    rule %s\n", safe(r.String()))
	}
	if e.Note != "" {
		fmt.Fprintf(p.out, "    %s\n", e.Note)
	}
}

func (p *program) printFields(fields []intake.FieldReason, named bool) {
	for _, f := range fields {
		fmt.Fprintf(p.out, "    %-12s %s, by %s:%d %q", safe(f.Field), safe(strings.Join(f.Actions, ", ")), safe(f.File), f.Line, safe(f.Rule))
		if named {
			fmt.Fprintf(p.out, " on %s", f.Message)
		}
		fmt.Fprintln(p.out)
	}
}

func (p *program) printNear(e *intake.Explanation, rule string) {
	if len(e.Near) > 0 && rule == "" {
		fmt.Fprintln(p.out, "\nnearly matched:")
	}
	if len(e.Near) == 0 && rule != "" && e.Note == "" {
		fmt.Fprintf(p.out, "\nno rule %q was asked and did not match, or it has no condition\n", safe(rule))
	}
	for _, n := range e.Near {
		fmt.Fprintf(p.out, "    %s:%d %q\n", safe(n.File), n.Line, safe(n.Rule))
		p.printPart(n.Condition, 2)
	}
	if e.Left > 0 {
		fmt.Fprintf(p.out, "    %s not looked at, for want of time\n", count(e.Left, "rule"))
	}
}

func (p *program) printPart(part *dsl.Part, depth int) {
	indent := strings.Repeat("    ", depth)
	word := "no "
	switch {
	case part.Error != "":
		word = "?  "
	case part.Holds:
		word = "yes"
	}
	text := part.Text
	if part.Op != "" {
		text = map[string]string{"and": "all of", "or": "one of", "not": "not"}[part.Op]
	}
	fmt.Fprintf(p.out, "%s%s %s\n", indent, word, safe(text))
	for _, v := range part.Values {
		fmt.Fprintf(p.out, "%s      %s is %s\n", indent, safe(v.Text), safe(v.Value))
	}
	if part.Error != "" && part.Op == "" {
		fmt.Fprintf(p.out, "%s      %s\n", indent, safe(part.Error))
	}
	for i := range part.Parts {
		p.printPart(&part.Parts[i], depth+1)
	}
}
