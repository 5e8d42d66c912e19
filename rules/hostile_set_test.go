package rules_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/dsl"
	"postern/rules"
)

// each writes a line for each of n numbers.
func each(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format+"\n", i)
	}
	return b.String()
}

// full spreads a text that is repeated over so many files, each as large as one may be.
func full(n int, line string, from, to string) map[string]string {
	files := map[string]string{}
	for i := range n {
		lines := (rules.MaxRulesFile - len(from) - len(to) - 20) / len(line)
		files[fmt.Sprintf("%02d.rules", i)] = strings.ReplaceAll(from+strings.Repeat(line, lines)+to, "FILE", fmt.Sprint(i))
	}
	return files
}

// Whole sets that are made to take long, or much memory, to check: it is refused, or done within bounds.
func TestHostileSets(t *testing.T) {
	if slower > 1 {
		t.Skip("what it measures says nothing under the race detector")
	}
	one := func(text string) map[string]string { return map[string]string{"1.rules": text} }
	with := func(list, name, content string) map[string]string {
		return map[string]string{"1.rules": list + "\nrule \"r\" { when \"x\" in l then { stop() } }", name: content}
	}
	var ways strings.Builder
	for i := range 300 {
		fmt.Fprintf(&ways, "list l%d = file(\"a.csv\", {column: 1, separator: \"%c\"})\n", i, rune(0x4E00+i))
	}
	for _, c := range []struct {
		name    string
		files   map[string]string
		refused string
		seconds int
		miB     uint64
	}{
		{"statements without end", full(2, "stop();", "rule \"rFILE\" { then { ", " } }"), "this set is too large", 60, 2500},
		{"statements on one line", one("rule \"r\" { then { " + strings.Repeat("stop();", 30_000) + " } }"), "", 10, 1200},
		{"statements after a long text", one("rule \"r\" { then { [tag(\"" + strings.Repeat("ü", 400_000) + "\"), " + strings.Repeat("stop(), ", 4000) + "nil] } }"), "", 5, 300},
		{"lets without end", one("rule \"r\" {\n" + each(60_000, "let a%d = 1") + "then { stop() } }"), "more than 1000 lets", 10, 1000},
		{"blocks without end", full(3, "rule\"\"{", "", ""), "too many brackets are open", 20, 2500},
		{"brackets without end", full(2, "(((", "list lFILE = ", ""), "too many brackets are open", 20, 2500},
		{"braces of templates", one("rule \"r\" { then { note(\"" + strings.Repeat("{1}", 200_000) + "\") } }"), "", 5, 500},
		{"braces that are not closed", one("rule \"r\" { then { note(\"" + strings.Repeat("{", 900_000) + "\") } }"), "", 5, 300},
		{"expectations of a table", one("test \"t\" { for case in [" + strings.Repeat("1,", 999) + "1] {\nmail \"\"\"\nFrom: a@b.example\n\nx\n\"\"\"\n" + strings.Repeat("expect true\n", 60_000) + "} }"), "this set is too large", 60, 2500},
		{"mails of a table", one("test \"t\" { for case in [" + strings.Repeat("1,", 999) + "1] {\nmail \"\"\"\nFrom: a@b.example\n\n{case}" + strings.Repeat("x", 900_000) + "\n\"\"\"\nexpect true\n} }"), "the mails of all cases together", 20, 800},
		{"a table of a million", one("test \"t\" { for case in 1..1000000 {\nmail \"\"\"\nx\n\"\"\"\nexpect true\n} }"), "cases are too many", 10, 500},
		{"what tests are given", one(each(3000, "test \"t%d\" {\n given sender {name: repeat(\"a\", 30000000)}\n mail \"\"\"\nx\n\"\"\"\nexpect true\n}")), "costs too much", 30, 1200},

		{"patterns that are large", one(each(3000, "rule \"r%d\" { when mail.text matches `%[1]d(a{30}){30}` then { stop() } }")), "together are too large", 20, 1500},
		{"patterns that are too large", one(each(500, "rule \"r%d\" { when mail.text matches `%[1]d("+strings.Repeat("ab", 500)+"){900}` then { stop() } }")), "it is too large", 20, 800},
		{"one pattern on all lines", one("rule \"r\" { when " + strings.Repeat("mail.text matches `("+strings.Repeat("ab", 200)+"){900}` or ", 1000) + "false then { stop() } }"), "", 20, 800},

		{"lists that double", one(func() string {
			s := "list l0 = [\"a\"]\n"
			for i := range 60 {
				s += fmt.Sprintf("list l%d = concat(l%d, l%[2]d)\n", i+1, i)
			}
			return s
		}()), "grew too long", 20, 2500},
		{"a circle of lists", one(each(2000, "list l%d = concat(l0, l1999)")), "needs itself", 10, 500},
		{"a list of literals", one("list l = [" + strings.Repeat("\"x\",", 250_000) + "\"y\"]"), "", 10, 1000},
		{"defines that double", one("define d0 = issue.isNew\n" + func() string {
			s := ""
			for i := range 90 {
				s += fmt.Sprintf("define d%d = d%d and d%[2]d\n", i+1, i)
			}
			return s
		}() + "rule \"r\" { when d90 then { stop() } }"), "", 5, 300},
		{"defines as deep as may be", one("define d0 = issue.isNew\n" + func() string {
			s := ""
			for i := range 5000 {
				s += fmt.Sprintf("define d%d = d%d\n", i+1, i)
			}
			return s
		}()), "too many defines use one another", 10, 500},

		{"one file in a thousand lists", map[string]string{"1.rules": each(1000, "list l%d = file(\"a.txt\")"), "a.txt": each(1_000_000, "%d.example")}, "", 30, 1500},
		{"one file read in a thousand ways", map[string]string{"1.rules": ways.String(), "a.csv": each(300_000, "%d.example")}, "the files of all lists together are too large", 30, 2500},
		{"a text of short lines", with("list l = file(\"a.txt\")", "a.txt", strings.Repeat("a\n", 15_000_000)), "more than 5000000 entries", 20, 1000},
		{"a row of csv", with("list l = file(\"a.csv\", {column: 1})", "a.csv", strings.Repeat("a,", 15_000_000)), "more than 10000 columns", 10, 500},
		{"a row over many lines", with("list l = file(\"a.csv\", {column: 1})", "a.csv", strings.Repeat("\"\n\",", 6_000_000)), "more than 10000 columns", 10, 500},
		{"a field of csv", with("list l = file(\"a.csv\", {column: 1})", "a.csv", "\""+strings.Repeat("a", 30_000_000)), "in the wrong place", 10, 800},
		{"deep JSON", with("list l = file(\"a.json\", {column: \"x\"})", "a.json", "[{\"y\":"+strings.Repeat("[", 5_000_000)), "this is not JSON", 20, 1500},
		{"anchors in YAML", with("list l = file(\"a.yaml\")", "a.yaml", "a: &a [x,x]\nb: &b [*a,*a]\nl: [*b,*b]"), "anchors", 5, 100},
		{"dashes in YAML", with("list l = file(\"a.yaml\")", "a.yaml", strings.Repeat("- ", 500_000)), "", 20, 1500},
		{"quotes in YAML", with("list l = file(\"a.yaml\")", "a.yaml", strings.Repeat("- \"\\", 250_000)), "", 20, 1500},
		{"colons in YAML", with("list l = file(\"a.yaml\")", "a.yaml", strings.Repeat("a: ", 300_000)), "", 20, 1500},
		{"keys in YAML", with("list l = file(\"a.yaml\", {path: \"x\"})", "a.yaml", each(60_000, "k%d: 1")), "a mapping of more than 5000 keys", 10, 800},
		{"keys and lists in YAML", with("list l = file(\"a.yaml\", {path: \"x\"})", "a.yaml", each(40_000, "k%d:\n - 1")), "a mapping of more than 5000 keys", 10, 800},
		{"entries of keys in YAML", with("list l = file(\"a.yaml\", {column: \"a\"})", "a.yaml", each(40_000, "- a: x%d\n  b: c")), "", 20, 1500},
		{"documents in YAML", with("list l = file(\"a.yaml\")", "a.yaml", each(60_000, "---\n- %d")), "more than 10 documents", 10, 800},
		{"entries in YAML", with("list l = file(\"a.yaml\")", "a.yaml", strings.Repeat("- x\n", 250_000)), "", 20, 2000},
		{"comments in YAML", with("list l = file(\"a.yaml\")", "a.yaml", strings.Repeat("#\n", 500_000)+"- x"), "", 20, 2000},
		{"blanks in YAML", with("list l = file(\"a.yaml\")", "a.yaml", "- x"+strings.Repeat(" \n", 500_000)), "", 20, 2000},
		{"a folded text in YAML", with("list l = file(\"a.yaml\")", "a.yaml", "- >\n"+strings.Repeat("  a\n\n", 200_000)), "", 20, 2000},
		{"brackets in YAML", with("list l = file(\"a.yaml\")", "a.yaml", strings.Repeat("[],", 300_000)), "", 20, 2000},

		{"words of an index", full(5, "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaFILE\",", "rule \"rFILE\" { when has(mail.text, [", "\"b\"]) then { stop() } }"), "", 30, 2500},
		{"long words of an index", one(each(10, "rule \"r%d\" { when mail.text contains \"%[1]d"+strings.Repeat("x", 90_000)+"\" then { stop() } }")), "", 10, 300},
		{"names that are nearly right", one(each(3000, "define aaaaaaaaaaaa%d = true") + "rule \"r\" { when " + strings.Repeat("aaaaaaaaaaab or ", 2000) + "false then { stop() } }"), "unknown name", 20, 1500},
	} {
		t.Run(c.name, func(t *testing.T) {
			var set *rules.Set
			var diags dsl.Diagnostics
			costs(t, "check", time.Duration(c.seconds)*time.Second, c.miB, func() { set, diags = rules.FromFiles(c.files, rules.LoadOptions{Vocabulary: vocabulary}) })
			text := diags.Text()
			if len(text) > 1<<20 {
				t.Errorf("%d bytes of messages", len(text))
			}
			if c.refused != "" && (set != nil || !strings.Contains(text, c.refused)) {
				t.Errorf("not refused with %q: %.500s", c.refused, text)
			}
			if set == nil {
				t.Logf("%.200s", text)
				return
			}
			costs(t, "run", 3*time.Second, 400, func() {
				if r := decide(t, set, hostileMail(), rules.Options{Budget: dsl.Budget{Time: 400 * time.Millisecond}}); r.Err != nil {
					t.Error(r.Err)
				}
			})
		})
	}
}

