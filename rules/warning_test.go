package rules_test

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
	"postern/rules"
)

// plainCondition is made of few parts, so that conditions follow from each other, and exclude each other, often.
func plainCondition(r *rand.Rand, depth int) string {
	if depth > 0 {
		switch r.IntN(6) {
		case 0, 1:
			return "(" + plainCondition(r, depth-1) + " and " + plainCondition(r, depth-1) + ")"
		case 2, 3:
			return "(" + plainCondition(r, depth-1) + " or " + plainCondition(r, depth-1) + ")"
		case 4:
			return "not (" + plainCondition(r, depth-1) + ")"
		}
	}
	text := func() string { return pick(r, `"a"`, `"ab"`, `"b"`, `"example.org"`, `"mail.example.org"`) }
	texts := func() string { return "[" + text() + ", " + text() + "]" }
	field := func() string {
		return pick(r, "mail.subject", "mail.from.domain", "lower(mail.subject)", "let_s", "issue.priority")
	}
	switch r.IntN(16) {
	case 0, 1, 2:
		return field() + pick(r, " == ", " != ") + text()
	case 3, 4:
		return field() + pick(r, " in ", " not in ") + pick(r, texts(), "fruit", "few")
	case 5, 6:
		return field() + pick(r, " contains ", " startsWith ", " endsWith ") + text()
	case 7:
		return "has(" + field() + ", " + pick(r, text(), texts()) + ")"
	case 8:
		return "under(mail.from.domain, " + pick(r, text(), texts()) + ")"
	case 9:
		return "mail.size " + pick(r, "<", ">", "<=", ">=", "==") + pick(r, " 5", " 10", " 20")
	case 10:
		return pick(r, "true", "false", "len(mail.to) >= 0", "mail.subject == nil", `"a" == "b"`)
	case 11:
		return pick(r, "let_c", "d_plain", "d_issue", "let_m.found", "not let_c", "not d_plain")
	case 12:
		return field() + " matches `" + pick(r, "^a", "(?i)b", "a|b", "^ab$") + "`"
	case 13:
		return pick(r, "any", "none", "all") + "(mail.to, .domain" + pick(r, " == ", " != ") + text() + ")"
	}
	return pick(r, "mail.isReply", "mail.isBounce", "envelope.tls", "sender.known")
}

func plainStatement(r *rand.Rand, depth int) string {
	if depth > 0 && r.IntN(4) == 0 {
		if r.IntN(2) == 0 {
			return "if " + plainCondition(r, 1) + " { " + plainStatement(r, depth-1) + " } else { " + plainStatement(r, depth-1) + " }"
		}
		return plainCondition(r, 0) + " ? " + plainStatement(r, 0) + " : " + plainStatement(r, 0)
	}
	switch r.IntN(9) {
	case 0, 1:
		return "priority(\"" + pick(r, "low", "high", "urgent") + "\")"
	case 2:
		return pick(r, "close()", "reopen()", `status("open")`, `status("pending")`)
	case 3:
		return "set(\"" + pick(r, "order", "priority") + "\", \"" + pick(r, "low", "high") + "\")"
	case 4:
		return pick(r, "stop()", "stop()", `reject("from {mail.from.domain}")`, `quarantine("x")`, "discard()", "[tag(\"z\"), stop()]")
	case 5:
		return pick(r, `subject(mail.subject)`, `subject("x")`, `note(mail.from.name)`, `priority(mail.subject)`, "attachTo(7)", "newIssue()", `due("3d")`, `watch(mail.subject)`)
	}
	return "tag(\"" + pick(r, "a", "b", "c") + "\")"
}

