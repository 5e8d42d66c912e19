package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

// A world is one promise's store with what is handy to ask it.
type world struct {
	*testing.T
	fresh func() Place // one more empty place
	place Place
	s     issue.Store

	armed bool // the store asks before each write

	mu    sync.Mutex
	clock time.Time
	fault func(step string) error
	n     int
}

// now is the store's clock; it stands still between ticks.
func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

// tick lets time pass.
func (w *world) tick(d time.Duration) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
	return w.clock
}

// arm opens the store again, as one that asks before each write. Others write as they do in earnest, several things at once.
func (w *world) arm() {
	w.Helper()
	w.armed = true
	w.restart()
}

// failing sets what each durable write hears from now on; nil: nothing.
func (w *world) failing(f func(step string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault = f
}

func (w *world) open() {
	w.Helper()
	o := Options{Now: w.now}
	if w.armed {
		o.Fault = func(step string) error {
			w.mu.Lock()
			f := w.fault
			w.mu.Unlock()
			if f == nil {
				return nil
			}
			return f(step)
		}
	}
	w.s = w.place.Open(w.T, o)
	w.must(w.s.Recover(background()), "recover at start")
}

func (w *world) close() {
	if w.s != nil {
		if err := w.s.Close(); err != nil {
			w.Errorf("close: %v", err)
		}
		w.s = nil
	}
}

// restart closes the store in order and opens it again.
func (w *world) restart() {
	w.Helper()
	w.close()
	w.open()
}

// crash drops the store, heals the disk, and starts again.
func (w *world) crash() {
	w.Helper()
	w.place.Crash(w.T, w.s)
	w.s = nil
	w.failing(nil)
	w.open()
}

// next numbers what a promise makes, from 1.
func (w *world) next() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
	return w.n
}

// mail makes a committed message's commit, a second after the one before: a new issue with the mail's own
// thread name, its sender a participant, a ledger line, and a raw body.
func (w *world) mail() *issue.Commit {
	at := w.tick(time.Second)
	n := w.next()
	raw := spool.Bytes(fmt.Appendf(nil, "From: ann@example.org\r\nMessage-ID: <m%d@example.org>\r\n\r\nThe printer burns, part %d.\r\n", n, n))
	date := at.Add(-time.Minute)
	text := fmt.Sprintf("The printer burns, part %d.", n)
	sum := sha256.Sum256([]byte(text))
	m := &issue.Message{
		ID:         issue.NewID(at),
		Mailbox:    "support",
		Slot:       fmt.Sprintf("key-%d/0", n),
		Attempt:    1,
		ReceivedAt: at,
		Envelope: issue.Envelope{
			Source: "smtp", Peer: "192.0.2.7", Helo: "mx.example.org", TLS: true, From: "ann@example.org",
			To: "support@example.com", Protocol: "ESMTPS", Session: fmt.Sprintf("s%d", n),
		},
		From:        []issue.Person{{Email: "ann@example.org", Name: "Ann"}},
		To:          []issue.Person{{Email: "support@example.com"}},
		Cc:          []issue.Person{{Email: "bob@example.org", Name: "Bob"}},
		Subject:     fmt.Sprintf("Printer %d", n),
		Date:        &date,
		MessageID:   fmt.Sprintf("<m%d@example.org>", n),
		InReplyTo:   []string{},
		References:  []string{},
		Text:        text,
		FilesSHA256: "f1",
		TextSHA256:  hex.EncodeToString(sum[:]),
		Spans:       json.RawMessage(`[{"start":0,"end":3,"kind":"signature"}]`),
		HTMLSpans:   json.RawMessage(`[{"start":3,"end":9,"kind":"quote"}]`),
		Report:      json.RawMessage(`{"messageId":"<a@example.org>","recipients":[]}`),
		Calendar:    json.RawMessage(`{"method":"request"}`),
		Signed:      "pgp",
		Raw:         issue.Blob{SHA256: raw.SHA256(), Size: raw.Size()},
		Attachments: []issue.Attachment{},
		Warnings:    json.RawMessage(`["odd header"]`),
		Kind:        "mail",
		Verdict:     "committed",
		Decision: issue.Decision{
			Ruleset: "r1", Facts: json.RawMessage(`{"clock":"noon"}`),
			Trace: json.RawMessage(`[{"rule":"all","matched":true}]`), Took: 1234567,
		},
	}
	return &issue.Commit{
		Message:      m,
		Threads:      []issue.ThreadName{{ID: m.MessageID, Kind: issue.Own}},
		Participants: []string{"ann@example.org", "bob@example.org"},
		NewIssue: &issue.Issue{
			Mailbox: "support", Subject: m.Subject, Description: text, Type: "incident", Class: "hardware",
			Priority: "normal", Status: "new", Assignee: "", Team: "first", Template: "plain", Visibility: "public",
			Requester: issue.Person{Email: "ann@example.org", Name: "Ann"},
			Watchers:  []string{"bob@example.org"}, Tags: []string{"printer"}, Fields: map[string]string{"host": "p1"},
			Suspected: []int64{}, CreatedAt: at, UpdatedAt: at, Message: m.ID,
		},
		Ledger: &issue.LedgerLine{
			ID: issue.NewID(at), At: at, Source: "smtp", Peer: "192.0.2.7", From: "ann@example.org", To: "support@example.com",
			Author: "ann@example.org", Subject: m.Subject, MessageID: m.MessageID, Verdict: "committed", Message: m.ID,
			Mailbox: "support", Count: 1,
		},
		Bodies: []*spool.Body{raw},
	}
}

