package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"postern/internal/config"
)

// certificate writes cert.pem and key.pem into a folder.
func certificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"mx.example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, filepath.Join(dir, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	replace(t, filepath.Join(dir, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

func TestUsersAndTLS(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("x"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, fmt.Sprintf(`
smtp:
  listen: [127.0.0.1:0, "tls://127.0.0.1:0"]
  tls: {cert: cert.pem, key: key.pem}
  users:
    printer: {password-file: pw, from: ["@Printers.example.com", scan@example.com]}
    ann: {password-hash: %s}
`, hash))
	dir := filepath.Dir(path)
	certificate(t, dir)
	replace(t, filepath.Join(dir, "pw"), "geheim \n")
	c, problems := config.Load(path, none)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	u := c.SMTP.Users
	if len(u) != 2 || u[0].Name != "printer" || u[0].Password.Reveal() != "geheim " || fmt.Sprint(u[0].From) != "[@printers.example.com scan@example.com]" || u[1].Hash.Reveal() != string(hash) {
		t.Errorf("users %+v", u)
	}
	if !c.SMTP.Listen[1].TLS || !c.SMTP.TLS.Enabled() {
		t.Errorf("listen %v", c.SMTP.Listen)
	}

	if err := os.Chmod(filepath.Join(dir, "key.pem"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, problems = config.Load(path, none); problems.Err() != nil || !strings.Contains(problems.String(), "others can read") {
		t.Errorf("a private key that all can read: %v", problems)
	}
	certificate(t, filepath.Join(dir, "..")) // another pair
	if err := os.Rename(filepath.Join(dir, "..", "key.pem"), filepath.Join(dir, "key.pem")); err != nil {
		t.Fatal(err)
	}
	if _, problems = config.Load(path, none); problems.Err() == nil || !strings.Contains(problems.String(), ":4:15: smtp.tls: ") {
		t.Errorf("a key of another certificate: %v", problems)
	}
}

func TestAnchors(t *testing.T) {
	t.Parallel()
	c := load(t, `
mailboxes:
  a: &a {addresses: [a@example.com], notes: internal, new: &new {tags: [x]}}
  b: {<<: *a, addresses: [b@example.com]}
  c: {addresses: [c@example.com], new: *new}
`)
	b, _ := c.Mailbox("b")
	third, ok := c.Mailbox("c")
	if b.Notes != "internal" || fmt.Sprint(b.Addresses) != "[b@example.com]" || fmt.Sprint(b.New.Tags, third.New.Tags, ok) != "[x] [x] true" {
		t.Errorf("b %+v, c %+v", b, third)
	}
	for _, src := range []string{"types: &a [*a]", "mailboxes: &a {<<: *a}", "types: *nope", "mailboxes: &a {<<: {<<: *a}}", "types: &a [[*a, *a], *a]"} {
		if c, problems := config.Load(write(t, src), none); problems.Err() == nil {
			t.Errorf("%s: %+v", src, c)
		}
	}
}
