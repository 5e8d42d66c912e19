package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
)

// secret reads a secret file.
func (ch *checker) secret(path string, s *SecretFile) {
	if s.Path == "" {
		return
	}
	info, err := os.Stat(s.Path)
	if err != nil {
		ch.errorf(path, "%s: %v", last(path), err)
		return
	}
	raw, err := os.ReadFile(s.Path)
	switch value := strings.TrimRight(string(raw), "\r\n"); {
	case err != nil:
		ch.errorf(path, "%s: %v", last(path), err)
	case value == "":
		ch.errorf(path, "%s: %s is empty", last(path), s.Path)
	default:
		s.Secret = NewSecret(value)
		ch.c.Secrets = append(ch.c.Secrets, s.Path)
	}
	if isPublicKey(s.Reveal()) {
		return
	}
	// Secrets that a container is given belong to somebody else, and their mode cannot be chosen.
	if !strings.HasPrefix(s.Path, "/run/secrets/") {
		ch.exposed(path, s.Path, info.Mode().Perm()&0o077)
	}
}

// exposed warns of a file that more people can read than should.
func (ch *checker) exposed(path, file string, mode os.FileMode) {
	if mode != 0 {
		ch.problems = append(ch.problems, Problem{Position: ch.where(path), Warning: true,
			Message: fmt.Sprintf("%s: others can read %s: chmod 600 it", last(path), file)})
	}
}

// tls loads a certificate, to find out now and not at the first handshake that it does not fit its key.
func (ch *checker) tls(path string, t TLS) {
	if t.Cert == "" && t.Key == "" {
		return
	}
	if t.Cert == "" || t.Key == "" {
		ch.errorf(path, "%s: cert and key come together", path)
		return
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		ch.errorf(path+".cert", "%s: %v", path, err)
		return
	}
	if info, err := os.Stat(t.Key); err == nil { // a group for those who use certificates is common
		ch.exposed(path+".key", t.Key, info.Mode().Perm()&0o007)
	}
}

// certificates reads a file of certificates that others are held against.
func (ch *checker) certificates(path, file string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		ch.errorf(path, "%s: %v", last(path), err)
	} else if !x509.NewCertPool().AppendCertsFromPEM(raw) {
		ch.errorf(path, "%s: %s has no certificate in it (PEM)", last(path), file)
	}
	return string(raw)
}

// isPublicKey reports whether a secret is none: a key that only checks signatures, as some providers give.
func isPublicKey(text string) bool {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if block, _ := pem.Decode([]byte(text)); block != nil {
		der, err = block.Bytes, nil
	}
	if err != nil {
		return false
	}
	_, err = x509.ParsePKIXPublicKey(der)
	return err == nil
}
