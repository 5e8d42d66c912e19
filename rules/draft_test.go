package rules_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/rules"
)

// What is open in an editor lies over what is on disk, and is checked as Load checks it.
func TestDraft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"10-a.rules":      "list vip = file(\"lists/vip.txt\")\nrule \"a\" { then { tag(nonsense) } }\n",
		"20-b.rules":      "rule \"b\" { when mail.from.domain in vip then { stop() } }\n",
		"lists/vip.txt":   "example.org\nexample.com\n",
		".hidden/x.txt":   "",
		".20-b.rules":     "never read {",
		"lists/.swp":      "",
		"30-t_test.rules": "rule \"c\" { then { stop() } }\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_, loaded := rules.Load(dir, rules.LoadOptions{})
	d := rules.NewDraft(dir, nil, rules.LoadOptions{})
	said := d.Check().Text()
	if want := strings.ReplaceAll(loaded.Text(), filepath.ToSlash(dir)+"/", ""); said != want || !strings.Contains(said, "unknown name nonsense") || !strings.Contains(said, "30-t_test.rules:1:6") {
		t.Errorf("%s\nand Load says\n%s", said, want)
	}
	d = rules.NewDraft(dir, map[string][]byte{
		"10-a.rules":      []byte("list vip = file(\"lists/vip.txt\")\n"),
		"30-t_test.rules": nil, "40-new.rules": []byte("rule \"n\" { when vip then { stop() } }")}, rules.LoadOptions{})
	if got := d.Check().Text(); !strings.HasPrefix(got, "40-new.rules:1:17: ") || strings.Count(got, "^") != 1 {
		t.Errorf("with what is open: %s", got)
	}
	w := d.Workspace()
	if got := w.Names(); !slices.Equal(got, []string{"10-a.rules", "20-b.rules", "30-t_test.rules", "40-new.rules"}) {
		t.Errorf("files %v", got)
	}
	if h := w.Hover("20-b.rules", strings.Index(w.Text("20-b.rules"), "vip")); h == nil || !strings.Contains(h.Doc, "2 texts") {
		t.Errorf("hover %+v", h)
	}
	text := w.Text("10-a.rules")
	var names []string
	for _, i := range w.Complete("10-a.rules", strings.Index(text, "lists/vip")).Items {
		names = append(names, i.Label)
	}
	if !slices.Equal(names, []string{"lists/vip.txt"}) {
		t.Errorf("files below the folder: %v", names)
	}
	if w := w.With("40-new.rules", []byte("define x = true")); len(w.Symbols("40-new.rules")) != 1 || len(w.Names()) != 4 {
		t.Errorf("another text: %v", w.Names())
	}
}

func TestDraftWithoutFolder(t *testing.T) {
	t.Parallel()
	d := rules.NewDraft(filepath.Join(t.TempDir(), "new"), map[string][]byte{"a.rules": []byte("list x = file(\"y.txt\")")}, rules.LoadOptions{})
	if got := d.Check().Text(); !strings.Contains(got, "a.rules:1:15: cannot read the list") {
		t.Error(got)
	}
	large := make([]byte, rules.MaxRulesFile+1)
	if got := rules.NewDraft(t.TempDir(), map[string][]byte{"a.rules": large}, rules.LoadOptions{}).Check().Text(); !strings.Contains(got, "a.rules is larger than 1 MiB") {
		t.Error(got)
	}
	for name, text := range map[string]string{"../a.rules": "", "a.rules": string(large), "b.txt": "base64:\n*"} {
		if _, err := rules.DraftOf(map[string]string{name: text}, rules.LoadOptions{}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	stored, err := rules.DraftOf(map[string]string{"a.rules": "list x = file(\"y.txt\")", "y.txt": "one"}, rules.LoadOptions{})
	if err != nil || stored.Check().HasErrors() {
		t.Errorf("%v, %v", err, stored.Check())
	}
}
