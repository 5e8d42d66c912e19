package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/sqlite"
)

// What was acknowledged is there after a loss of power that took everything from SQLite's log: the redo log alone has it.
func TestPowerLoss(t *testing.T) {
	for _, n := range []int{1, 5, 150} { // less and more than the database's transaction holds
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := &place{dir: t.TempDir()}
			s := open(t, p.dir)
			want := commits(t, s, n, 8)
			p.Crash(t, s)
			if err := os.Remove(filepath.Join(p.dir, "postern.db-wal")); err != nil {
				t.Fatal(err)
			}
			s = open(t, p.dir)
			there(t, s, want)
			// And a further crash, which finds the log begun anew.
			more := commits(t, s, 3, 1)
			p.Crash(t, s)
			s = open(t, p.dir)
			there(t, s, want)
			there(t, s, more)
		})
	}
}

// Crashes at any moment while the files of the redo log take turns.
func TestCrashWhileTurning(t *testing.T) {
	p := &place{dir: t.TempDir()}
	want := map[string]int64{}
	for range 3 {
		s := open(t, p.dir)
		if err := s.TurnAt(64 << 10); err != nil {
			t.Fatal(err)
		}
		for id, number := range commits(t, s, 100, 8) {
			want[id] = number
		}
		p.Crash(t, s)
	}
	s := open(t, p.dir)
	there(t, s, want)
	if said, err := s.Check(); err != nil || said != "ok" {
		t.Errorf("integrity: got %q, %v", said, err)
	}
}

