package rules

import (
	"embed"
	"io/fs"

	"postern/dsl"
)

//go:embed builtin/*.rules
var builtin embed.FS

// Builtin is the set of a first start, used while there is no folder with rules: it marks some mail and refuses none.
func Builtin(o LoadOptions) (*Set, dsl.Diagnostics) {
	return FromFiles(BuiltinFiles(), o)
}

// BuiltinFiles are the texts of the built-in set by name: examples to start from.
func BuiltinFiles() map[string]string {
	out := map[string]string{}
	entries, err := fs.ReadDir(builtin, "builtin")
	if err != nil {
		panic(err) // compiled in: cannot happen
	}
	for _, e := range entries {
		b, err := builtin.ReadFile("builtin/" + e.Name())
		if err != nil {
			panic(err)
		}
		out[e.Name()] = string(b)
	}
	return out
}
