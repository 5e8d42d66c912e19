package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// DefaultFile is the file that is read where none is named and it is there.
const DefaultFile = "postern.yaml"

// Find returns the file to read: the one that was named, else DefaultFile if it is there, else "".
func Find(named string) string {
	if named == "" {
		if _, err := os.Stat(DefaultFile); err == nil {
			return DefaultFile
		}
	}
	return named
}

// Load makes the configuration of defaults, the file at path ("" for none) and the environment. It
// also reads the secret files and the certificates, to find errors now. The Config is nil when a
// problem is more than a warning.
func Load(path string, getenv func(string) string) (*Config, Problems) {
	c := Default()
	d := &decoder{file: path, at: map[string]Position{}, anchors: map[string]ast.Node{}}
	if path != "" {
		d.dir = filepath.Dir(path)
		c.Store.SQLite = d.resolvePath(c.Store.SQLite)
		if src, err := os.ReadFile(path); err != nil {
			d.problems = append(d.problems, Problem{Message: "read the configuration: " + err.Error()})
		} else {
			d.parse(src, c)
		}
	}
	d.environment(c, getenv)
	c.File, c.at = path, d.at
	ch := checker{c: c, problems: d.problems}
	ch.complete()
	ch.check()
	problems := ch.problems.sorted()
	if problems.Err() != nil {
		return nil, problems
	}
	return c, problems
}

// parse decodes a whole file.
func (d *decoder) parse(src []byte, c *Config) {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	file, err := parseYAML(src)
	if err != nil {
		d.problems = append(d.problems, d.syntax(err))
		return
	}
	found := false
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil:
		case found:
			d.errorf(doc.Body, "a second document: the configuration is one")
		default:
			found = true
			d.value("", doc.Body, reflect.ValueOf(c).Elem(), key{})
		}
	}
}

// parseYAML turns a panic of the parser into an error: a broken edit must not end a running server.
func parseYAML(src []byte) (file *ast.File, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the parser gave up: %v", p)
		}
	}()
	return parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
}

// syntax words an error of the YAML parser.
func (d *decoder) syntax(err error) Problem {
	var se *yaml.SyntaxError
	if !errors.As(err, &se) || se.Token == nil || se.Token.Position == nil {
		return Problem{Position: Position{File: d.file}, Message: "not YAML: " + err.Error()}
	}
	message := se.Message
	if strings.Contains(message, "reserved character") {
		message += `: quote what begins with it, like "@example.com"`
	}
	if strings.Contains(message, "invalid key for this map") {
		message += ": quote a text that begins with a colon, like \":25\""
	}
	p := se.Token.Position
	return Problem{Position: Position{d.file, p.Line, p.Column}, Message: "not YAML: " + message}
}

// isDir reports whether there is a folder at path.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
