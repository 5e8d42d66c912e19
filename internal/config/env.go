package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// EnvPrefix is what the names of our environment variables begin with.
const EnvPrefix = "POSTERN_"

// EnvName is the variable that overrides a key: smtp.max-size is POSTERN_SMTP_MAX_SIZE. What lies
// below a name of the administrator's (a mailbox, a user) has none: override the whole map.
func EnvName(path string) string {
	return EnvPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(path))
}

// environment overrides keys by variables. A variable holds what the file would hold: a plain value
// as it is, a list with commas or as [a, b], a section as {a: b}. Paths start from the working
// folder. An empty variable says nothing.
func (d *decoder) environment(c *Config, getenv func(string) string) {
	if getenv == nil {
		return
	}
	walk(reflect.TypeFor[Config](), "", func(path string, k key) {
		name := EnvName(path)
		value := getenv(name)
		if value == "" {
			return
		}
		e := &decoder{file: name, env: true, at: d.at, anchors: map[string]ast.Node{}}
		e.variable(path, value, field(reflect.ValueOf(c).Elem(), path), k)
		d.problems = append(d.problems, e.problems...)
	})
}

// variable decodes one variable. Only what has a structure is YAML; a plain value may hold any text.
func (d *decoder) variable(path, value string, v reflect.Value, k key) {
	var n ast.Node = ast.String(token.String(value, value, &token.Position{}))
	t := v.Type()
	structured := t == typeLater || isSection(t) || isNamed(t) || t.Kind() == reflect.Slice
	// [::1]:25 begins as a list does, and ends otherwise.
	trimmed := strings.TrimSpace(value)
	list := strings.HasPrefix(trimmed, "[") && (isNamed(t) || strings.HasSuffix(trimmed, "]"))
	if structured && (list || strings.HasPrefix(trimmed, "{")) {
		file, err := parseYAML([]byte(value))
		if err != nil || len(file.Docs) != 1 {
			d.problems = append(d.problems, Problem{Position: Position{File: d.file}, Message: "not a list [a, b] nor keys {a: b}"})
			return
		}
		n = file.Docs[0].Body
	}
	d.value(path, n, v, k)
}

// UnknownVariables warns of misspelt names among variables ("NAME=value", as os.Environ lists them):
// those that begin with POSTERN_ and override nothing. Names in known are the program's other ones; those of tests
// (POSTERN_TEST_…), and those that Kubernetes sets for a service called postern, are not looked at.
func UnknownVariables(environ []string, known ...string) Problems {
	names := slices.Clone(known)
	walk(reflect.TypeFor[Config](), "", func(path string, _ key) { names = append(names, EnvName(path)) })
	var problems Problems
	for _, e := range environ {
		name, _, _ := strings.Cut(e, "=")
		if ours, ok := strings.CutPrefix(name, EnvPrefix); ok && !foreign.MatchString(ours) && !slices.Contains(names, name) {
			problems = append(problems, Problem{Warning: true, Message: "unknown environment variable " + name + suggest(name, names)})
		}
	}
	return problems
}

var foreign = regexp.MustCompile(`^(TEST_|SERVICE_(HOST|PORT)|PORT($|_[0-9]+_(TCP|UDP)))`)

// walk visits every key with a path of its own, sections before what is in them.
func walk(t reflect.Type, path string, visit func(path string, k key)) {
	for _, k := range keysOf(t) {
		p := join(path, k.name)
		visit(p, k)
		if isSection(k.Type) {
			walk(k.Type, p, visit)
		}
	}
}

// field finds the value of a key that walk visits.
func field(v reflect.Value, path string) reflect.Value {
	name, rest, more := strings.Cut(path, ".")
	for _, k := range keysOf(v.Type()) {
		if k.name == name {
			if v = v.FieldByIndex(k.Index); more {
				return field(v, rest)
			}
			return v
		}
	}
	panic("config: no key " + path)
}
