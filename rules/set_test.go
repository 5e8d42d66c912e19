package rules_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/rules"
)

var options = rules.LoadOptions{Vocabulary: vocabulary}

// write makes files below dir.
func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const listed = `
list banned = file("lists/banned.txt")
rule "banned" { when mail.from.domain in banned then { reject("no") } }
`

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"20-b.rules": `rule "second" { when "first" in issue.tags then { tag("second") } }`,
		"10-a.rules": `rule "first" { then { tag("first") } }` + listed,
		"a_test.rules": `test "x" {
    mail """
        From: a@b.c

        x
    """
    expect verdict == "committed"
}`,
		"lists/banned.txt": "example.net\nexample.org\n",
		"lists/unused.txt": "x\n",
		"README.md":        "not ours",
		".#10-a.rules":     "an editor's lock {",
		"sub/30.rules":     "not in the folder itself {",
	})
	s, diags := rules.Load(dir, options)
	if len(diags) > 0 {
		t.Fatalf("diagnostics: %s", diags.Text())
	}
	want := []string{"10-a.rules", "20-b.rules", "a_test.rules", "lists/banned.txt"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(s.Files()))); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if r := decide(t, s, newView(), rules.Options{}); r.Verdict != rules.Rejected || r.Reason != "no" {
		t.Errorf("decided %q %q, want the list to be in force", r.Verdict, r.Reason)
	}

	again, diags := rules.FromFiles(s.Files(), options)
	if diags.HasErrors() {
		t.Fatal(diags.Text())
	}
	if again.Version() != s.Version() {
		t.Errorf("version of the stored files is %s, of the folder %s", again.Version(), s.Version())
	}
	if len(s.Version()) != 64 || !strings.HasPrefix(s.Version(), s.Short()) {
		t.Errorf("version %q, short %q", s.Version(), s.Short())
	}

	write(t, dir, map[string]string{"lists/banned.txt": "example.net\n"})
	changed, _ := rules.Load(dir, options)
	if changed.Version() == s.Version() {
		t.Error("a changed list is a changed set, and the version stayed")
	}
	if r := decide(t, changed, newView(), rules.Options{}); r.Verdict != "" {
		t.Errorf("decided %q by a list that has changed", r.Verdict)
	}
}

// The same files are the same version whatever the folder is called.
func TestVersionKnowsNoFolder(t *testing.T) {
	t.Parallel()
	a, b := t.TempDir(), t.TempDir()
	files := map[string]string{"1.rules": `rule "x" { then { tag("x") } }`}
	write(t, a, files)
	write(t, b, files)
	x, _ := rules.Load(a, options)
	y, _ := rules.Load(b, options)
	if x.Version() != y.Version() {
		t.Errorf("versions %s and %s", x.Short(), y.Short())
	}
}

// A mail of a test may be any bytes, and is stored as text.
func TestStoredBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	raw := "From: a@b.c\r\n\r\n\xff\xfe\x00"
	write(t, dir, map[string]string{
		"1.rules": "test \"x\" {\n mail file(\"mails/x.eml\")\n expect verdict == \"\"\n}", "mails/x.eml": raw, "mails/y.eml": "base64:\nno",
		"2.rules": "test \"y\" {\n mail file(\"mails/y.eml\")\n expect verdict == \"\"\n}",
	})
	s, diags := rules.Load(dir, options)
	if diags.HasErrors() {
		t.Fatal(diags.Text())
	}
	again, diags := rules.FromFiles(s.Files(), options)
	if diags.HasErrors() {
		t.Fatal(diags.Text())
	}
	if again.Version() != s.Version() {
		t.Error("the version changed by storing")
	}
	if got := string(again.Program().Tests[0].Mail); got != raw {
		t.Errorf("mail came back as %q", got)
	}
}

