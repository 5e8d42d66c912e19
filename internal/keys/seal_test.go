package keys_test

import (
	"bytes"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/keys"
)

func TestSeal(t *testing.T) {
	t.Parallel()
	path, first := create(t)
	text := []byte(`{"refresh":"secret"}`)
	old := first.Seal(keys.Tokens, "support", text)
	if bytes.Contains(old, []byte("secret")) {
		t.Fatalf("sealed, and readable: %q", old)
	}
	if bytes.Equal(old, first.Seal(keys.Tokens, "support", text)) {
		t.Error("the same text sealed twice looks the same")
	}
	ring, err := keys.Rotate(path, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	young := ring.Seal(keys.Tokens, "support", text)
	changed := bytes.Clone(young)
	changed[len(changed)-1] ^= 1
	_, other := create(t)
	tests := []struct {
		name    string
		ring    *keys.Ring
		purpose keys.Purpose
		source  string
		sealed  []byte
		opens   bool
	}{
		{"by the newest key", ring, keys.Tokens, "support", young, true},
		{"by an older key", ring, keys.Tokens, "support", old, true},
		{"before the rotation reached this node", first, keys.Tokens, "support", young, false},
		{"another source", ring, keys.Tokens, "sales", young, false},
		{"another purpose", ring, keys.Replies, "support", young, false},
		{"another key file", other, keys.Tokens, "support", young, false},
		{"a changed byte", ring, keys.Tokens, "support", changed, false},
		{"cut short", ring, keys.Tokens, "support", young[:12], false},
		{"nothing", ring, keys.Tokens, "support", nil, false},
		{"another version", ring, keys.Tokens, "support", append([]byte{2}, young[1:]...), false},
	}
	for _, tt := range tests {
		got, err := tt.ring.Open(tt.purpose, tt.source, tt.sealed)
		if tt.opens && (err != nil || !bytes.Equal(got, text)) {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
		if !tt.opens && !fault.Is(err, fault.Denied) {
			t.Errorf("%s: opened as %q, %v", tt.name, got, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	path := f.TempDir() + "/postern.key"
	ring, err := keys.Init(path, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ring.Seal(keys.Tokens, "a", []byte("text")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, err := ring.Open(keys.Tokens, "b", b); err == nil {
			t.Fatalf("%q opened as %q", b, text)
		}
	})
}
