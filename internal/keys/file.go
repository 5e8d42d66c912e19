package keys

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"postern/internal/fault"
)

// maxKeys bounds a file: each signature is checked against every key.
const maxKeys = 64

const header = `# Postern's key file. Keep it secret (mode 0600), back it up apart from the data, and give every node the same.
# The first key signs, all of them verify. Made by postern keys init, renewed by postern keys rotate.
`

const version = "key1" // the first word of a line: how the rest is to be read

// Load reads a key file. It refuses one that others than its owner may read (Denied) and says
// NotFound where there is none.
func Load(path string) (*Ring, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Errorf(fault.NotFound, "there is no key file %s: make one with postern keys init", path)
	case err != nil:
		return nil, fmt.Errorf("open the key file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at the key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fault.Errorf(fault.Invalid, "key file %s is not a file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fault.Errorf(fault.Denied, "key file %s can be read or written by others (mode %04o): chmod 600 it, or mount the secret with mode 0400; "+
			"where it may have been read, rotate it as well (postern keys rotate)", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the key file: %w", err)
	}
	r, err := parse(text)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "key file %s: %w", path, err)
	}
	return r, nil
}

// Init makes a key file with one key, and the folders above it. It never replaces one: Conflict.
func Init(path string, now time.Time) (*Ring, error) {
	r := &Ring{[]*key{newKey(now)}}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the key file's folder: %w", err)
	}
	temporary, err := writeTemporary(path, r)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temporary)
	// A link fails where there is a file, unlike a rename, and it shows the file only when it is whole.
	if err := os.Link(temporary, path); errors.Is(err, fs.ErrExist) {
		return nil, fault.Errorf(fault.Conflict, "there is a key file already: %s; postern keys rotate adds a new key to it", path)
	} else if err != nil {
		return nil, fmt.Errorf("make the key file: %w", err)
	}
	return r, syncDir(filepath.Dir(path))
}

// Open loads the key file, and makes it where there is none: what a first start does.
func Open(path string, now time.Time) (r *Ring, created bool, err error) {
	r, err = Load(path)
	if !fault.Is(err, fault.NotFound) {
		return r, false, err
	}
	r, err = Init(path, now)
	if fault.Is(err, fault.Conflict) { // another process was faster
		r, err = Load(path)
		return r, false, err
	}
	return r, err == nil, err
}

// Rotate puts a new key before the others. Nodes that share the store need the new file before they
// see what it signs.
func Rotate(path string, now time.Time) (*Ring, error) {
	old, err := Load(path)
	if err != nil {
		return nil, err
	}
	if len(old.keys) >= maxKeys {
		return nil, fault.Errorf(fault.TooLarge, "key file %s has %d keys: remove lines from its end, what they signed is then void", path, maxKeys)
	}
	r := &Ring{append([]*key{newKey(now)}, old.keys...)}
	temporary, err := writeTemporary(path, r)
	if err != nil {
		return nil, err
	}
	defer os.Remove(temporary)
	if err := os.Rename(temporary, path); err != nil {
		return nil, fmt.Errorf("replace the key file: %w", err)
	}
	return r, syncDir(filepath.Dir(path))
}

func newKey(now time.Time) *key {
	k := &key{created: now.UTC().Truncate(time.Second)}
	_, _ = rand.Read(k.secret[:]) // never fails: see crypto/rand
	return k
}

// writeTemporary writes a ring beside path, flushed to disk.
func writeTemporary(path string, r *Ring) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("write the key file: %w", err)
	}
	_, err = f.Write(r.text())
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(f.Name())
		return "", fmt.Errorf("write the key file: %w", err)
	}
	return f.Name(), nil
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	if err != nil {
		return fmt.Errorf("flush the key file's folder: %w", err)
	}
	return nil
}

func (r *Ring) text() []byte {
	var b bytes.Buffer
	b.WriteString(header)
	for _, k := range r.keys {
		fmt.Fprintf(&b, "%s %s %s\n", version, k.created.Format(time.RFC3339), base64.RawStdEncoding.EncodeToString(k.secret[:]))
	}
	return b.Bytes()
}

// parse reads the text of a key file. Its errors name lines, and show nothing of them.
func parse(text []byte) (*Ring, error) {
	r := &Ring{}
	seen := map[[Size]byte]bool{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		if len(words) != 3 || words[0] != version {
			return nil, fmt.Errorf("line %d is not a key: %s, a time, and %d bytes in base64", n, version, Size)
		}
		created, err := time.Parse(time.RFC3339, words[1])
		if err != nil || created.Year() < 1970 || created.Year() > 9998 { // in UTC it still has four digits
			return nil, fmt.Errorf("line %d has no time of the form 2006-01-02T15:04:05Z", n)
		}
		secret, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(words[2], "="))
		if err != nil || len(secret) != Size {
			return nil, fmt.Errorf("line %d has no key of %d bytes in base64", n, Size)
		}
		k := &key{created: created.UTC(), secret: [Size]byte(secret)}
		if seen[k.secret] {
			return nil, fmt.Errorf("line %d repeats a key", n)
		}
		seen[k.secret] = true
		r.keys = append(r.keys, k)
	}
	switch {
	case lines.Err() != nil:
		return nil, lines.Err()
	case len(r.keys) == 0:
		return nil, errors.New("there is no key in it")
	case len(r.keys) > maxKeys:
		return nil, fmt.Errorf("more than %d keys", maxKeys)
	}
	return r, nil
}
