package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/config"
	"postern/internal/issue"
	"postern/internal/keys"
)

func (p *program) backup() *cobra.Command {
	return &cobra.Command{
		Use: "backup FOLDER", Short: "Copy the whole store into a folder, while mail flows", Args: cobra.ExactArgs(1),
		Long: `Copies database and blobs into a new folder, while a server runs or without one. The key file is not in it: keep a copy of
that apart, for whoever has both has everything.`,
		Example: `  postern backup /backup/postern-2026-11-24`,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
				if err := cl.post(ctx, "/control/backup", url.Values{"dir": {dir}}, nil, nil); err != nil {
					return err
				}
				_, err := fmt.Fprintln(p.out, "backed up into", dir)
				return err
			})
		},
	}
}

func (p *program) restore() *cobra.Command {
	return &cobra.Command{
		Use: "restore FOLDER", Short: "Read a backup into an empty store", Args: cobra.ExactArgs(1),
		Long: `Reads a backup into the store of the configuration, which must be empty and not in use. A new epoch begins: issue
numbers jump ahead, so that none that was given after the backup is given twice. The key file must be the one the
backup's server had.`,
		Example: `  postern restore /backup/postern-2026-11-24`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := app.Restore(cmd.Context(), p.options(), args[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(p.out, "restored %s; issue numbers go on %d further\n", args[0], issue.EpochJump)
			return err
		},
	}
}

func (p *program) keys() *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "The key file, and the tokens of the API",
		Example: `  postern keys init                       # serve makes one by itself on its first start
  postern keys rotate
  postern keys token --name nightly-export --scope read
  postern keys tokens
  postern keys revoke ID`,
	}
	file := func(use, short string, f func(path string, now time.Time) (*keys.Ring, error)) *cobra.Command {
		return &cobra.Command{
			Use: use, Short: short, Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				conf, found := config.Load(config.Find(p.config), p.getenv)
				if conf == nil {
					return &app.ErrConfig{Problems: found.String()}
				}
				ring, err := f(conf.KeyPath(), time.Now())
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.out, "%s: %d keys, fingerprint %s\n", conf.KeyPath(), ring.Len(), ring.Fingerprint())
				return err
			},
		}
	}
	c.AddCommand(
		file("init", "Make the key file; never replaces one", keys.Init),
		file("rotate", "Add a new key; the old ones go on to be believed", keys.Rotate),
		p.token(), p.tokens(),
		&cobra.Command{
			Use: "revoke ID", Short: "End an API token", Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				ctx := cmd.Context()
				return p.with(ctx, func(cl *client) error {
					if err := cl.do(ctx, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(args[0]), nil, nil, "", nil); err != nil {
						return err
					}
					_, err := fmt.Fprintln(p.out, args[0], "revoked")
					return err
				})
			},
		})
	return c
}

func (p *program) token() *cobra.Command {
	var name, expires string
	var scopes []string
	c := p.withJSON(&cobra.Command{
		Use: "token --name NAME", Short: "Make an API token; its secret is shown once", Args: cobra.NoArgs,
		Example: `  postern keys token --name console --scope read --scope quarantine --expires 90d`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return &exit{exitUsage, fmt.Errorf("keys token needs --name NAME")}
			}
			body := map[string]any{"name": name, "scopes": scopes}
			if expires != "" {
				d, err := config.ParseDuration(expires)
				if err != nil {
					return &exit{exitUsage, fmt.Errorf("--expires: %w", err)}
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
	c.Flags().StringArrayVar(&scopes, "scope", []string{"read"}, "what it may do: read, write, quarantine, admin; may be given several times")
	c.Flags().StringVar(&expires, "expires", "", "when it ends: 90d, 12h; never where it is left out")
	return c
}

func (p *program) tokens() *cobra.Command {
	return p.withJSON(&cobra.Command{
		Use: "tokens", Short: "List the API's tokens", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return p.with(ctx, func(cl *client) error {
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
						until = "ends " + t.ExpiresAt.Format(time.DateTime)
					}
					fmt.Fprintf(p.out, "%s  %-20s %v  %s\n", t.ID, safe(t.Name), t.Scopes, until)
				}
				return nil
			})
		},
	})
}
