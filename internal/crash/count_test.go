package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

type message struct {
	ID, MessageID, Verdict, Note string
	Issue                        int64
	Attachments                  []struct{ SHA256 string }
}

// count holds what the API tells against what was acknowledged.
func count(t *testing.T, s *server, want map[string]*mail) {
	seen := map[string]message{}
	opened, notes := map[int64][]string{}, map[int64][]string{}
	for _, m := range all[message](t, s, "/api/v1/messages?limit=500") {
		if m.Verdict != "committed" || m.Issue == 0 {
			t.Errorf("message %s (%s) is %q, issue %d", m.ID, m.MessageID, m.Verdict, m.Issue)
			continue
		}
		if other, twice := seen[m.MessageID]; twice {
			t.Errorf("%s is there twice: %s and %s", m.MessageID, other.ID, m.ID)
		}
		seen[m.MessageID] = m
		if m.Note != "" {
			notes[m.Issue] = append(notes[m.Issue], m.Note)
		} else {
			opened[m.Issue] = append(opened[m.Issue], m.ID)
		}
	}
	for id, mail := range want {
		m, there := seen[id]
		if !there {
			t.Errorf("%s was acknowledged and is not there", id)
			continue
		}
		if mail.parent != "" && m.Issue != seen[mail.parent].Issue {
			t.Errorf("%s answers %s of issue %d and is on issue %d", id, mail.parent, seen[mail.parent].Issue, m.Issue)
		}
		countBytes(t, s, mail, m)
	}
	countIssues(t, s, opened, notes)
	countLedger(t, s, want)
}

// countIssues: each issue was opened by one message, has the notes that messages say they are, and is found by its words.
func countIssues(t *testing.T, s *server, opened, notes map[int64][]string) {
	var numbers []int64
	for _, is := range all[struct {
		Number  int64
		Message string
	}](t, s, "/api/v1/issues?limit=500") {
		numbers = append(numbers, is.Number)
		if by := opened[is.Number]; len(by) != 1 || by[0] != is.Message {
			t.Errorf("issue %d says that message %s opened it, these say they did: %q", is.Number, is.Message, by)
		}
		delete(opened, is.Number)
		var got []string
		for _, n := range all[struct{ ID string }](t, s, fmt.Sprintf("/api/v1/issues/%d/notes?limit=500", is.Number)) {
			got = append(got, n.ID)
		}
		slices.Sort(got)
		slices.Sort(notes[is.Number])
		if !slices.Equal(got, notes[is.Number]) {
			t.Errorf("issue %d has notes %q, and messages say that these are: %q", is.Number, got, notes[is.Number])
		}
	}
	for n := range opened {
		t.Errorf("a message says that it opened issue %d, which is not there", n)
	}
	var found []int64
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) { // the index follows a moment later
		found = nil
		for _, is := range all[struct{ Number int64 }](t, s, "/api/v1/issues?limit=500&q=crashword") {
			found = append(found, is.Number)
		}
		if slices.Equal(found, numbers) {
			return
		}
		if time.Now().After(end) {
			t.Errorf("search finds %d of %d issues", len(found), len(numbers))
			return
		}
	}
}

// countLedger: each mail has one line that says it was taken; later tries may have lines of their own.
func countLedger(t *testing.T, s *server, want map[string]*mail) {
	lines := map[string]int{}
	for _, l := range all[struct{ MessageID, Verdict string }](t, s, "/api/v1/ledger?limit=500") {
		if l.Verdict == "committed" {
			lines[l.MessageID]++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		if lines[id] != 1 {
			t.Errorf("the ledger says %d times that %s was taken", lines[id], id)
		}
	}
}

// countBytes: the raw mail is byte for byte what was sent, below our own lines, and so is its file.
func countBytes(t *testing.T, s *server, mail *mail, m message) {
	if raw := get(t, s, "/api/v1/messages/"+m.ID+"/raw"); !strings.HasSuffix(string(raw), mail.text) {
		t.Errorf("%s: the raw mail of %d bytes does not end in what was sent", mail.id, len(raw))
	}
	if mail.file == "" {
		return
	}
	if len(m.Attachments) != 1 || m.Attachments[0].SHA256 != mail.file {
		t.Errorf("%s: got attachments %v, want the file %s", mail.id, m.Attachments, mail.file)
		return
	}
	sum := sha256.Sum256(get(t, s, "/api/v1/messages/"+m.ID+"/attachments/"+mail.file))
	if got := hex.EncodeToString(sum[:]); got != mail.file {
		t.Errorf("%s: the file is %s, want %s", mail.id, got, mail.file)
	}
}

func get(t *testing.T, s *server, path string) []byte {
	t.Helper()
	resp, err := http.Get("http://" + s.http + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %s %v", path, resp.Status, body, err)
	}
	return body
}

func all[T any](t *testing.T, s *server, path string) []T {
	t.Helper()
	var out []T
	after := ""
	for {
		var page struct {
			Items []T
			Next  *string
		}
		if err := json.Unmarshal(get(t, s, path+after), &page); err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Items...)
		if page.Next == nil {
			return out
		}
		after = "&after=" + url.QueryEscape(*page.Next)
	}
}
