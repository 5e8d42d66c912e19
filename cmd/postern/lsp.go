package main

import (
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"postern/dsl"
	"postern/internal/app"
	"postern/internal/lsp"
)

func (p *program) lsp() *cobra.Command {
	var stdio bool
	c := &cobra.Command{
		Use: "lsp", Short: "Help an editor with rules: the Language Server Protocol over standard input and output", Args: none,
		Long: `A language server for *.rules files, which editors start: what is wrong as one types, completion, hover, go to definition,
references, rename, outline, formatting. docs/editors.md says how VS Code, Neovim and Helix are told of it. Names of
mailboxes, priorities and the like come from the nearest postern.yaml in the folder of the rules or above it, or from --config.`,
		Example: `  postern lsp                            # an editor starts it so
  postern lsp -c /etc/postern/postern.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := p.options()
			orderly, err := lsp.Serve(cmd.Context(), p.in, p.out, lsp.Options{
				Vocabulary: func(dir string) (dsl.Vocabulary, string) { return app.EditorVocabulary(o, dir) },
				Version:    version(),
				Log:        slog.New(slog.NewTextHandler(p.err, nil)),
			})
			if err != nil && cmd.Context().Err() == nil { // else it was told to end
				return err
			}
			if !orderly { // LSP 3.17: exit without shutdown
				fmt.Fprintln(p.err, "postern: the editor went away without a shutdown")
				return &exit{code: exitFailed}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&stdio, "stdio", false, "the only way there is; some editors say so")
	return c
}
