package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"

	"postern/internal/fault"
)

// sealed is the first byte of what Seal makes: how the rest is to be read.
const sealed = 1

// Seal encrypts a text with AES-256-GCM, by the newest key. It opens again only with the same name: what was sealed for one thing
// cannot be passed off as another's.
func (r *Ring) Seal(p Purpose, name string, text []byte) []byte {
	aead := gcm(r.Derive(p))
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(text)+aead.Overhead())
	out[0] = sealed
	_, _ = rand.Read(out[1:]) // never fails. 96 random bits: NIST SP 800-38D allows 2^32 texts a key, and few are ever sealed
	return aead.Seal(out, out[1:], text, bound(p, name))
}

// Open decrypts what Seal made for that purpose and name, with any of the keys. It is Denied where none of them fits.
func (r *Ring) Open(p Purpose, name string, b []byte) ([]byte, error) {
	for _, sub := range r.DeriveAll(p) {
		aead := gcm(sub)
		if len(b) < 1+aead.NonceSize() || b[0] != sealed {
			break
		}
		if text, err := aead.Open(nil, b[1:1+aead.NonceSize()], b[1+aead.NonceSize():], bound(p, name)); err == nil {
			return text, nil
		}
	}
	return nil, fault.Errorf(fault.Denied, "what is kept for %s does not open with the keys of this key file", name)
}

func bound(p Purpose, name string) []byte { return []byte(string(p) + "\x00" + name) }

func gcm(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return aead
		}
	}
	panic("keys: " + err.Error()) // only for keys of another size
}
