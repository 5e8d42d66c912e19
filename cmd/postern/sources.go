package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/api"
)

func (p *program) sources() *cobra.Command {
	c := &cobra.Command{
		Use: "sources", Short: "Look at the accounts that mail is fetched from, and at hooks",
		Example: `  postern sources list                # what was heard of each, and what is wrong
  postern sources show support        # with the mails that could not be taken, and why
  postern sources poll support        # now
  postern sources retry support ITEM  # ask for a parked mail again
  postern doctor support              # try each step of polling it`,
	}
	c.AddCommand(p.sourcesList(), p.sourcesShow(), p.sourcesPoll(),
		p.sourceItem("retry", "Ask for a parked or pending mail again, now", http.MethodPost, "/retry", "it is asked for again"),
		p.sourceItem("forget", "Do not ask for a parked or pending mail any more; it stays at its server", http.MethodDelete, "/parked", "forgotten"))
	return c
}

func sourcePath(name string) string { return "/api/v1/sources/" + url.PathEscape(name) }

func (p *program) sourcesList() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "list", Short: "List accounts and hooks, on all nodes", Args: none,
		Example: `  postern sources list
  postern sources list --json | jq -r '.[] | select(.silent or .error != "") | .name'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				var all page[api.SourceStatus]
				if err := cl.get(ctx, "/api/v1/sources", nil, &all); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(all.Items)
				}
				for _, s := range all.Items {
					fmt.Fprintf(p.out, "%-20s %-5s %s\n", safe(s.Name), safe(s.Kind), strings.Join(sourceWords(&s), ", "))
				}
				return nil
			})
		},
	})
}

// sourceWords say how a source is, the worst first.
func sourceWords(s *api.SourceStatus) []string {
	var out []string
	say := func(yes bool, format string, args ...any) {
		if yes {
			out = append(out, safe(fmt.Sprintf(format, args...)))
		}
	}
	say(s.Error != "", "WRONG: %s", s.Error)
	say(s.Silent, "SILENT for longer than usual")
	say(s.Parked > 0, "%d parked", s.Parked)
	say(s.Pending > 0, "%d pending", s.Pending)
	say(s.DryRun, "dry run")
	if i := s.Import; i != nil && i.Ended == nil {
		say(true, "importing, %d done", i.Done)
	}
	say(s.State != "", "%s", s.State)
	say(s.Slow, "slowly, for push works")
	say(s.Holder != "", "polled by %s", s.Holder)
	say(s.MailAt != nil, "last mail %s ago", ago(s.SilenceSeconds))
	say(s.MailAt == nil, "no mail yet")
	return out
}

func ago(seconds int64) time.Duration { return time.Duration(seconds) * time.Second }

func (p *program) sourcesShow() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "show NAME", Short: "Show one, with the mails that could not be taken", Args: exactly("NAME"),
		Example: `  postern sources show support
  postern sources show support --json | jq -r '.parkedItems[].id'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				var s api.SourceDetail
				if err := cl.get(ctx, sourcePath(args[0]), nil, &s); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(s)
				}
				p.printSource(&s)
				return nil
			})
		},
	})
}

func (p *program) printSource(s *api.SourceDetail) {
	fmt.Fprintf(p.out, "%s: %s, feeds %s\n", safe(s.Name), safe(s.Kind), safe(strings.Join(s.Mailboxes, ", ")))
	p.line("state", strings.Join(sourceWords(&s.SourceStatus), ", "))
	for _, t := range []struct {
		name string
		at   *time.Time
	}{{"heard", s.HeardAt}, {"mail", s.MailAt}, {"polled", s.PolledAt}, {"next poll", s.NextPoll}, {"error", s.ErrorAt}} {
		if t.at != nil {
			p.line(t.name, at(*t.at))
		}
	}
	p.line("mails", fmt.Sprint(s.Mails))
	if s.Backlog != nil {
		p.line("backlog", fmt.Sprint(*s.Backlog))
	}
	if s.LagSeconds > 0 {
		p.line("lag", time.Duration(s.LagSeconds*float64(time.Second)).Round(time.Millisecond).String())
	}
	if s.Rejected > 0 {
		p.line("refused", fmt.Sprintf("%d requests that proved nothing", s.Rejected))
	}
	for _, i := range s.PendingItems {
		next := ""
		if i.Next != nil {
			next = at(*i.Next)
		}
		fmt.Fprintf(p.out, "  pending   %s  %d bytes, tried %d times, next %s: %s\n", safe(i.ID), i.Size, i.Tries, next, safe(i.Reason))
	}
	for _, i := range s.ParkedItems {
		where := "at the server"
		if i.Message != "" {
			where = "quarantined as " + i.Message
		}
		fmt.Fprintf(p.out, "  parked    %s  %d bytes, %s, %s: %s\n", safe(i.ID), i.Size, at(i.Since), safe(where), safe(i.Reason))
	}
}

func (p *program) sourcesPoll() *cobra.Command {
	return &cobra.Command{
		Use: "poll NAME…", Short: "Poll accounts now", Args: some("NAME"),
		Example: "  postern sources poll support",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				for _, name := range args {
					if err := cl.do(ctx, http.MethodPost, sourcePath(name)+"/poll", nil, nil, "", nil); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
					fmt.Fprintf(p.out, "%s is polled\n", safe(name))
				}
				return nil
			})
		},
	}
}

// sourceItem is a command about mails that could not be taken.
func (p *program) sourceItem(name, short, method, suffix, done string) *cobra.Command {
	return &cobra.Command{
		Use: name + " NAME ITEM", Short: short, Args: exactly("NAME", "ITEM"),
		Example: "  postern sources " + name + " support INBOX/1700000000/4711",
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				q := url.Values{"item": {args[1]}}
				if err := cl.do(ctx, method, sourcePath(args[0])+suffix, q, nil, "", nil); err != nil {
					return err
				}
				_, err := fmt.Fprintf(p.out, "%s: %s\n", safe(args[1]), done)
				return err
			})
		},
	}
}
