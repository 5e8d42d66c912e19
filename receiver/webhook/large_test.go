package webhook_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"postern/internal/intake"
	"postern/internal/mail"
	"postern/internal/spool"
	"postern/receiver/webhook"
)

// large is a file of 25 MB, the same each time.
const large = 25_000_000

func largeFile() io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{1}), large) }

// lineBreaks puts a break behind each 76 characters.
type lineBreaks struct {
	w  io.Writer
	at int
}

func (l *lineBreaks) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		m := min(76-l.at, len(p))
		if _, err := l.w.Write(p[:m]); err != nil {
			return 0, err
		}
		if p, l.at = p[m:], l.at+m; l.at == 76 {
			if _, err := io.WriteString(l.w, "\r\n"); err != nil {
				return 0, err
			}
			l.at = 0
		}
	}
	return n, nil
}

// largeBase64 writes the file in base64; its lines are broken for a mail, not for JSON.
func largeBase64(w io.Writer, broken bool) {
	if broken {
		w = &lineBreaks{w: w}
	}
	e := base64.NewEncoder(base64.StdEncoding, w)
	_, _ = io.Copy(e, largeFile())
	_ = e.Close()
}

func largeMail(w io.Writer) {
	_, _ = io.WriteString(w, strings.ReplaceAll("From: ann@example.org\nMessage-ID: <large@example.org>\nDate: Tue, 24 Nov 2026 10:29:55 +0100\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: application/zip\nContent-Disposition: attachment; filename=large.zip\nContent-Transfer-Encoding: base64\n\n", "\n", "\r\n"))
	largeBase64(w, true)
	_, _ = io.WriteString(w, "\r\n--b--\r\n")
}

// escaped writes what goes through it percent-encoded, as a form's value.
type escaped struct{ w io.Writer }