// reply makes the commit of a mail that adds a note to an issue.
func (w *world) reply(number int64, text string) *issue.Commit {
	c := w.mail()
	at := c.Message.ReceivedAt
	c.NewIssue = nil
	c.Change = &issue.IssueChange{Number: number, UpdatedAt: at}
	c.Notes = []*issue.Note{{
		ID: issue.NewID(at), Kind: "mail", Author: c.Message.From[0], Text: text, Visibility: "public",
		Message: c.Message.ID, CreatedAt: at,
	}}
	c.Message.Text = text
	return c
}

// bare makes the commit of a message that leads to no issue.
func (w *world) bare(verdict string) *issue.Commit {
	c := w.mail()
	c.NewIssue, c.Threads, c.Participants = nil, nil, nil
	c.Message.Verdict, c.Message.Reason = verdict, "because"
	c.Ledger.Verdict, c.Ledger.Reason = verdict, "because"
	if verdict == "rejected" || verdict == "try later" {
		c.Message.Slot = ""
	}
	return c
}

func (w *world) commit(c *issue.Commit) issue.Committed {
	w.Helper()
	done, err := w.s.Commit(background(), c)
	w.must(err, "commit")
	return done
}

func (w *world) issue(number int64) *issue.Issue {
	w.Helper()
	is, err := w.s.Issue(background(), number)
	w.must(err, fmt.Sprintf("read issue %d", number))
	return is
}

func (w *world) message(id string) *issue.Message {
	w.Helper()
	m, err := w.s.Message(background(), id)
	w.must(err, "read message "+id)
	return m
}

func (w *world) notes(number int64) []*issue.Note {
	w.Helper()
	list, next, err := w.s.Notes(background(), number, issue.Page{Limit: 500})
	w.must(err, "read notes")
	if next != "" {
		w.Fatalf("notes of issue %d: got a cursor after %d, want all in one piece", number, len(list))
	}
	return list
}

func (w *world) links(mailbox string, ids ...string) []issue.Link {
	w.Helper()
	links, err := w.s.FindThread(background(), mailbox, ids)
	w.must(err, "find thread")
	return links
}

// blob reads a whole blob.
func (w *world) blob(sha string) []byte {
	w.Helper()
	r, err := w.s.OpenBlob(background(), sha)
	w.must(err, "open blob")
	defer r.Close()
	b, err := io.ReadAll(r)
	w.must(err, "read blob")
	return b
}

// ledger reads all lines that hold the words.
func (w *world) ledger(words ...string) []*issue.LedgerLine {
	w.Helper()
	lines, _, err := w.s.Ledger(background(), issue.LedgerQuery{Page: issue.Page{Limit: 500}, Words: words})
	w.must(err, "read ledger")
	return lines
}

// same compares; an empty list and none are the same.
func (w *world) same(got, want any, what string) {
	w.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), rawJSON); diff != "" {
		w.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// rawJSON compares JSON by what it says: a store may write it in its own way.
var rawJSON = cmp.FilterValues(func(a, b json.RawMessage) bool { return len(a)+len(b) > 0 }, cmp.Transformer("json", func(raw json.RawMessage) any {
	if len(raw) == 0 {
		return nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return string(raw)
	}
	return v
}))

// until waits for what may follow a moment later.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(background(), 20*time.Second)
	defer cancel()
	for wait := time.Millisecond; !ok(); wait = min(2*wait, 100*time.Millisecond) {
		select {
		case <-ctx.Done():
			w.Fatalf("%s: not within 20 s", what)
		case <-time.After(wait):
		}
	}
}

// tilNoConflict commits what decide makes, again as long as it conflicts, as intake does.
func (w *world) tilNoConflict(decide func() (*issue.Commit, error)) (issue.Committed, error) {
	for range 100 {
		c, err := decide()
		if err != nil {
			return issue.Committed{}, err
		}
		done, err := w.s.Commit(background(), c)
		if !fault.Is(err, fault.Conflict) {
			return done, err
		}
	}
	return issue.Committed{}, fault.Errorf(fault.Conflict, "100 conflicts in a row")
}

// together runs f in n goroutines at once and waits for all.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// fill makes n bytes that do not compress away and are the same each time.
func fill(n int) []byte {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		sum := sha256.Sum256(fmt.Append(nil, i, n))
		b.WriteString(hex.EncodeToString(sum[:]))
	}
	return []byte(b.String()[:n])
}
