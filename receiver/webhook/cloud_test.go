package webhook_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/webclient"
	"postern/receiver/webhook"
)

// A cloud is every host that a provider's API may have, on this machine: by TLS, with certificates of a CA that only its client believes.
type cloud struct {
	client *webclient.Client
	ca     *authority

	mu     sync.Mutex
	pages  map[string]page // HOST/PATH as it was asked for
	asked  []string
	header map[string]http.Header // of the last request for it
}

// A page is an answer. Zero status: 200.
type page struct {
	status int
	header http.Header
	body   string
	stream func(w io.Writer) // in place of body
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	c := &cloud{ca: newAuthority(t, "Test Root"), pages: map[string]page{}, header: map[string]http.Header{}}
	key, cert := c.ca.leaf(t, "*.eu-west-1.amazonaws.com", "*.s3.eu-west-1.amazonaws.com", "*.cn-north-1.amazonaws.com.cn", "api.brevo.com", "evil.example")
	server := httptest.NewUnstartedServer(http.HandlerFunc(c.serve))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert.Raw}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(c.ca.cert)
	c.client = webclient.New(webclient.Options{
		Roots: pool, Private: true, Timeout: 10 * time.Second, Dial: func(string) string { return server.Listener.Addr().String() },
	})
	return c
}

func (c *cloud) options(o *webhook.Options) { o.Client = c.client }

func (c *cloud) serve(w http.ResponseWriter, r *http.Request) {
	name := r.Host + r.RequestURI
	c.mu.Lock()
	c.asked = append(c.asked, name)
	c.header[name] = r.Header.Clone()
	p, ok := c.pages[name]
	c.mu.Unlock()
	if !ok {
		p = page{status: http.StatusNotFound}
	}
	for k, v := range p.header {
		w.Header()[k] = v
	}
	if p.status != 0 {
		w.WriteHeader(p.status)
	}
	if p.stream != nil {
		p.stream(w)
		return
	}
	_, _ = io.WriteString(w, p.body)
}

func (c *cloud) put(name string, p page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pages[name] = p
}

// visits are what was asked for since the last time.
func (c *cloud) visits() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.asked
	c.asked = nil
	return v
}

func (c *cloud) said(name string) http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.header[name]
}

// An authority signs certificates.
type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: start.AddDate(50, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key, cert}
}

// leaf is a certificate with a key of its own, for servers: it is valid whatever the clock says.
func (a *authority) leaf(t testing.TB, names ...string) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key, a.sign(t, key.Public(), time.Unix(0, 0), start.AddDate(50, 0, 0), names...)
}

func (a *authority) sign(t testing.TB, key crypto.PublicKey, from, until time.Time, names ...string) *x509.Certificate {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func pemOf(certs ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certs {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return b.String()
}

// record keeps a request that a test made in testdata/PROVIDER/NAME.http: written with -update, compared without.
func record(t *testing.T, provider, name, request string) {
	t.Helper()
	file := filepath.Join("testdata", provider, name+".http")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(request), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if had, err := os.ReadFile(file); err != nil || string(had) != request {
		t.Errorf("%s is not what the test makes (-update writes it): %v", file, err)
	}
}

// records says which recorded requests a test makes: others in the folder are of nobody.
func records(t *testing.T, provider string, names ...string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", provider, "*.http"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".http"); !slices.Contains(names, name) {
			t.Errorf("%s is made by no test", f)
		}
	}
}

// Mails that the recorded requests bring.
const (
	mailPlain = "Received: from mx.example.org (mx.example.org [203.0.113.9]) by inbound.example; Tue, 24 Nov 2026 09:59:57 +0000\r\n" +
		"From: Ann Lee <ann@example.org>\r\nTo: support@example.com\r\nSubject: =?utf-8?q?Drucker_l=C3=A4uft_nicht?=\r\n" +
		"Date: Tue, 24 Nov 2026 10:59:55 +0100\r\nMessage-ID: <plain@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Content-Transfer-Encoding: 8bit\r\n\r\nEr l\u00e4uft seit heute fr\u00fch nicht \u2013 \U0001F5A8.\r\n"
	mailEmpty = "From: ann@example.org\r\nTo: support@example.com\r\nSubject: nothing in it\r\nMessage-ID: <empty@example.org>\r\n\r\n"
	// Of several recipients, one by Bcc; texts in ISO-8859-1, an inline image, odd names of files.
	mailRich = "From: =?iso-8859-1?q?J=F6rg?= <joerg@example.org>\r\nTo: support@example.com, Sales <sales@example.com>\r\nCc: bo@example.net\r\nSubject: Bestellung\r\n" +
		"Message-ID: <rich@example.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_m\"\r\n\r\n" +
		"--=_m\r\nContent-Type: multipart/related; boundary=\"=_r\"\r\n\r\n" +
		"--=_r\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>Gr\xfc\xdfe <img src=\"cid:logo@example.org\"></p>\r\n" +
		"--=_r\r\nContent-Type: image/png; name=\"logo.png\"\r\nContent-Disposition: inline; filename=\"logo.png\"\r\nContent-ID: <logo@example.org>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoAAAANSUhEUg==\r\n--=_r--\r\n" +
		"--=_m\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''Rechnung%20%E2%82%AC%2F..%2F1.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjcK\r\n" +
		"--=_m\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAw==\r\n--=_m--\r\n"
)

// mailQP is mailRich for those who send a mail as a JSON text, which can only hold UTF-8.
var mailQP = strings.NewReplacer("Content-Transfer-Encoding: 8bit", "Content-Transfer-Encoding: quoted-printable", "\xfc", "=FC", "\xdf", "=DF", `src="`, `src=3D"`).Replace(mailRich)

// toJSON is v as JSON, with nothing escaped that need not be.
func toJSON(t testing.TB, v any) string {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

type object = map[string]any
