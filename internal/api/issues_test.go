package api_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/issue"
)

func numbers(items []any) []int {
	var out []int
	for _, i := range items {
		out = append(out, int(i.(map[string]any)["number"].(float64)))
	}
	return out
}

func TestIssueNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.commit(letter{id: "m1", subject: "The printer burns", files: map[string]string{"a.txt": "one"}})
	w.commit(letter{id: "m2", subject: "Re: The printer burns", joins: n, files: map[string]string{"b.txt": "two"}})

	got := w.object(w.get(fmt.Sprintf("/api/v1/issues/%d", n)), 200)
	for _, name := range strings.Fields(`number mailbox subject description type class priority status assignee team template visibility
		requester watchers tags fields suspected createdAt updatedAt message notes notesNext attachments moreAttachments`) {
		if _, ok := got[name]; !ok {
			t.Errorf("the issue has no %s", name)
		}
	}
	if got["subject"] != "The printer burns" || got["createdAt"] != "2026-03-01T12:00:01Z" {
		t.Errorf("got %v", got)
	}
	for _, name := range []string{"watchers", "tags", "fields", "suspected"} {
		if got[name] == nil {
			t.Errorf("%s is null", name)
		}
	}
	notes := got["notes"].([]any)
	if len(notes) != 1 || notes[0].(map[string]any)["text"] != "Hello again" || got["notesNext"] != nil {
		t.Errorf("got notes %v", notes)
	}
	files := got["attachments"].([]any)
	if len(files) != 2 {
		t.Fatalf("got files %v, want those of both mails", files)
	}
	for _, f := range files {
		a := w.get(f.(map[string]any)["href"].(string))
		if a.status != 200 || a.body != "one" && a.body != "two" {
			t.Errorf("got %d %q at %v", a.status, a.body, f)
		}
	}
	if one := w.object(w.get(fmt.Sprintf("/api/v1/issues/%d/notes", n)), 200); len(one["items"].([]any)) != 1 || one["next"] != nil {
		t.Errorf("got notes %v", one)
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want []int
	for i := range 7 {
		want = append([]int{int(w.commit(letter{id: fmt.Sprint("m", i), subject: "x"}))}, want...)
	}
	var got []int
	after := ""
	for range 10 {
		p := w.object(w.get("/api/v1/issues?limit=3&after="+after), 200)
		got = append(got, numbers(p["items"].([]any))...)
		if p["next"] == nil {
			break
		}
		after = p["next"].(string)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v in pieces, want %v", got, want)
	}
	empty := w.get("/api/v1/issues?status=nosuch")
	if empty.body != `{"items":[],"next":null}` {
		t.Errorf("got %s for an empty list", empty.body)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := int(w.commit(letter{id: "m1", subject: "Printer on fire", tags: []string{"hot"}}))
	two := int(w.commit(letter{id: "m2", subject: "Café closed"}))
	w.commit(letter{id: "m3", subject: "spam", verdict: "rejected"})
	w.commit(letter{id: "m4", subject: "odd", verdict: "quarantined"})

	for _, tt := range []struct {
		query string
		want  []int
	}{
		{"", []int{two, one}},
		{"tag=hot", []int{one}},
		{"mailbox=support&status=new", []int{two, one}},
		{"mailbox=sales", nil},
		{"requester=ANN@example.org", []int{two, one}},
		{"assignee=nobody", nil},
		{"q=***", nil},
		{"q=%22+OR+1%3D1+--", nil},
	} {
		if got := numbers(w.object(w.get("/api/v1/issues?"+tt.query), 200)["items"].([]any)); !slices.Equal(got, tt.want) {
			t.Errorf("issues?%s: got %v, want %v", tt.query, got, tt.want)
		}
	}
	for query, want := range map[string]int{"q=cafe": two, "q=FIRE+printer": one} {
		w.eventually("issues?"+query, func() bool { // what was just committed is found a moment later
			return slices.Equal(numbers(w.object(w.get("/api/v1/issues?"+query), 200)["items"].([]any)), []int{want})
		})
	}
	for _, tt := range []struct{ query, want string }{
		{"", "m4 m3 m2 m1"},
		{"verdict=rejected", "m3"},
		{"mailbox=support&author=Ann@Example.org&verdict=committed", "m2 m1"},
		{fmt.Sprint("issue=", one), "m1"},
		{"since=2026-03-01T12:00:03Z", "m4 m3"},
		{"since=2026-03-02", ""},
		{"messageId=%3Cm2@example.org%3E", "m2"},
	} {
		var ids []string
		for _, i := range w.object(w.get("/api/v1/messages?"+tt.query), 200)["items"].([]any) {
			m := i.(map[string]any)
			ids = append(ids, m["id"].(string))
			if m["text"] != nil || m["decision"].(map[string]any)["trace"] != nil {
				t.Error("a list of messages has their texts or traces")
			}
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("messages?%s: got %q, want %q", tt.query, got, tt.want)
		}
	}
}

func (w *world) eventually(what string, holds func() bool) {
	w.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.Fatalf("%s: not so within 10 s", what)
		}
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit(letter{id: "m1", subject: "x", files: map[string]string{"a.txt": "one"}})
	w.must(w.store.KeepCopy(context.Background(), "m1", &issue.Copy{ReceivedAt: w.clock(), Raw: blob("copy")}, bodyOf("copy")))
	got := w.object(w.get("/api/v1/messages/m1"), 200)
	if got["text"] != "Hello" || got["verdict"] != "committed" || got["copies"] != 1.0 || len(got["keptCopies"].([]any)) != 1 {
		t.Errorf("got %v", got)
	}
	d := got["decision"].(map[string]any)
	if d["ruleset"] != "v1" || d["trace"].([]any)[0].(map[string]any)["rule"] != "vip" {
		t.Errorf("got decision %v", d)
	}
	f := got["attachments"].([]any)[0].(map[string]any)
	if f["name"] != "a.txt" || f["size"] != 3.0 || f["sha256"] != blob("one").SHA256 || f["href"] != "/api/v1/messages/m1/attachments/"+blob("one").SHA256 {
		t.Errorf("got attachment %v", f)
	}
}

// What a replay withdrew is in no list unless asked, and is there under its number; of a note that was taken back the files are gone. What a message gave
// its issue before is not told, since it may be what is blacked out now.
func TestWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	kept := w.commit(letter{id: "m1", subject: "kept"})
	w.commit(letter{id: "m2", subject: "note", joins: kept, files: map[string]string{"a.txt": "one"}})
	gone := w.commit(letter{id: "m3", subject: "gone"})
	replay := func(id string, notes ...issue.NoteChange) {
		m, err := w.store.Message(ctx, id)
		w.must(err)
		m.Former = &issue.Former{Verdict: m.Verdict, Decision: m.Decision, Sets: []issue.Set{{Field: "subject", Value: "4111"}}}
		m.Verdict, m.Run = "discarded", "r1"
		_, err = w.store.Commit(ctx, &issue.Commit{Message: m, Replaces: 1, Revise: &issue.Revision{Number: m.Issue, By: id, Withdrawn: true, Notes: notes, At: w.clock()}})
		w.must(err)
	}
	note, err := w.store.MessageNotes(ctx, kept, "m2")
	w.must(err)
	at := w.clock()
	replay("m2", issue.NoteChange{ID: note[0].ID, Text: note[0].Text, WithdrawnAt: &at})
	replay("m3")
	for query, want := range map[string]int64{"": kept, "?withdrawn=true": gone} {
		items := w.object(w.get("/api/v1/issues"+query), 200)["items"].([]any)
		if len(items) != 1 || int64(items[0].(map[string]any)["number"].(float64)) != want {
			t.Errorf("issues%s: got %v, want issue %d", query, items, want)
		}
	}
	if is := w.object(w.get(fmt.Sprintf("/api/v1/issues/%d", gone)), 200); is["withdrawnAt"] == nil {
		t.Errorf("got %v, want when it was withdrawn", is)
	}
	is := w.object(w.get(fmt.Sprintf("/api/v1/issues/%d", kept)), 200)
	if len(is["notes"].([]any))+len(is["attachments"].([]any)) != 0 {
		t.Errorf("got notes %v and files %v of a note that was taken back", is["notes"], is["attachments"])
	}
	if r := w.get(fmt.Sprintf("/api/v1/issues/%d/attachments/%s", kept, blob("one").SHA256)); r.status != 404 {
		t.Errorf("its file: got %d", r.status)
	}
	if items := w.object(w.get("/api/v1/messages?run=r1"), 200)["items"].([]any); len(items) != 2 || items[0].(map[string]any)["former"] != nil {
		t.Errorf("messages of the run: got %v", items)
	}
	former := w.object(w.get("/api/v1/messages/m3"), 200)["former"].(map[string]any)
	if former["verdict"] != "committed" || former["sets"] != nil {
		t.Errorf("got former %v, want its verdict and not what it gave", former)
	}
}

