package sqlite

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"postern/internal/fault"
	"postern/internal/issue"
)

// What a cursor belongs to: one list's cursor is nonsense in another.
const (
	ofIssues   = 'i'
	ofNotes    = 'n'
	ofMessages = 'm'
	ofLedger   = 'l'
	ofEvents   = 'e'
	ofRulesets = 'r'
)

// cursor points behind the item with this key. A checksum tells ours from noise: it keeps nobody out.
func cursor(of byte, key ...int64) issue.Cursor {
	b := []byte{of}
	for _, k := range key {
		b = binary.AppendVarint(b, k)
	}
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	return issue.Cursor(base64.RawURLEncoding.EncodeToString(b))
}

// window reads a page: the key to go on behind, nil at the beginning, and how many items.
func window(p issue.Page, of byte, keys int) (after []int64, limit int, err error) {
	limit = p.Limit
	if limit == 0 {
		limit = 50
	}
	if limit < 1 || limit > 500 {
		return nil, 0, fault.Errorf(fault.Invalid, "limit %d is not between 1 and 500", limit)
	}
	if p.After == "" {
		return nil, limit, nil
	}
	nonsense := fault.Errorf(fault.Invalid, "the cursor is none of this list's: start again without one")
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(p.After))
	if err != nil || len(b) < 5 || len(b) > 64 || b[0] != of {
		return nil, 0, nonsense
	}
	sum := binary.BigEndian.Uint32(b[len(b)-4:])
	if b = b[:len(b)-4]; crc32.ChecksumIEEE(b) != sum {
		return nil, 0, nonsense
	}
	for b = b[1:]; len(b) > 0; {
		k, n := binary.Varint(b)
		if n <= 0 {
			return nil, 0, nonsense
		}
		after, b = append(after, k), b[n:]
	}
	if len(after) != keys {
		return nil, 0, nonsense
	}
	return after, limit, nil
}

// A filter collects the conditions of a list's query.
type filter struct {
	where []byte
	args  []any
}

func (f *filter) add(condition string, args ...any) {
	if len(f.where) == 0 {
		f.where = append(f.where, " WHERE "...)
	} else {
		f.where = append(f.where, " AND "...)
	}
	f.where = append(f.where, condition...)
	f.args = append(f.args, args...)
}

func (f *filter) text(column, value string) {
	if value != "" {
		f.add(column+" = ?", value)
	}
}

func (f *filter) String() string { return string(f.where) }
