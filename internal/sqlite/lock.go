package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"postern/internal/fault"
)

// A lock makes sure that one process has the data folder. The system lets go of it when the process ends,
// however it ends, so a crash leaves nothing to clean up; the file stays and says who had it last.
type lock struct{ file *os.File }

// take locks the folder, or says who has it.
func take(dir string) (*lock, error) {
	path := filepath.Join(dir, "postern.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fault.As(fault.Unavailable, fmt.Errorf("lock the data folder: %w", err))
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fault.As(fault.Unavailable, fmt.Errorf("lock the data folder: %s: %w", path, err))
		}
		who := "another process"
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			who = strings.TrimSpace(string(b))
		}
		return nil, fault.Errorf(fault.Conflict, "data folder %s is in use by %s: stop it first, or give this one another folder", dir, who)
	}
	name := "postern"
	if exe, err := os.Executable(); err == nil {
		name = filepath.Base(exe)
	}
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(fmt.Appendf(nil, "%s (process %d)\n", name, os.Getpid()), 0) // a help for people only
	}
	return &lock{f}, nil
}

// release lets others have the folder.
func (l *lock) release() error { return l.file.Close() }
