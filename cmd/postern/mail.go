package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/intake"
	"postern/internal/mail"
)

func (p *program) parse() *cobra.Command {
	return &cobra.Command{
		Use: "parse [FILE…]", Short: "Print what a mail says, a JSON line each",
		Long: `Reads mail and prints one JSON line a message: file subject from to cc date messageId inReplyTo references text
newText html attachments[name,type,size,sha256,inline] isReply isForward isAutoReply isBounce isList warnings. A "-" or no file
reads standard input. Whatever the bytes are, a line is printed.`,
		Example: `  postern parse mail.eml | jq -r .newText
  postern parse testdata/*.eml`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"-"}
			}
			failed := false
			for _, name := range args {
				if err := p.parseOne(name); err != nil {
					failed = true
					fmt.Fprintln(p.err, "postern: "+err.Error())
				}
			}
			if failed {
				return &exit{code: exitFailed}
			}
			return nil
		},
	}
}

// parseOne prints one mail. A file that cannot be read has its line too, with what was read of it.
func (p *program) parseOne(name string) error {
	in, done, err := p.input(name)
	if err != nil {
		in, done = bytes.NewReader(nil), func() {}
	}
	defer done()
	m, perr := mail.Parse(in, mail.Options{})
	if m == nil {
		m = &mail.Message{}
	}
	if err == nil {
		err = perr
	}
	if err != nil {
		m.Warnings = append(m.Warnings, mail.Warning{Code: "unreadable", Detail: err.Error()})
	}
	b, jerr := m.MarshalParsed(name)
	if jerr != nil {
		return jerr
	}
	if _, werr := p.out.Write(append(bytes.TrimRight(b, "\n"), '\n')); werr != nil {
		return werr
	}
	return err
}

// input opens a file, or standard input for "-".
func (p *program) input(name string) (io.Reader, func(), error) {
	if name == "-" {
		return p.in, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { _ = f.Close() }, nil
}

func (p *program) eval() *cobra.Command {
	var mailbox, to, from string
	c := &cobra.Command{
		Use: "eval [FILE…]", Short: "A dry run: what would become of a mail, and why",
		Long: `Decides mail by the rules that are live, in the world as it is, and prints decision and trace as JSON, one document
a mail. Nothing is written anywhere.`,
		Example: `  postern eval --mailbox support mail.eml
  postern eval --to support@example.com --from ann@example.org < mail.eml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"-"}
			}
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				for _, name := range args {
					in, done, err := p.input(name)
					if err != nil {
						return err
					}
					q := url.Values{"from": {from}}
					if mailbox == "" && to == "" {
						q.Set("to", "support@example.com")
					}
					if mailbox != "" {
						q.Set("mailbox", mailbox)
					}
					if to != "" {
						q.Set("to", to)
					}
					var dry intake.DryRun
					err = cl.do(ctx, http.MethodPost, "/control/eval", q, in, "message/rfc822", &dry)
					done()
					if err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
					if err := p.printJSON(struct {
						File string `json:"file"`
						*intake.DryRun
					}{name, &dry}); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&mailbox, "mailbox", "", "decide as for this mailbox")
	c.Flags().StringVar(&to, "to", "", "decide as for this recipient")
	c.Flags().StringVar(&from, "from", "", "the envelope's sender")
	return c
}

func (p *program) deliver() *cobra.Command {
	var to []string
	var from string
	c := p.withJSON(&cobra.Command{
		Use: "deliver --to ADDRESS", Short: "Take one mail from standard input, as a mail server's pipe does", Args: cobra.NoArgs,
		Long: `Takes the mail on standard input down the same road as every other and exits as a mail server's pipe expects
(sysexits.h): 0 taken, 65 refused for good, 75 try again later. What went wrong is one line on standard error.`,
		Example: `  postern deliver --to support@example.com < mail.eml
  # Postfix, master.cf:
  # postern unix - n n - 4 pipe flags=Rq user=postern argv=/usr/local/bin/postern deliver -c /etc/postern/postern.yaml --from ${sender} --to ${recipient}`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(to) == 0 {
				return &exit{exitUsage, fmt.Errorf("deliver needs --to ADDRESS")}
			}
			ctx := cmd.Context()
			var d app.Delivered
			err := p.with(ctx, func(cl *client) error {
				return cl.do(ctx, http.MethodPost, "/control/deliver", url.Values{"to": to, "from": {from}}, p.in, "message/rfc822", &d)
			})
			if err != nil {
				return later(err)
			}
			if p.json {
				if err := p.printJSON(d); err != nil {
					return err
				}
			}
			return delivered(p, &d)
		},
	})
	c.Flags().StringArrayVar(&to, "to", nil, "the recipient; may be given several times")
	c.Flags().StringVar(&from, "from", "", "the envelope's sender; empty for the null sender")
	return c
}

// delivered turns the outcomes into the one answer that a pipe gives.
func delivered(p *program, d *app.Delivered) error {
	if d.Refused != "" {
		if d.Later {
			return &exit{exitLater, fmt.Errorf("try again later: %s", d.Refused)}
		}
		return &exit{exitData, fmt.Errorf("refused: %s", d.Refused)}
	}
	switch o := intake.Combine(d.Outcomes); o.Verdict {
	case intake.TryLater:
		return &exit{exitLater, fmt.Errorf("try again later: %s", o.Reason)}
	case intake.Rejected:
		return &exit{exitData, fmt.Errorf("refused: %s", o.Reason)}
	default:
		if !p.json {
			for _, o := range d.Outcomes {
				fmt.Fprintf(p.out, "%s: %s, message %s", o.Recipient, o.Verdict, o.Message)
				if o.Issue != 0 {
					fmt.Fprintf(p.out, ", issue %d", o.Issue)
				}
				fmt.Fprintln(p.out)
			}
		}
		return nil
	}
}
