package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/intake"
	"postern/internal/mail"
)

func (p *program) eval() *cobra.Command {
	var as question
	c := &cobra.Command{
		Use: "eval [FILE…]", Short: "A dry run: what would become of a mail, and why",
		Long: `Decides mail by the rules that are live, in the world as it is, and prints decision and trace as JSON, one document
a mail. Nothing is written anywhere. Without --mailbox and --to the first recipient that the mail itself names and a mailbox takes
counts, or the only mailbox.`,
		Example: `  postern eval mail.eml
  postern eval --mailbox support mail.eml | jq -r .verdict
  postern eval --to support@example.com --from ann@example.org < mail.eml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"-"}
			}
			conf, err := p.conf()
			if err != nil {
				return err
			}
			if !began(conf) {
				forget, err := p.emptyWorld()
				if err != nil {
					return err
				}
				defer forget()
			}
			p.dry = true
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				for _, name := range args {
					if err := p.evalOne(ctx, cl, conf, as, name); err != nil {
						return fmt.Errorf("%s: %w", name, err)
					}
				}
				return nil
			})
		},
	}
	c.Flags().StringVar(&as.mailbox, "mailbox", "", "decide as for this mailbox")
	p.completeFlag(c, "mailbox", mailboxNames)
	c.Flags().StringVar(&as.to, "to", "", "decide as for this recipient")
	c.Flags().StringVar(&as.from, "from", "", "the envelope's sender")
	return c
}

// A question is whose mail it shall be.
type question struct{ mailbox, to, from string }

func (p *program) evalOne(ctx context.Context, cl *client, conf *config.Config, as question, name string) error {
	in, done, err := p.input(name)
	if err != nil {
		return errors.Unwrap(err) // the name is said already
	}
	defer done()
	raw, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if as.mailbox == "" && as.to == "" {
		if as, err = as.addressed(conf, raw); err != nil {
			return err
		}
	}
	q := url.Values{"from": {as.from}}
	if as.mailbox != "" {
		q.Set("mailbox", as.mailbox)
	}
	if as.to != "" {
		q.Set("to", as.to)
	}
	var dry intake.DryRun
	if err := cl.do(ctx, http.MethodPost, "/control/eval", q, bytes.NewReader(raw), "message/rfc822", &dry); err != nil {
		return err
	}
	if as.mailbox != "" && dry.Mailbox != as.mailbox {
		return fmt.Errorf("every address of mailbox %q that comes to mind belongs to %q: name one with --to", as.mailbox, dry.Mailbox)
	}
	return p.printJSON(struct {
		File string `json:"file"`
		*intake.DryRun
	}{name, &dry})
}

// addressed chooses the mailbox by whom the mail itself names; where there is but one, it is that.
func (as question) addressed(conf *config.Config, raw []byte) (question, error) {
	m, err := mail.Parse(bytes.NewReader(raw), mail.Options{})
	if err != nil {
		return as, err
	}
	for _, to := range slices.Concat(m.To, m.Cc) {
		if _, ok := conf.Route(to.Email); ok {
			as.to = to.Email
			return as, nil
		}
	}
	if len(conf.Mailboxes) != 1 {
		return as, errors.New("no mailbox takes mail for any recipient that it names: say --mailbox NAME or --to ADDRESS")
	}
	as.mailbox = conf.Mailboxes[0].Name
	return as, nil
}

// emptyWorld lets a command that changes nothing run where no store is yet: in a folder that goes with it.
func (p *program) emptyWorld() (forget func(), err error) {
	dir, err := os.MkdirTemp("", "postern-eval-")
	if err != nil {
		return nil, err
	}
	getenv := p.getenv
	p.getenv = func(name string) string {
		switch name {
		case config.EnvName("store.sqlite"), config.EnvName("data"):
			return dir
		case config.EnvName("key-file"):
			return filepath.Join(dir, "postern.key")
		}
		return getenv(name)
	}
	return func() { _ = os.RemoveAll(dir) }, nil
}
