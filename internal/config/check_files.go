package config

import (
	"crypto/tls"
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
	if mode := info.Mode().Perm(); mode&0o077 != 0 && !strings.HasPrefix(s.Path, "/run/secrets/") {
		ch.problems = append(ch.problems, Problem{Position: ch.where(path), Warning: true,
			Message: fmt.Sprintf("%s can be read by others (mode %04o): chmod 600 %s", s.Path, mode, s.Path)})
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
	}
}
