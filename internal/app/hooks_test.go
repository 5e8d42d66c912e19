package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/config"
	"postern/internal/issue"
	"postern/receiver/webhook"
)

const hookSecret = "0123456789abcdef-hook"

// A served is a Postern that runs, with a configuration of its own.
type served struct {
	*App
	t   *testing.T
	dir string
	url string
	log *syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *syncBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }

func configured(t *testing.T, hooks string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "postern.yaml")
	write(t, filepath.Join(dir, "secret"), hookSecret+"\n")
	write(t, file, fmt.Sprintf("store: {sqlite: ./data}\nsmtp: {listen: []}\nhttp: {listen: [\"127.0.0.1:0\"]}\nmailboxes:\n  support: {addresses: [support@example.com]}\n%s", hooks))
	return dir, file
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func serve(t *testing.T, hooks string) *served {
	t.Helper()
	dir, file := configured(t, hooks)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return serveFile(t, dir, string(b))
}

// serveFile is serve with a whole configuration.
func serveFile(t *testing.T, dir, conf string) *served {
	t.Helper()
	file := filepath.Join(dir, "postern.yaml")
	write(t, file, conf)
	s := &served{t: t, dir: dir, log: &syncBuffer{}}
	a, err := Open(t.Context(), Options{Config: file, Getenv: func(string) string { return "" }, Stderr: s.log, Now: time.Now})
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
	select {
	case <-a.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	s.App, s.url = a, "http://"+a.Addrs().HTTP[0]
	return s
}

func (s *served) post(path, body string, headers ...string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest("POST", s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

const hookMail = "From: ann@example.org\r\nTo: support@example.com\r\nMessage-ID: <1@example.org>\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\nSubject: hello\r\n\r\nIt is broken.\r\n"

// TestHooks: a mail by a hook is an issue, the same again is the same, the API answers beside it, what happened is known, and no
// secret is in the log. A configuration that changes counts from the next request on.
func TestHooks(t *testing.T) {
	t.Parallel()
	s := serve(t, "hooks:\n  desk: {provider: raw, mailbox: support, secret-file: secret}\n")
	const path, kind = "/hooks/raw/support/" + hookSecret, "Content-Type: message/rfc822"
	for range 2 {
		if code, body := s.post(path+"?from=ann@example.org", hookMail, kind); code != 204 {
			t.Fatalf("got %d %s", code, body)
		}
	}
	if code, _ := s.post(path+"x", hookMail, kind); code != 401 {
		t.Errorf("a wrong secret: got %d", code)
	}
	items, _, err := s.store.Issues(t.Context(), issue.IssueQuery{})
	if err != nil || len(items) != 1 || items[0].Subject != "hello" {
		t.Fatalf("got %+v, %v", items, err)
	}
	if res, err := http.Get(s.url + "/api/v1/issues/1"); err != nil || res.StatusCode != 200 {
		t.Errorf("the API: %v, %v", res, err)
	} else {
		res.Body.Close()
	}
	if strings.Contains(s.log.String(), hookSecret) {
		t.Errorf("a secret is in the log:\n%s", s.log)
	}
	metrics, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(metrics.Body)
	metrics.Body.Close()
	for _, want := range []string{`postern_webhook_requests_total{hook="desk",result="taken"} 2`, `postern_webhook_requests_total{hook="desk",result="unproven"} 1`, `postern_messages_total{mailbox="support",source="desk",verdict="duplicate"} 1`, `postern_source_lag_seconds_count{source="desk"} 2`} {
		if !strings.Contains(string(b), want) || err != nil {
			t.Errorf("metrics lack %s, %v", want, err)
		}
	}
	write(t, filepath.Join(s.dir, "secret"), hookSecret+"-new\n")
	s.Reload()
	if code, _ := s.post("/hooks/raw/support/"+hookSecret+"-new", hookMail, kind); code != 204 {
		t.Errorf("with the new secret: got %d", code)
	}
	if code, _ := s.post(path, hookMail, kind); code != 401 {
		t.Errorf("with the old secret: got %d", code)
	}
}

// TestHookOnce: one request that comes many times at once, as from an impatient provider, is one issue, and each is told that it is taken.
func TestHookOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, "hooks:\n  desk: {provider: raw, mailbox: support, secret-file: secret}\n")
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			if code, body := s.post("/hooks/raw/support/"+hookSecret, hookMail, "Content-Type: message/rfc822"); code != 204 {
				t.Errorf("got %d %s", code, body)
			}
		})
	}
	all.Wait()
	items, _, err := s.store.Issues(t.Context(), issue.IssueQuery{})
	if err != nil || len(items) != 1 {
		t.Errorf("%d issues, %v", len(items), err)
	}
}

