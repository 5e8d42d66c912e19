package keys

import (
	"bytes"
	"testing"
	"time"
)

// What is read and written again is the same, whatever was in the file.
func FuzzParse(f *testing.F) {
	r := &Ring{[]*key{newKey(time.Unix(1, 0)), newKey(time.Unix(0, 0))}}
	f.Add(r.text())
	f.Add([]byte("key1 2026-11-24T08:00:00+02:00 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	f.Add([]byte("# nothing\n\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parse(text)
		if err != nil {
			return
		}
		again, err := parse(r.text())
		if err != nil || !bytes.Equal(again.text(), r.text()) {
			t.Fatalf("read %q, wrote %q, read again: %v", text, r.text(), err)
		}
	})
}
