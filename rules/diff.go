package rules

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// A FileDiff is how one file of a set differs from the same file of another.
type FileDiff struct {
	Name    string `json:"name"`
	Change  string `json:"change"` // "added", "removed", "changed"
	Added   int    `json:"added"`  // lines
	Removed int    `json:"removed"`
	Text    string `json:"text"` // a unified diff, cut where it is long
}

// Bounds on what is compared line by line, and on what is told of one file.
const (
	maxDiffFile = 4 << 20
	maxDiffText = 128 << 10
)

// Diff compares two sets as [Set.Files] gives them, file by file.
func Diff(from, to map[string]string) []FileDiff {
	out := []FileDiff{}
	both := maps.Clone(from)
	if both == nil {
		both = map[string]string{}
	}
	maps.Copy(both, to)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		was, before := from[name]
		is, after := to[name]
		if before == after && was == is {
			continue
		}
		d := FileDiff{Name: name, Change: "changed"}
		oldName, newName := "a/"+name, "b/"+name
		switch {
		case !before:
			d.Change, oldName = "added", "/dev/null"
		case !after:
			d.Change, newName = "removed", "/dev/null"
		}
		switch {
		case strings.HasPrefix(was, binaryFile) || strings.HasPrefix(is, binaryFile):
			d.Text = "(no text: its bytes differ)\n"
		case len(was)+len(is) > maxDiffFile:
			d.Text = fmt.Sprintf("(too long to be compared line by line: %d bytes, then %d)\n", len(was), len(is))
		default:
			d.unified(diff.Diff(oldName, []byte(was), newName, []byte(is)))
		}
		out = append(out, d)
	}
	return out
}

// unified takes over a diff: without the line that only repeats the names, counted, and cut.
func (d *FileDiff) unified(text []byte) {
	if _, rest, ok := bytes.Cut(text, []byte("\n")); ok && bytes.HasPrefix(text, []byte("diff ")) {
		text = rest
	}
	n := 0
	for line := range bytes.Lines(text) {
		switch {
		case n < 2: // the names
		case line[0] == '+':
			d.Added++
		case line[0] == '-':
			d.Removed++
		}
		n++
	}
	if len(text) > maxDiffText {
		end := bytes.LastIndexByte(text[:maxDiffText], '\n') + 1
		text = append(text[:end:end], "… the rest is left out\n"...)
	}
	d.Text = string(text)
}

// Content is the bytes of a file as [Set.Files] gives it.
func Content(stored string) ([]byte, error) {
	f, err := fromStored(map[string]string{"": stored})
	return f[""], err
}
