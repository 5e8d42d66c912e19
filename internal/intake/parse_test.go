package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// FuzzFoldedSum holds the sum that is computed in pieces against that of the folded text.
func FuzzFoldedSum(f *testing.F) {
	for _, text := range []string{
		"", " ", "a", " a  b\r\n\tc ", "a\u00a0b\u2003c\u0085d", "\xff \xe2\x80 x", strings.Repeat("word ", 500), strings.Repeat("x", 5000) + " y",
		strings.Repeat("x", 1023) + " " + strings.Repeat("y", 1023), strings.Repeat("x", 1022) + "  z",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sum := sha256.Sum256([]byte(fold(text)))
		if got, want := foldedSum(text), hex.EncodeToString(sum[:]); got != want {
			t.Errorf("foldedSum(%q) = %s, want %s", text, got, want)
		}
	})
}
