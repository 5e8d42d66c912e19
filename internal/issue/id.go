package issue

import (
	"crypto/rand"
	"encoding/base32"
	"time"
)

var ids = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns an id of 26 characters that sorts by time (whole milliseconds) and has 80 random
// bits, so that it cannot be guessed.
func NewID(now time.Time) string { return newID(now, func(rest []byte) { rand.Read(rest) }) }

func newID(at time.Time, fill func(rest []byte)) string {
	var b [16]byte
	ms := uint64(at.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	fill(b[6:])
	return ids.EncodeToString(b[:])
}

// FirstID is no larger than any id made at that time or later, and larger than all made before.
func FirstID(at time.Time) string { return newID(at, func([]byte) {}) }

// Time rounds t to what every store keeps: UTC, whole milliseconds.
func Time(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
