package config

import (
	"fmt"
	"io"
	"log/slog"
)

// hidden is what a secret shows of itself.
const hidden = "***"

// A Secret is text that must not be seen. It prints *** with every verb of fmt, in slog, JSON, YAML
// and inside errors, so that a careless print of a whole configuration tells nothing. Reveal is the
// one way to its value: a search for it finds every use.
type Secret struct {
	// A pointer, because fmt calls no methods of what it finds in unexported fields: there it prints an address.
	value *string
}

// NewSecret hides a value.
func NewSecret(value string) Secret { return Secret{&value} }

// Reveal gives the value away.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsSet reports whether there is a value.
func (s Secret) IsSet() bool { return s.Reveal() != "" }

// String hides the value. An unset secret is empty: that there is none is no secret.
func (s Secret) String() string {
	if !s.IsSet() {
		return ""
	}
	return hidden
}

// Format hides the value from every verb, %x, %q and %#v among them.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the value from JSON, YAML and all that write text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML hides the value from YAML.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// A SecretFile is a secret that is kept in a file of its own. Path is no secret.
type SecretFile struct {
	Path string
	Secret
}
