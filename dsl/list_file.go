package dsl

import (
	"errors"
	"fmt"
	"io"
	"path"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

const (
	largestListFile = 256 << 20 // bytes
	longestEntry    = 64 << 10
)

// A listFile is file("…", {…}) of a list.
type listFile struct {
	name      string
	format    string // "text", "csv", "json", "yaml"
	column    string // of csv, or of the objects of json and yaml
	number    int    // of the column, from 1, where it has no name
	path      string // to the list, in json and yaml: "customers.domains"
	separator rune
	header    bool
}

// formats are read by the ending of the file's name; all else is text.
var formats = map[string]string{".csv": "csv", ".tsv": "csv", ".json": "json", ".yaml": "yaml", ".yml": "yaml"}

var formatNames = []string{"text", "csv", "json", "yaml"}

// fileOptions are what the second argument of file may hold.
var fileOptions = []string{"column", "format", "header", "path", "separator"}

// resolveFile replaces file("…") by what the file holds.
func (u *unit) resolveFile(node *ast.Node, n *ast.CallNode) {
	defer func() {
		if *node == ast.Node(n) {
			ast.Patch(node, &ast.ConstantNode{Value: []string{}})
		}
	}()
	const hint = `write it as: file("lists/banned.txt"), file("lists/customers.csv", {column: "domain"})`
	if !u.scope.constant {
		u.error(n, "file is known only in a list", `write list NAME = file("lists/name.txt") outside of rules, and use NAME`)
		return
	}
	if len(n.Arguments) != 1 && len(n.Arguments) != 2 {
		u.error(n, "file needs a name, and may have options", hint)
		return
	}
	name, ok := n.Arguments[0].(*ast.StringNode)
	if !ok {
		u.error(n.Arguments[0], "the name of the file must be a constant text", hint)
		return
	}
	f := listFile{name: name.Value, format: formats[strings.ToLower(path.Ext(name.Value))], separator: ','}
	if strings.EqualFold(path.Ext(name.Value), ".tsv") {
		f.separator = '\t'
	}
	if f.format == "" {
		f.format = "text"
	}
	if len(n.Arguments) == 2 && !u.fileOptions(n.Arguments[1], &f) {
		return
	}
	if !localPath(name.Value) {
		u.error(name, "a list's file must lie below the rules folder", hint)
		return
	}
	if u.c.opts.Open == nil {
		u.error(name, "files cannot be read here", "")
		return
	}
	entries, err := u.c.listFile(f)
	if err != nil {
		u.error(name, "cannot read the list: "+err.Error(), listHint(err))
		return
	}
	if u.scope.list != nil && entryCount(entries) == 0 {
		u.scope.list.empty = name.Value
	}
	ast.Patch(node, &ast.ConstantNode{Value: entries})
}

// Bounds on what the files of lists come to in memory: each, and all together.
const (
	mostEntries = mostListed
	mostHeld    = 256 << 20 // bytes
)

// listFile reads a file, once however many lists name it.
func (c *compiler) listFile(f listFile) (any, error) {
	if v, ok := c.files[f]; ok {
		return v, nil
	}
	if c.held > mostHeld {
		return nil, f.errorf(0, "the files of all lists together are too large")
	}
	v, err := f.read(c.opts.Open)
	if err != nil {
		return nil, err
	}
	if c.held += heldBy(v); c.held > mostHeld {
		return nil, f.errorf(0, "the files of all lists together are too large")
	}
	c.files[f] = v
	return v, nil
}

// heldBy is what entries take, in bytes.
func heldBy(v any) int {
	n := 0
	switch v := v.(type) {
	case []string:
		for _, s := range v {
			n += len(s) + 16
		}
	case []any:
		for _, e := range v {
			s, _ := e.(string)
			n += len(s) + 32
		}
	}
	return n
}

// entryCount is how many entries were read.
func entryCount(v any) int { return reflect.ValueOf(v).Len() }

// fileOptions reads {column: "domain"} and the like.
func (u *unit) fileOptions(n ast.Node, f *listFile) bool {
	m, ok := n.(*ast.MapNode)
	if !ok {
		u.error(n, "the options of file stand in braces", `write it as: file("lists/customers.csv", {column: "domain"})`)
		return false
	}
	good := true
	for _, p := range m.Pairs {
		pair, ok := p.(*ast.PairNode)
		if !ok {
			continue
		}
		key, ok := pair.Key.(*ast.StringNode)
		if !ok {
			u.error(pair.Key, "the name of an option must be a constant", "there are: "+strings.Join(fileOptions, ", "))
			return false
		}
		if wrong := f.option(key.Value, pair.Value); wrong != "" {
			at := pair.Value
			if !slices.Contains(fileOptions, key.Value) {
				at = pair.Key
			}
			u.error(at, wrong, "there are: "+strings.Join(fileOptions, ", "))
			good = false
		}
	}
	return good
}

// option takes one, or says what is wrong with it.
func (f *listFile) option(name string, value ast.Node) (wrong string) {
	text, isText := value.(*ast.StringNode)
	number, isNumber := value.(*ast.IntegerNode)
	truth, isBool := value.(*ast.BoolNode)
	switch name {
	case "column":
		switch {
		case isText && text.Value != "":
			f.column = text.Value
		case isNumber && number.Value >= 1:
			f.number = number.Value
		default:
			return "column needs a name, or a number from 1"
		}
	case "path":
		if !isText || text.Value == "" {
			return `path needs a text such as "customers.domains"`
		}
		f.path = text.Value
	case "separator":
		r, size := utf8.RuneError, 0
		if isText {
			r, size = utf8.DecodeRuneInString(text.Value)
		}
		if !isText || size != len(text.Value) || size == 0 || strings.ContainsRune("\"\r\n\uFFFD#", r) {
			return "separator needs one character"
		}
		f.separator = r
	case "header":
		if !isBool {
			return "header is true or false"
		}
		f.header = truth.Value
	case "format":
		if !isText || !slices.Contains(formatNames, text.Value) {
			return "format is one of: " + strings.Join(formatNames, ", ")
		}
		f.format = text.Value
	default:
		return "file has no option " + quoteShort(name) + didYouMean(name, fileOptions)
	}
	return ""
}

// localPath says whether a path with slashes stays below the folder it starts from.
func localPath(p string) bool {
	if p == "" || strings.ContainsAny(p, "\\\x00:") || path.IsAbs(p) {
		return false
	}
	clean := path.Clean(p)
	return clean != "." && clean != ".." && !strings.HasPrefix(clean, "../")
}

// A listError is what is wrong with a list's file. It never quotes what is in the file: the folder may hold secrets, or a
// link's target that was not meant.
type listError struct {
	name string
	line int // 0 where it is no line's
	what string
	hint string
}

func (e *listError) Error() string {
	if e.line == 0 {
		return e.name + ": " + e.what
	}
	return fmt.Sprintf("%s:%d: %s", e.name, e.line, e.what)
}

func listHint(err error) string {
	var e *listError
	if errors.As(err, &e) {
		return e.hint
	}
	return ""
}

func (f *listFile) errorf(line int, format string, args ...any) error {
	return &listError{name: f.name, line: line, what: fmt.Sprintf(format, args...)}
}

// read returns []string in lower case, or []any where there are numbers.
func (f *listFile) read(open func(string) (io.ReadCloser, error)) (any, error) {
	text, err := f.text(open)
	if err != nil {
		return nil, err
	}
	switch f.format {
	case "csv":
		return f.readCSV(text)
	case "json":
		return f.readJSON(text)
	case "yaml":
		return f.readYAML(text)
	}
	return f.readText(text)
}

// text is the whole file in lower case, so that entries can be pieces of it.
func (f *listFile) text(open func(string) (io.ReadCloser, error)) (string, error) {
	r, err := open(f.name)
	if err != nil {
		return "", err
	}
	var b boundedText
	_, err = io.Copy(&b, r)
	if e := r.Close(); err == nil {
		err = e
	}
	switch {
	case errors.Is(err, errTooLong):
		return "", f.errorf(0, "it is larger than %d MiB", largestListFile>>20)
	case err != nil:
		return "", err
	}
	text := strings.TrimPrefix(b.String(), "\uFEFF")
	if i := invalidAt(text); i >= 0 {
		return "", &listError{f.name, 1 + strings.Count(text[:i], "\n"), notUTF8, "save the file as UTF-8"}
	}
	return text, nil
}

// A boundedText takes what a reader writes into it at once, without a copy.
type boundedText struct{ strings.Builder }

func (b *boundedText) Write(p []byte) (int, error) {
	if b.Len()+len(p) > largestListFile {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}

func (b *boundedText) WriteString(s string) (int, error) {
	if b.Len()+len(s) > largestListFile {
		return 0, errTooLong
	}
	return b.Builder.WriteString(s)
}

// invalidAt is where a text stops being UTF-8, or -1.
func invalidAt(s string) int {
	if utf8.ValidString(s) {
		return -1
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

func (f *listFile) tooMany(line int) error {
	return f.errorf(line, "more than %d entries", mostEntries)
}

// readText reads one entry a line; # at a line's start, or after white space, begins a comment.
func (f *listFile) readText(text string) (any, error) {
	if f.column != "" || f.number != 0 || f.path != "" || f.header {
		return nil, &listError{f.name, 0, "a text file has one entry a line: it takes no options but format", `is it a csv file? write {format: "csv", column: 1}`}
	}
	text = strings.ToLower(text)
	entries := make([]string, 0, min(strings.Count(text, "\n")+1, mostEntries))
	n := 0
	for line := range strings.Lines(text) {
		n++
		if len(line) > longestEntry {
			return nil, f.errorf(n, "a line is longer than %d KiB", longestEntry>>10)
		}
		for i := strings.IndexByte(line, '#'); i >= 0; {
			if i == 0 || line[i-1] == ' ' || line[i-1] == '\t' {
				line = line[:i]
				break
			}
			next := strings.IndexByte(line[i+1:], '#')
			if next < 0 {
				break
			}
			i += 1 + next
		}
		if len(entries) == mostEntries {
			return nil, f.tooMany(n)
		}
		if line = strings.TrimSpace(line); line != "" {
			entries = append(entries, line)
		}
	}
	return entries, nil
}
