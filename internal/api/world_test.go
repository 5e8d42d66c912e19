package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/issue"
	"postern/internal/metrics"
	"postern/internal/spool"
	"postern/internal/sqlite"
)

// A world is an API over a store of its own, with a clock that stands still until it is moved.
type world struct {
	*testing.T
	store issue.Store
	api   *api.API
	log   *buffer

	mu  sync.Mutex
	now time.Time
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t *testing.T, change ...func(*api.Options)) *world {
	t.Helper()
	w := &world{T: t, log: &buffer{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	store, err := sqlite.Open(context.Background(), filepath.Join(dir, "store"), sqlite.Options{Log: log, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	sp, err := spool.Open(filepath.Join(dir, "spool"))
	if err != nil {
		t.Fatal(err)
	}
	m := metrics.New()
	o := api.Options{
		Store: store, Spool: sp, Log: log, Now: w.clock, Metrics: m.Handler(), Observer: m,
		Version: "1.2.3", Hostname: "mx.example.com", Loopback: true,
	}
	for _, f := range change {
		f(&o)
	}
	w.store, w.api = store, api.New(o)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) tick(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func blob(content string) issue.Blob {
	sum := sha256.Sum256([]byte(content))
	return issue.Blob{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(content))}
}

// letter is what a test says of a message; the rest is filled in.
type letter struct {
	id, verdict, subject, raw string
	long                      string // its text, kept beside the message
	html                      string
	envelope                  issue.Envelope
	files                     map[string]string // name: content
	joins                     int64             // the issue that it becomes a note of
	tags                      []string
}

// commit writes a message as intake would, a second after the one before, and returns its issue.
func (w *world) commit(m letter) int64 {
	w.Helper()
	w.tick(time.Second)
	now := w.clock()
	if m.raw == "" {
		m.raw = "Subject: " + m.subject + "\r\n\r\nHello\r\n"
	}
	if m.verdict == "" {
		m.verdict = "committed"
	}
	bodies := []*spool.Body{spool.Bytes([]byte(m.raw))}
	msg := &issue.Message{
		ID: m.id, Mailbox: "support", Attempt: 1, ReceivedAt: now, Envelope: m.envelope,
		From: []issue.Person{{Email: "ann@example.org", Name: "Ann"}}, Subject: m.subject, MessageID: "<" + m.id + "@example.org>",
		Text: "Hello", Raw: blob(m.raw), Kind: "mail", Verdict: m.verdict,
		Decision: issue.Decision{Ruleset: "v1", Trace: json.RawMessage(`[{"rule":"vip","matched":true}]`), Facts: json.RawMessage(`{"now":"x"}`)},
	}
	for name, content := range m.files {
		msg.Attachments = append(msg.Attachments, issue.Attachment{Blob: blob(content), Name: name, Type: "text/html", ContentID: name + "@example.org", ContentLocation: "http://example.org/" + name})
		bodies = append(bodies, spool.Bytes([]byte(content)))
	}
	if m.long != "" {
		msg.Text, msg.TextBlob = "", blob(m.long)
		bodies = append(bodies, spool.Bytes([]byte(m.long)))
	}
	if m.html != "" {
		msg.HTMLBlob = blob(m.html)
		bodies = append(bodies, spool.Bytes([]byte(m.html)))
	}
	c := &issue.Commit{Message: msg, Bodies: bodies}
	if m.verdict != "rejected" {
		msg.Slot = "key-" + m.id + "/0"
	}
	if m.verdict == "committed" && m.joins == 0 {
		c.NewIssue = &issue.Issue{
			Mailbox: "support", Subject: m.subject, Description: "Hello", Priority: "normal", Status: "new", Tags: m.tags,
			Requester: issue.Person{Email: "ann@example.org", Name: "Ann"}, CreatedAt: now, UpdatedAt: now, Message: m.id, Visibility: "public",
		}
	} else if m.verdict == "committed" {
		msg.Issue, msg.Note = m.joins, "note-"+m.id
		c.Change = &issue.IssueChange{Number: m.joins, UpdatedAt: now}
		c.Notes = []*issue.Note{{ID: msg.Note, Issue: m.joins, Kind: "mail", Text: "Hello again", Visibility: "public", Message: m.id, CreatedAt: now}}
	}
	done, err := w.store.Commit(context.Background(), c)
	w.must(err)
	return done.Issue
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request from this machine to the handler. Headers are "Name: value"; "Peer" and "Host" say what they are called.
func (w *world) do(method, target, body string, headers ...string) answer {
	w.Helper()
	return serve(w.api.Handler(), method, target, body, headers...)
}

func serve(h http.Handler, method, target, body string, headers ...string) answer {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.RemoteAddr, r.Host = "127.0.0.1:50000", "127.0.0.1:8025"
	for _, one := range headers {
		name, value, _ := strings.Cut(one, ": ")
		switch name {
		case "Peer":
			r.RemoteAddr = value
		case "Host":
			r.Host = value
		default:
			r.Header.Add(name, value)
		}
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	res := rec.Result()
	b, _ := io.ReadAll(res.Body) // a buffer
	return answer{res.StatusCode, res.Header, string(b)}
}

func (w *world) get(target string, headers ...string) answer {
	w.Helper()
	return w.do("GET", target, "", headers...)
}

// object is the answer's JSON.
func (w *world) object(a answer, status int) map[string]any {
	w.Helper()
	if a.status != status {
		w.Fatalf("got status %d, want %d: %s", a.status, status, a.body)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		w.Fatalf("%v in %s", err, a.body)
	}
	return v
}

// problem checks that an answer is one, and returns its detail.
func (w *world) problem(a answer, status int) string {
	w.Helper()
	p := w.object(a, status)
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		w.Errorf("got Content-Type %q of a problem", got)
	}
	if p["status"] != float64(status) || p["title"] != http.StatusText(status) || len(p) != 5 {
		w.Errorf("got problem %v", p)
	}
	if !strings.HasPrefix(p["type"].(string), "urn:postern:problem:") || p["instance"] != "urn:postern:request:"+a.header.Get("X-Request-Id") {
		w.Errorf("got problem %v", p)
	}
	return p["detail"].(string)
}

// token makes one by the API itself and returns its secret.
func (w *world) token(name string, scopes ...string) string {
	w.Helper()
	list, err := json.Marshal(scopes)
	w.must(err)
	a := serve(w.api.SocketHandler("cli"), "POST", "/api/v1/tokens", `{"name":"`+name+`","scopes":`+string(list)+`}`, "Content-Type: application/json")
	return w.object(a, 201)["token"].(string)
}

func mailOf(id string, files map[string]string) letter {
	return letter{id: id, subject: "x", files: files}
}

func mailWith(id, raw string, e issue.Envelope) letter {
	return letter{id: id, subject: "x", raw: raw, envelope: e}
}