// A folder that is made to lead elsewhere, or to never end.
func TestHostileFolders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		make    func(t *testing.T, dir string)
		refused string
	}{
		"a device": {func(t *testing.T, dir string) { link(t, "/dev/zero", filepath.Join(dir, "x.txt")) }, "leads out of the rules folder"},
		"a link to a link out": {func(t *testing.T, dir string) {
			link(t, "/etc", filepath.Join(dir, "etc"))
			link(t, "etc/passwd", filepath.Join(dir, "x.txt"))
		}, "leads out of the rules folder"},
		"a link to itself": {func(t *testing.T, dir string) { link(t, "x.txt", filepath.Join(dir, "x.txt")) }, "x.txt"},
		"a folder":         {func(t *testing.T, dir string) { _ = os.Mkdir(filepath.Join(dir, "x.txt"), 0o755) }, "not a regular file"},
		"a link up":        {func(t *testing.T, dir string) { link(t, "..", filepath.Join(dir, "x.txt")) }, "leads out of the rules folder"},
		"a link round":     {func(t *testing.T, dir string) { link(t, "../rules/a.txt", filepath.Join(dir, "x.txt")) }, "leads out of the rules folder"},
		"a link inside": {func(t *testing.T, dir string) {
			write(t, dir, map[string]string{"l/y.txt": "a"})
			link(t, "l/y.txt", filepath.Join(dir, "x.txt"))
		}, ""},
		"nothing but zeros": {func(t *testing.T, dir string) { _ = os.Truncate(touch(t, dir, "x.txt"), 1<<20) }, "a line is longer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "rules")
			write(t, dir, map[string]string{"1.rules": "list l = file(\"x.txt\")\nrule \"r\" { when \"x\" in l then { stop() } }"})
			c.make(t, dir)
			s, diags := rules.Load(dir, options)
			if text := diags.Text(); (s == nil) != (c.refused != "") || !strings.Contains(text, c.refused) || strings.Contains(text, "root:") {
				t.Errorf("want %q, got %s", c.refused, text)
			}
		})
	}
	t.Run("a file that grows while it is read", func(t *testing.T) {
		t.Parallel()
		dir := filepath.Join(t.TempDir(), "rules")
		write(t, dir, map[string]string{"1.rules": "list l = file(\"x.txt\")\nrule \"r\" { when \"x\" in l then { stop() } }", "x.txt": "x\n"})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		grown := make(chan struct{})
		go func() {
			defer close(grown)
			f, err := os.OpenFile(filepath.Join(dir, "x.txt"), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer f.Close()
			for range 100 {
				if _, err := f.WriteString(strings.Repeat("more\n", 20_000)); err != nil || ctx.Err() != nil {
					return
				}
			}
		}()
		for range 5 {
			if s, diags := rules.Load(dir, options); s == nil {
				t.Error(diags.Text())
			}
		}
		stop()
		<-grown
	})
}
