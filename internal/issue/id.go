package issue

import (
	"crypto/rand"
	"encoding/base32"
	"time"
)

var ids = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns an id of 26 characters that sorts by time (whole milliseconds) and has 80 random
// bits, so that it cannot be guessed.
func NewID(now time.Time) string {
	var b [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	rand.Read(b[6:])
	return ids.EncodeToString(b[:])
}

// Time rounds t to what every store keeps: UTC, whole milliseconds.
func Time(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
