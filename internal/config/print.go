package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/goccy/go-yaml"
)

// YAML writes the configuration as it came out of defaults, file and environment, secrets hidden:
// what postern check prints. What was never set and has no default is left out.
func (c *Config) YAML() ([]byte, error) {
	out, err := yaml.Marshal(section(reflect.ValueOf(c).Elem(), reflect.ValueOf(Default()).Elem()))
	if err != nil {
		return nil, fmt.Errorf("print the configuration: %w", err)
	}
	return out, nil
}

// section lists the keys of v that say something: those that are set, or that differ from the default.
func section(v, def reflect.Value) yaml.MapSlice {
	out := yaml.MapSlice{}
	for _, k := range keysOf(v.Type()) {
		f, d := v.FieldByIndex(k.Index), def.FieldByIndex(k.Index)
		if f.Type() == typeLater || f.IsZero() && d.IsZero() {
			continue
		}
		if f.Kind() == reflect.Slice && f.Len() == 0 && d.Len() == 0 {
			continue
		}
		if value := printed(f, d, k); value != nil {
			out = append(out, yaml.MapItem{Key: k.name, Value: value})
		}
	}
	return out
}

// printed is a value as YAML would hold it; nil for a section that says nothing.
func printed(v, def reflect.Value, k key) any {
	switch x := v.Interface().(type) {
	case time.Duration:
		if k.forever && x == 0 {
			return "forever"
		}
		return FormatDuration(x)
	case Size:
		return x.String()
	case Secret:
		return x.String()
	case SecretFile:
		if x.Path == "" {
			return nil
		}
		return x.Path
	case Listener:
		return x.String()
	case netip.Prefix:
		return x.String()
	case Names:
		return []string(x)
	case Source:
		if x.Protocol() == "" { // there is none, and what it would start with says nothing
			return nil
		}
	}
	switch {
	case isNamed(v.Type()):
		out := yaml.MapSlice{}
		zero := reflect.New(v.Type().Elem()).Elem()
		for i := range v.Len() {
			zero.Set(defaultOf(zero.Type()))
			out = append(out, yaml.MapItem{Key: v.Index(i).FieldByName("Name").String(), Value: section(v.Index(i), zero)})
		}
		return out
	case isSection(v.Type()):
		if out := section(v, def); len(out) > 0 {
			return out
		}
		return nil
	case v.Kind() == reflect.Slice:
		out := make([]any, v.Len())
		zero := reflect.New(v.Type().Elem()).Elem()
		for i := range out {
			out[i] = printed(v.Index(i), zero, k)
		}
		return out
	default:
		return v.Interface()
	}
}
