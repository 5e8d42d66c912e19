package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/mail"
	"postern/internal/peers"
	"postern/internal/spool"
	"postern/internal/webclient"
)

func readingTools(t testing.TB) (*Tools, string) {
	t.Helper()
	path := t.TempDir()
	dir, err := spool.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return &Tools{
		Spool: dir, Client: webclient.New(webclient.Options{Dial: func(string) string { return "127.0.0.1:1" }}), Now: time.Now, Limits: Limits{Mail: 40 << 20, Body: 60 << 20, Parts: 1000},
		Once: func(context.Context, string, string, time.Time) error { return nil },
	}, path
}

// bodies are forms of a mail with a file, before and behind its bytes, by provider and Content-Type.
var bodies = []struct {
	provider          *Provider
	typ               string
	before, behind    string
	escaped, encoding bool // the file stands in JSON text; in base64 within base64
}{
	{cloudflare, "message/rfc822", "", "", false, false},
	{mailpace, "application/json", `{"raw":"`, `"}`, true, false},
	{mailersend, "application/json", `{"type":"inbound.message","data":{"recipients":{"rcptTo":[{"email":"support@example.com"}]},"raw":"`, `"}}`, true, false},
	{postal, "application/json", `{"base64":true,"message":"`, `"}`, false, true},
	{postal, "application/x-www-form-urlencoded", `base64=false&message=`, ``, false, false},
}

const (
	bigHead = "From: ann@example.org\r\nSubject: big\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe file.\r\n--b\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	bigTail = "\r\n--b--\r\n"
)

