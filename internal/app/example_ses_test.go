package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/issue"
	"postern/internal/webclient"
)

// TestExampleSES: with the configuration of examples/ses a recorded notice of SES becomes an issue, its mail fetched from the bucket with the key
// of the file. Amazon is on this machine: its hosts' certificates are a CA's that only this Postern believes.
func TestExampleSES(t *testing.T) {
	t.Parallel()
	dir, recorded := t.TempDir(), filepath.Join("..", "..", "receiver", "webhook", "testdata", "ses")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", "ses"))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "postern.yaml")
	write(t, file, strings.Replace(read(t, file), "127.0.0.1:8025", "127.0.0.1:0", 1))
	write(t, filepath.Join(dir, "aws-secret-key"), "not-a-secret\n")

	day := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC) // of the recorded requests
	var authorization string
	client := amazon(t, day, filepath.Join(recorded, "sns.key"), func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Authorization")
		if r.Host != "our-mail.s3.eu-west-1.amazonaws.com" || !strings.HasPrefix(r.RequestURI, "/in/") {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(hookMail, "hello", "from a bucket"))
	})
	log := &syncBuffer{}
	a, err := Open(t.Context(), Options{Config: file, Getenv: func(string) string { return "" }, Stderr: log, Now: func() time.Time { return day }, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	<-a.Ready()

	send := func(name string) int {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader([]byte(read(t, filepath.Join(recorded, name+".http"))))))
		if err != nil {
			t.Fatal(err)
		}
		r.URL.Scheme, r.URL.Host, r.RequestURI = "http", a.Addrs().HTTP[0], ""
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	for range 2 {
		if code := send("s3"); code != 200 {
			t.Fatalf("got %d\n%s", code, log)
		}
	}
	if code := send("other-bucket"); code != 503 {
		t.Errorf("another bucket: got %d", code)
	}
	all, _, err := a.store.Issues(t.Context(), issue.IssueQuery{})
	if err != nil || len(all) != 1 || all[0].Subject != "from a bucket" {
		t.Errorf("issues %+v, %v", all, err)
	}
	if !strings.HasPrefix(authorization, "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261124/eu-west-1/s3/") || strings.Contains(log.String(), "not-a-secret") {
		t.Errorf("fetched with %q\n%s", authorization, log)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// amazon is SNS, which serves a certificate of the key that the recorded requests are signed with, and whatever else is asked for.
func amazon(t *testing.T, day time.Time, keyFile string, other http.HandlerFunc) *webclient.Client {
	t.Helper()
	block, _ := pem.Decode([]byte(read(t, keyFile)))
	snsKey, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(parent *x509.Certificate, key any, names ...string) *x509.Certificate {
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, NotBefore: time.Unix(0, 0), NotAfter: day.AddDate(50, 0, 0),
			IsCA: parent == nil, BasicConstraintsValid: parent == nil,
		}
		if parent == nil {
			parent = c
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, key, caKey)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		return c
	}
	ca := certificate(nil, caKey.Public(), "Test Root")
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "sns.eu-west-1.amazonaws.com" && strings.HasSuffix(r.URL.Path, ".pem") {
			_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: certificate(ca, snsKey.(*rsa.PrivateKey).Public(), "sns.amazonaws.com").Raw})
			return
		}
		other(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{
		Certificate: [][]byte{certificate(ca, serverKey.Public(), "*.eu-west-1.amazonaws.com", "*.s3.eu-west-1.amazonaws.com").Raw}, PrivateKey: serverKey,
	}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return webclient.New(webclient.Options{Roots: roots, Private: true, Dial: func(string) string { return server.Listener.Addr().String() }})
}
