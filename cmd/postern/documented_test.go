package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// A command in a code block of a page: at the start of a line or after what runs programs.
var command = regexp.MustCompile(`(?m)(?:^|\$ |&& |; |-u postern |exec postern |/bin/|run )postern((?: +[^\n#|<>;&,]+)?)`)

var quoted = regexp.MustCompile(`"[^"]*"`)

var block = regexp.MustCompile("(?ms)^ *```(?:sh|console|text)?\n(.*?)^ *```|((?:^    .*\n)+)")

// Every command that README, docs, examples and the help itself show is one that the program knows, with flags that it has.
func TestDocumentedCommands(t *testing.T) {
	seen := map[string]bool{}
	try := func(where, args string) {
		args = quoted.ReplaceAllString(args, "TEXT")
		words := strings.Fields(strings.NewReplacer("…", "", "$(date +%F)", "DATE").Replace(args))
		if len(words) > 0 && strings.HasPrefix(words[0], "./") { // go build -o …/postern ./cmd/postern
			return
		}
		root := (&program{getenv: func(string) string { return "" }, out: io.Discard, err: io.Discard}).root()
		c, rest, err := root.Find(words)
		if err != nil {
			t.Errorf("%s: postern%s: %v", where, args, err)
			return
		}
		seen[c.CommandPath()] = true
		if err := c.ParseFlags(rest); err != nil && !strings.HasSuffix(err.Error(), "help requested") {
			t.Errorf("%s: postern%s: %v", where, args, err)
			return
		}
		if c.Args == nil {
			return
		}
		if left := c.Flags().Args(); len(left) == 0 || left[0] != "COMMAND" {
			if err := c.Args(c, left); err != nil || c.HasSubCommands() && len(left) > 0 {
				t.Errorf("%s: postern%s: %v %q", where, args, err, left)
			}
		}
	}
	for _, page := range pages(t) {
		b, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range block.FindAllStringSubmatch(string(b), -1) {
			text := strings.ReplaceAll(m[1]+m[2], "    ", "")
			for _, m := range command.FindAllStringSubmatch(text, -1) {
				try(page, m[1])
			}
		}
	}
	eachCommand((&program{getenv: func(string) string { return "" }, out: io.Discard, err: io.Discard}).root(), func(c *cobra.Command) {
		for _, m := range command.FindAllStringSubmatch(strings.ReplaceAll(c.Example, "  ", ""), -1) {
			try(c.CommandPath()+" --help", m[1])
		}
	})
	for _, name := range []string{"serve", "check", "test", "eval", "deliver", "replay", "quarantine list", "find", "backup", "restore", "keys token", "doctor", "init", "rules publish", "rules rollback"} {
		if !seen["postern "+name] {
			t.Errorf("no page shows postern %s", name)
		}
	}
}

func pages(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"../../README.md", "../../docs/*.md", "../../examples/*/README.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		out = append(out, found...)
	}
	return out
}

// The rules that README shows are right, and so are their tests.
func TestReadmeRules(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```rules\n")
	text, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("README shows no rules")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"postern.yaml": "mailboxes: {support: {addresses: [\"*\"]}}\n", "rules/10.rules": text} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"check", "--quiet"}, {"test"}, {"fmt", "--list", filepath.Join(dir, "rules")}} {
		var out strings.Builder
		code := run(t.Context(), append(args, "-c", filepath.Join(dir, "postern.yaml")), func(string) string { return "" }, strings.NewReader(""), &out, &out)
		if code != 0 || args[0] == "check" && out.Len() > 0 {
			t.Errorf("postern %v: code %d\n%s", args, code, out.String())
		}
	}
}
