package smtp_test

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/receiver/smtp"
)

func TestCertificateRenewal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	log := &syncBuffer{}
	writeCertificate(t, certFile, keyFile, 1)
	certs, err := smtp.OpenCertificates(certFile, keyFile, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	g := newRig(t, func(o *smtp.Options) { o.TLS, o.Listeners[0].TLS = certs.Config(), true })
	serial := func() string {
		c, err := tls.Dial("tcp", g.addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	if got := serial(); got != "1" {
		t.Fatalf("serial %s", got)
	}
	later := func(n time.Duration) { // file systems keep coarse times
		at := time.Now().Add(n)
		if err := os.Chtimes(certFile, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(certFile, []byte("half of a renew"), 0o600); err != nil {
		t.Fatal(err)
	}
	later(time.Second)
	for range 3 {
		if got := serial(); got != "1" {
			t.Errorf("with a broken file: serial %s", got)
		}
	}
	if n := strings.Count(log.String(), "the old one stays"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, log)
	}
	writeCertificate(t, certFile, keyFile, 2)
	later(2 * time.Second)
	if got := serial(); got != "2" {
		t.Errorf("after renewal: serial %s", got)
	}
	if _, err := smtp.OpenCertificates(certFile, certFile, slog.Default()); err == nil {
		t.Error("a certificate without its key was taken")
	}
}
