package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/issue"
)

func (p *program) issues() *cobra.Command {
	var words, status string
	var withdrawn bool
	var limit int
	c := p.withJSON(&cobra.Command{
		Use: "issues [NUMBER]", Short: "List issues, or show one with its notes", Args: atMost("NUMBER"),
		Example: `  postern issues
  postern issues --words "printer berlin" --status new
  postern issues 17
  postern issues 17 --json | jq -r .description`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error {
				if len(args) == 1 {
					return p.showIssue(ctx, cl, args[0])
				}
				q := url.Values{}
				if words != "" {
					q.Set("q", words)
				}
				if status != "" {
					q.Set("status", status)
				}
				if withdrawn {
					q.Set("withdrawn", "true")
				}
				items, err := list[issue.Issue](ctx, cl, "/api/v1/issues", q, limit)
				if err != nil {
					return err
				}
				if p.json {
					return p.printJSON(items)
				}
				for _, is := range items {
					fmt.Fprintf(p.out, "%6d  %s  %-8s %-8s %s  %s\n", is.Number, at(is.CreatedAt), is.Status, is.Priority, safe(is.Requester.Email), safe(is.Subject))
				}
				return nil
			})
		},
	})
	c.Flags().StringVar(&words, "words", "", "only issues in which all these words occur")
	c.Flags().StringVar(&status, "status", "", "only issues of this status")
	p.completeFlag(c, "status", func(c *config.Config) []string { return c.Statuses })
	c.Flags().BoolVar(&withdrawn, "withdrawn", false, "those that a replay withdrew, and no others")
	c.Flags().IntVar(&limit, "limit", 50, "how many at most")
	return c
}

// A shown is an issue as the API shows it.
type shown struct {
	issue.Issue
	Notes       []issue.Note       `json:"notes"`
	NotesNext   *string            `json:"notesNext"`
	Attachments []issue.Attachment `json:"attachments"`
}

func (p *program) showIssue(ctx context.Context, cl *client, number string) error {
	path := "/api/v1/issues/" + url.PathEscape(number)
	if p.json {
		var raw json.RawMessage
		if err := cl.get(ctx, path, nil, &raw); err != nil {
			return err
		}
		return p.printJSON(raw)
	}
	var is shown
	if err := cl.get(ctx, path, nil, &is); err != nil {
		return err
	}
	p.printIssue(&is)
	return nil
}

func (p *program) printIssue(is *shown) {
	fmt.Fprintf(p.out, "%d: %s\n", is.Number, safe(is.Subject))
	p.line("from", person(is.Requester)+", "+at(is.CreatedAt)+", mailbox "+is.Mailbox)
	if w := is.WithdrawnAt; w != nil {
		p.line("withdrawn", at(*w)+", by a replay: it is in no list")
	}
	p.line("status", is.Status)
	p.line("priority", is.Priority)
	p.line("type", is.Type)
	p.line("class", is.Class)
	p.line("assignee", cmp.Or(is.Assignee, is.Team))
	p.line("tags", strings.Join(is.Tags, ", "))
	p.line("watchers", strings.Join(is.Watchers, ", "))
	for _, name := range slices.Sorted(maps.Keys(is.Fields)) {
		p.line(name, is.Fields[name])
	}
	for _, a := range is.Attachments {
		p.line("file", fileLine(a.Name, a.Type, a.Size))
	}
	p.line("message", is.Message)
	if is.Description != "" {
		fmt.Fprintf(p.out, "\n%s\n", indented(is.Description))
	}
	for _, n := range is.Notes {
		fmt.Fprintf(p.out, "\n%s, %s, %s\n%s\n", cmp.Or(person(n.Author), "a rule"), at(n.CreatedAt), n.Visibility, indented(n.Text))
	}
	if is.NotesNext != nil {
		fmt.Fprintf(p.out, "\nmore notes: /api/v1/issues/%d/notes?after=%s\n", is.Number, *is.NotesNext)
	}
}

// line prints a name and its value, where it has one.
func (p *program) line(name, value string) {
	if value != "" {
		fmt.Fprintf(p.out, "  %-9s %s\n", safe(name), safe(value))
	}
}
