package sqlite_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"postern/internal/sqlite"
)

// Nobody else can read what a store or a backup of it makes, also where the folder was there before and is open to others.
func TestFilesArePrivate(t *testing.T) {
	t.Parallel()
	dir, copied := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, copied} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, copied} {
		files := 0
		err := filepath.WalkDir(d, func(path string, e fs.DirEntry, err error) error {
			if err != nil || path == d {
				return err
			}
			info, err := e.Info()
			if err != nil {
				return err
			}
			if files++; info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s has mode %v", path, info.Mode())
			}
			return nil
		})
		if err != nil || files < 2 {
			t.Errorf("%s: %d files, %v", d, files, err)
		}
	}
}
