package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "write docs/cli.md anew")

const aboutCLI = "# The command line\n\n" +
	"*Written from the code by `make docs`. Don't edit it here: each text is the command's own `--help`.*\n\n" +
	"Without `-c` the configuration is `postern.yaml` in the working folder, where it is there; environment variables override it\n" +
	"([configuration.md](configuration.md)). Commands that touch the store talk to the running server by the socket in its data folder;\n" +
	"where none runs they open the store themselves and hold it meanwhile. So they run as the user that `postern serve` runs as.\n\n" +
	"With `--json` a command prints JSON for programs, with the field names of the [API](api.md); `parse` and `eval` always do. Colour is for\n" +
	"terminals only, and not where `NO_COLOR` is set. Answers are on standard output, all else on standard error.\n\n" +
	"| exit code | meaning |\n|---|---|\n" +
	"| 0 | done; all is well |\n" +
	"| 1 | it did not work, or something is wrong |\n" +
	"| 2 | wrong usage |\n" +
	"| 65 | `deliver`: the mail is refused for good |\n" +
	"| 75 | `deliver`: try again later |\n"

// What docs/cli.md shows is what the program says; this keeps the help of every command golden.
func TestGenerated(t *testing.T) {
	var page strings.Builder
	page.WriteString(aboutCLI)
	var out bytes.Buffer
	p := &program{getenv: func(string) string { return "" }, out: &out, err: &out}
	eachCommand(p.root(), func(c *cobra.Command) {
		if !c.IsAvailableCommand() && c.HasParent() || c.Name() == "help" || c.HasParent() && c.Parent().Name() == "completion" {
			return
		}
		out.Reset()
		c.InitDefaultHelpFlag()
		c.InitDefaultVersionFlag()
		if err := c.Help(); err != nil {
			t.Fatal(err)
		}
		if !c.HasExample() {
			t.Errorf("%s: the help has no example", c.CommandPath())
		}
		fmt.Fprintf(&page, "\n## %s\n\n```text\n%s```\n", c.CommandPath(), out.String())
	})
	path := filepath.Join("..", "..", "docs", "cli.md")
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page.String(), string(got)); diff != "" {
		t.Errorf("%s is out of date (make docs):\n%s", path, diff)
	}
}
