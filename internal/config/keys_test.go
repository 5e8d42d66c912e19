package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Every key of every section is documented, has a type that the decoder, the schema and the printer
// know, and tags that say something: what the struct tags promise.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	var visit func(typ reflect.Type, path string)
	visit = func(typ reflect.Type, path string) {
		for _, k := range keysOf(typ) {
			p := join(path, k.name)
			if k.doc == "" || !strings.HasSuffix(strings.TrimRight(k.doc, ")\""), ".") {
				t.Errorf("%s: its doc is no sentence: %q", p, k.doc)
			}
			element := k.Type
			if element.Kind() == reflect.Slice && element != reflect.TypeFor[Names]() {
				element = element.Elem()
			}
			switch {
			case element == typeLater, element == reflect.TypeFor[Names]():
			case isSection(element):
				visit(element, p)
			default:
				d := &decoder{at: map[string]Position{}}
				n := ast.String(token.String("1", "1", &token.Position{}))
				if err := d.set("1", n, reflect.New(element).Elem(), k); err != nil && strings.Contains(err.Error(), "cannot be read") {
					t.Errorf("%s: %v", p, err)
				}
			}
			for _, word := range append(k.words, k.later...) {
				if word == "" || strings.TrimSpace(word) != word {
					t.Errorf("%s: an odd word %q", p, word)
				}
			}
		}
	}
	visit(reflect.TypeFor[Config](), "")
}
