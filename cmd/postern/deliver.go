package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/fault"
	"postern/internal/intake"
)

func (p *program) deliver() *cobra.Command {
	var to []string
	var from string
	c := p.withJSON(&cobra.Command{
		Use: "deliver --to ADDRESS", Short: "Take one mail from standard input, as a mail server's pipe does", Args: none,
		Long: `Takes the mail on standard input down the same road as every other and exits as a mail server's pipe expects
(sysexits.h): 0 taken, 65 refused for good, 75 try again later. What went wrong is one line on standard error. Wrong usage and a
broken configuration are 75 too: a slip must not cost anybody's mail. Where of several recipients one has to wait it is 75, else where one is refused 65; the others have
the mail all the same, and when it comes again nothing is made twice.`,
		Example: `  postern deliver --to support@example.com --from ann@example.org < mail.eml
  # Postfix, master.cf:
  # postern unix - n n - 4 pipe flags=q null_sender= user=postern argv=/usr/local/bin/postern deliver -c /etc/postern/postern.yaml --from ${sender} --to ${recipient}`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(to) == 0 {
				return usage(cmd, errors.New("deliver needs --to ADDRESS"))
			}
			d, err := p.handOver(cmd.Context(), url.Values{"to": to, "from": {from}})
			if err != nil {
				return later(err)
			}
			return p.delivered(d)
		},
	})
	c.Flags().StringArrayVar(&to, "to", nil, "the recipient; may be given several times")
	c.Flags().StringVar(&from, "from", "", "the envelope's sender; empty for the null sender")
	return c
}

// handOver gives the mail to a Postern. A panic of ours is an error, since Go's own exit code for it would be a bounce.
func (p *program) handOver(ctx context.Context, q url.Values) (d *app.Delivered, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v\n%s", r, debug.Stack())
		}
	}()
	d = &app.Delivered{}
	return d, p.with(ctx, func(cl *client) error {
		err := cl.do(ctx, http.MethodPost, "/control/deliver", q, p.in, "message/rfc822", d)
		if fault.Is(err, fault.TooLarge) { // the mail, and it stays so
			return &exit{exitData, fmt.Errorf("refused: %w", err)}
		}
		return err
	})
}

// later gives errors, of which we cannot be sure that they are the mail's, the code that makes a mail server's pipe try again.
func later(err error) error {
	var e *exit
	if errors.As(err, &e) {
		return err
	}
	return &exit{exitLater, err}
}

// delivered turns the outcomes into the one answer that a pipe gives: later if one recipient has to wait, for the others' mail is
// known when it comes again; else refused if one is, for somebody has to tell the sender; else taken.
func (p *program) delivered(d *app.Delivered) error {
	if p.json {
		if err := p.printJSON(outcomes(d)); err != nil {
			return later(err)
		}
	}
	var wait, refused []string
	for _, o := range d.Outcomes {
		switch o.Verdict {
		case intake.TryLater:
			wait = append(wait, safe(o.Recipient+": "+o.Reason))
		case intake.Rejected:
			refused = append(refused, safe(o.Recipient+": "+o.Reason))
		default:
			p.taken(&o)
		}
	}
	switch {
	case len(wait) > 0:
		return &exit{exitLater, fmt.Errorf("try again later: %s", strings.Join(wait, "; "))}
	case len(refused) > 0:
		return &exit{exitData, fmt.Errorf("refused: %s", strings.Join(refused, "; "))}
	}
	return nil
}

func (p *program) taken(o *intake.Outcome) {
	if p.json {
		return
	}
	fmt.Fprintf(p.out, "%s: %s, message %s", safe(o.Recipient), o.Verdict, o.Message)
	if o.Issue != 0 {
		fmt.Fprintf(p.out, ", issue %d", o.Issue)
	}
	if o.Again {
		fmt.Fprint(p.out, ", the same mail as before")
	}
	fmt.Fprintln(p.out)
}

// An outcome is what became of the mail for one recipient, for programs.
type outcome struct {
	Recipient string `json:"recipient"`
	Mailbox   string `json:"mailbox,omitempty"`
	Verdict   string `json:"verdict"`
	Duplicate bool   `json:"duplicate"`
	Reason    string `json:"reason,omitempty"`
	Message   string `json:"message,omitempty"`
	Issue     int64  `json:"issue,omitempty"`
}

func outcomes(d *app.Delivered) map[string][]outcome {
	out := []outcome{}
	for _, o := range d.Outcomes {
		out = append(out, outcome{o.Recipient, o.Mailbox, string(o.Verdict), o.Again, o.Reason, o.Message, o.Issue})
	}
	return map[string][]outcome{"outcomes": out}
}
