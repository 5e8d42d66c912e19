package webhook

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"postern/internal/fault"
)

const (
	snsTimeout  = 5 * time.Second // SNS itself waits 15 seconds for an answer
	snsMaxPEM   = 64 << 10
	certsKept   = 32
	certFresh   = 24 * time.Hour // then it is fetched again
	certRefused = time.Minute    // how long one that is not good is not asked for again
)

// certificates are those that SNS signs with, fetched once. The zero value is ready, nil remembers nothing.
type certificates struct {
	mu     sync.Mutex
	known  map[string]certificate
	flight singleflight.Group
}

type certificate struct {
	key   *rsa.PublicKey
	err   error
	until time.Time
}

var pemPath = regexp.MustCompile(`^/[A-Za-z0-9_-]{1,200}\.pem$`)

// key is the public key of the certificate at a URL, which is only followed to SNS in the topic's own region. It is an *Unproven where the
// certificate is not SNS's, and Unavailable where it could not be fetched.
func (c *certificates) key(ctx context.Context, t *Tools, topic snsTopic, from string) (*rsa.PublicKey, error) {
	u, err := url.Parse(from)
	if err != nil || !pemPath.MatchString(u.Path) || u.RawPath != "" || u.RawQuery != "" || u.Fragment != "" || t.Client.Check(u, topic.host) != nil {
		return nil, &Unproven{fmt.Sprintf("SigningCertURL is %.200q: want https://%s/….pem", from, topic.host)}
	}
	if c == nil {
		c = &certificates{}
	}
	now := t.Now()
	c.mu.Lock()
	got, ok := c.known[u.Path+topic.host]
	c.mu.Unlock()
	if ok && now.Before(got.until) {
		return got.key, got.err
	}
	v, err, _ := c.flight.Do(u.String(), func() (any, error) {
		cert, err := fetchCertificate(context.WithoutCancel(ctx), t, topic, u)
		var no *Unproven
		kept := certificate{err: err, until: now.Add(certRefused)}
		switch {
		case err == nil:
			kept.key, kept.until = cert.PublicKey.(*rsa.PublicKey), now.Add(certFresh)
			if cert.NotAfter.Before(kept.until) {
				kept.until = cert.NotAfter
			}
		case !errors.As(err, &no):
			return nil, err // it may be had the next time
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.keep(u.Path+topic.host, kept)
		return kept.key, kept.err
	})
	if err != nil {
		return nil, err
	}
	return v.(*rsa.PublicKey), nil
}

// keep remembers one. Those that are not good go first: whoever knows a topic can name as many of them as they like.
func (c *certificates) keep(name string, cert certificate) {
	if c.known == nil {
		c.known = map[string]certificate{}
	}
	for _, good := range []bool{false, true} {
		for old, k := range c.known {
			if len(c.known) >= certsKept && (k.err == nil) == good {
				delete(c.known, old)
			}
		}
	}
	c.known[name] = cert
}

func fetchCertificate(ctx context.Context, t *Tools, topic snsTopic, u *url.URL) (*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, snsTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, &Unproven{err.Error()}
	}
	res, err := t.Client.Limit(snsMaxPEM).Do(req, topic.host)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "fetch SNS's certificate: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode == http.StatusOK:
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode >= 500:
		return nil, fault.Errorf(fault.Unavailable, "fetch SNS's certificate: %s answers %s", topic.host, res.Status)
	default:
		return nil, &Unproven{fmt.Sprintf("there is no certificate at SigningCertURL: %s answers %s", topic.host, res.Status)}
	}
	data, err := io.ReadAll(res.Body)
	if fault.Is(err, fault.TooLarge) {
		return nil, &Unproven{"what is at SigningCertURL is too large for a certificate"}
	}
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "fetch SNS's certificate: %w", err)
	}
	cert, err := checkCertificate(data, topic, t.Client.Roots(), t.Now())
	if err != nil {
		return nil, &Unproven{"the certificate at SigningCertURL is not good: " + err.Error()}
	}
	return cert, nil
}

// checkCertificate reads a PEM file and says whether its first certificate is one that SNS signs with: valid now, in SNS's name,
// and with a chain to a root. Amazon serves its certificates without the ones that issued them (its own check in the SDK for Java, class
// CertificateRetriever, takes files with one certificate only, and looks at name and dates). Such a lone one is vouched for by
// the connection it came by, whose own chain and name were verified; where a file has issuers with it, they must lead to a root.
func checkCertificate(data []byte, topic snsTopic, roots *x509.CertPool, now time.Time) (*x509.Certificate, error) {
	var certs []*x509.Certificate
	for rest := data; len(certs) < 10; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("the file has a %.40q", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("the file has none")
	}
	leaf := certs[0]
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return nil, fmt.Errorf("it is valid from %s to %s", leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly))
	}
	if !topic.names(leaf) {
		return nil, fmt.Errorf("it is for %.200q, not for SNS in %s", leaf.DNSNames, topic.region)
	}
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() < 2048 {
		return nil, errors.New("its key is not RSA of 2048 bits or more")
	}
	issuers := x509.NewCertPool()
	for _, c := range certs[1:] {
		issuers.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: issuers, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) && len(certs) == 1 && !bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return leaf, nil
	}
	return leaf, err
}

// names says whether a certificate is in the name of SNS in the topic's region: the names that the SDK for Java knows, class SnsHostProvider.
func (s snsTopic) names(cert *x509.Certificate) bool {
	for _, name := range []string{
		"sns.amazonaws.com", s.host, "sns-" + s.region + "." + s.domain, "sns-signing." + s.region + "." + s.domain,
		"sns-us-gov-west-1.amazonaws.com", // of both regions of GovCloud
	} {
		if cert.VerifyHostname(name) == nil {
			return true
		}
	}
	return false
}
