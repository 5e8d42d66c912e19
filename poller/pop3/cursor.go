package pop3

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
)

// A cursor is which of the mails that lie at the server were taken. A POP3 server says nothing of time or order, so it is a set, and it is
// saved with each group of mails: each id is eight bytes of a hash, and those that are no longer listed are left out. The hash has a
// salt of its own: whoever sends mail may choose what becomes an id at some servers, and two ids with one hash would be a mail lost.
type cursor struct {
	salt []byte
	seen map[uint64]bool
}

type cursorJSON struct {
	V    int    `json:"v"`
	Salt []byte `json:"salt"`
	Seen []byte `json:"seen"` // eight bytes each, in order
}

func newCursor() *cursor {
	c := &cursor{salt: make([]byte, 8), seen: map[uint64]bool{}}
	_, _ = rand.Read(c.salt) // never fails: crypto/rand
	return c
}

// readCursor reads what was saved. What it cannot read is as if nothing had been taken: it is then met as a duplicate.
func readCursor(raw json.RawMessage) *cursor {
	var j cursorJSON
	if json.Unmarshal(raw, &j) != nil || j.V != 1 || len(j.Salt) < 8 || len(j.Seen)%8 != 0 {
		return newCursor()
	}
	c := &cursor{salt: j.Salt, seen: make(map[uint64]bool, len(j.Seen)/8)}
	for ; len(j.Seen) > 0; j.Seen = j.Seen[8:] {
		c.seen[binary.BigEndian.Uint64(j.Seen)] = true
	}
	return c
}

func (c *cursor) hash(id string) uint64 {
	h := sha256.New()
	h.Write(c.salt)
	h.Write([]byte(id))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// encode writes a set of ids' hashes.
func (c *cursor) encode() json.RawMessage {
	all := make([]uint64, 0, len(c.seen))
	for h := range c.seen {
		all = append(all, h)
	}
	slices.Sort(all)
	b := make([]byte, 0, 8*len(all))
	for _, h := range all {
		b = binary.BigEndian.AppendUint64(b, h)
	}
	raw, _ := json.Marshal(cursorJSON{1, c.salt, b}) // bytes and a number
	return raw
}