// A database that cannot commit what was acknowledged takes it from the redo log once it can.
func TestDatabaseFallsBehind(t *testing.T) {
	var full atomic.Bool
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Fault: func(step string) error {
		if full.Load() && step == "commit" {
			return errors.New("no room")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	before := commits(t, s, 2, 1)
	full.Store(true)
	first := benchCommit(1000)
	done, err := s.Commit(t.Context(), first)
	if err != nil {
		t.Fatalf("what is in the redo log is committed: %v", err)
	}
	if _, err := s.Message(t.Context(), first.Message.ID); !fault.Is(err, fault.NotFound) {
		t.Fatalf("got %v of a message that the database cannot show yet", err)
	}
	there(t, s, before)
	full.Store(false)
	before[first.Message.ID] = done.Issue
	for id, number := range commits(t, s, 2, 1) {
		before[id] = number
	}
	there(t, s, before)
}

var bench atomic.Int64

// commits n mails by several senders at once.
func commits(t *testing.T, s *sqlite.Store, n, senders int) map[string]int64 {
	t.Helper()
	done := map[string]int64{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for range senders {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				c := benchCommit(bench.Add(1))
				got, err := s.Commit(t.Context(), c)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				done[c.Message.ID] = got.Issue
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return done
}

// there holds that each message and its issue is in the store, once.
func there(t *testing.T, s *sqlite.Store, want map[string]int64) {
	t.Helper()
	seen, lines := map[int64]bool{}, map[string]int{}
	for q := (issue.LedgerQuery{Page: issue.Page{Limit: 500}}); ; {
		page, next, err := s.Ledger(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page {
			lines[l.Message]++
		}
		if q.After = next; next == "" {
			break
		}
	}
	for id, number := range want {
		m, err := s.Message(t.Context(), id)
		if err != nil {
			t.Fatalf("an acknowledged message: %v", err)
		}
		if m.Issue != number || seen[number] {
			t.Errorf("message %s: got issue %d, want %d, once", id, m.Issue, number)
		}
		seen[number] = true
		if is, err := s.Issue(t.Context(), number); err != nil || is.Message != id {
			t.Errorf("issue %d: got %+v, %v", number, is, err)
		}
		if lines[id] != 1 {
			t.Errorf("message %s: got %d ledger lines", id, lines[id])
		}
	}
}

func TestRedoTurns(t *testing.T) {
	dir := t.TempDir()
	r := openRedo(t, dir, 7)
	var want []string
	put := func(s string) {
		t.Helper()
		if err := r.Append([]byte(s)); err != nil {
			t.Fatal(err)
		}
		want = append(want, s)
	}
	put("one")
	put(strings.Repeat("two", 1<<20)) // more than a file grows at once
	old := r.Turn()
	put("three")
	put("")
	replays(t, r, 0, want...)
	replays(t, r, 2, want[2:]...)
	replays(t, r, 4)
	// The database has the first two, and their file is written over by less than it held.
	r.Release(old)
	newer := r.Turn()
	put("five")
	replays(t, r, 2, want[2:]...)
	if _, err := r.Replay(1); err == nil || !strings.Contains(err.Error(), "the database is older than its log") {
		t.Errorf("a gap: got %v", err)
	}
	r.Release(newer)
	r.Turn()
	put("six")
	replays(t, r, 4, want[4:]...)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	again := openRedo(t, dir, 7)
	replays(t, again, 4, want[4:]...)
	replays(t, openRedo(t, dir, 8), 0) // another database's log is not ours
}

// A frame that was not finished, and whatever follows it, never was.
func TestRedoTorn(t *testing.T) {
	whole := t.TempDir()
	r := openRedo(t, whole, 7)
	for _, s := range []string{"one", "two", "three"} {
		if err := r.Append([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(filepath.Join(whole, "postern.redo-0"))
	if err != nil {
		t.Fatal(err)
	}
	used := slices.IndexFunc(b[150:], func(c byte) bool { return c != 0 })
	if used >= 0 {
		t.Fatalf("the test thinks that three small frames end before byte 150, and byte %d is set", 150+used)
	}
	for at := range 150 {
		torn := slices.Clone(b)
		torn[at] ^= 0x41
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "postern.redo-0"), torn, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := openRedo(t, dir, 7).Replay(0)
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		if len(got) > 3 || !slices.Equal(got, []string{"one", "two", "three"}[:len(got)]) {
			t.Errorf("byte %d: got %q", at, got)
		}
		if len(got) == 3 && b[at] != 0 {
			t.Errorf("byte %d was changed, and nothing noticed", at)
		}
	}
}

func openRedo(t *testing.T, dir string, id uint64) *sqlite.Redo {
	t.Helper()
	r, err := sqlite.OpenRedo(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func replays(t *testing.T, r *sqlite.Redo, after uint64, want ...string) {
	t.Helper()
	got, err := r.Replay(after)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("after frame %d: got %.60q, %v, want %.60q", after, got, err, want)
	}
}

func TestStatements(t *testing.T) {
	same := func(query, text string, b []byte, i int64, f float64) bool {
		queries, values, err := sqlite.RoundTrip(query, text, b, i, f, nil)
		var bytes any
		if b != nil {
			bytes = b
		}
		want := []any{text, bytes, i, f, nil}
		return err == nil && slices.Equal(queries, []string{query, query}) && cmp.Equal(values, [][]any{want, want})
	}
	if err := quick.Check(same, nil); err != nil {
		t.Error(err)
	}
	if _, _, err := sqlite.RoundTrip("x", struct{}{}); err == nil {
		t.Error("a value that SQLite does not know: got no error")
	}
}

func FuzzStatements(f *testing.F) {
	f.Add([]byte{0, 1, 'x', 2, 1, 3, 3, 2, 'a', 'b', 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		if err := sqlite.ReadPayload(b, func(string, []any) { n++ }); err == nil && n > len(b) {
			t.Errorf("%d statements in %d bytes", n, len(b))
		}
	})
}

func FuzzRedo(f *testing.F) {
	f.Add([]byte("postern redo 1\n\x00"), uint64(7))
	f.Fuzz(func(t *testing.T, b []byte, id uint64) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "postern.redo-1"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := openRedo(t, dir, id).Replay(0)
		if err != nil && !fault.Is(err, fault.Invalid) || len(got) > len(b) {
			t.Errorf("got %d payloads, %v", len(got), err)
		}
	})
}