// TestLargeFiles: a file of 25 MB is read in the memory of a small one.
func TestLargeFiles(t *testing.T) {
	if Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	lines := strings.Repeat(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x\xff\x00"), 19))+"\r\n", 1<<10)
	for _, b := range bodies {
		tools, path := readingTools(t)
		w := tools.Spool.Create()
		write := func(s string) { _, _ = io.WriteString(w, s) }
		out, want := io.Writer(w), sha256.New()
		write(b.before)
		var inner io.WriteCloser
		switch {
		case b.encoding:
			inner = base64.NewEncoder(base64.StdEncoding, w)
			out = inner
		case b.escaped:
			out = writerFunc(func(p []byte) (int, error) { write(strings.ReplaceAll(string(p), "\r\n", `\r\n`)); return len(p), nil })
		case strings.Contains(b.typ, "urlencoded"):
			out = writerFunc(func(p []byte) (int, error) { write(url.QueryEscape(string(p))); return len(p), nil })
		}
		out = io.MultiWriter(out, want)
		_, _ = io.WriteString(out, bigHead)
		for range 25 << 10 / 57 {
			_, _ = io.WriteString(out, lines)
		}
		_, _ = io.WriteString(out, bigTail)
		if inner != nil {
			_ = inner.Close()
		}
		write(b.behind)
		body, err := w.Body()
		if err != nil {
			t.Fatal(err)
		}
		r := &Request{Header: http.Header{"Content-Type": {b.typ}}, URL: &url.URL{}, Body: body}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		mails := 0
		err = b.provider.Read(t.Context(), tools, &Hook{}, r, func(m *Mail) error {
			mails++
			if m.Raw.SHA256() != hex.EncodeToString(want.Sum(nil)) {
				t.Errorf("%s: other bytes", b.provider.Name)
			}
			return m.Raw.Close()
		})
		runtime.ReadMemStats(&after)
		if err != nil || mails != 1 {
			t.Errorf("%s: %d mails, %v", b.provider.Name, mails, err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 4<<20 {
			t.Errorf("%s, %s: %d bytes were allocated for a request of %d", b.provider.Name, b.typ, got, body.Size())
		}
		_ = body.Close()
		nothingLeft(t, path)
	}
}

// TestLargeFilesAreFetched: what Resend keeps for us is read in the same memory, as a whole mail and as one of its files.
func TestLargeFilesAreFetched(t *testing.T) {
	if Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	const size = 25 << 20
	block := bytes.Repeat([]byte("0123456789abcdef"), 4<<10)
	want := sha256.New()
	for range size / len(block) {
		want.Write(block)
	}
	ca := peers.NewCA(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/emails/receiving/raw":
			_, _ = io.WriteString(w, `{"raw":{"download_url":"https://cdn.resend.app/big"}}`)
		case "/emails/receiving/parts":
			_, _ = io.WriteString(w, `{"from":"a@example.org","raw":null,"attachments":[{"id":"1","filename":"big","content_type":"application/zip"}]}`)
		case "/emails/receiving/parts/attachments/1":
			_, _ = io.WriteString(w, `{"download_url":"https://cdn.resend.app/big"}`)
		default:
			for range size / len(block) {
				_, _ = w.Write(block)
			}
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Certificate(time.Time{}, resendAPI, "cdn.resend.app")}}
	server.StartTLS()
	defer server.Close()
	tools, path := readingTools(t)
	tools.Client = webclient.New(webclient.Options{Roots: ca.Pool, Private: true, Dial: func(string) string { return server.Listener.Addr().String() }})
	for _, id := range []string{"raw", "parts"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m := &Mail{ID: id}
		if err := (&resendFetch{ctx: t.Context(), t: tools, key: "k", m: m}).mail(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 6<<20 { // the server's, too
			t.Errorf("%s: %d bytes were allocated", id, got)
		}
		sum := m.Raw.SHA256()
		if id == "parts" {
			r, err := m.Raw.Open()
			if err != nil {
				t.Fatal(err)
			}
			read, err := mail.Parse(r, mail.Options{})
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Close()
			sum = read.Attachments[0].SHA256
		}
		if sum != hex.EncodeToString(want.Sum(nil)) {
			t.Errorf("%s: other bytes", id)
		}
		_ = m.Raw.Close()
	}
	nothingLeft(t, path)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func nothingLeft(t testing.TB, path string) {
	t.Helper()
	if left, err := os.ReadDir(path); err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %v, %v", left, err)
	}
}

// fuzzReading reads any body, and any cut of it: it is a mail, or an error that says what is wrong with the request.
func fuzzReading(f *testing.F, p *Provider, types ...string) {
	for _, b := range bodies {
		if b.provider == p {
			f.Add(b.before+"From: a@example.org"+b.behind, "")
		}
	}
	files, err := os.ReadDir("testdata/" + p.Name)
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if raw, err := os.ReadFile("testdata/" + p.Name + "/" + file.Name()); err == nil && strings.HasSuffix(file.Name(), ".http") {
			_, body, _ := strings.Cut(string(raw), "\r\n\r\n")
			f.Add(body, "v1,x")
		}
	}
	f.Fuzz(func(t *testing.T, body, given string) {
		for _, typ := range types {
			tools, path := readingTools(t)
			w := tools.Spool.Create()
			_, _ = io.WriteString(w, body)
			b, err := w.Body()
			if err != nil {
				t.Fatal(err)
			}
			r := &Request{Header: http.Header{}, URL: &url.URL{}, Body: b}
			for _, name := range []string{"X-Envelope-From", "Signature", "X-Postal-Signature", "Svix-Id", "Svix-Timestamp", "Svix-Signature"} {
				r.Header[name] = []string{given}
			}
			r.Header.Set("Content-Type", typ)
			hook := &Hook{Keys: []string{"whsec_a2V5", given}}
			if p.Verify != nil {
				if err := p.Verify(t.Context(), tools, hook, r); !errors.As(err, new(*Unproven)) {
					t.Errorf("proven by nothing: %v", err)
				}
			}
			err = p.Read(t.Context(), tools, hook, r, func(m *Mail) error { return m.Raw.Close() })
			if k := fault.KindOf(err); err != nil && k != fault.Invalid && k != fault.TooLarge && k != fault.Unavailable {
				t.Errorf("%v is of kind %v", err, k)
			}
			_ = b.Close()
			nothingLeft(t, path)
		}
	})
}

func FuzzMailerSend(f *testing.F) { fuzzReading(f, mailersend, "application/json") }
func FuzzMailPace(f *testing.F)   { fuzzReading(f, mailpace, "application/json") }
func FuzzCloudflare(f *testing.F) { fuzzReading(f, cloudflare, "message/rfc822") }
func FuzzPostal(f *testing.F) {
	fuzzReading(f, postal, "application/json", "application/x-www-form-urlencoded")
}

func FuzzResend(f *testing.F) { fuzzReading(f, resend, "application/json") }

// FuzzResendAnswer puts a mail together of whatever the API may answer.
func FuzzResendAnswer(f *testing.F) {
	f.Add(`{"headers":{"a":["b",null],"subject":"x"},"text":"t","html":null,"from":["a"],"to":["b@example.org","c"],"attachments":null}`)
	f.Add(`{"headers":[],"attachments":[{"id":"../x","filename":7}]}`)
	f.Fuzz(func(t *testing.T, page string) {
		tools, path := readingTools(t)
		v, err := readJSON(tools, spool.Bytes([]byte(page)))
		if err != nil {
			return
		}
		b, err := (&resendFetch{ctx: t.Context(), t: tools, key: "k", m: &Mail{ID: "x"}}).rebuild(v)
		if k := fault.KindOf(err); err != nil && k != fault.Unavailable && k != fault.TooLarge {
			t.Errorf("%v is of kind %v", err, k)
		}
		if b != nil {
			_ = b.Close()
		}
		nothingLeft(t, path)
	})
}
