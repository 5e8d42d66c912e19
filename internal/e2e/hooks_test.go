package e2e

import (
	"bufio"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hookRequest is a request that was recorded for the tests of a provider.
func hookRequest(t *testing.T, provider, name string) (kind, body string) {
	t.Helper()
	f, err := os.Open(filepath.Join("../../receiver/webhook/testdata", provider, name+".http"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	r, err := http.ReadRequest(in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	return r.Header.Get("Content-Type"), string(b)
}

// post sends a request to a running Postern and returns its status.
func (s *served) post(path, kind, body string, headers ...string) int {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.url(path), strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// hookExample starts Postern with the configuration of an example, on a free port and with secrets of the test's.
func hookExample(t *testing.T, name string) *served {
	t.Helper()
	dir := example(t, name, "127.0.0.1:8025", "127.0.0.1:0")
	exampleSecrets(t, dir)
	return serveIn(t, dir)
}

// oneIssue fails unless there is one issue, the recorded mail's.
func (s *served) oneIssue() {
	s.t.Helper()
	if all := s.issues(); len(all) != 1 || all[0].Subject != "Drucker in München" || all[0].Requester.Name != "Ann Lee (Büro)" {
		s.t.Errorf("issues %+v", all)
	}
}

func sendgridKey(t *testing.T) (*ecdsa.PrivateKey, string) {
	t.Helper()
	d := sha256.Sum256([]byte("a key for tests"))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d[:])
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, base64.StdEncoding.EncodeToString(public)
}

func TestExampleSendGrid(t *testing.T) {
	t.Parallel()
	s := hookExample(t, "sendgrid")
	kind, body := hookRequest(t, "sendgrid", "raw")
	key, _ := sendgridKey(t)
	stamp := fmt.Sprint(time.Now().Unix())
	digest := sha256.Sum256([]byte(stamp + body))
	sig, err := key.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	signed := []string{"X-Twilio-Email-Event-Webhook-Timestamp", stamp, "X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(sig)}
	const path = "/hooks/sendgrid/support"
	if code := s.post(path, kind, body); code != 401 {
		t.Errorf("not signed: %d", code)
	}
	if code := s.post(path, kind, strings.Replace(body, "Drucker", "drucker", 1), signed...); code != 401 {
		t.Errorf("signed for another body: %d", code)
	}
	for range 2 { // it may be tried again after an answer that was lost
		if code := s.post(path, kind, body, signed...); code != 200 {
			t.Errorf("signed: %d", code)
		}
	}
	s.oneIssue()
}

func TestExampleMailgun(t *testing.T) {
	t.Parallel()
	s := hookExample(t, "mailgun")
	kind, body := hookRequest(t, "mailgun", "mime")
	form, err := url.ParseQuery(body)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(key string) {
		form.Set("timestamp", fmt.Sprint(time.Now().Unix()))
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(form.Get("timestamp") + form.Get("token")))
		form.Set("signature", hex.EncodeToString(mac.Sum(nil)))
	}
	const path = "/hooks/mailgun/support/mime"
	sign("another key")
	if code := s.post(path, kind, form.Encode()); code != 401 {
		t.Errorf("signed with another key: %d", code)
	}
	sign("0123456789abcdef0123456789abcdef")
	for range 2 {
		if code := s.post(path, kind, form.Encode()); code != 200 {
			t.Errorf("signed: %d", code)
		}
	}
	form.Set("body-mime", "From: x@example.org\r\nSubject: forged\r\n\r\nx\r\n")
	if code := s.post(path, kind, form.Encode()); code != 401 {
		t.Errorf("another mail with a token that was used: %d", code)
	}
	s.oneIssue()
}

func TestExamplePostmark(t *testing.T) {
	t.Parallel()
	s := hookExample(t, "postmark")
	kind, body := hookRequest(t, "postmark", "raw")
	const path, secret = "/hooks/postmark/support", "0123456789abcdef0123456789abcdef"
	basic := []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("postmark:"+secret))}
	if code := s.post(path, kind, body); code != 401 {
		t.Errorf("without the secret: %d", code)
	}
	for range 2 {
		if code := s.post(path, kind, body, basic...); code != 200 {
			t.Errorf("with the secret: %d", code)
		}
	}
	if code := s.post(path+"/"+secret, kind, body); code != 200 {
		t.Errorf("with the secret in the path: %d", code)
	}
	if kind, body := hookRequest(t, "postmark", "other-hook"); s.post(path, kind, body, basic...) != 400 {
		t.Error("another webhook of Postmark's was taken")
	}
	s.oneIssue()
}