func plainRules(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString("list fruit = [\"A\", \"ab\", \"Example.org\"]\nlist few = [\"b\"]\n")
	fmt.Fprintf(&b, "define d_plain = %s\ndefine d_issue = issue.priority == \"high\" or d_plain\n", onlyGlobal(r))
	for i := range 14 {
		when := ""
		if r.IntN(5) > 0 {
			when = "when " + plainCondition(r, 2)
		}
		fmt.Fprintf(&b, "%srule \"r%d\" {\n %s\n let let_s = %s\n let let_c = %s\n let let_m = find(mail.subject, `a+`)\n %s\n", pick(r, "", "", "", "", "", "", "shadow ", "disabled "), i,
			pick(r, "", "", "", "in support", "in support, sales", "on envelope", "sample 50%", "until 2099-12-31"), pick(r, "mail.subject", "mail.from.domain", "split(mail.subject, \"b\")[1]"),
			pick(r, "mail.isReply", "mail.subject == \"a\"", "issue.status == \"open\""), when)
		statements := func() string {
			var list []string
			for range 1 + r.IntN(4) {
				list = append(list, plainStatement(r, 2))
			}
			return strings.Join(list, "\n ")
		}
		fmt.Fprintf(&b, " then {\n %s\n }\n", statements())
		if when != "" && r.IntN(6) == 0 {
			fmt.Fprintf(&b, " else {\n %s\n }\n", statements())
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// onlyGlobal is a condition without the lets of a rule, and without defines.
func onlyGlobal(r *rand.Rand) string {
	for {
		if c := plainCondition(r, 1); !strings.Contains(c, "let_") && !strings.Contains(c, "d_") {
			return c
		}
	}
}

// What is warned of is so, whatever the mail: a rule that can never match does not, one that is never reached is not asked, and what is
// always overwritten, always true or never true can be replaced.
func TestWarningsAreTrue(t *testing.T) {
	t.Parallel()
	const seeds, mails = 80, 10
	seen := map[string]int{}
	for seed := range uint64(seeds) {
		r := rand.New(rand.NewPCG(seed, 11))
		text := plainRules(r)
		text = strings.ReplaceAll(text, "on envelope\n let let_s = mail.subject", "in sales\n let let_s = mail.subject")
		text = strings.ReplaceAll(text, "on envelope", "in sales")
		set, diags := rules.FromFiles(map[string]string{"10.rules": text}, rules.LoadOptions{Vocabulary: vocabulary})
		if set == nil {
			t.Fatalf("seed %d: %s", seed, diags.Text())
		}
		changed := map[int]*rules.Set{}
		for i, d := range diags {
			with := ""
			switch {
			case d.Code == "overwritten":
				with = "nil"
			case d.Code == "never" && !strings.Contains(d.Message, "this rule can never match"):
				if with = "false"; strings.Contains(d.Message, ": not (") || strings.HasPrefix(d.Message, "not (") {
					with = "true"
				}
			case d.Code == "always":
				with = "true"
			default:
				continue
			}
			other, wrong := rules.FromFiles(map[string]string{"10.rules": replaced(text, d, with)}, rules.LoadOptions{Vocabulary: vocabulary})
			if other == nil {
				t.Fatalf("seed %d: %s\n%s\n%s", seed, d.Text(), wrong.Text(), text)
			}
			changed[i] = other
		}
		for range mails {
			v := plainView(r)
			one := *v
			linear := decide(t, set.Linear(), &one, rules.Options{})
			for i, d := range diags {
				if d.Code != "never" && d.Code != "shadowed" && changed[i] == nil {
					continue
				}
				seen[d.Code]++
				if other := changed[i]; other != nil {
					two := *v
					got := decide(t, other.Linear(), &two, rules.Options{})
					if diff := cmp.Diff(asJSON(t, []any{linear.Verdict, linear.Reason, linear.Changes, linear.Failed}), asJSON(t, []any{got.Verdict, got.Reason, got.Changes, got.Failed})); diff != "" {
						t.Fatalf("seed %d: not so (-as it is +replaced):\n%s\n%s\n%s", seed, d.Text(), diff, text)
					}
					continue
				}
				for _, e := range linear.Trace {
					if e.Line != ruleLine(text, d.Line) || e.Skipped != "" {
						continue
					}
					if d.Code == "shadowed" && (e.Matched || e.Else) || d.Code == "never" && e.Matched {
						t.Fatalf("seed %d: not so: %s\n%s\n%s\n%s", seed, d.Text(), asJSON(t, e), asJSON(t, v.Mail), text)
					}
				}
			}
		}
	}
	for _, code := range []string{"never", "shadowed", "overwritten", "always"} {
		if seen[code] < 50 {
			t.Errorf("%s is told %d times only", code, seen[code])
		}
	}
}

// replaced is a text with what a diagnostic is about written otherwise.
func replaced(text string, d dsl.Diagnostic, with string) string {
	lines := strings.Split(text, "\n")
	line := []rune(lines[d.Line-1])
	lines[d.Line-1] = string(line[:d.Column-1]) + with + string(line[d.End.Column-1:])
	return strings.Join(lines, "\n")
}

// ruleLine is the line of the rule in which a line stands.
func ruleLine(text string, line int) int {
	lines := strings.Split(text, "\n")
	for ; line > 1 && !strings.Contains(lines[line-1], "rule \"r"); line-- {
	}
	return line
}

func plainView(r *rand.Rand) *dsl.View {
	v := newView()
	v.Key = fmt.Sprint(r.Uint64())
	v.Mail.Subject = pick(r, "a", "ab", "b", "A", "example.org", "bab", "")
	v.Mail.From.Domain = pick(r, "a", "b", "example.org", "mail.example.org", "ab")
	v.Mail.Size = pick(r, 1, 5, 7, 10, 15, 20, 30)
	v.Mail.IsReply, v.Mail.IsBounce, v.Envelope.TLS, v.Sender.Known = r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
	v.Mail.To = []dsl.Address{{Domain: pick(r, "a", "b")}, {Domain: pick(r, "a", "b")}}
	v.Issue.Priority, v.Issue.Status = pick(r, "low", "high", "a"), pick(r, "open", "closed")
	v.Mailbox.Name = pick(r, "support", "sales")
	return v
}

// What we show has nothing that is odd.
func TestExamplesHaveNoWarnings(t *testing.T) {
	t.Parallel()
	found := 0
	err := filepath.WalkDir("../examples", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if files, _ := filepath.Glob(filepath.Join(path, "*.rules")); len(files) > 0 {
			found++
			if _, diags := rules.Load(path, rules.LoadOptions{}); len(diags) > 0 {
				t.Errorf("%s: %s", path, diags.Text())
			}
		}
		return nil
	})
	if _, diags := rules.Builtin(rules.LoadOptions{}); len(diags) > 0 {
		t.Errorf("built in: %s", diags.Text())
	}
	if err != nil || found < 2 {
		t.Errorf("%d folders with rules, %v", found, err)
	}
}
