package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// A frame collects the statements of a group, as the redo log keeps them: each names its text, by number where an
// earlier one of the frame has the same, and has its values. All our statements say what they write by values alone, never by
// the time or by chance, so that doing them again on what was there before does the same.
type frame struct {
	b     []byte // begins with frameRoom bytes for the heads
	texts map[string]uint64
}

// frameFull is how many bytes a group writes before what is left of it becomes a group of its own.
const frameFull = 1 << 20

func (f *frame) reset() {
	if cap(f.b) > 2*frameFull {
		f.b = nil
	}
	f.b = append(f.b[:0], make([]byte, frameRoom)...)
	clear(f.texts)
}

func (f *frame) size() int { return len(f.b) - frameRoom }

// Kinds of values.
const (
	isNull = iota
	isInt
	isFloat
	isText
	isBytes
)

func (f *frame) add(query string, args []any) error {
	n, known := f.texts[query]
	if !known {
		if f.texts == nil {
			f.texts = map[string]uint64{}
		}
		n = uint64(len(f.texts))
		f.texts[query] = n
	}
	f.b = binary.AppendUvarint(f.b, n)
	if !known {
		f.b = appendString(f.b, query)
	}
	f.b = binary.AppendUvarint(f.b, uint64(len(args)))
	for _, a := range args {
		switch v := value(a).(type) {
		case nil:
			f.b = append(f.b, isNull)
		case int64:
			f.b = binary.AppendVarint(append(f.b, isInt), v)
		case bool:
			f.b = binary.AppendVarint(append(f.b, isInt), bit(v))
		case float64:
			f.b = binary.LittleEndian.AppendUint64(append(f.b, isFloat), math.Float64bits(v))
		case string:
			f.b = appendString(append(f.b, isText), v)
		case []byte:
			f.b = appendString(append(f.b, isBytes), v)
		default:
			return fmt.Errorf("a value of type %T cannot be kept in the redo log", a)
		}
	}
	return nil
}

func appendString[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func bit(v bool) int64 {
	if v {
		return 1
	}
	return 0
}

var errFrame = errors.New("the redo log holds a frame that makes no sense")

// statements reads a frame's payload. The values are copies.
func statements(b []byte, each func(query string, args []any) error) error {
	r := &frameReader{b: b}
	var texts []string
	for len(r.b) > 0 && !r.bad {
		n := r.uvarint()
		if n == uint64(len(texts)) {
			texts = append(texts, string(r.bytes()))
		}
		if n >= uint64(len(texts)) {
			return errFrame
		}
		count := r.uvarint()
		if count > uint64(len(r.b)) {
			return errFrame
		}
		args := make([]any, count)
		for i := range args {
			args[i] = r.value()
		}
		if r.bad {
			break
		}
		if err := each(texts[n], args); err != nil {
			return err
		}
	}
	if r.bad {
		return errFrame
	}
	return nil
}

type frameReader struct {
	b   []byte
	bad bool
}

func (r *frameReader) value() any {
	if len(r.b) == 0 {
		r.bad = true
		return nil
	}
	kind := r.b[0]
	r.b = r.b[1:]
	switch kind {
	case isNull:
		return nil
	case isInt:
		v, n := binary.Varint(r.b)
		r.skip(n)
		return v
	case isFloat:
		if len(r.b) < 8 {
			r.bad = true
			return nil
		}
		v := math.Float64frombits(binary.LittleEndian.Uint64(r.b))
		r.skip(8)
		return v
	case isText:
		return string(r.bytes())
	case isBytes:
		return append([]byte{}, r.bytes()...)
	}
	r.bad = true
	return nil
}

func (r *frameReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *frameReader) bytes() []byte {
	n := r.uvarint()
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *frameReader) skip(n int) {
	if n <= 0 {
		r.bad = true
		return
	}
	r.b = r.b[n:]
}
