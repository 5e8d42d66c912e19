package dsl

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"golang.org/x/net/idna"
)

// A listValue is what a list block came to: []string in lower case, []int or []any of scalars.
type listValue struct {
	block  *ListBlock
	value  any
	set    map[string]struct{} // of the texts, made when first asked for
	state  listState
	failed bool
}

type listState uint8

const (
	listNew listState = iota
	listOpen
	listDone
)

// domains is the list as a set, with the ASCII form of domains beside the Unicode form.
func (l *listValue) domains() map[string]struct{} {
	texts, ok := l.value.([]string)
	if l.set != nil || !ok {
		return l.set
	}
	l.set = make(map[string]struct{}, len(texts))
	for _, s := range texts {
		l.set[s] = struct{}{}
		if !strings.Contains(s, ".") || isASCII(s) {
			continue
		}
		local, domain, isAddress := strings.Cut(s, "@")
		if !isAddress {
			local, domain = "", s
		}
		if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
			if isAddress {
				ascii = local + "@" + ascii
			}
			l.set[ascii] = struct{}{}
		}
	}
	return l.set
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// listOf is the list whose texts these are, or nil.
func (c *compiler) listOf(texts []string) *listValue {
	if len(texts) == 0 {
		return nil
	}
	l := c.bySlice[&texts[0]]
	if l != nil {
		l.domains()
	}
	return l
}

// declareLists takes in all lists, then computes them; one may use another, wherever that stands.
func (c *compiler) declareLists(files []*File) {
	var order []string
	for _, f := range files {
		for _, b := range f.Lists {
			frag := b.value
			if other, ok := c.lists[b.Name]; ok {
				c.error(frag.src, b.offset, "there is another list "+b.Name, "the first is at "+other.block.Pos.String())
				continue
			}
			if c.taken(b.Name) {
				c.error(frag.src, b.offset, "the name "+b.Name+" is taken", "choose another")
				continue
			}
			c.lists[b.Name] = &listValue{block: b, value: []string{}}
			order = append(order, b.Name)
		}
	}
	c.listNames = slices.Sorted(slices.Values(order))
	for _, name := range order {
		c.computeList(c.lists[name])
	}
}

// listBudget is what all lists of a set may cost together, apart from reading files.
var listBudget = Budget{Steps: 5_000_000, Time: 5 * time.Second, Bytes: 128 << 20}

// taken says whether a name means something already.
func (c *compiler) taken(name string) bool {
	for _, n := range everyName {
		if n == name {
			return true
		}
	}
	return c.functions[name] != nil || builtinNamed(name) || name == "file" || name == "true" || name == "false" || name == "nil" || strings.HasPrefix(name, "$")
}

func (c *compiler) computeList(l *listValue) {
	if l.state != listNew {
		return
	}
	l.state = listOpen
	defer func() { l.state = listDone }()
	l.failed = true
	frag := l.block.value
	for name := range c.namesIn(frag.text) {
		other := c.lists[name]
		if other == nil {
			continue
		}
		if other.state == listOpen {
			c.error(frag.src, frag.start, "the list "+l.block.Name+" needs itself", "")
			return
		}
		if c.computeList(other); other.failed {
			return // reported
		}
	}
	e := c.compile(frag, scope{what: "a list", constant: true}, nil)
	if e == nil {
		return
	}
	v, err := e.run(c.listRun)
	if errors.Is(err, ErrBudget) {
		c.error(frag.src, frag.start, "the lists cost too much to compute, up to this one", `keep what is long in a file: list banned = file("lists/banned.txt")`)
		return
	}
	if err != nil {
		c.failed(err, &frag)
		return
	}
	value, err := listEntries(v)
	if err != nil {
		c.error(frag.src, frag.start, err.Error(), `write it as: list NAME = ["one", "two"]`)
		return
	}
	l.value, l.failed = value, false
	if texts, ok := value.([]string); ok && len(texts) > 0 {
		c.bySlice[&texts[0]] = l
	}
}

// namesIn are the names that an expression uses; nil when it cannot be parsed, which is reported later.
func (c *compiler) namesIn(text string) map[string]bool {
	c.cfg.MaxNodes = mostListNodes
	tree, err := parser.ParseWithConfig(text, c.cfg)
	if err != nil {
		return nil
	}
	names := nameCollector{}
	ast.Walk(&tree.Node, names)
	return names
}

type nameCollector map[string]bool

// Visit is called by ast.Walk.
func (c nameCollector) Visit(n *ast.Node) {
	if id, ok := (*n).(*ast.IdentifierNode); ok {
		c[id.Value] = true
	}
}

// failed reports an evaluation that failed while rules were loaded.
func (c *compiler) failed(err error, f *fragment) {
	c.errors++
	var re *RuleError
	if !errors.As(err, &re) {
		re = &RuleError{Diagnostic: f.src.diagnostic(f.start, SeverityError, err.Error(), "")}
	}
	c.diags = append(c.diags, re.Diagnostic)
}

// listEntries makes the value of a list's expression a list of texts, of whole numbers, or of scalars.
func listEntries(v any) (any, error) {
	list := reflect.ValueOf(v)
	if list.Kind() != reflect.Slice {
		return nil, fmt.Errorf("a list is needed, not %s", typeName(reflect.TypeOf(v)))
	}
	texts, ints, all := []string{}, []int{}, []any{}
	for i := range list.Len() {
		e := list.Index(i).Interface()
		switch v := e.(type) {
		case string:
			e = strings.ToLower(v)
			texts = append(texts, strings.ToLower(v))
		case int:
			ints = append(ints, v)
		}
		if e == nil || !isScalar(reflect.TypeOf(e)) {
			return nil, fmt.Errorf("entry %d of a list must be a text or a number, not %s", i+1, typeName(reflect.TypeOf(e)))
		}
		all = append(all, e)
	}
	switch list.Len() {
	case len(texts):
		return texts, nil
	case len(ints):
		return ints, nil
	}
	return all, nil
}

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
