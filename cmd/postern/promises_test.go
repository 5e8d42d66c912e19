package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

const promises = "testdata/promises"

// promised runs a command over one file of rules that is a set of its own, with the configuration, lists and mails beside it.
func promised(t *testing.T, text string, command ...string) (code int, out string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(promises)); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "rules")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lists", "mail"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "10.rules"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	code = run(t.Context(), append(command, "-c", filepath.Join(dir, "postern.yaml")), func(string) string { return "" }, strings.NewReader(""), &b, &b)
	return code, b.String()
}

// What docs/rules.md says that rules do, they do: written from the page alone, sentence by sentence, and run on the whole road.
func TestPromises(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(promises, "*.rules"))
	if err != nil || len(files) < 20 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if code, out := promised(t, string(text), "test"); code != 0 {
				t.Errorf("code %d\n%s", code, out)
			}
		})
	}
}

var says = regexp.MustCompile(`(?m)^// says: (.+)$`)

// What docs/rules.md says is an error, or is warned of, is told where it stands.
func TestPromisedErrors(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile(filepath.Join(promises, "errors.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			want := says.FindSubmatch(f.Data)
			if want == nil {
				t.Fatal("it says nothing")
			}
			_, out := promised(t, string(f.Data), "check", "--quiet")
			code, more := promised(t, string(f.Data), "test")
			out += more
			_, told, found := strings.Cut(out, "10.rules:")
			if !found || !strings.Contains(told, string(want[1])) || code == 0 && !strings.Contains(told, "warning: ") {
				t.Errorf("want %q at a place in the file, got\n%s", want[1], out)
			}
		})
	}
}
