package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// A decoder fills a Config from the nodes of a YAML file. It never stops at an error: it notes it
// with its place and goes on with the next key.
type decoder struct {
	file     string // for positions
	dir      string // what relative paths start from
	env      bool   // the value is an environment variable's: there are no lines, and lists may be written with commas
	problems Problems
	at       map[string]Position
	anchors  map[string]ast.Node
	nodes    int // how many were visited: aliases of aliases can make a small file endless
}

const maxNodes = 100_000

func (d *decoder) position(n ast.Node) Position {
	t := n.GetToken()
	if d.env || t == nil || t.Position == nil {
		return Position{File: d.file}
	}
	return Position{d.file, t.Position.Line, t.Position.Column}
}

func (d *decoder) errorf(n ast.Node, format string, args ...any) {
	d.problems = append(d.problems, Problem{Position: d.position(n), Message: fmt.Sprintf(format, args...)})
}

// value decodes a node into v, which holds the default.
func (d *decoder) value(path string, n ast.Node, v reflect.Value, k key) {
	if n = d.resolve(n); n == nil {
		return
	}
	d.at[path] = d.position(n)
	t := v.Type()
	if t == typeLater {
		d.later(path, n, k)
		return
	}
	if isNull(n) {
		return // nothing was said: the default stays
	}
	switch {
	case t == reflect.TypeFor[Names]():
		var names Names
		d.names(n, "", &names)
		v.Set(reflect.ValueOf(names))
	case isNamed(t):
		d.named(path, n, v)
	case isSection(t):
		d.section(path, n, v)
	case t.Kind() == reflect.Slice:
		d.list(path, n, v, k)
	default:
		d.scalar(n, v, k)
	}
}

// section decodes a mapping into a struct.
func (d *decoder) section(path string, n ast.Node, v reflect.Value) {
	keys := keysOf(v.Type())
	if short := shorthand(v.Type()); short != "" && isScalar(n) {
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == short })
		d.value(path, n, v.FieldByIndex(keys[i].Index), keys[i])
		return
	}
	entries, _ := d.entries(n, quoted(path))
	for _, e := range entries {
		name := e.Key.GetToken().Value
		i := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
		if i < 0 {
			known := make([]string, len(keys))
			for j, k := range keys {
				known[j] = k.name
			}
			d.errorf(e.Key, "unknown key %q%s", name, suggest(name, known))
			continue
		}
		k := keys[i]
		d.at[join(path, name)] = d.position(e.Key) // for an empty value; value says better
		d.value(join(path, name), e.Value, v.FieldByIndex(k.Index), k)
	}
}

// named decodes a mapping into a list of structs that have the key as their name.
func (d *decoder) named(path string, n ast.Node, v reflect.Value) {
	entries, ok := d.entries(n, quoted(path))
	if !ok {
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(entries))
	for _, e := range entries {
		name := e.Key.GetToken().Value
		element := reflect.New(v.Type().Elem()).Elem()
		element.Set(defaultOf(element.Type()))
		element.FieldByName("Name").SetString(name)
		d.value(join(path, name), e.Value, element, key{})
		d.at[join(path, name)] = d.position(e.Key)
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

// list decodes a sequence, or one value as a sequence of one.
func (d *decoder) list(path string, n ast.Node, v reflect.Value, k key) {
	var items []ast.Node
	switch node := n.(type) {
	case *ast.SequenceNode:
		items = node.Values
	default:
		items = []ast.Node{n}
		if d.env && isScalar(n) {
			items = nil
			for part := range strings.SplitSeq(text(n), ",") {
				if part = strings.TrimSpace(part); part != "" {
					items = append(items, ast.String(token.String(part, part, &token.Position{})))
				}
			}
		}
	}
	list := reflect.MakeSlice(v.Type(), 0, len(items))
	for i, item := range items {
		element := reflect.New(v.Type().Elem()).Elem()
		d.value(path+"["+strconv.Itoa(i)+"]", item, element, k)
		if r := d.resolve(item); r != nil && isNull(r) {
			d.errorf(item, "an empty entry in %s", quoted(path))
		}
		list = reflect.Append(list, element)
	}
	v.Set(list)
}

// names lays a tree of names flat.
func (d *decoder) names(n ast.Node, below string, names *Names) {
	if n = d.resolve(n); n == nil || isNull(n) {
		return
	}
	switch node := n.(type) {
	case *ast.SequenceNode:
		for _, item := range node.Values {
			d.names(item, below, names)
		}
	case *ast.MappingNode, *ast.MappingValueNode:
		entries, _ := d.entries(n, "a tree of names")
		for _, e := range entries {
			if name, ok := d.name(e.Key, below, names); ok {
				d.names(e.Value, name+"/", names)
			}
		}
	default:
		if d.env {
			for part := range strings.SplitSeq(text(n), ",") {
				*names = append(*names, strings.TrimSpace(part))
			}
			return
		}
		d.name(n, below, names)
	}
}

func (d *decoder) name(n ast.Node, below string, names *Names) (string, bool) {
	name := below + text(n)
	switch {
	case strings.TrimSpace(text(n)) == "":
		d.errorf(n, "a name may not be empty")
	case slices.Contains(*names, name):
		d.errorf(n, "%q is in the list twice", name)
	default:
		*names = append(*names, name)
		return name, true
	}
	return "", false
}

// later accepts nothing but what asks for nothing.
func (d *decoder) later(path string, n ast.Node, k key) {
	switch node := n.(type) {
	case *ast.MappingNode:
		if len(node.Values) == 0 {
			return
		}
	case *ast.SequenceNode:
		if len(node.Values) == 0 {
			return
		}
	default:
		if isNull(n) || text(n) == "" || k.neutral != "" && text(n) == k.neutral {
			return
		}
	}
	d.errorf(n, "%s is not available in this version", quoted(path))
}

// quoted is the name of a path's last key, for people.
func quoted(path string) string {
	if path == "" {
		return "the configuration"
	}
	return strconv.Quote(last(path))
}

func last(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }
