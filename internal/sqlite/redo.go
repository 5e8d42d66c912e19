package sqlite

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"postern/internal/fault"
)

// A redo is the log that makes writes durable. A group of writes is one frame, with one fsync for all; the
// database itself follows in larger steps that need none, since what a crash takes from it is in the log. A mail's bytes
// are then written in one piece, where the pages of a database that it touches would be twenty.
//
// Two files take turns. While one is written, the database is made durable behind the other, which is then free again.
// A file begins with a header and goes on with frames:
//
//	header  magic, the database's id, salt
//	frame   CRC-32C of all that follows and of the header's id and salt; length; number; payload (see statement.go)
//
// Frames are numbered without gaps across both files. A file is written over and not emptied, so that its blocks stay
// allocated and an fsync is one write: what an earlier turn left behind ends where number or salt are not as expected.
// The salt is new at each turn, so that no mail's bytes can be mistaken for a frame.
type redo struct {
	id    uint64
	files [2]*redoFile
	on    int    // the file that is written
	seq   uint64 // the last frame's number
	torn  bool   // behind it may be one that nobody was answered for: it must be written over before a turn
	fault func(step string) error
}

type redoFile struct {
	f      *os.File
	salt   uint64
	size   int64 // bytes in use; 0: free
	length int64 // bytes allocated
}

const (
	redoMagic  = "postern redo 1\n\x00"
	redoHeader = len(redoMagic) + 16
	frameHead  = 16
	frameRoom  = redoHeader + frameHead

	redoGrowth = 1 << 20   // bytes by which a file grows at most
	frameMax   = 256 << 20 // bytes of a frame that could be ours
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openRedo opens the log of the database with that id, or makes it.
func openRedo(dir string, id uint64) (_ *redo, err error) {
	r := &redo{id: id}
	defer func() {
		if err != nil {
			err = fault.As(fault.Unavailable, errors.Join(fmt.Errorf("open the redo log: %w", err), r.close()))
		}
	}()
	for i := range r.files {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("postern.redo-%d", i)), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		r.files[i] = &redoFile{f: f}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		r.files[i].length = info.Size()
	}
	return r, syncPath(dir)
}

func (r *redo) close() error {
	var errs []error
	for _, f := range r.files {
		if f != nil {
			errs = append(errs, f.f.Close())
		}
	}
	return errors.Join(errs...)
}

// append makes the payload of b durable as the next frame. In front of it b has frameRoom bytes for the heads.
func (r *redo) append(b []byte) error {
	f := r.files[r.on]
	if f.size == 0 {
		f.salt = rand.Uint64()
		copy(b, redoMagic)
		binary.LittleEndian.PutUint64(b[len(redoMagic):], r.id)
		binary.LittleEndian.PutUint64(b[len(redoMagic)+8:], f.salt)
	}
	head := b[redoHeader:]
	binary.LittleEndian.PutUint32(head[4:], uint32(len(b)-frameRoom))
	binary.LittleEndian.PutUint64(head[8:], r.seq+1)
	binary.LittleEndian.PutUint32(head, checksum(r.id, f.salt, head[4:]))
	if f.size > 0 {
		b = head
	}
	if end := f.size + int64(len(b)); end > f.length {
		grow := min(max(f.length, redoGrowth/16), redoGrowth) // doubles at first
		length := (end + grow - 1) / grow * grow
		if _, err := f.f.WriteAt(make([]byte, length-max(f.length, end)), max(f.length, end)); err != nil {
			return fmt.Errorf("make room in the redo log: %w", err)
		}
		f.length = length
	}
	r.torn = true
	if _, err := f.f.WriteAt(b, f.size); err != nil {
		return fmt.Errorf("write the redo log: %w", err)
	}
	if err := r.step("redo sync"); err != nil {
		return err
	}
	if err := syncData(f.f); err != nil {
		return fmt.Errorf("sync the redo log: %w", err)
	}
	f.size += int64(len(b))
	r.seq++
	r.torn = false
	return nil
}

func (r *redo) step(name string) error {
	if r.fault == nil {
		return nil
	}
	return r.fault(name)
}

// turn goes on in the other file, which must be free. The one before is free again once release is called.
func (r *redo) turn() (before int) {
	before, r.on = r.on, 1-r.on
	return before
}

func (r *redo) size() int64 { return r.files[r.on].size }

