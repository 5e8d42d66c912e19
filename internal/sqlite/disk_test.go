package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/peers"
	"postern/internal/spool"
	"postern/internal/sqlite"
)

// A disk that is full costs nobody a mail: what was acknowledged is there, the rest is told to come again, and
// when there is room commits work without a restart.
func TestDiskFull(t *testing.T) {
	for _, disk := range []struct {
		name string
		open func(t *testing.T) (s *sqlite.Store, makeRoom func())
	}{
		{"of the database", func(t *testing.T) (*sqlite.Store, func()) {
			s := open(t, t.TempDir())
			if err := s.LimitPages(400); err != nil {
				t.Fatal(err)
			}
			return s, func() {
				if err := s.LimitPages(1 << 30); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"of the file system", func(t *testing.T) (*sqlite.Store, func()) {
			dir := t.TempDir()
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
				peers.Lacking(t, "a small file system needs root: %v", err)
			}
			t.Cleanup(func() {
				if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			return open(t, dir), func() {
				if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=200m"); err != nil {
					t.Fatal(err)
				}
			}
		}},
	} {
		t.Run(disk.name, func(t *testing.T) {
			s, makeRoom := disk.open(t)
			var mu sync.Mutex
			acknowledged := map[string]int64{}
			refused := 0
			var wg sync.WaitGroup
			for sender := range 8 {
				wg.Go(func() {
					for i := range 400 {
						c := benchCommit(int64(sender*1000 + i))
						if i%7 == 0 { // and one that needs a file
							big := spool.Bytes(fmt.Appendf(make([]byte, 300<<10), "%d %d", sender, i))
							c.Message.Attachments = []issue.Attachment{{Blob: issue.Blob{SHA256: big.SHA256(), Size: big.Size()}, Name: "x"}}
							c.Bodies = append(c.Bodies, big)
						}
						done, err := s.Commit(t.Context(), c)
						mu.Lock()
						if err == nil {
							acknowledged[c.Message.ID] = done.Issue
						} else if refused++; !fault.Is(err, fault.Unavailable) {
							t.Errorf("on a full disk: got %v, want it unavailable", err)
						}
						enough := refused > 20
						mu.Unlock()
						if enough {
							return
						}
					}
				})
			}
			wg.Wait()
			if refused == 0 || len(acknowledged) == 0 {
				t.Fatalf("got %d refused and %d acknowledged, want some of both", refused, len(acknowledged))
			}
			if err := s.Ping(t.Context()); err != nil && !fault.Is(err, fault.Unavailable) {
				t.Errorf("ping on a full disk: got %v", err)
			}
			makeRoom()
			c := benchCommit(99_999)
			done, err := s.Commit(t.Context(), c)
			if err != nil {
				t.Fatalf("commit when there is room again: %v", err)
			}
			acknowledged[c.Message.ID] = done.Issue
			if said, err := s.Check(); err != nil || said != "ok" {
				t.Errorf("integrity: got %q, %v", said, err)
			}
			seen := map[int64]bool{}
			for id, number := range acknowledged {
				m, err := s.Message(t.Context(), id)
				if err != nil {
					t.Fatalf("an acknowledged message: %v", err)
				}
				if m.Issue != number || seen[number] {
					t.Errorf("message %s: got issue %d, want %d, once", id, m.Issue, number)
				}
				seen[number] = true
			}
			n := 0
			for q := (issue.MessageQuery{Page: issue.Page{Limit: 500}}); ; {
				list, next, err := s.Messages(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if n += len(list); next == "" {
					break
				}
				q.After = next
			}
			if n != len(acknowledged) {
				t.Errorf("got %d messages, want the %d acknowledged ones", n, len(acknowledged))
			}
		})
	}
}

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func TestSecondOpener(t *testing.T) {
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), dir, sqlite.Options{})
	want := fmt.Sprintf("data folder %s is in use by %s (process %d): stop it first, or give this one another folder", dir, executable(t), os.Getpid())
	if !fault.Is(err, fault.Conflict) || err.Error() != want {
		t.Errorf("a second opener: got %v, want %s", err, want)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func executable(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(exe)
}

func TestOtherDatabases(t *testing.T) {
	for _, tt := range []struct{ name, sql, want string }{
		{"a newer schema", "PRAGMA user_version = 999", "the database has schema version 999, and this postern knows 6 at most: run a newer postern, or restore a backup"},
		{"another program's", "PRAGMA application_id = 7", "the database was not made by postern: name another data folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Exec(tt.sql); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			_, err = sqlite.Open(t.Context(), dir, sqlite.Options{})
			if want := fmt.Sprintf("open the store in %s: %s", dir, tt.want); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("got kind %v, want invalid", fault.KindOf(err))
			}
		})
	}
}
