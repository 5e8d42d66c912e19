package webhook_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"postern/internal/intake"
	"postern/internal/spool"
	"postern/receiver/webhook"
)

// A scale weighs mails without keeping them.
type scale struct {
	got  string // the SHA-256 of the last one
	size int64
}

func (s *scale) begin(context.Context, intake.Envelope) (webhook.Transaction, error) { return s, nil }
func (s *scale) MailboxOf(string) string                                             { return "support" }
func (s *scale) Recipient(context.Context, string) error                             { return nil }
func (s *scale) RecipientIn(context.Context, string, string) error                   { return nil }
func (s *scale) Refuse(_ context.Context, _ bool, reason string)                     { s.got = reason }
func (s *scale) Hold(_ context.Context, _ *spool.Body, reason string) []intake.Outcome {
	s.got = reason
	return []intake.Outcome{{Verdict: intake.Quarantined}}
}

func (s *scale) Deliver(_ context.Context, raw *spool.Body) []intake.Outcome {
	s.got, s.size = raw.SHA256(), raw.Size()
	return []intake.Outcome{{Verdict: intake.Committed}}
}

// TestLargeMails: a mail of 25 MB of attachment needs no more memory than one of 25 KB, on every road.
func TestLargeMails(t *testing.T) { // not parallel: it looks at what the whole process allocates
	if webhook.Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	const lines = 450_000 // of 57 bytes, 78 with their encoding and line end: 25 MB in 35
	line := strings.Repeat("A", 76) + "\r\n"
	large := func(w io.Writer) {
		_, _ = io.WriteString(w, "From: ann@example.org\r\nSubject: large\r\nMIME-Version: 1.0\r\nContent-Type: application/zip; name=a.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n")
		for range lines {
			_, _ = io.WriteString(w, line)
		}
	}
	sum := sha256.New()
	large(sum)
	want := hex.EncodeToString(sum.Sum(nil))
	// written makes a body that is in no memory.
	written := func(write func(w io.Writer)) func() io.ReadCloser {
		name := filepath.Join(t.TempDir(), "body")
		f, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		b := bufio.NewWriter(f)
		write(b)
		if err := b.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		return func() io.ReadCloser {
			f, err := os.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	}
	inJSON := func(before, after string) func(w io.Writer) {
		return func(w io.Writer) {
			_, _ = io.WriteString(w, before)
			large(replacing{w, strings.NewReplacer("\r\n", `\r\n`)})
			_, _ = io.WriteString(w, after)
		}
	}
	c := amazon(t)
	c.put("our-mail.s3.eu-west-1.amazonaws.com/large", page{stream: large})
	zip := func(w io.Writer) { _, _ = io.Copy(w, io.LimitReader(zeros{}, 25<<20)) }
	c.put(brevoFile+"large", page{header: http.Header{"Content-Type": {"application/zip"}}, stream: zip})
	s3 := notification(received(t, inBucket("our-mail", "large"))).signed(t, snsKey(t))

	events := inJSON(`[{"event":"inbound","msg":{"email":"support@example.com","raw_msg":"`, `"}}]`)
	signature := signing(mandrillKey, mandrillURL+"mandrill_events", events)
	for name, tt := range map[string]struct {
		hook    webhook.Hook
		path    string
		headers []string
		body    func() io.ReadCloser
		size    int64 // of a mail whose bytes are ours to choose
	}{
		"ses by S3": {hook: sesHook, path: "/hooks/ses/support", headers: s3.headers(), body: written(func(w io.Writer) { _, _ = io.WriteString(w, s3.body(t)) })},
		"sparkpost": {hook: sparkpostHook, path: "/hooks/sparkpost/support", headers: []string{sparkpostToken}, body: written(inJSON(`[{"msys":{"relay_message":{"content":{"email_rfc822":"`, `"}}}}]`))},
		"sparkpost, base64": {hook: sparkpostHook, path: "/hooks/sparkpost/support", headers: []string{sparkpostToken}, body: written(func(w io.Writer) {
			_, _ = io.WriteString(w, `[{"msys":{"relay_message":{"content":{"email_rfc822_is_base64":true,"email_rfc822":"`)
			enc := base64.NewEncoder(base64.StdEncoding, w)
			large(enc)
			_ = enc.Close()
			_, _ = io.WriteString(w, `"}}}}]`)
		})},
		"mandrill": {hook: mandrillHook, path: "/hooks/mandrill/support", headers: []string{formType, signature}, body: written(func(w io.Writer) {
			_, _ = io.WriteString(w, "mandrill_events=")
			events(escaping{w})
		})},
		"brevo": {hook: brevoHook, path: "/hooks/brevo/support/" + secretA, size: 25 << 20, body: written(func(w io.Writer) {
			_, _ = io.WriteString(w, toJSON(t, object{"items": []object{brevoItem(files(file("a.zip", "application/zip", "", "large", 25<<20)))}}))
		})},
	} {
		t.Run(name, func(t *testing.T) {
			s := &scale{}
			g := newRig(t, func(o *webhook.Options) { c.options(o); o.Begin = s.begin; o.Limits.Body = 100 << 20 }, tt.hook)
			post := func() int {
				r := httptest.NewRequest("POST", tt.path, nil)
				r.Body, r.ContentLength = tt.body(), -1
				defer r.Body.Close()
				for _, h := range tt.headers {
					k, v, _ := strings.Cut(h, ": ")
					r.Header.Set(k, v)
				}
				return g.do(r).Code
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			code := post()
			runtime.ReadMemStats(&after)
			if code != 200 || tt.size == 0 && s.got != want || s.size < 25<<20 {
				t.Fatalf("got %d, %d bytes, %s", code, s.size, s.got)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 12<<20 {
				t.Errorf("a mail of %d bytes allocates %d", s.size, n)
			} else {
				t.Logf("a mail of %d bytes allocates %d", s.size, n)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

type replacing struct {
	io.Writer
	*strings.Replacer
}

func (r replacing) Write(p []byte) (int, error) {
	_, err := r.WriteString(r.Writer, string(p))
	return len(p), err
}

type escaping struct{ io.Writer }

func (e escaping) Write(p []byte) (int, error) {
	_, err := io.WriteString(e.Writer, url.QueryEscape(string(p)))
	return len(p), err
}

// fuzz posts bodies to a hook: whatever they are, the answer is one of a few, nothing is left in the spool, and nothing of ours breaks.
func fuzz(t *testing.T, g *rig, path, body string, headers ...string) {
	t.Helper()
	g.mu.Lock()
	g.taken, g.refused, g.claims, g.results = nil, nil, map[string]string{}, nil
	g.mu.Unlock()
	g.t = t
	w := g.post(path, body, headers...)
	result := strings.TrimPrefix(g.result(), "a ")
	switch fmt.Sprint(w.Code, " ", result) {
	case "200 taken", "200 rejected", "400 malformed", "401 unproven", "413 too large", "503 later":
	default:
		t.Errorf("got %d, %q", w.Code, result)
	}
	if w.Code != 200 && w.Code != 503 && len(g.mails()) > 0 {
		t.Errorf("got %d, and %d mails", w.Code, len(g.mails()))
	}
	if left, err := os.ReadDir(g.dir); err != nil || len(left) > 0 {
		t.Errorf("left in the spool: %v, %v", left, err)
	}
}

// TestStrangersAreCheap: what a request that proves nothing says costs nothing but its bytes.
func TestStrangersAreCheap(t *testing.T) { // not parallel: it looks at what the whole process allocates
	if webhook.Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	g := newRig(t, amazon(t).options, sesHook, mandrillHook)
	headers := notification("x").headers()
	for name, tt := range map[string]struct {
		path, body string
		headers    []string
	}{
		"many values":     {"/hooks/ses/support", `{"Type":[` + strings.Repeat("0,", 500_000) + "0]}", headers},
		"many keys":       {"/hooks/ses/support", `{"a":` + strings.Repeat(`{"a":1,"b":`, 2) + `{` + manyKeys(50_000) + `}}}`, headers},
		"a long text":     {"/hooks/ses/support", `{"Type":"` + strings.Repeat("x", 1_000_000) + `"}`, headers},
		"too long":        {"/hooks/ses/support", strings.Repeat(" ", 3<<20), headers},
		"many fields":     {"/hooks/mandrill/support", strings.Repeat("a&", 500_000), []string{formType, "X-Mandrill-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
		"a large field":   {"/hooks/mandrill/support", "mandrill_events=" + strings.Repeat("%41", 300_000), []string{formType, "X-Mandrill-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
		"unsorted fields": {"/hooks/mandrill/support", "d=" + strings.Repeat("x", 300_000) + "&c=1&b=2&a=3", []string{formType, "X-Mandrill-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		w := g.post(tt.path, tt.body, tt.headers...)
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; w.Code != 401 || n > 1<<20 {
			t.Errorf("%s: got %d, allocates %d", name, w.Code, n)
		}
	}
}

func manyKeys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%d":0,`, i)
	}
	return b.String() + `"":0`
}