// TestHookStoreDown: while the store is away the provider keeps its mail.
func TestHookStoreDown(t *testing.T) {
	t.Parallel()
	s := serve(t, "hooks:\n  desk: {provider: raw, mailbox: support, secret-file: secret}\n")
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	if code, body := s.post("/hooks/raw/support/"+hookSecret, hookMail, "Content-Type: message/rfc822"); code != 503 {
		t.Errorf("got %d %s", code, body)
	}
}

// TestHookBatch: what cannot be read of a batch is in the quarantine, once however often it comes, and what can be read is taken.
func TestHookBatch(t *testing.T) {
	t.Parallel()
	for _, mailbox := range []string{"support", "-"} {
		s := serve(t, "hooks:\n  desk: {provider: json, mailbox: \""+mailbox+"\", secret-file: secret}\n")
		for range 2 {
			code, body := s.post("/hooks/json/"+mailbox+"/"+hookSecret, `{"mails":[{"rawText":["a list"]},{"rawText":"From: ann@example.org\r\nTo: support@example.com\r\nMessage-ID: <2@example.org>\r\nSubject: two\r\n\r\nx\r\n"}]}`, "Content-Type: application/json")
			if code != 200 {
				t.Fatalf("%s: got %d %s", mailbox, code, body)
			}
		}
		messages, _, err := s.store.Messages(t.Context(), issue.MessageQuery{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range messages {
			got = append(got, m.Verdict+" "+m.Mailbox)
		}
		slices.Sort(got)
		if want := []string{"committed support", "quarantined support"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", mailbox, got, want)
		}
	}
}

// TestHookKeepFailed: what fails is recorded where that was asked for, without its credentials, up to a number; what is taken is not.
func TestHookKeepFailed(t *testing.T) {
	t.Parallel()
	dir, file := configured(t, "")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	failed := filepath.Join(dir, "failed")
	extra := strings.Replace(string(b), "http: {", "http: {keep-failed: "+failed+", ", 1)
	s := serveFile(t, dir, extra+"hooks:\n  desk: {provider: json, mailbox: support, secret-file: secret}\n")
	const path, kind = "/hooks/json/support/" + hookSecret, "Content-Type: application/json"
	s.post(path, `{"rawText":"Subject: fine\r\n\r\nx"}`, kind)
	s.post("/hooks/json/support/wrong", `{"rawText":"Subject: of a stranger"}`, kind)
	for range maxFailed + 2 {
		if code, _ := s.post(path, `{"rawText":7}`, kind); code != 400 {
			t.Errorf("got %d", code)
		}
	}
	have, err := filepath.Glob(filepath.Join(failed, "desk-*.http"))
	if err != nil || len(have) != maxFailed {
		t.Fatalf("%d records, %v", len(have), err)
	}
	one, err := os.ReadFile(have[0])
	info, serr := os.Stat(have[0])
	if err != nil || serr != nil || strings.Contains(string(one), hookSecret) || !strings.HasSuffix(string(one), `{"rawText":7}`) || info.Mode().Perm() != 0o600 {
		t.Errorf("got %s, %v, %v", one, info.Mode(), err)
	}
}

// TestHookHeard: what happened is in the store, in the end.
func TestHookHeard(t *testing.T) {
	t.Parallel()
	dir, file := configured(t, "hooks:\n  desk: {provider: raw, mailbox: support, secret-file: secret}\n")
	o := Options{Config: file, Getenv: func(string) string { return "" }, Stderr: io.Discard, Now: time.Now}
	a, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	<-a.Ready()
	s := &served{App: a, t: t, dir: dir, url: "http://" + a.Addrs().HTTP[0]}
	s.post("/hooks/raw/support/"+hookSecret, hookMail, "Content-Type: message/rfc822")
	s.post("/hooks/raw/support/"+hookSecret, hookMail, "Content-Type: text/plain")
	s.post("/hooks/raw/support/", hookMail)
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	rec, err := a.store.Source(t.Context(), "desk")
	if err != nil || rec.Mails != 1 || rec.MailAt.IsZero() || rec.HeardAt.IsZero() || rec.Rejected != 1 || !strings.Contains(rec.Error, "Content-Type") {
		t.Errorf("got %+v, %v", rec, err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

// TestUnprovenHooks: check warns of a hook that proves nothing, and serve does not start with one that others can reach.
func TestUnprovenHooks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		listen, hook string
		warns        string
		refuses      bool
	}{
		{"127.0.0.1:0", "{provider: raw, mailbox: support}", "signs nothing: put a secret into secret-file", false},
		{"0.0.0.0:0", "{provider: raw, mailbox: support}", "and serve does not start", true},
		{"127.0.0.1:0\"], public-url: \"https://postern.example.com", "{provider: raw, mailbox: support}", "and serve does not start", true},
		{"0.0.0.0:0", "{provider: raw, mailbox: support, active: false}", "", false},
		{"0.0.0.0:0", "{provider: raw, mailbox: support, secret-file: secret}", "", false},
		{"127.0.0.1:0", "{provider: raw, mailbox: support, secret-file: secret, key-files: [secret]}", "so keys prove nothing", false},
		{"0.0.0.0:0", "{provider: raw, mailbox: support, key-files: [secret]}", "so keys prove nothing", true},
	} {
		_, file := configured(t, "hooks:\n  desk: "+tt.hook+"\n")
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, strings.Replace(strings.Replace(string(b), "127.0.0.1:0", tt.listen, 1), `.com"]}`, `.com"}`, 1))
		o := Options{Config: file, Getenv: func(string) string { return "" }, Stderr: io.Discard, Now: time.Now}
		c := Check(o)
		if said := strings.Join(c.Problems, "\n"); c.Wrong || (tt.warns == "") != (said == "") || !strings.Contains(said, tt.warns) || said != "" && !strings.Contains(said, ":7:3: warning: hook \"desk\": ") {
			t.Errorf("%s %s: check says %q, wrong %t", tt.listen, tt.hook, said, c.Wrong)
		}
		a, err := Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		select {
		case <-a.Ready():
			if tt.refuses {
				t.Errorf("%s %s: it runs", tt.listen, tt.hook)
			}
			stop()
			<-done
		case err := <-done:
			if !tt.refuses || !strings.Contains(err.Error(), "hooks with neither a secret nor a key (desk)") {
				t.Errorf("%s %s: %v", tt.listen, tt.hook, err)
			}
		}
		stop()
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestProvidersAreConfigurable: whatever provider there is can be named in the configuration, and no other.
func TestProvidersAreConfigurable(t *testing.T) {
	t.Parallel()
	for _, p := range webhook.Providers() {
		if !slices.Contains(config.HookProviders, p.Name) {
			t.Errorf("%s cannot be configured", p.Name)
		}
	}
	for _, name := range config.HookProviders {
		if webhook.Lookup(name) == nil {
			t.Errorf("%s can be configured, and there is none", name)
		}
	}
}
