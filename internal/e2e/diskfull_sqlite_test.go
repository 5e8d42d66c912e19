package e2e

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"postern/internal/peers"
)

// A full disk under load: senders hear that they should come again, nothing that was acknowledged is lost, nothing is there twice,
// and when there is room again mail flows on, without a restart.
func TestDiskFullUnderLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		peers.Lacking(t, "a small disk cannot be made: mount a tmpfs: %v; run as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	write(t, filepath.Join(dir, "postern.yaml"), plainConfig+"store: {sqlite: ./data}\n")
	s := serveIn(t, dir)
	ctx, stop := context.WithCancel(context.Background())
	q := s.senders(ctx, 8, 100<<10)
	again := []string{"451 4.3.0", "452 4.3.1"}
	room := func(size string) {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size="+size); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "mail before the disk is full", time.Minute, func() bool { return q.taken() >= 20 })
	eventually(t, "mail is put off", time.Minute, func() bool { return q.heard(again...) >= 16 })
	if b := used(t, dir); b < 20<<20 {
		t.Errorf("mail was put off with %d bytes on the disk", b)
	}
	eventually(t, "not ready", time.Minute, func() bool { return !s.ready() })
	before := q.taken()
	room("200m")
	eventually(t, "mail when there is room", time.Minute, func() bool { return q.taken() >= before+30 })
	stop() // this disk too would be full in a few seconds
	q.wg.Wait()
	eventually(t, "ready again", time.Minute, s.ready)
	q.check(slices.Concat(again)...)
}

func used(t *testing.T, dir string) int64 {
	t.Helper()
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		t.Fatal(&os.PathError{Op: "statfs", Path: dir, Err: err})
	}
	return int64(fs.Blocks-fs.Bfree) * fs.Bsize
}
