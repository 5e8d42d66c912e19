package config

import (
	"reflect"
	"strings"
	"time"
)

// A key is a field of a configuration type, with what its tags say.
type key struct {
	reflect.StructField
	name    string
	doc     string
	words   []string // what it may hold; nil for anything
	later   []string // what it may hold in a later version
	neutral string
	min     string
	max     string
	path    bool
	word    string // what a path may be instead of one
	forever bool
	restart bool
}

// keysOf lists the keys of a struct, in the order of its fields.
func keysOf(t reflect.Type) []key {
	var keys []key
	for f := range t.Fields() {
		name := f.Tag.Get("yaml")
		if name == "" || name == "-" || name == ",name" {
			continue
		}
		keys = append(keys, key{
			StructField: f, name: name, doc: f.Tag.Get("doc"),
			words: split(f.Tag.Get("words")), later: split(f.Tag.Get("later")), neutral: f.Tag.Get("neutral"),
			min: f.Tag.Get("min"), max: f.Tag.Get("max"),
			path: f.Tag.Get("path") != "", word: f.Tag.Get("word"), forever: f.Tag.Get("forever") != "", restart: f.Tag.Get("restart") != "",
		})
	}
	return keys
}

func split(words string) []string {
	if words == "" {
		return nil
	}
	return strings.Split(words, "|")
}

// isNamed reports whether a type is a list that is written as a map: its elements have a name.
func isNamed(t reflect.Type) bool {
	if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct {
		return false
	}
	f, ok := t.Elem().FieldByName("Name")
	return ok && f.Tag.Get("yaml") == ",name"
}

// defaultOf is what an element of a named list starts with, whoever names it.
func defaultOf(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[Mailbox]():
		return reflect.ValueOf(defaultMailbox())
	case reflect.TypeFor[Source]():
		return reflect.ValueOf(defaultSource())
	case reflect.TypeFor[Hook]():
		return reflect.ValueOf(defaultHook())
	}
	return reflect.Zero(t)
}

// isSection reports whether a type is a struct with keys of its own, and not one value.
func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && len(keysOf(t)) > 0
}

// shorthand is the key that a plain value stands for where a section may be written as one.
func shorthand(t reflect.Type) string {
	if t == reflect.TypeFor[Relay]() {
		return "net"
	}
	return ""
}

// join makes the path of a key below another.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

var (
	typeLater    = reflect.TypeFor[later]()
	typeDuration = reflect.TypeFor[time.Duration]()
)
