package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A replay that is killed leaves each message and what it gave its issue as before or as after, never one without the other; what waits is
// finished at the next start, and the next replay does the rest.
func TestCrashReplaySQLite(t *testing.T) { replays(t, newServer(t, "store: {sqlite: ./data}\n")) }
func TestCrashReplayMongo(t *testing.T)  { replays(t, newServer(t, mongoStore(t))) }

const threads = 20

func replays(t *testing.T, s *server) {
	rulesOf(t, s, "first")
	s.start(t)
	for i := range threads {
		for j := range 2 {
			m := &mail{id: fmt.Sprintf("<%d.%d@crash.example>", i, j)}
			m.text = fmt.Sprintf("From: s%d@crash.example\r\nTo: support@example.com\r\nSubject: mail %d\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: %s\r\n", i, i, m.id)
			if j > 0 {
				m.text += fmt.Sprintf("In-Reply-To: <%d.0@crash.example>\r\n", i)
			}
			m.text += fmt.Sprintf("\r\nText %d of thread %d\r\n", j, i)
			if err := (&queue{who: i}).once(s.smtp, m); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := 0
	for i := range max(*kills/10, 2) {
		s.kill(t)
		rulesOf(t, s, fmt.Sprint("set", i))
		s.start(t)
		cmd := exec.Command(s.bin, "replay", "-c", "postern.yaml", "--since", "30d", "--apply")
		cmd.Dir = s.dir
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end) && !begun(t, s); {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(120)) * time.Millisecond)
		s.kill(t)
		_ = cmd.Wait()
		s.start(t)
		if n := consistent(t, s); 0 < n && n < 2*threads {
			half++
		}
	}
	// A claim that a killed server held is void after a minute, and then the rest is done.
	for end := time.Now().Add(90 * time.Second); ; {
		out, err := command(s, "replay", "--since", "30d", "--apply")
		if n := consistent(t, s); n == 2*threads {
			break
		} else if time.Now().After(end) {
			t.Fatalf("after replays that were left alone %d of %d messages are as the rules want: %v\n%s", n, 2*threads, err, out)
		}
	}
	t.Logf("%d replays were killed, %d of them half way", max(*kills/10, 2), half)
}

// begun reports whether the oldest message, which a replay takes first, is decided by the rules of now.
func begun(t *testing.T, s *server) bool {
	t.Helper()
	text, _ := os.ReadFile(filepath.Join(s.dir, "rules", "10-a.rules"))
	var oldest message
	for _, m := range all[message](t, s, "/api/v1/messages?limit=500") {
		oldest = m
	}
	return ruled(decode[decided](t, get(t, s, "/api/v1/messages/"+oldest.ID))) == string(text)
}

// decided is a message with what the rules said of it.
type decided struct {
	ID       string
	Decision struct{ Changes struct{ Assignee string } }
}

// ruled are the rules that say so.
func ruled(d decided) string { return rulesFor(d.Decision.Changes.Assignee) }

func rulesFor(who string) string {
	return fmt.Sprintf("rule \"all\" { then { assign(%q); tag(%[1]q); note(%[1]q) } }\n", who)
}

func command(s *server, args ...string) (string, error) {
	cmd := exec.Command(s.bin, append([]string{args[0], "-c", "postern.yaml"}, args[1:]...)...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func decode[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// rulesOf makes the server's rules such that each mail is assigned to who, with a remark.
func rulesOf(t *testing.T, s *server, who string) {
	t.Helper()
	dir := filepath.Join(s.dir, "rules")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "10-a.rules"), []byte(rulesFor(who)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// consistent holds each issue against what the decisions of its messages say, and returns how many messages are decided by the rules of now.
func consistent(t *testing.T, s *server) (now int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "rules", "10-a.rules"))
	if err != nil {
		t.Fatal(err)
	}
	issues := all[struct {
		Number   int64
		Assignee string
		Tags     []string
	}](t, s, "/api/v1/issues?limit=500")
	if len(issues) != threads {
		t.Fatalf("%d issues of %d threads", len(issues), threads)
	}
	for _, is := range issues {
		want, tags := map[string]string{}, map[string]bool{}
		last := ""
		for _, m := range all[message](t, s, fmt.Sprintf("/api/v1/messages?issue=%d", is.Number)) {
			d := decode[decided](t, get(t, s, "/api/v1/messages/"+m.ID))
			who := d.Decision.Changes.Assignee
			want[m.ID], tags[who] = who, true
			if m.Note != "" {
				last = who
			}
			if string(text) == ruled(d) {
				now++
			}
		}
		if is.Assignee != last || len(is.Tags) != len(tags) || !tags[is.Tags[0]] {
			t.Errorf("issue %d is assigned to %q with tags %q; its messages say %v", is.Number, is.Assignee, is.Tags, want)
		}
		remarks := map[string]string{}
		for _, n := range all[struct{ Kind, Text, Message string }](t, s, fmt.Sprintf("/api/v1/issues/%d/notes?limit=500", is.Number)) {
			if n.Kind == "rule" {
				remarks[n.Message] += n.Text
			}
		}
		for id, who := range want {
			if remarks[id] != who {
				t.Errorf("issue %d: message %s is decided as %q and its remark says %q", is.Number, id, who, remarks[id])
			}
		}
	}
	return now
}
