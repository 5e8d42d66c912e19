// Package testmail makes the mail that a check sends to see it again, and knows it when it comes. Its mark is signed with the key file, so that
// every node of a Postern knows it and nobody else can make one: a forged or old mark says nothing, and the mail is as any other.
package testmail

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/internal/keys"
)

// Field is the header field with the mark.
const Field = "X-Postern-Test"

const (
	// MaxSize is what such a mail may have when it comes, with all that servers put into its header. Whoever copies a mark into a mail of his
	// own within its life has that mail taken for a test: it is his own, and it is small.
	MaxSize = 64 << 10
	// Life is how long a mark counts: greylisting and queues may take hours.
	Life = 24 * time.Hour

	skew    = 10 * time.Minute // between the clocks of nodes
	version = "1"
)

// A Mail is one that is to be seen again.
type Mail struct {
	ID   string // what its mark says
	Mark string // the value of Field
	Raw  []byte
}

// New makes one. It is marked as a machine's, so that nobody's absence note answers it (RFC 3834 section 5).
func New(ring *keys.Ring, now time.Time, from, to string) *Mail {
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce) // never fails: crypto/rand
	m := &Mail{ID: base64.RawURLEncoding.EncodeToString(nonce)}
	said := version + "." + strconv.FormatInt(now.Unix(), 10) + "." + m.ID
	m.Mark = said + "." + base64.RawURLEncoding.EncodeToString(ring.Sign(keys.TestMail, []byte(said)))
	_, domain, _ := strings.Cut(to, "@")
	if domain == "" {
		domain = "postern.invalid"
	}
	var b bytes.Buffer
	for _, line := range []string{
		"From: Postern doctor <" + from + ">", "To: <" + to + ">", "Subject: Postern test mail", "Date: " + now.Format(time.RFC1123Z),
		"Message-ID: <test." + m.ID + "@" + domain + ">", Field + ": " + m.Mark, "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All",
		"MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "",
		"postern doctor sent this to see whether it arrives, and removes it again.", "It may be deleted.",
	} {
		fmt.Fprintf(&b, "%s\r\n", line)
	}
	m.Raw = b.Bytes()
	return m
}

// Read says which mail a mark is of. It is false for what no key of the ring signed, and for what is too old.
func Read(ring *keys.Ring, mark string, now time.Time) (id string, ok bool) {
	mark = strings.TrimSpace(mark)
	if len(mark) > 200 || strings.ContainsAny(mark, "\r\n") { // which base64 passes over
		return "", false
	}
	i := strings.LastIndexByte(mark, '.')
	if i < 0 {
		return "", false
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(mark[i+1:])
	if err != nil || !ring.Verify(keys.TestMail, []byte(mark[:i]), signature) {
		return "", false
	}
	parts := strings.Split(mark[:i], ".")
	if len(parts) != 3 || parts[0] != version {
		return "", false
	}
	sec, err := strconv.ParseInt(parts[1], 10, 64)
	if age := now.Sub(time.Unix(sec, 0)); err != nil || age > Life || age < -skew {
		return "", false
	}
	return parts[2], true
}
