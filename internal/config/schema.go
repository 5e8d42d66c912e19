package config

import (
	"encoding/json"
	"net/netip"
	"reflect"
)

// Schema is the JSON Schema (draft 7, which editors know best) of the file, made from the same types
// as the decoder. An editor that has it completes keys, shows what they mean and marks what is wrong.
func Schema() []byte {
	s := object(reflect.TypeFor[Config]())
	s["$schema"] = "http://json-schema.org/draft-07/schema#"
	s["title"] = "The configuration of Postern"
	s["definitions"] = map[string]any{"names": map[string]any{
		"description": "Names, or a tree of names.",
		"anyOf": []any{
			map[string]any{"type": []string{"string", "number", "null"}},
			map[string]any{"type": "array", "items": ref("names")},
			map[string]any{"type": "object", "additionalProperties": ref("names")},
		},
	}}
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic("config: " + err.Error()) // maps, lists and strings: it cannot fail
	}
	return append(out, '\n')
}

func ref(name string) map[string]any { return map[string]any{"$ref": "#/definitions/" + name} }

// object is the schema of a section.
func object(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for _, k := range keysOf(t) {
		p := schemaOf(k.Type, k)
		doc := k.doc
		if k.Type == typeLater {
			doc += " Not available in this version."
		}
		p["description"] = doc
		properties[k.name] = p
	}
	return map[string]any{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
}

// schemaOf is the schema of a key's value. Every value may be null, which says nothing.
func schemaOf(t reflect.Type, k key) map[string]any {
	switch {
	case t == typeLater:
		nothing := []any{nil, "", []any{}, map[string]any{}}
		if k.neutral != "" {
			nothing = append(nothing, json.RawMessage(k.neutral))
		}
		return map[string]any{"enum": nothing}
	case t == reflect.TypeFor[Names]():
		return map[string]any{"allOf": []any{ref("names")}}
	case isNamed(t):
		m := map[string]any{"type": []string{"object", "null"}, "additionalProperties": object(t.Elem())}
		if t.Elem() == reflect.TypeFor[Mailbox]() {
			m["propertyNames"] = map[string]any{"pattern": boxName.String()}
		}
		return m
	case shorthand(t) != "":
		return map[string]any{"anyOf": []any{map[string]any{"type": "string"}, object(t)}}
	case isSection(t):
		return object(t)
	case t.Kind() == reflect.Slice:
		item := schemaOf(t.Elem(), k)
		return map[string]any{"anyOf": []any{item, map[string]any{"type": "array", "items": item}}}
	}
	switch t {
	case typeDuration:
		pattern := `^([0-9]+w)?([0-9]+d)?([0-9.]+(h|m|s|ms))*$`
		if k.forever {
			pattern = `^forever$|` + pattern
		}
		return map[string]any{"type": []string{"string", "null"}, "pattern": pattern}
	case reflect.TypeFor[Size]():
		return map[string]any{"type": []string{"string", "integer", "null"}, "pattern": `^[0-9.]+ ?([kKmMgG][iI]?)?[bB]?$`, "minimum": 0}
	case reflect.TypeFor[Listener](), reflect.TypeFor[netip.Prefix](), reflect.TypeFor[SecretFile](), reflect.TypeFor[Secret]():
		return map[string]any{"type": []string{"string", "null"}}
	}
	switch t.Kind() {
	case reflect.Bool:
		return map[string]any{"type": []string{"boolean", "null"}}
	case reflect.Int:
		m := map[string]any{"type": []string{"integer", "null"}}
		if k.min != "" {
			m["minimum"] = json.RawMessage(k.min)
		}
		return m
	}
	if k.words == nil {
		return map[string]any{"type": []string{"string", "number", "boolean", "null"}}
	}
	words := []any{nil}
	for _, w := range k.words {
		words = append(words, w)
	}
	return map[string]any{"enum": words}
}
