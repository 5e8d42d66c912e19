package mail_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// docs/mail.md tells of every warning, kind, reason and span, and of none that there is not.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/mail.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	codes := map[string]bool{}
	for word := range spoken(t) {
		codes[word] = true
		if !strings.Contains(text, "`"+word+"`") {
			t.Errorf("docs/mail.md does not say what %s is", word)
		}
	}
	_, table, _ := strings.Cut(text, "## Warnings")
	for _, row := range strings.Split(table, "\n| `")[1:] {
		if code, _, _ := strings.Cut(row, "`"); !codes[code] {
			t.Errorf("docs/mail.md tells of a warning %s that nothing gives", code)
		}
	}
}

// spoken are the codes of warnings, and the values of the constants that programs see.
func spoken(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil {
				out[s] = true
			}
		}
	}
	files, _ := filepath.Glob("*.go")
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "warn" && len(n.Args) > 0 {
					add(n.Args[0])
				}
			case *ast.ValueSpec:
				if typ, ok := n.Type.(*ast.Ident); ok && (typ.Name == "Kind" || typ.Name == "BounceReason" || typ.Name == "SpanKind") {
					for _, v := range n.Values {
						add(v)
					}
				}
			}
			return true
		})
	}
	if len(out) < 40 {
		t.Fatalf("only %d words found", len(out))
	}
	return out
}