func (e escaped) Write(p []byte) (int, error) {
	var b bytes.Buffer
	for _, c := range p {
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	_, err := e.w.Write(b.Bytes())
	return len(p), err
}

// inJSON writes what goes through it as the inside of a JSON text. It is ASCII.
type inJSON struct{ w io.Writer }

func (j inJSON) Write(p []byte) (int, error) {
	_, err := j.w.Write(bytes.ReplaceAll(bytes.ReplaceAll(p, []byte("\r"), []byte(`\r`)), []byte("\n"), []byte(`\n`)))
	return len(p), err
}

// A drain is a transaction that keeps the mail in a file.
type drain struct {
	path  string
	bytes int64
}

func (d *drain) MailboxOf(string) string                                    { return "support" }
func (d *drain) Recipient(context.Context, string) error                    { return nil }
func (d *drain) RecipientIn(context.Context, string, string) error          { return nil }
func (d *drain) Refuse(context.Context, bool, string)                       {}
func (d *drain) Hold(context.Context, *spool.Body, string) []intake.Outcome { return nil }
func (d *drain) Deliver(_ context.Context, raw *spool.Body) []intake.Outcome {
	in, err := raw.Open()
	if err != nil {
		return nil
	}
	defer in.Close()
	out, err := os.Create(d.path)
	if err != nil {
		return nil
	}
	defer out.Close()
	d.bytes, _ = io.Copy(out, in)
	return []intake.Outcome{{Verdict: intake.Committed}}
}

// TestLargeFiles: a file of 25 MB takes no more memory than a small one, raw or taken apart, and comes out as it went in.
func TestLargeFiles(t *testing.T) {
	if webhook.Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, largeFile()); err != nil {
		t.Fatal(err)
	}
	want := hex.EncodeToString(sum.Sum(nil))
	key, _ := sendgridKey(t, "a key for tests")
	before := func(w io.Writer, inputs ...input) {
		_, _ = io.WriteString(w, strings.TrimSuffix(asMultipart("form", inputs...), "--form--\r\n"))
	}
	after := func(w io.Writer) { _, _ = io.WriteString(w, "\r\n--form--\r\n") }
	file := func(name string) string {
		return "--form\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"large.zip\"\r\nContent-Type: application/zip\r\n\r\n"
	}
	const multipart, urlencoded = "multipart/form-data; boundary=form", "application/x-www-form-urlencoded"
	mailgunSigned := signMailgun(mailgunKey, mailgunToken, start)
	for name, tc := range map[string]struct {
		hook  webhook.Hook
		kind  string
		write func(w io.Writer)
	}{
		"sendgrid raw": {sendgridHook(t), multipart, func(w io.Writer) {
			before(w)
			_, _ = io.WriteString(w, "--form\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\n")
			largeMail(w)
			after(w)
		}},
		"sendgrid parsed": {sendgridHook(t), multipart, func(w io.Writer) {
			before(w, input{name: "headers", value: sendgridHeaders}, input{name: "text", value: "text"})
			_, _ = io.WriteString(w, file("attachment1"))
			_, _ = io.Copy(w, largeFile())
			after(w)
		}},
		"mailgun raw": {mailgunHook(), urlencoded, func(w io.Writer) {
			_, _ = io.WriteString(w, asURLEncoded(mailgunSigned...)+"&body-mime=")
			largeMail(escaped{w})
		}},
		"mailgun parsed": {mailgunHook(), multipart, func(w io.Writer) {
			before(w, append([]input{{name: "message-headers", value: mailgunHeaders()}, {name: "body-plain", value: "text"}}, mailgunSigned...)...)
			_, _ = io.WriteString(w, file("attachment-1"))
			_, _ = io.Copy(w, largeFile())
			after(w)
		}},
		"postmark raw": {secretHook("postmark"), "application/json", func(w io.Writer) {
			_, _ = io.WriteString(w, `{"From":"ann@example.org","RawEmail":"`)
			largeMail(inJSON{w})
			_, _ = io.WriteString(w, `"}`)
		}},
		"postmark parsed": {secretHook("postmark"), "application/json", func(w io.Writer) {
			_, _ = io.WriteString(w, `{"From":"ann@example.org","TextBody":"text","Attachments":[{"Name":"large.zip","ContentType":"application/zip","Content":"`)
			largeBase64(w, false)
			_, _ = io.WriteString(w, `"}]}`)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &drain{path: filepath.Join(t.TempDir(), "mail")}
			g := newRig(t, func(o *webhook.Options) {
				o.Begin = func(context.Context, intake.Envelope) (webhook.Transaction, error) { return d, nil }
			}, tc.hook)
			body, err := os.Create(filepath.Join(t.TempDir(), "body"))
			if err != nil {
				t.Fatal(err)
			}
			defer body.Close()
			stamp := fmt.Sprint(start.Unix())
			digest := sha256.New()
			_, _ = io.WriteString(digest, stamp)
			tc.write(io.MultiWriter(body, digest))
			if _, err := body.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest("POST", "/hooks/"+tc.hook.Provider+"/support/"+tc.hook.Secret, body)
			r.Header.Set("Content-Type", tc.kind)
			if tc.hook.Provider == "sendgrid" {
				r.Header.Set("X-Twilio-Email-Event-Webhook-Timestamp", stamp)
				r.Header.Set("X-Twilio-Email-Event-Webhook-Signature", signDigest(t, key, digest))
			}
			var m0, m1 runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m0)
			w := g.do(r)
			runtime.ReadMemStats(&m1)
			if w.Code != 200 {
				t.Fatalf("answered %d %s: %s", w.Code, w.Body, g.log)
			}
			made := (m1.TotalAlloc - m0.TotalAlloc) >> 10
			t.Logf("%d bytes of mail, %d KiB of memory in all", d.bytes, made)
			if made > 4<<10 {
				t.Errorf("it took %d KiB of memory in all", made)
			}
			in, err := os.Open(d.path)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			got, err := mail.Parse(in, mail.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Attachments) != 1 || got.Attachments[0].SHA256 != want || got.Attachments[0].Name != "large.zip" || strings.TrimSpace(got.Text) != "text" {
				t.Errorf("got %+v, text %q", got.Attachments, got.Text)
			}
		})
	}
}

func signDigest(t *testing.T, key crypto.Signer, digest hash.Hash) string {
	t.Helper()
	sig, err := key.Sign(nil, digest.Sum(nil), crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}
