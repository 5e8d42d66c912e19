package dsl

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/expr-lang/expr/ast"
)

const (
	largestListFile = 256 << 20 // bytes
	longestEntry    = 64 << 10
)

// resolveFile replaces file("…") by the lines of the file.
func (u *unit) resolveFile(node *ast.Node, n *ast.CallNode) {
	empty := &ast.ConstantNode{Value: []string{}}
	defer func() {
		if *node == ast.Node(n) {
			ast.Patch(node, empty)
		}
	}()
	if !u.scope.constant {
		u.error(n, "file is known only in a list", `write list NAME = file("lists/name.txt") outside of rules, and use NAME`)
		return
	}
	if len(n.Arguments) != 1 {
		u.error(n, "file needs one argument", `write it as: file("lists/banned.txt")`)
		return
	}
	name, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		u.error(n.Arguments[0], "the name of the file must be a constant text", `write it as: file("lists/banned.txt")`)
		return
	}
	switch ext := strings.ToLower(path.Ext(name.Value)); ext {
	case ".csv", ".json", ".yaml", ".yml":
		u.error(name, "lists from "+ext+" files are not available in this version", "write one entry a line into a .txt file; # begins a comment")
		return
	}
	if !localPath(name.Value) {
		u.error(name, "a list's file must lie below the rules folder", `write it as: file("lists/banned.txt")`)
		return
	}
	if u.c.opts.Open == nil {
		u.error(name, "files cannot be read here", "")
		return
	}
	entries, err := readList(u.c.opts.Open, name.Value)
	if err != nil {
		u.error(name, fmt.Sprintf("cannot read the list: %v", err), "")
		return
	}
	ast.Patch(node, &ast.ConstantNode{Value: entries})
}

// localPath says whether a path with slashes stays below the folder it starts from.
func localPath(p string) bool {
	if p == "" || strings.ContainsAny(p, "\\\x00:") || path.IsAbs(p) {
		return false
	}
	clean := path.Clean(p)
	return clean != "." && clean != ".." && !strings.HasPrefix(clean, "../")
}

// readList reads one entry a line; # at a line's start, or after white space, begins a comment.
// An error never quotes what is in the file.
func readList(open func(string) (io.ReadCloser, error), name string) (entries []string, err error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	limited := &io.LimitedReader{R: f, N: largestListFile + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 4096), longestEntry)
	entries = []string{}
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, "\uFEFF")
		}
		if i := strings.IndexByte(line, '#'); i == 0 || i > 0 && (line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
		}
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, strings.ToLower(line))
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("line %d: %w", len(entries)+1, err)
	}
	if limited.N <= 0 {
		return nil, fmt.Errorf("it is larger than %d MiB", largestListFile>>20)
	}
	return entries, nil
}
