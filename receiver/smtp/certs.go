package smtp

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"postern/internal/logkey"
)

// Certificates holds one certificate and reads it again when its files have changed, so a renewal needs no restart.
type Certificates struct {
	certFile, keyFile string
	log               *slog.Logger

	mu   sync.Mutex
	cert *tls.Certificate
	seen [2]stamp // of the files as they were last tried
}

// stamp tells two versions of a file apart.
type stamp struct {
	at   time.Time
	size int64
}

// OpenCertificates reads a certificate chain and its key, both PEM.
func OpenCertificates(certFile, keyFile string, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile, log: log, seen: stamps(certFile, keyFile)}
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	c.cert = &cert
	return c, nil
}

// GetCertificate is for tls.Config. A new certificate that cannot be read leaves the old one in use, and is logged once.
func (c *Certificates) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	now := stamps(c.certFile, c.keyFile)
	c.mu.Lock()
	defer c.mu.Unlock()
	if now == c.seen {
		return c.cert, nil
	}
	c.seen = now
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.Error("the renewed certificate cannot be used; the old one stays", logkey.Path, c.certFile, logkey.Error, err)
		return c.cert, nil
	}
	c.cert = &cert
	c.log.Info("certificate renewed", logkey.Path, c.certFile, "until", cert.Leaf.NotAfter)
	return c.cert, nil
}

// Config is what a server needs: TLS 1.2 and later.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.GetCertificate}
}

func stamps(files ...string) (s [2]stamp) {
	for i, f := range files {
		if fi, err := os.Stat(f); err == nil {
			s[i] = stamp{fi.ModTime(), fi.Size()}
		}
	}
	return s
}
