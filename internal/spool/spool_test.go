package spool_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"postern/internal/spool"
)

func open(t *testing.T) (*spool.Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a [new] folder")
	d, err := spool.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d, path
}

func files(t *testing.T, path string) []string {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func write(t *testing.T, w *spool.Writer, data []byte) {
	t.Helper()
	for len(data) > 0 { // as it comes from a socket
		n := min(len(data), 10_000)
		if _, err := w.Write(data[:n]); err != nil {
			t.Fatal(err)
		}
		data = data[n:]
	}
}

// TestBodies: what was written is read, by many at once, and only large bodies are files, which go with Close.
func TestBodies(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, spool.InMemory, spool.InMemory + 1, 3 * spool.InMemory} {
		d, path := open(t)
		want := bytes.Repeat([]byte("0123456789abcdef\n"), size/17+1)[:size]
		w := d.Create()
		write(t, w, want)
		b, err := w.Body()
		if err != nil {
			t.Fatal(err)
		}
		w.Abort() // a deferred one takes nothing away
		sum := sha256.Sum256(want)
		if b.Size() != int64(size) || w.Size() != b.Size() || b.SHA256() != hex.EncodeToString(sum[:]) {
			t.Errorf("%d bytes: size %d, hash %s", size, b.Size(), b.SHA256())
		}
		mem, inMemory := b.Mem()
		if inMemory != (size <= spool.InMemory) || inMemory != (b.Path() == "") || inMemory && !bytes.Equal(mem, want) {
			t.Errorf("%d bytes: in memory %t, file %q", size, inMemory, b.Path())
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				r, err := b.Open()
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = r.Close() }()
				if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
					t.Errorf("read %d bytes of %d, %v", len(got), size, err)
				}
			})
		}
		wg.Wait()
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		if left := files(t, path); len(left) > 0 {
			t.Errorf("%d bytes: left behind: %v", size, left)
		}
	}
}

func TestAdoptedFilesStay(t *testing.T) {
	t.Parallel()
	d, _ := open(t)
	w := d.Create()
	write(t, w, make([]byte, spool.InMemory+1))
	b, err := w.Body()
	if err != nil {
		t.Fatal(err)
	}
	b.Adopt()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(b.Path()); err != nil {
		t.Errorf("an adopted file is gone: %v", err)
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	d, path := open(t)
	w := d.Create()
	write(t, w, make([]byte, spool.InMemory+1))
	if len(files(t, path)) != 1 {
		t.Fatalf("files %v, want one", files(t, path))
	}
	w.Abort()
	if _, err := w.Write([]byte("more")); err == nil {
		t.Error("wrote to a body that was given up")
	}
	if _, err := w.Body(); err == nil {
		t.Error("got a body that was given up")
	}
	if left := files(t, path); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestErrorsGiveNoBody: a body that could not be written whole is none, whatever is written after the error.
func TestErrorsGiveNoBody(t *testing.T) {
	t.Parallel()
	d, path := open(t)
	w := d.Create()
	write(t, w, make([]byte, spool.InMemory))
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("one more")); err == nil {
		t.Error("wrote without a folder")
	}
	if _, err := w.Write(nil); err == nil {
		t.Error("the error was forgotten")
	}
	if b, err := w.Body(); err == nil {
		t.Errorf("got a body of %d bytes", b.Size())
	}
}

// TestOpenSweeps: what an earlier process left is nobody's; other files are not ours to remove.
func TestOpenSweeps(t *testing.T) {
	t.Parallel()
	d, path := open(t)
	w := d.Create()
	write(t, w, make([]byte, spool.InMemory+1))
	if err := os.WriteFile(filepath.Join(path, "other"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.Open(path); err != nil {
		t.Fatal(err)
	}
	if left := files(t, path); len(left) != 1 || left[0] != "other" {
		t.Errorf("left behind: %v", left)
	}
	if _, err := spool.Open(filepath.Join(path, "other")); err == nil {
		t.Error("opened a file as a folder")
	}
	w.Abort()
}

func TestBytes(t *testing.T) {
	t.Parallel()
	b := spool.Bytes([]byte("mail"))
	mem, ok := b.Mem()
	if string(mem) != "mail" || !ok || b.Size() != 4 || len(b.SHA256()) != 64 {
		t.Errorf("got %q, %t, %d, %s", mem, ok, b.Size(), b.SHA256())
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}
