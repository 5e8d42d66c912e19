// Package spool holds bytes that have arrived: small bodies in memory, large ones in a file, so that
// memory does not grow with the size or number of the mails in flight. Each body is named by its
// SHA-256, computed while it is written.
package spool

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// InMemory is the size in bytes up to which a body stays in memory.
const InMemory = 256 << 10

// prefix begins the names of the files.
const prefix = "body-"

// A Dir makes bodies; those above InMemory become files below its path, which should be on the same
// file system as the store's blobs so that they can be moved there instead of copied.
type Dir struct{ path string }

// Open creates the folder where needed and removes what an earlier process left in it.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	left, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), prefix) {
			_ = os.Remove(filepath.Join(path, e.Name())) // never acknowledged: the sender still has it
		}
	}
	return &Dir{path}, nil
}

// Create begins a body.
func (d *Dir) Create() *Writer { return &Writer{dir: d, sum: sha256.New()} }

// A Writer collects a body. Finish it with Body or Abort.
type Writer struct {
	dir  *Dir
	buf  bytes.Buffer
	file *os.File
	size int64
	sum  hash.Hash
	err  error
}

// Write adds to the body; beyond InMemory it goes on in a file.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.file == nil && w.size+int64(len(p)) > InMemory {
		if err := w.Spill(); err != nil {
			return 0, err
		}
	}
	if w.file != nil {
		if _, w.err = w.file.Write(p); w.err != nil {
			return 0, w.err
		}
	} else {
		w.buf.Write(p)
	}
	w.sum.Write(p)
	w.size += int64(len(p))
	return len(p), nil
}

// Grow makes room for a body of n bytes that is about to come, as far as such a body would be in memory.
func (w *Writer) Grow(n int64) {
	if n > 0 && n <= InMemory && w.file == nil {
		w.buf.Grow(int(n))
	}
}

// Spill moves a body that is still in memory to a file, for who sees that memory is short.
func (w *Writer) Spill() error {
	if w.err != nil || w.file != nil {
		return w.err
	}
	if w.file, w.err = os.CreateTemp(w.dir.path, prefix+"*"); w.err != nil {
		return w.err
	}
	_, w.err = w.file.Write(w.buf.Bytes())
	w.buf = bytes.Buffer{}
	return w.err
}

// Held is the memory that the body takes, in bytes.
func (w *Writer) Held() int64 { return int64(w.buf.Cap()) }

// Size is the number of bytes written so far.
func (w *Writer) Size() int64 { return w.size }

// Body ends writing; Abort has no effect after it. After an error there is no body and no file.
func (w *Writer) Body() (*Body, error) {
	if w.err != nil {
		w.Abort()
		return nil, w.err
	}
	b := &Body{size: w.size, sha: hex.EncodeToString(w.sum.Sum(nil))}
	if w.file == nil {
		b.mem = w.buf.Bytes()
		return b, nil
	}
	b.path = w.file.Name()
	err := w.file.Close()
	if w.file = nil; err != nil {
		_ = os.Remove(b.path)
		return nil, err
	}
	return b, nil
}

// Abort gives the body up and removes its file.
func (w *Writer) Abort() {
	if w.file != nil {
		_ = w.file.Close()
		_ = os.Remove(w.file.Name())
		w.file = nil
	}
	if w.err == nil {
		w.err = os.ErrClosed
	}
}

// A Body is bytes that arrived whole. It may be read by many at once.
type Body struct {
	mem     []byte
	path    string
	size    int64
	sha     string
	adopted atomic.Bool
}

// Bytes makes a body of b, which must not change afterwards.
func Bytes(b []byte) *Body {
	sum := sha256.Sum256(b)
	return &Body{mem: b, size: int64(len(b)), sha: hex.EncodeToString(sum[:])}
}

// Size in bytes.
func (b *Body) Size() int64 { return b.size }

// SHA256 in lower-case hex.
func (b *Body) SHA256() string { return b.sha }

// Mem returns the bytes of a body that is in memory; they must not be changed.
func (b *Body) Mem() ([]byte, bool) { return b.mem, b.path == "" }

// Path is the file of a body that is not in memory, else "".
func (b *Body) Path() string { return b.path }

// Open reads the body from its beginning.
func (b *Body) Open() (io.ReadSeekCloser, error) {
	if b.path == "" {
		return nopCloser{bytes.NewReader(b.mem)}, nil
	}
	return os.Open(b.path)
}

// Adopt tells the body that a store has moved its file: Close leaves it alone. Call it only after the
// last Open, or with a hard link instead of a move.
func (b *Body) Adopt() { b.adopted.Store(true) }

// Close removes the file of a body that nobody adopted.
func (b *Body) Close() error {
	if b.path == "" || b.adopted.Load() {
		return nil
	}
	err := os.Remove(b.path)
	if os.IsNotExist(err) {
		return nil
	}
	return err
}

type nopCloser struct{ *bytes.Reader }

func (nopCloser) Close() error { return nil }
