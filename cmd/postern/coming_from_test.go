package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const comingFrom = "../../examples/coming-from"

// others are the systems that each task of docs/coming-from.md speaks of, in this order.
var others = []string{"Sieve", "osTicket", "Zammad", "JEMH", "Zendesk"}

// Each of the twenty tasks shows the rule that stands in the example, where tests follow it.
func TestComingFrom(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(comingFrom, "rules", "*.rules"))
	if err != nil {
		t.Fatal(err)
	}
	tasks := strings.Split(string(page), "\n### ")[1:]
	if len(tasks) != 20 || len(files) != len(tasks) {
		t.Fatalf("%d tasks and %d files, want 20", len(tasks), len(files))
	}
	for i, task := range tasks {
		title, rest, _ := strings.Cut(task, "\n")
		if want := fmt.Sprintf("%d. ", i+1); !strings.HasPrefix(title, want) || !strings.HasPrefix(filepath.Base(files[i]), fmt.Sprintf("%02d-", i+1)) {
			t.Errorf("task %q and file %s: want number %d", title, files[i], i+1)
		}
		_, rest, _ = strings.Cut(rest, "```rules\n")
		shown, said, _ := strings.Cut(rest, "```\n")
		text, err := os.ReadFile(files[i])
		if err != nil {
			t.Fatal(err)
		}
		_, after, ok := strings.Cut(string(text), shown)
		if shown == "" || !ok || strings.Count(after, "\ntest ") == 0 || strings.Contains(after, "\nrule ") {
			t.Errorf("%s: %s does not hold the rule that is shown, and tests after it", title, files[i])
		}
		for _, system := range others {
			_, said, ok = strings.Cut(said, "\n- **"+system+"**: ")
			if !ok {
				t.Errorf("%s: nothing about %s, or not in its place", title, system)
			}
		}
	}
	config := filepath.Join(comingFrom, "postern.yaml")
	for _, args := range [][]string{{"check", "--quiet"}, {"test"}} {
		var out strings.Builder
		code := run(t.Context(), append(args, "-c", config), func(string) string { return "" }, strings.NewReader(""), &out, &out)
		if code != 0 || args[0] == "check" && out.Len() > 0 {
			t.Errorf("postern %v: code %d\n%s", args, code, out.String())
		}
	}
}

var (
	spanned   = regexp.MustCompile("``[^`](?:[^`]|`[^`])*``|`[^`]+`")
	expresses = regexp.MustCompile(`^(lower|any|len|int|glob|has|under|inNetwork|inZone|plusTag|withoutPlus|"x" in|mail\.|envelope\.|issue\.)`)
	does      = regexp.MustCompile(`^(assign|type|tag|untag|discard|reject|bounce|subject|dropAttachments|redact|thread|stop)\(`)
)

// What the table of Sieve's tests says in our language is right.
func TestSieveInOurs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/coming-from.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n| Sieve | Postern |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var b strings.Builder
	b.WriteString("list NAME = [\"ann@example.org\"]\n")
	values, actions := 0, 0
	for _, row := range strings.Split(table, "\n") {
		cells := strings.Split(strings.ReplaceAll(row, `\|`, "\x00"), " | ")
		for _, span := range spanned.FindAllString(cells[len(cells)-1], -1) {
			span = strings.ReplaceAll(span, "\x00", "|")
			if double, ok := strings.CutPrefix(span, "``"); ok {
				span = strings.TrimSpace(strings.TrimSuffix(double, "``"))
			} else {
				span = strings.Trim(span, "`")
			}
			switch n := values + actions; {
			case strings.Contains(span, "…"):
			case expresses.MatchString(span):
				values++
				fmt.Fprintf(&b, "rule \"%d\" {\n    let x = \"a\"\n    let v = %s\n    then { tag(x, string(v != v)) }\n}\n", n, span)
			case does.MatchString(span):
				actions++
				fmt.Fprintf(&b, "rule \"%d\" { then { %s } }\n", n, span)
			}
		}
	}
	if values < 30 || actions < 10 {
		t.Errorf("only %d values and %d actions:\n%s", values, actions, b.String())
	}
	dir := t.TempDir()
	config, err := os.ReadFile(filepath.Join(comingFrom, "postern.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"postern.yaml": string(config), "rules/10.rules": b.String()} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if code := run(t.Context(), []string{"check", "-c", filepath.Join(dir, "postern.yaml")}, func(string) string { return "" }, strings.NewReader(""), &out, &out); code != 0 {
		t.Errorf("code %d\n%s", code, out.String())
	}
}
