package spool_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"

	"postern/internal/spool"
)

// A body is what was written, wherever it lies, and its file goes with it.
func TestBody(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("0123456789abcdef"), spool.InMemory/8)
	for name, tc := range map[string]struct {
		content []byte
		spill   int // after so many bytes; -1 for never
		file    bool
	}{
		"empty":                {nil, -1, false},
		"small":                {[]byte("hello"), -1, false},
		"as large as may be":   {large[:spool.InMemory], -1, false},
		"larger":               {large[:spool.InMemory+1], -1, true},
		"much larger":          {large, -1, true},
		"small, spilled":       {[]byte("hello"), 2, true},
		"empty, spilled":       {nil, 0, true},
		"large, spilled early": {large, 5, true},
		"large, spilled late":  {large, spool.InMemory + 16, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			dir, err := spool.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			w := dir.Create()
			w.Grow(int64(len(tc.content)))
			rest := tc.content
			if tc.spill >= 0 {
				write(t, w, rest[:tc.spill])
				rest = rest[tc.spill:]
				if err := w.Spill(); err != nil || w.Held() != 0 {
					t.Errorf("spill: %v, %d bytes held", err, w.Held())
				}
			}
			write(t, w, rest)
			b, err := w.Body()
			if err != nil {
				t.Fatal(err)
			}
			r, err := b.Open()
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, tc.content) {
				t.Errorf("%d bytes came back of %d, %v", len(got), len(tc.content), err)
			}
			_ = r.Close()
			sum := sha256.Sum256(tc.content)
			if b.SHA256() != hex.EncodeToString(sum[:]) || b.Size() != int64(len(tc.content)) {
				t.Errorf("named %s, %d bytes", b.SHA256(), b.Size())
			}
			if n := len(files(t, path)); (n == 1) != tc.file || (b.Path() != "") != tc.file {
				t.Errorf("%d files, path %q", n, b.Path())
			}
			for range 2 { // twice is once
				if err := b.Close(); err != nil {
					t.Error(err)
				}
			}
			if n := len(files(t, path)); n != 0 {
				t.Errorf("%d files stay", n)
			}
		})
	}
}

// What is given up, and what an earlier process left, leaves nothing behind.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	if err := os.WriteFile(filepath.Join(path, "body-1"), []byte("of a process that crashed"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := spool.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	w := dir.Create()
	write(t, w, make([]byte, spool.InMemory+1))
	w.Abort()
	w.Abort()
	if n := len(files(t, path)); n != 0 {
		t.Errorf("%d files", n)
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("a body that was given up takes bytes")
	}
	if err := w.Spill(); err == nil {
		t.Error("a body that was given up is spilled")
	}
}

func write(t *testing.T, w *spool.Writer, p []byte) {
	t.Helper()
	for len(p) > 0 { // in pieces, as bodies come
		n := min(len(p), 60_000)
		if _, err := w.Write(p[:n]); err != nil {
			t.Fatal(err)
		}
		p = p[n:]
	}
}

func files(t *testing.T, path string) []os.DirEntry {
	t.Helper()
	all, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	return all
}
