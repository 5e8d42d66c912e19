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
	"time"

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

// faults fail the steps that are asked for.
type faults struct{ steps sync.Map }

func (f *faults) on(step string)  { f.steps.Store(step, true) }
func (f *faults) off(step string) { f.steps.Delete(step) }

func (f *faults) open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Fault: func(step string) error {
		if _, bad := f.steps.Load(step); bad {
			return errors.New("the disk says no")
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A database that cannot commit what was acknowledged takes it from the redo log once it can.
func TestDatabaseFallsBehind(t *testing.T) {
	var f faults
	s := f.open(t, t.TempDir())
	before := commits(t, s, 2, 1)
	f.on("commit")
	first := benchCommit(1000)
	first.Users = []issue.User{{Email: "new@example.org", CreatedAt: first.Message.ReceivedAt}}
	done, err := s.Commit(t.Context(), first)
	if err != nil {
		t.Fatalf("what is in the redo log is committed: %v", err)
	}
	if _, err := s.FindUser(t.Context(), "new@example.org"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("got %v of a user whom the database cannot show yet", err)
	}
	f.off("commit")
	before[first.Message.ID] = done.Issue
	for id, number := range commits(t, s, 2, 1) {
		before[id] = number
	}
	there(t, s, before)
	if _, err := s.FindUser(t.Context(), "new@example.org"); err != nil {
		t.Errorf("a user who was not there for a while: %v", err)
	}
}

// SQLite may take a transaction back by itself and go on without one. Nothing that was answered goes with it, and nothing is
// written outside a transaction.
func TestTransactionTakenBack(t *testing.T) {
	p := &place{dir: t.TempDir()}
	s := open(t, p.dir)
	want := commits(t, s, 5, 1)
	if err := s.Undo(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the write that lost the transaction: got %v, want it unavailable", err)
	}
	for id, number := range commits(t, s, 5, 1) {
		want[id] = number
	}
	there(t, s, want)
	p.Crash(t, s)
	there(t, open(t, p.dir), want)
}

// A frame whose fsync failed was never answered, and must not take the place of the one that was.
func TestFailedSync(t *testing.T) {
	var f faults
	p := &place{dir: t.TempDir()}
	s := f.open(t, p.dir)
	want := commits(t, s, 1, 1)
	f.on("redo sync")
	refused := benchCommit(1001)
	if _, err := s.Commit(t.Context(), refused); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("with a disk that does not sync: got %v", err)
	}
	f.off("redo sync")
	if err := s.TurnAt(1); err != nil {
		t.Fatal(err)
	}
	for range 20 { // a turn would come now
		if s.Turning() {
			break
		}
	}
	for id, number := range commits(t, s, 1, 1) {
		want[id] = number
	}
	p.Crash(t, s)
	there(t, open(t, p.dir), want)
}

// While the database cannot be made durable behind a file of the redo log, that file is kept; afterwards it is free again.
func TestTurnThatFails(t *testing.T) {
	var f faults
	p := &place{dir: t.TempDir()}
	s := f.open(t, p.dir)
	if err := s.TurnAt(1 << 10); err != nil {
		t.Fatal(err)
	}
	want := commits(t, s, 3, 1)
	f.on("commit")
	for id, number := range commits(t, s, 20, 2) {
		want[id] = number
	}
	f.off("commit")
	for id, number := range commits(t, s, 20, 2) {
		want[id] = number
	}
	for end := time.Now().Add(20 * time.Second); s.Turning(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a file of the redo log is never free again")
		}
	}
	there(t, s, want)
	p.Crash(t, s)
	there(t, open(t, p.dir), want)
}

// A database that was changed without its log is not given what the log holds.
func TestStrangeLog(t *testing.T) {
	p := &place{dir: t.TempDir()}
	s := open(t, p.dir)
	commits(t, s, 3, 1)
	p.Crash(t, s)
	logs := map[string][]byte{}
	for _, name := range []string{"postern.redo-0", "postern.redo-1"} {
		b, err := os.ReadFile(filepath.Join(p.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		logs[name] = b
		if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, p.dir)
	want := commits(t, s, 1, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, b := range logs {
		if err := os.WriteFile(filepath.Join(p.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, p.dir)
	there(t, s, want)
	if list, _, err := s.Messages(t.Context(), issue.MessageQuery{}); err != nil || len(list) != 1 && len(list) != 4 {
		t.Errorf("got %d messages, %v", len(list), err)
	}
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
