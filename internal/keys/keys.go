// Package keys holds the key file: the one secret that a Postern makes itself. All that is signed is
// signed with sub-keys derived from it (HKDF, RFC 5869), one for each purpose, so that a signature
// made for one thing never proves another.
//
// The file is text, a key a line, the newest first. The first key signs; all of them verify, so a
// rotation breaks nothing that was signed before it. Every node that shares a store has the same
// file: Fingerprint, kept in the store, finds the node that has not.
package keys

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// A Purpose names what a sub-key is for. Two purposes have keys that tell nothing of each other.
type Purpose string

const (
	// Replies signs the addresses that people answer to.
	Replies Purpose = "reply address"
	// Cursors signs the cursors of paged lists.
	Cursors Purpose = "cursor"
	// Tokens seals what sources log in with.
	Tokens Purpose = "oauth tokens"
	// TestMail signs the mark of mail that a check sends to see it again.
	TestMail Purpose = "test mail"

	fingerprint Purpose = "fingerprint"
)

// Size is the number of bytes of a key, of a sub-key and of a signature.
const Size = 32

// A Ring is the keys of one file, the newest first. It is never changed, and prints no key.
type Ring struct{ keys []*key }

type key struct {
	created time.Time
	secret  [Size]byte
}

// Derive returns the sub-key of the newest key: what new things are signed or sealed with.
func (r *Ring) Derive(p Purpose) []byte { return r.keys[0].derive(p) }

// DeriveAll returns the sub-keys of all keys, the newest first: what old things are checked with.
func (r *Ring) DeriveAll(p Purpose) [][]byte {
	all := make([][]byte, len(r.keys))
	for i, k := range r.keys {
		all[i] = k.derive(p)
	}
	return all
}

// Sign returns the HMAC-SHA256 of a message, by the newest key.
func (r *Ring) Sign(p Purpose, message []byte) []byte { return sum(r.Derive(p), message) }

// Verify reports whether Sign made this signature for that purpose, with any of the keys. It takes the same time
// whatever is wrong.
func (r *Ring) Verify(p Purpose, message, signature []byte) bool {
	ok := false
	for _, sub := range r.DeriveAll(p) {
		ok = hmac.Equal(sum(sub, message), signature) || ok
	}
	return ok
}

// Fingerprint names the key file without telling anything of its keys. It belongs to the oldest key
// and so stays the same through rotations.
func (r *Ring) Fingerprint() string {
	return hex.EncodeToString(r.keys[len(r.keys)-1].derive(fingerprint)[:16])
}

// Len is how many keys there are.
func (r *Ring) Len() int { return len(r.keys) }

// Created is when the newest key was made, in whole seconds.
func (r *Ring) Created() time.Time { return r.keys[0].created }

// Format prints the fingerprint, with every verb.
func (r *Ring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keys "+r.Fingerprint()) }

// MarshalText writes the fingerprint, into JSON as well.
func (r *Ring) MarshalText() ([]byte, error) { return []byte("keys " + r.Fingerprint()), nil }

func (k *key) derive(p Purpose) []byte {
	// The secret is uniformly random: no salt is needed (RFC 5869 section 3.1).
	sub, err := hkdf.Key(sha256.New, k.secret[:], nil, "postern/1/"+string(p), Size)
	if err != nil {
		panic("keys: " + err.Error()) // only for lengths over 255 hashes
	}
	return sub
}

func sum(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}