func TestLoadTrouble(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "secret.txt")
	write(t, filepath.Dir(outside), map[string]string{"secret.txt": "hush\n"})
	for _, c := range []struct {
		name string
		make func(t *testing.T, dir string)
		want string
	}{
		{"no folder", func(t *testing.T, dir string) { os.Remove(dir) }, "does not exist"},
		{"syntax", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": "rule \"x\" {\n  then { tag( }\n}"})
		}, "10.rules:2:"},
		{"all files' errors at once", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": "rule {", "20.rules": `rule "x" { then { tagg("x") } }`})
		}, "20.rules:1:"},
		{"a list outside", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": `list x = file("../secret.txt")`})
		}, "10.rules:1:"},
		{"an absolute list", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": `list x = file("` + outside + `")`})
		}, "below the rules folder"},
		{"a link out", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": `list x = file("x.txt")`})
			if err := os.Symlink(outside, filepath.Join(dir, "x.txt")); err != nil {
				t.Fatal(err)
			}
		}, "10.rules:1:"},
		{"a rules file that is a link out", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": `rule "x" { then { tagg("x") } }`})
			if err := os.Symlink(outside, filepath.Join(dir, "20.rules")); err != nil {
				t.Fatal(err)
			}
		}, "20.rules:1:1: this file cannot be read: 20.rules: it is a link that leads out"},
		{"a pipe", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": `list x = file("x.txt")`})
			if err := syscall.Mkfifo(filepath.Join(dir, "x.txt"), 0o644); err != nil {
				t.Skip(err)
			}
		}, "not a regular file"},
		{"a missing list", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": `list x = file("x.txt")`})
		}, "10.rules:1:"},
		{"a huge list", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10.rules": `list x = file("x.txt")`})
			if err := os.Truncate(touch(t, dir, "x.txt"), rules.MaxListFile+1); err != nil {
				t.Fatal(err)
			}
		}, "larger than 32 MiB"},
		{"a huge rules file", func(t *testing.T, dir string) {
			if err := os.Truncate(touch(t, dir, "x.rules"), rules.MaxRulesFile+1); err != nil {
				t.Fatal(err)
			}
		}, "larger than 1 MiB"},
		{"many large rules files", func(t *testing.T, dir string) {
			for i := range rules.MaxRules/rules.MaxRulesFile + 1 {
				write(t, dir, map[string]string{fmt.Sprintf("%d.rules", i): strings.Repeat("\n", rules.MaxRulesFile)})
			}
		}, "larger than 10 MiB together"},
		{"a rule among tests", func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"10_test.rules": `rule "x" { then { tag("x") } }`})
		}, "10_test.rules:1:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "rules")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			c.make(t, dir)
			s, diags := rules.Load(dir, options)
			if s != nil || !diags.HasErrors() {
				t.Fatalf("loaded, diagnostics: %s", diags.Text())
			}
			if !strings.Contains(diags.Error(), c.want) || !strings.Contains(diags.Error(), filepath.ToSlash(dir)) {
				t.Errorf("diagnostics %q, want %q with the folder", diags.Error(), c.want)
			}
			if strings.Contains(diags.Text(), "hush") {
				t.Errorf("diagnostics tell a file's content: %s", diags.Text())
			}
		})
	}
}

func touch(t *testing.T, dir, name string) string {
	t.Helper()
	write(t, dir, map[string]string{name: ""})
	return filepath.Join(dir, name)
}

func TestEmptyFolder(t *testing.T) {
	t.Parallel()
	s, diags := rules.Load(t.TempDir(), options)
	if s == nil || diags.HasErrors() || len(diags) != 1 {
		t.Fatalf("set %v, diagnostics %s; want an empty set and a warning", s, diags.Text())
	}
	if r := decide(t, s, newView(), rules.Options{}); r.Verdict != "" || len(r.Trace) > 0 {
		t.Errorf("an empty set decided %+v", r)
	}
}

// A ConfigMap's files are links to a dated folder beside them.
func TestLinksInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"..2026/10.rules": `rule "x" { then { tag("x") } }`})
	for from, to := range map[string]string{"..data": "..2026", "10.rules": "..data/10.rules"} {
		if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
			t.Fatal(err)
		}
	}
	s, diags := rules.Load(dir, options)
	if len(diags) > 0 {
		t.Fatal(diags.Text())
	}
	if n := len(s.Program().Rules); n != 1 {
		t.Errorf("%d rules, want 1", n)
	}
}
