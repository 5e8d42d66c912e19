package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// schemas turns Go types into JSON Schema as encoding/json writes them: embedded structs flattened, an outer field over an
// inner one of its name, what omitempty may leave out not required.
type schemas struct{ named object }

func newSchemas() *schemas { return &schemas{object{}} }

func (s *schemas) content(c content) object {
	if c.typ == nil {
		return object{c.media: object{}}
	}
	return object{c.media: object{"schema": s.of(c.typ)}}
}

func (s *schemas) of(t reflect.Type) object {
	switch t {
	case typeOf[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case typeOf[time.Duration]():
		return object{"type": "integer", "description": "nanoseconds"}
	case typeOf[json.RawMessage]():
		return object{} // any JSON
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Slice, reflect.Array:
		return object{"type": "array", "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		name := schemaName(t)
		if _, ok := s.named[name]; !ok {
			s.named[name] = object{} // a type may contain itself
			s.named[name] = s.structure(t)
		}
		return object{"$ref": "#/components/schemas/" + name}
	default: // an interface: anything
		return object{}
	}
}

func (s *schemas) structure(t reflect.Type) object {
	properties, required := object{}, []string{}
	for level := []reflect.Type{t}; len(level) > 0; { // by depth, so that the outer name wins
		var deeper []reflect.Type
		for _, t := range level {
			for i := range t.NumField() {
				f := t.Field(i)
				name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
				if f.Anonymous && name == "" {
					deeper = append(deeper, indirect(f.Type))
					continue
				}
				if name == "-" || !f.IsExported() || properties[name] != nil {
					continue
				}
				p := s.of(f.Type)
				optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
				if !optional {
					required = append(required, name)
					if f.Type.Kind() == reflect.Pointer {
						p = object{"anyOf": []object{p, {"type": "null"}}}
					}
				}
				properties[name] = p
			}
		}
		level = deeper
	}
	return object{"type": "object", "properties": properties, "required": required}
}

func indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

// schemaName is a type's name; List[*postern/internal/issue.Note] is NoteList.
func schemaName(t reflect.Type) string {
	name, arg, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return name
	}
	arg = strings.TrimSuffix(arg, "]")
	return arg[strings.LastIndexAny(arg, ".*/")+1:] + name
}
