package rules

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds on what a set may be made of, in bytes. A published set is stored whole, and held in memory. A million domains
// are some 20 MiB.
const (
	MaxRulesFile = 1 << 20
	MaxRules     = 10 << 20 // all rules files together
	MaxListFile  = 32 << 20
	MaxFiles     = 48 << 20
)

// files are what a set is made of: slash-separated paths below the rules folder, and the bytes there.
type files map[string][]byte

// version is the SHA-256 of all paths and contents, each with its length in front, so that no two
// sets of files read the same.
func (f files) version() string {
	h := sha256.New()
	put := func(b []byte) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		put([]byte(name))
		put(f[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (f files) size() int {
	n := 0
	for _, b := range f {
		n += len(b)
	}
	return n
}

// rulesFiles are the names that hold blocks, in the order in which they are read.
func (f files) rulesFiles() []string {
	var names []string
	for name := range f {
		if isRulesFile(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// isRulesFile: `*.rules` in the folder itself. Hidden files are what editors leave beside the one being edited.
func isRulesFile(name string) bool {
	return strings.HasSuffix(name, ".rules") && !strings.HasPrefix(name, ".") && !strings.Contains(name, "/")
}

func isTestFile(name string) bool { return strings.HasSuffix(name, "_test.rules") }

// binaryFile starts the stored text of a file that is no valid UTF-8 (a test's mail may be any
// bytes), or that happens to start with these very characters.
const binaryFile = "base64:\n"

func (f files) stored() map[string]string {
	out := make(map[string]string, len(f))
	for name, b := range f {
		s := string(b)
		if !utf8.ValidString(s) || strings.HasPrefix(s, binaryFile) {
			s = binaryFile + base64.StdEncoding.EncodeToString(b)
		}
		out[name] = s
	}
	return out
}

func fromStored(stored map[string]string) (files, error) {
	out := make(files, len(stored))
	for name, s := range stored {
		if coded, ok := strings.CutPrefix(s, binaryFile); ok {
			b, err := base64.StdEncoding.DecodeString(coded)
			if err != nil {
				return nil, fmt.Errorf("stored file %s: %w", name, err)
			}
			out[name] = b
			continue
		}
		out[name] = []byte(s)
	}
	return out, nil
}

// open gives file() of a stored set its bytes.
func (f files) open(name string) ([]byte, error) {
	b, ok := f[name]
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	return b, nil
}

// A folder reads below one directory and remembers what it read. Nothing outside can be reached, by
// no "..", no absolute path and no link.
type folder struct {
	root *os.Root
	read files
}

func openFolder(dir string) (*folder, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &folder{root: root, read: files{}}, nil
}

func (d *folder) close() { d.root.Close() }

// readRules reads every rules file of the folder itself, and says which cannot be read.
func (d *folder) readRules() (bad map[string]error, err error) {
	entries, err := fs.ReadDir(d.root.FS(), ".")
	if err != nil {
		return nil, err
	}
	bad = map[string]error{}
	size := 0
	for _, e := range entries {
		if !isRulesFile(e.Name()) || e.IsDir() {
			continue
		}
		b, err := d.file(e.Name(), MaxRulesFile)
		if size += len(b); err == nil && size > MaxRules {
			err = fmt.Errorf("%s: the rules files are larger than %d MiB together", e.Name(), MaxRules>>20)
			delete(d.read, e.Name())
		}
		if err != nil {
			bad[e.Name()] = err
		}
	}
	return bad, nil
}

// open reads a file that a list or a test names.
func (d *folder) open(name string) ([]byte, error) { return d.file(name, MaxListFile) }

func (d *folder) file(name string, limit int64) ([]byte, error) {
	if b, ok := d.read[name]; ok {
		return b, nil
	}
	// Asked before opening: a pipe would block in open.
	info, err := d.root.Stat(name)
	if err != nil {
		return nil, plain(name, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	f, err := d.root.Open(name)
	if err != nil {
		return nil, plain(name, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, plain(name, err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is larger than %d MiB", name, limit>>20)
	}
	d.read[name] = b
	if d.read.size() > MaxFiles {
		return nil, fmt.Errorf("%s: the rules and their files are larger than %d MiB together", name, MaxFiles>>20)
	}
	return b, nil
}

// plain takes the name of the system call out of an error.
func plain(name string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if err.Error() == "path escapes from parent" { // package os does not export it
		err = errors.New("it is a link that leads out of the rules folder")
	}
	return fmt.Errorf("%s: %w", name, err)
}

// cleanName is how a path given to file() is known: relative, slash-separated, without "..".
func cleanName(name string) (string, error) {
	clean := path.Clean(name)
	if name == "" || !fs.ValidPath(clean) || clean == "." {
		return "", fmt.Errorf("%q does not name a file below the rules folder", name)
	}
	return clean, nil
}
