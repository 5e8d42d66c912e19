package config

import (
	_ "embed"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
)

//go:embed docs.md
var introduction string

// Docs is docs/configuration.md: what every key means, from the same tags that decode it.
func Docs() string {
	var b strings.Builder
	b.WriteString(introduction)
	defaults := reflect.ValueOf(Default()).Elem()
	var plain []key
	for _, k := range keysOf(reflect.TypeFor[Config]()) {
		if isSection(k.Type) || isNamed(k.Type) {
			table(&b, "## "+k.name, k.name, k, defaults.FieldByIndex(k.Index))
		} else if k.Type != typeLater {
			plain = append(plain, k)
		}
	}
	fmt.Fprintf(&b, "\n## Keys at the top\n\n%s", head)
	for _, k := range plain {
		row(&b, k.name, k, defaults.FieldByIndex(k.Index))
	}
	b.WriteString("\n## Not available in this version\n\nThese keys are known, and an error of `postern check` as soon as they ask for something.\n\n")
	laters(&b, reflect.TypeFor[Config](), "")
	return b.String()
}

const head = "| key | holds | default | meaning |\n|---|---|---|---|\n"

// table documents a section, and the sections below it after it.
func table(b *strings.Builder, title, path string, k key, def reflect.Value) {
	fmt.Fprintf(b, "\n%s\n\n%s\n\n%s", title, k.doc, head)
	t, prefix := k.Type, ""
	if isNamed(t) {
		t, prefix = t.Elem(), "NAME."
		def = defaultOf(t)
	}
	rows(b, t, prefix, def, k.restart)
	for _, below := range keysOf(t) {
		element := below.Type
		if element.Kind() == reflect.Slice && isSection(element.Elem()) {
			table(b, "### "+path+"."+prefix+below.name, path+"."+prefix+below.name, withType(below), reflect.New(element.Elem()).Elem())
		}
	}
}

// withType makes a list of sections a section, which table documents; a named list stays one.
func withType(k key) key {
	if !isNamed(k.Type) {
		k.Type = k.Type.Elem()
	}
	return k
}

// rows documents the keys of a section, those of sections below with their path. A section that is
// read at start only hands that down.
func rows(b *strings.Builder, t reflect.Type, prefix string, def reflect.Value, restart bool) {
	for _, k := range keysOf(t) {
		switch {
		case k.Type == typeLater:
		case k.Type == reflect.TypeFor[Source]():
			row(b, prefix+k.name, k, def.FieldByIndex(k.Index))
		case isSection(k.Type):
			rows(b, k.Type, prefix+k.name+".", def.FieldByIndex(k.Index), restart || k.restart)
		default:
			k.restart = k.restart || restart
			row(b, prefix+k.name, k, def.FieldByIndex(k.Index))
		}
	}
}

func row(b *strings.Builder, name string, k key, def reflect.Value) {
	value := ""
	if v := printed(def, reflect.Zero(def.Type()), k); !def.IsZero() && v != nil {
		if value = fmt.Sprint(v); def.Kind() == reflect.Slice {
			value = "[" + strings.Join(strings.Fields(strings.Trim(value, "[]")), ", ") + "]"
		}
		value = "`" + value + "`"
	}
	doc := k.doc
	if k.restart {
		doc += " *(Read at start only.)*"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, holds(k.Type, k), value, strings.ReplaceAll(doc, "|", `\|`))
}

// holds says in words what a key may hold.
func holds(t reflect.Type, k key) string {
	switch {
	case len(k.words) > 0:
		return "`" + strings.Join(k.words, "` or `") + "`"
	case t == reflect.TypeFor[Names]():
		return "names"
	case isNamed(t):
		return "see below"
	case t.Kind() == reflect.Slice && isSection(t.Elem()):
		return "list, see below"
	case t.Kind() == reflect.Slice:
		return "list of " + holds(t.Elem(), k)
	case k.word != "":
		return "path or `" + k.word + "`"
	case k.path && t.Kind() == reflect.String, t == reflect.TypeFor[SecretFile]():
		return "path"
	}
	switch t {
	case reflect.TypeFor[Source]():
		return "as `sources.NAME`"
	case typeDuration:
		return "duration"
	case reflect.TypeFor[Size]():
		return "size"
	case reflect.TypeFor[Listener]():
		return "address"
	case reflect.TypeFor[netip.Prefix]():
		return "network"
	case reflect.TypeFor[Secret]():
		return "secret"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "number"
	default:
		return "text"
	}
}

func laters(b *strings.Builder, t reflect.Type, prefix string) {
	for _, k := range keysOf(t) {
		switch {
		case k.Type == typeLater:
			fmt.Fprintf(b, "- `%s`: %s\n", prefix+k.name, k.doc)
		case len(k.later) > 0:
			fmt.Fprintf(b, "- `%s`: `%s`\n", prefix+k.name, strings.Join(k.later, "`, `"))
		case isNamed(k.Type):
			laters(b, k.Type.Elem(), prefix+k.name+".NAME.")
		case isSection(k.Type):
			laters(b, k.Type, prefix+k.name+".")
		}
	}
}