func (r *redo) release(i int) { r.files[i].size = 0 }

// restart lets the log begin anew for a database with that id, which holds all up to frame seq durably.
func (r *redo) restart(id, seq uint64) {
	r.id, r.seq, r.on, r.torn = id, seq, 0, false
	r.release(0)
	r.release(1)
}

// empty takes what the files hold, which the database holds durably too, off the disk.
func (r *redo) empty() error {
	for _, f := range r.files {
		if err := f.f.Truncate(0); err != nil {
			return fmt.Errorf("empty the redo log: %w", err)
		}
		f.size, f.length = 0, 0
	}
	return nil
}

// strange reports whether the files hold what another database has not got: it would be written over.
func (r *redo) strange() (found bool) {
	for _, f := range r.files {
		head := make([]byte, redoHeader)
		if _, err := f.f.ReadAt(head, 0); err != nil || string(head[:len(redoMagic)]) != redoMagic {
			continue
		}
		other := redo{id: binary.LittleEndian.Uint64(head[len(redoMagic):])}
		if other.id != r.id {
			_ = other.scan(f, func(uint64, []byte) error { found = true; return errStop })
		}
	}
	return found
}

// replay hands on the payloads of the frames after one number and up to another, in order, and says which is the last.
func (r *redo) replay(after, upTo uint64, apply func(seq uint64, payload []byte) error) (last uint64, err error) {
	type part struct {
		f     *redoFile
		first uint64
	}
	var parts []part
	for _, f := range r.files {
		first := uint64(0)
		err := r.scan(f, func(seq uint64, _ []byte) error {
			first = seq
			return errStop
		})
		if err != nil {
			return 0, err
		}
		if first > 0 {
			parts = append(parts, part{f, first})
		}
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.first, b.first) })
	last = after
	for _, p := range parts {
		err := r.scan(p.f, func(seq uint64, payload []byte) error {
			switch {
			case seq > upTo:
				return errStop
			case seq <= last:
				return nil
			case seq > last+1:
				return fault.Errorf(fault.Invalid, "the redo log goes on with frame %d, and the database ends at %d: "+
					"the database is older than its log; put both back from one copy, or restore a backup", seq, last)
			}
			last = seq
			return apply(seq, payload)
		})
		if err != nil {
			return last, err
		}
	}
	return last, nil
}

// scan reads a file's frames, up to the first that is none of this turn and this database, or was not finished.
func (r *redo) scan(f *redoFile, each func(seq uint64, payload []byte) error) error {
	in := bufio.NewReaderSize(io.NewSectionReader(f.f, 0, f.length), 64<<10)
	head := make([]byte, redoHeader)
	if _, err := io.ReadFull(in, head); err != nil {
		return unlessEOF(err)
	}
	if string(head[:len(redoMagic)]) != redoMagic || binary.LittleEndian.Uint64(head[len(redoMagic):]) != r.id {
		return nil
	}
	salt := binary.LittleEndian.Uint64(head[len(redoMagic)+8:])
	left := f.length - int64(redoHeader)
	var b []byte
	for seq := uint64(0); ; {
		b = slices.Grow(b[:0], frameHead)[:frameHead]
		if _, err := io.ReadFull(in, b); err != nil {
			return unlessEOF(err)
		}
		size, number := int64(binary.LittleEndian.Uint32(b[4:])), binary.LittleEndian.Uint64(b[8:])
		left -= frameHead + size
		if size > frameMax || left < 0 || number == 0 || seq != 0 && number != seq+1 {
			return nil
		}
		b = slices.Grow(b, int(size))[:frameHead+size]
		if _, err := io.ReadFull(in, b[frameHead:]); err != nil {
			return unlessEOF(err)
		}
		if binary.LittleEndian.Uint32(b) != checksum(r.id, salt, b[4:]) {
			return nil
		}
		seq = number
		if err := each(seq, b[frameHead:]); err != nil {
			if err == errStop {
				return nil
			}
			return err
		}
	}
}

func checksum(id, salt uint64, b []byte) uint32 {
	var seed [16]byte
	binary.LittleEndian.PutUint64(seed[:], id)
	binary.LittleEndian.PutUint64(seed[8:], salt)
	return crc32.Update(crc32.Checksum(seed[:], castagnoli), castagnoli, b)
}

func unlessEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fault.As(fault.Unavailable, fmt.Errorf("read the redo log: %w", err))
}
