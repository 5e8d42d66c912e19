package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/config"
	"postern/internal/issue"
	"postern/internal/keys"
)

func (p *program) keys() *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "The key file, and the tokens of the API",
		Example: `  postern keys init                       # serve makes one by itself on its first start
  postern keys rotate                     # from time to time, and when the file may have been read
  postern keys secret > /etc/postern/sendgrid.secret    # for a hook
  postern keys token --name nightly-export --scope read
  postern keys tokens
  postern keys revoke ID`,
	}
	c.AddCommand(
		p.keyFile("init", "Make the key file; never replaces one", "keep a copy of it, apart from the backups, and give every node the same", keys.Init),
		p.keyFile("rotate", "Add a new key; the old ones go on to be believed", "give every node the new file, then restart them one after the other", keys.Rotate),
		p.secret(), p.token(), p.tokens(), p.revoke())
	return c
}

// keyFile is a command that writes the key file.
func (p *program) keyFile(name, short, next string, write func(path string, now time.Time) (*keys.Ring, error)) *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: name, Short: short, Args: none,
		Example: "  postern keys " + name + " -c /etc/postern/postern.yaml",
		RunE: func(*cobra.Command, []string) error {
			conf, err := p.conf()
			if err != nil {
				return err
			}
			ring, err := write(conf.KeyPath(), time.Now())
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(map[string]any{"file": conf.KeyPath(), "keys": ring.Len(), "fingerprint": ring.Fingerprint()})
			}
			fmt.Fprintf(p.out, "%s: %s, fingerprint %s\n", conf.KeyPath(), count(ring.Len(), "key"), ring.Fingerprint())
			fmt.Fprintln(p.err, next)
			return nil
		},
	})
}

// secret prints something that nobody can guess, for a file that only its owner reads.
func (p *program) secret() *cobra.Command {
	return &cobra.Command{
		Use: "secret", Short: "Print a new secret, for the secret-file of a hook", Args: none,
		Example: `  (umask 077; postern keys secret > /etc/postern/sendgrid.secret)`,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.out, rand.Text()+rand.Text())
			return err
		},
	}
}

func (p *program) revoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke ID", Short: "End an API token", Args: exactly("ID"),
		Example: `  postern keys tokens
  postern keys revoke 06h1hr15vrb910yt3qrc1najx8`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error {
				if err := cl.do(ctx, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(args[0]), nil, nil, "", nil); err != nil {
					return err
				}
				_, err := fmt.Fprintln(p.out, args[0], "revoked")
				return err
			})
		},
	}
}

func (p *program) token() *cobra.Command {
	var name, expires string
	var scopes []string
	c := p.withJSON(&cobra.Command{
		Use: "token --name NAME", Short: "Make an API token; its secret is shown once", Args: none,
		Example: `  postern keys token --name console --scope read --scope quarantine --expires 90d`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return usage(cmd, errors.New("keys token needs --name NAME"))
			}
			body := map[string]any{"name": name, "scopes": scopes}
			if expires != "" {
				d, err := config.ParseDuration(expires)
				if err != nil {
					return usage(cmd, fmt.Errorf("--expires: %w", err))
				}
				body["expiresAt"] = time.Now().Add(d).UTC().Truncate(time.Second)
			}
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				var made struct {
					ID     string `json:"id"`
					Secret string `json:"token"`
				}
				if err := cl.post(ctx, "/api/v1/tokens", nil, body, &made); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(made)
				}
				_, err := fmt.Fprintf(p.out, "%s\n", made.Secret)
				fmt.Fprintf(p.err, "token %s (%s) made; this is the only time its secret is shown. From now on the API wants a token everywhere.\n", made.ID, name)
				return err
			})
		},
	})
	c.Flags().StringVar(&name, "name", "", "whom it is for")
	c.Flags().StringArrayVar(&scopes, "scope", []string{"read"}, "what it may do: read, write, quarantine, rules, admin; may be given several times")
	p.completeFlag(c, "scope", func(*config.Config) []string { return []string{"read", "write", "quarantine", "rules", "admin"} })
	c.Flags().StringVar(&expires, "expires", "", "when it ends: 90d, 12h; never where it is left out")
	return c
}

func (p *program) tokens() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "tokens", Short: "List the API's tokens", Args: none,
		Example: `  postern keys tokens`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return p.look(ctx, func(cl *client) error {
				var pg page[issue.Token]
				if err := cl.get(ctx, "/api/v1/tokens", nil, &pg); err != nil {
					return err
				}
				if p.json {
					return p.printJSON(pg.Items)
				}
				for _, t := range pg.Items {
					until := "never ends"
					if t.ExpiresAt != nil {
						until = "ends " + at(*t.ExpiresAt)
					}
					fmt.Fprintf(p.out, "%s  %-20s %-20s %s\n", t.ID, safe(t.Name), strings.Join(t.Scopes, ","), until)
				}
				return nil
			})
		},
	})
}
