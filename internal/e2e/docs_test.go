package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fence   = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	notSlug = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// Every relative link of README, docs and examples leads to something that is there, to its heading too.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	const root = "../.."
	pages := pagesBelow(t, root)
	links := 0
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, page), ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			path := page
			if target != "" {
				path = filepath.Join(filepath.Dir(page), target)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
				continue
			}
			if anchor != "" && (info.IsDir() || !hasHeading(read(t, path), anchor)) {
				t.Errorf("%s: %s has no heading %q", page, target, anchor)
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links in %v", links, pages)
	}
}

// pagesBelow are the Markdown files that people read.
func pagesBelow(t *testing.T, root string) (out []string) {
	t.Helper()
	for _, dir := range []string{"", "docs", "examples"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && dir == "" && path != root:
				return fs.SkipDir
			case strings.HasSuffix(path, ".md"):
				out = append(out, path)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// hasHeading knows the anchors that GitHub and others make of headings.
func hasHeading(page, anchor string) bool {
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		if strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-") == anchor {
			return true
		}
	}
	return false
}

// Each direct dependency has its reason in docs/dependencies.md.
func TestDependenciesAreExplained(t *testing.T) {
	t.Parallel()
	page := read(t, "../../docs/dependencies.md")
	_, direct, _ := strings.Cut(read(t, "../../go.mod"), "require (")
	direct, _, _ = strings.Cut(direct, ")")
	for line := range strings.Lines(direct) {
		module, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		name := strings.TrimPrefix(module, "github.com/")
		if x, ok := strings.CutPrefix(module, "golang.org/x/"); ok {
			name = x // listed together
		}
		if !strings.Contains(page, name) {
			t.Errorf("docs/dependencies.md has no reason for %s", module)
		}
	}
}
