// Package arch holds the import picture of docs/architecture.md against the code.
package arch

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestImports reads the table between the picture's markers in docs/architecture.md, one package a line with what
// of ours it may import, and compares it with go list: an import that the table lacks fails, and so does a line that is no longer true.
func TestImports(t *testing.T) {
	allowed := readPicture(t)
	list := exec.Command("go", "list", "-json=ImportPath,Imports,GoFiles", "postern/...")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath       string
			Imports, GoFiles []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "postern/")
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		seen[name] = true
		may, ok := allowed[name]
		if !ok {
			t.Errorf("package %s is not in docs/architecture.md's picture", name)
			continue
		}
		var has []string
		for _, imp := range p.Imports {
			if imp, ours := strings.CutPrefix(imp, "postern/"); ours {
				has = append(has, imp)
			}
		}
		for _, imp := range has {
			if !slices.Contains(may, imp) {
				t.Errorf("%s imports %s, which docs/architecture.md does not allow", name, imp)
			}
		}
		for _, imp := range may {
			if !slices.Contains(has, imp) {
				t.Errorf("docs/architecture.md says that %s imports %s, and it does not", name, imp)
			}
		}
	}
	for name := range allowed {
		if !seen[name] {
			t.Errorf("docs/architecture.md names package %s, which does not exist", name)
		}
	}
}

func readPicture(t *testing.T) map[string][]string {
	t.Helper()
	f, err := os.Open("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	allowed := map[string][]string{}
	in := false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		switch l := strings.TrimSpace(sc.Text()); {
		case l == "```imports":
			in = true
		case l == "```":
			in = false
		case in && l != "":
			name, rest, _ := strings.Cut(l, "→")
			allowed[strings.TrimSpace(name)] = strings.Fields(rest)
		}
	}
	if len(allowed) == 0 {
		t.Fatal("docs/architecture.md has no ```imports table")
	}
	return allowed
}
