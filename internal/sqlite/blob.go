package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

// inline is up to which size in bytes a blob is a row: it shares the group's fsync, where a file needs two of
// its own. Beyond it a row would be read and copied whole each time.
const inline = 256 << 10

// inlineAll is how much one mail may put into rows, in bytes: a thousand small files are files.
const inlineAll = 16 << 20

// How a blob is kept.
const (
	asFile   = 0
	asIs     = 1
	asPacked = 2
)

// A body is one blob made ready for its row.
type body struct {
	*spool.Body
	form int
	data []byte
}

// prepare makes rows of the small bodies among those that are named.
func (s *Store) prepare(all []*spool.Body, names []string) (map[string]*body, error) {
	out := make(map[string]*body, len(names))
	rows := int64(0)
	for _, b := range all {
		sha := b.SHA256()
		if out[sha] != nil || !contains(names, sha) {
			continue
		}
		one := &body{Body: b}
		out[sha] = one
		if b.Size() > inline || rows+b.Size() > inlineAll {
			continue
		}
		rows += b.Size()
		data, err := content(b)
		if err != nil {
			return nil, fault.As(fault.Unavailable, fmt.Errorf("read spooled body: %w", err))
		}
		one.form, one.data = asIs, data
		if packed := pack(data); len(packed) < len(data)*9/10 {
			one.form, one.data = asPacked, packed
		}
	}
	return out, nil
}

func contains(list []string, s string) bool {
	for _, one := range list {
		if one == s {
			return true
		}
	}
	return false
}

func content(b *spool.Body) ([]byte, error) {
	if mem, ok := b.Mem(); ok {
		if mem == nil {
			mem = []byte{}
		}
		return mem, nil
	}
	r, err := b.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// placeBodies puts the large bodies into their files, durably, and keeps the sweep away from them until release
// is called: afterwards their rows name them.
func (s *Store) placeBodies(bodies map[string]*body) (release func(), err error) {
	large := false
	for _, b := range bodies {
		large = large || b.form == asFile
	}
	if !large {
		return nil, nil
	}
	s.files.RLock()
	for _, b := range bodies {
		if b.form != asFile {
			continue
		}
		if err := s.placeFile(b.Body); err != nil {
			s.files.RUnlock()
			return nil, fault.As(fault.Unavailable, fmt.Errorf("keep blob %s: %w", b.SHA256(), err))
		}
	}
	return s.files.RUnlock, nil
}

// blobPath is where a blob's file is: blobs/ab/abcdef….
func (s *Store) blobPath(sha string) string { return filepath.Join(s.dir, "blobs", sha[:2], sha) }

// placeFile makes the bytes durable under some name first and only then gives them their own: a file with a
// blob's name is always whole. The spool's file is linked, not copied; its owner removes its own name.
func (s *Store) placeFile(b *spool.Body) error {
	path := s.blobPath(b.SHA256())
	folder := filepath.Dir(path)
	if err := s.makeFolder(folder); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := s.step("blob file"); err != nil {
			return err
		}
		if err := s.link(b, path); err != nil {
			return err
		}
	}
	// Also where the file was there: whoever made it may not have come to this yet.
	if err := s.step("blob folder"); err != nil {
		return err
	}
	return syncPath(folder)
}

func (s *Store) link(b *spool.Body, path string) error {
	if spooled := b.Path(); spooled != "" {
		if err := syncPath(spooled); err != nil {
			return err
		}
		if err := s.step("blob name"); err != nil {
			return err
		}
		err := os.Link(spooled, path)
		if err == nil || errors.Is(err, fs.ErrExist) {
			return nil
		}
		// Another file system, or one without links: copy.
	}
	r, err := b.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return writeFile(path, r, func() error { return s.step("blob name") })
}

