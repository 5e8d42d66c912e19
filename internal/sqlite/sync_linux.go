package sqlite

import (
	"os"
	"syscall"
)

// syncData makes a file's bytes durable. Its times need not be: without them an fsync within blocks that are
// there already is one write.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR {
			return err
		}
	}
}