// A text that is too long to be kept with the message is read all the same, and not in lists.
func TestLongText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	long := strings.Repeat("Ärger ", 20_000)
	w.commit(letter{id: "m1", subject: "x", long: long})
	if got := w.object(w.get("/api/v1/messages/m1"), 200)["text"]; got != long {
		t.Errorf("got %d bytes of text, want %d", len(fmt.Sprint(got)), len(long))
	}
	if a := w.get("/api/v1/messages"); strings.Contains(a.body, "Ärger") {
		t.Error("a list has texts")
	}
}

func TestETag(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.commit(letter{id: "m1", subject: "x"})
	path := fmt.Sprintf("/api/v1/issues/%d", n)
	first := w.get(path)
	tag := first.header.Get("ETag")
	if tag == "" || w.get(path).header.Get("ETag") != tag {
		t.Fatalf("got ETag %q, and another the next time", tag)
	}
	for _, sent := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		if a := w.get(path, "If-None-Match: "+sent); a.status != 304 || a.body != "" || a.header.Get("ETag") != tag {
			t.Errorf("If-None-Match: %s: got %d %q", sent, a.status, a.body)
		}
	}
	w.commit(letter{id: "m2", subject: "x", joins: n})
	if a := w.get(path, "If-None-Match: "+tag); a.status != 200 || a.header.Get("ETag") == tag {
		t.Errorf("after a change: got %d with %s", a.status, a.header.Get("ETag"))
	}
	if a := w.do("HEAD", path, ""); a.status != 200 || a.header.Get("ETag") == "" {
		t.Errorf("HEAD: got %d %v", a.status, a.header)
	}
}

func TestLedgerAndEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, subject := range []string{"Invoice 100%", "Holidays"} {
		w.must(w.store.AppendLedger(context.Background(), []issue.LedgerLine{{
			ID: issue.NewID(w.clock().Add(time.Duration(i) * time.Second)), At: w.clock().Add(time.Duration(i) * time.Second),
			From: "ann@example.org", To: "support@example.com", Subject: subject, Verdict: "rejected", Count: 1,
		}}))
	}
	for query, want := range map[string]int{
		"": 2, "q=0%25": 1, "q=ann+holi": 1, "q=.*": 0, "address=ANN@example.org": 2, "address=ann": 0, "since=2026-03-01T12:00:01Z": 1,
	} {
		if got := w.object(w.get("/api/v1/ledger?"+query), 200)["items"].([]any); len(got) != want {
			t.Errorf("ledger?%s: got %d lines, want %d", query, len(got), want)
		}
	}
	w.must(w.store.AppendEvent(context.Background(), issue.Event{ID: issue.NewID(w.clock()), At: w.clock(), Actor: "cli", Action: "test"}))
	if got := w.object(w.get("/api/v1/events"), 200)["items"].([]any); len(got) != 1 || got[0].(map[string]any)["actor"] != "cli" {
		t.Errorf("got events %v", got)
	}
}