// writeFile writes a file beside path, makes it durable, and renames it.
func writeFile(path string, r io.Reader, before func() error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil && before != nil {
		err = before()
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// makeFolder makes a folder durably. One that is there may be somebody's who has not come to that, or never did.
func (s *Store) makeFolder(folder string) error {
	if _, ok := s.folders.Load(folder); ok {
		return nil
	}
	if err := os.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncPath(filepath.Dir(folder)); err != nil {
		return err
	}
	s.folders.Store(folder, true)
	return nil
}

// syncPath makes a file's content or a folder's names durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

// name counts the message's references to its blobs, inserts the rows of those that are new, and lets go of
// those that the former message named.
func (s *Store) name(t *tx, p *plan, seq int64, old *former) error {
	for _, sha := range p.blobs {
		if err := s.refer(t, sha, p.bodies[sha]); err != nil {
			return err
		}
	}
	if old != nil {
		if err := s.letGo(t, seq, old.blobs); err != nil {
			return err
		}
	}
	for _, a := range p.m.Attachments {
		if _, err := t.write("attachment", "INSERT OR IGNORE INTO attachments (sha, message) VALUES (?, ?)", hash(a.SHA256), seq); err != nil {
			return err
		}
	}
	return nil
}

// refer counts one more reference to a blob; b is nil where the store has it.
func (s *Store) refer(t *tx, sha string, b *body) error {
	if b == nil {
		_, err := t.write("blob", "UPDATE blobs SET refs = refs + 1 WHERE sha = ?", hash(sha))
		return err
	}
	_, err := t.write("blob", `INSERT INTO blobs (sha, size, refs, at, form, data) VALUES (?, ?, 1, ?, ?, ?)
		ON CONFLICT (sha) DO UPDATE SET refs = refs + 1`, hash(sha), b.Size(), s.now(), b.form, b.data)
	return err
}

// letGo takes back the references that a message has to its blobs. The sweep takes what is left without any.
func (s *Store) letGo(t *tx, seq int64, shas []string) error {
	for _, sha := range shas {
		key := hash(sha)
		if _, err := t.write("blob", "UPDATE blobs SET refs = refs - 1, at = ? WHERE sha = ?", s.now(), key); err != nil {
			return err
		}
		if _, err := t.write("attachment", "DELETE FROM attachments WHERE sha = ? AND message = ?", key, seq); err != nil {
			return err
		}
	}
	return nil
}

// OpenBlob reads a blob.
func (s *Store) OpenBlob(ctx context.Context, sha string) (io.ReadSeekCloser, error) {
	key := hash(sha)
	if key == nil {
		return nil, fault.Errorf(fault.NotFound, "no blob %q", sha)
	}
	var form int64
	var data []byte
	found := false
	err := s.read(ctx, func(c *conn) error {
		r, ok, err := c.one("SELECT form, data FROM blobs WHERE sha = ?", key)
		if ok {
			form, data, found = r.int(0), r.bytes(1), true
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open blob %s: %w", sha, err)
	}
	if !found {
		return nil, fault.Errorf(fault.NotFound, "no blob %s", sha)
	}
	switch form {
	case asFile:
		f, err := os.Open(s.blobPath(fmt.Sprintf("%x", key)))
		if errors.Is(err, fs.ErrNotExist) { // swept since
			return nil, fault.Errorf(fault.NotFound, "no blob %s", sha)
		}
		if err != nil {
			return nil, fault.As(fault.Unavailable, fmt.Errorf("open blob: %w", err))
		}
		return f, nil
	case asPacked:
		if data, err = unpack(data); err != nil {
			return nil, fmt.Errorf("open blob %s: %w", sha, err)
		}
	}
	return memory{bytes.NewReader(data)}, nil
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// FindAttachment finds the newest message that has that content attached.
func (s *Store) FindAttachment(ctx context.Context, sha string) (*issue.Message, *issue.Attachment, error) {
	key := hash(sha)
	var m *issue.Message
	if key != nil {
		err := s.read(ctx, func(c *conn) error {
			r, ok, err := c.one("SELECT "+messageColumns+", trace FROM messages WHERE seq = (SELECT max(message) FROM attachments WHERE sha = ?)", key)
			if err == nil && ok {
				m, err = decodeMessage(r)
			}
			return err
		})
		if err != nil {
			return nil, nil, fmt.Errorf("find attachment %s: %w", sha, err)
		}
	}
	if m != nil {
		for i := range m.Attachments {
			if bytes.Equal(hash(m.Attachments[i].SHA256), key) {
				return m, &m.Attachments[i], nil
			}
		}
	}
	return nil, nil, fault.Errorf(fault.NotFound, "no attachment %q", sha)
}
