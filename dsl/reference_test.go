package dsl_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

// Each example is run: that of a function is a condition that is true of the mail of view, that of an action acts.
func TestReferenceExamples(t *testing.T) {
	t.Parallel()
	for _, ref := range dsl.References() {
		t.Run(ref.Kind+" "+ref.Name, func(t *testing.T) {
			t.Parallel()
			if ref.Doc == "" || ref.Signature == "" || !strings.Contains(ref.Signature, ref.Name+"(") || !strings.Contains(ref.Example, ref.Name+"(") {
				t.Errorf("%+v", ref)
			}
			when, statement := "when "+ref.Example, "stop()"
			if ref.Kind == "action" {
				when, statement = "", ref.Example
			}
			p, diags := compile("t.rules", "rule \"r\" {\n "+when+"\n then { "+statement+" }\n}", options())
			if len(diags) > 0 {
				t.Fatal(diags.Text())
			}
			r := p.NewRun(t.Context(), view(), dsl.Budget{})
			defer r.Close()
			if ok, err := p.Rules[0].Match(r); !ok || err != nil {
				t.Fatalf("%s: %v, %v", ref.Example, ok, err)
			}
			if actions, err := p.Rules[0].Do(r, true, 0); err != nil || len(actions) != 1 {
				t.Errorf("%v, %v", actions, err)
			} else if ref.Kind == "action" && actions[0].Name != ref.Name && ref.Name != "set" {
				t.Errorf("it did %v", actions[0])
			}
		})
	}
	if names := dsl.Undocumented(); len(names) > 0 {
		t.Errorf("not documented: %v", names)
	}
}

// The tables of functions, actions and members in docs/rules.md are what References and Members say; go test ./dsl -update writes them.
func TestReferenceIsWritten(t *testing.T) {
	t.Parallel()
	const path = "../docs/rules.md"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, part := range []string{"members", "functions", "actions"} {
		begin, end := "<!-- "+part+" -->\n", "<!-- end of "+part+" -->"
		before, rest, ok := strings.Cut(text, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no place for %s", path, part)
		}
		text = before + begin + tables(part) + end + after
	}
	if *update && text != string(page) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(text, string(page)); diff != "" {
		t.Errorf("%s is out of date (go test ./dsl -update):\n%s", path, diff)
	}
}

func tables(part string) string {
	var b strings.Builder
	group := ""
	cell := strings.NewReplacer("|", "\\|", "\n", "\\n")
	if part == "members" {
		return memberTables(cell)
	}
	for _, ref := range dsl.References() {
		if (ref.Kind == "action") != (part == "actions") {
			continue
		}
		if ref.Group != group {
			group = ref.Group
			b.WriteString("\n")
			if part != "actions" {
				fmt.Fprintf(&b, "### %s%s\n\n", strings.ToUpper(group[:1]), group[1:])
			}
			fmt.Fprintf(&b, "| %s | what it %s | example |\n|---|---|---|\n", strings.TrimSuffix(part, "s"), map[bool]string{true: "does", false: "says"}[part == "actions"])
		}
		code := "`"
		if strings.Contains(ref.Example, "`") {
			code = "``"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s%s%s |\n", cell.Replace(ref.Signature), cell.Replace(ref.Doc), code, cell.Replace(ref.Example), code)
	}
	b.WriteString("\n")
	return b.String()
}

func memberTables(cell *strings.Replacer) string {
	var b strings.Builder
	of := "-"
	for _, m := range dsl.Members() {
		if m.Of != of {
			if of = m.Of; of == "" {
				b.WriteString("\n| name | what it is |\n|---|---|\n")
			} else {
				fmt.Fprintf(&b, "\n### %s\n\n| member | type | what it is |\n|---|---|---|\n", m.Title)
			}
		}
		doc := m.Doc
		if len(m.Values) > 0 {
			doc += ": \"" + strings.Join(m.Values, "\", \"") + "\""
		}
		if of == "" {
			fmt.Fprintf(&b, "| `%s` | %s |\n", m.Name, cell.Replace(doc))
		} else {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.Name, m.Type, cell.Replace(doc))
		}
	}
	b.WriteString("\n")
	return b.String()
}

// Each member of what a rule sees is in the table, and nothing else, as are the words of the language.
func TestMembersAreComplete(t *testing.T) {
	t.Parallel()
	if wrong := dsl.UndocumentedMembers(); len(wrong) > 0 {
		t.Errorf("not said, or no longer there: %v", wrong)
	}
	if wrong := dsl.UndocumentedWords(); len(wrong) > 0 {
		t.Errorf("not said, or no longer there: %v", wrong)
	}
	for _, m := range dsl.Members() {
		if m.Doc == "" || m.Type == "a value of unknown type" {
			t.Errorf("%+v", m)
		}
	}
}
