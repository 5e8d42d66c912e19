package webhook

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"postern/internal/fault"
	"postern/internal/spool"
)

// A value is one value of a JSON document, as readJSON found it. Its long texts stay in the document's body, which must stay open
// as long as the value is used. Nil is a missing value.
type value struct {
	doc    *document
	parent *value
	kind   kind
	place  int    // among its parent's items; -1: it was looked for and is not there
	at     int64  // where it begins in the body
	text   string // of a text that is held, and of a number; of a missing value the key it was looked for by
	held   bool   // text is the whole text
	items  []*value
	keys   []string       // of an object, beside items
	index  map[string]int // of keys, where they are many
}

// A document is what its values share.
type document struct{ body *spool.Body }

type kind uint8

const (
	missing kind = iota
	null
	boolean
	number
	text
	list
	object
)

var kinds = [...]string{"missing", "null", "bool", "number", "text", "list", "object"}

// maxText is the size of a text that is given as a string. Longer ones are read as streams.
const maxText = 64 << 10

// Kind is "missing", "null", "bool", "number", "text", "list" or "object".
func (v *value) Kind() string {
	if v == nil {
		return kinds[missing]
	}
	return kinds[v.kind]
}

// Get is the value of a key, a missing one where v has no such key or is no object.
func (v *value) Get(key string) *value {
	if v == nil {
		return nil
	}
	if i, ok := v.find(key); ok {
		return v.items[i]
	}
	return &value{doc: v.doc, parent: v, kind: missing, place: -1, at: v.at, text: key}
}

func (v *value) find(key string) (int, bool) {
	if v.index != nil {
		i, ok := v.index[key]
		return i, ok
	}
	for i, k := range v.keys {
		if k == key {
			return i, true
		}
	}
	return 0, false
}

// Has says whether v is an object with that key, and something other than null there.
func (v *value) Has(key string) bool {
	g := v.Get(key)
	return g != nil && g.kind > null
}

// List is the values of a list, none where v is none.
func (v *value) List() []*value {
	if v == nil || v.kind != list {
		return nil
	}
	return v.items
}

// Keys are those of an object, in its order.
func (v *value) Keys() []string {
	if v == nil {
		return nil
	}
	return v.keys
}

// Number is what a number says.
func (v *value) Number() (float64, bool) {
	if v == nil || v.kind != number {
		return 0, false
	}
	n, err := strconv.ParseFloat(v.text, 64)
	return n, err == nil
}

// Bool is what true or false says.
func (v *value) Bool() (is, ok bool) {
	if v == nil || v.kind != boolean {
		return false, false
	}
	return v.text == "true", true
}

// Text is a text of at most 64 KiB.
func (v *value) Text() (string, bool) {
	s, err := v.string()
	return s, err == nil
}

func (v *value) string() (string, error) {
	if err := v.want(text); err != nil {
		return "", err
	}
	if v.held {
		return v.text, nil
	}
	r, err := v.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(io.LimitReader(r, maxText+1))
	switch {
	case err != nil:
		return "", err
	case len(b) > maxText:
		return "", fault.Errorf(fault.TooLarge, "at %s: the text has more than %d bytes", v.path(), maxText)
	}
	return string(b), nil
}

// NeedText is the text of a key, or an error that says what is there instead.
func (v *value) NeedText(key string) (string, error) { return v.Get(key).string() }

// may is the value of a key, nil where the key is missing or null, and so where v itself is; any other v must be an object.
func (v *value) may(key string) (*value, error) {
	if v == nil || v.kind <= null {
		return nil, nil
	}
	if err := v.want(object); err != nil {
		return nil, err
	}
	if g := v.Get(key); g.kind > null {
		return g, nil
	}
	return nil, nil
}

// MayText is the text of a key, "" where the key is missing or null, and an error where it is something else. The others are alike.
func (v *value) MayText(key string) (string, error) {
	g, err := v.may(key)
	if g == nil {
		return "", err
	}
	return g.string()
}

// NeedList is the list of a key.
func (v *value) NeedList(key string) ([]*value, error) {
	g := v.Get(key)
	return g.List(), g.want(list)
}

// MayList is the list of a key.
func (v *value) MayList(key string) ([]*value, error) {
	g, err := v.may(key)
	if g == nil {
		return nil, err
	}
	return g.List(), g.want(list)
}

// MayNumber is the number of a key, nil for none.
func (v *value) MayNumber(key string) (*float64, error) {
	g, err := v.may(key)
	if g == nil {
		return nil, err
	}
	n, ok := g.Number()
	if !ok {
		return nil, g.unlike(number)
	}
	return &n, nil
}

// MayBool is what a key says, false for nothing.
func (v *value) MayBool(key string) (bool, error) {
	g, err := v.may(key)
	if g == nil {
		return false, err
	}
	is, ok := g.Bool()
	if !ok {
		return false, g.unlike(boolean)
	}
	return is, nil
}

// Open reads the bytes of a text of any length, its escapes taken away.
func (v *value) Open() (io.ReadCloser, error) {
	if err := v.want(text); err != nil {
		return nil, err
	}
	if v.held {
		return io.NopCloser(strings.NewReader(v.text)), nil
	}
	f, err := v.doc.body.Open()
	if err != nil {
		return nil, fmt.Errorf("open text at %s: %w", v.path(), err)
	}
	if _, err := f.Seek(v.at+1, io.SeekStart); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("open text at %s: %w", v.path(), err)
	}
	return &opened{&textReader{in: &source{Reader: bufio.NewReaderSize(f, 32<<10), at: v.at + 1}, of: v}, f}, nil
}

type opened struct {
	*textReader
	io.Closer
}

// Spool is the bytes of a text as a body of its own.
func (v *value) Spool(t *Tools) (*spool.Body, error) {
	return v.spool(t, func(r io.Reader) io.Reader { return r })
}

// Base64 is the bytes that a text encodes: RFC 4648 section 4, with line breaks and blanks anywhere, and with nothing else that is not of
// the alphabet, so that what was damaged or cut is seen.
func (v *value) Base64(t *Tools) (*spool.Body, error) { return v.spool(t, decodeBase64) }

func (v *value) spool(t *Tools, decode func(io.Reader) io.Reader) (*spool.Body, error) {
	r, err := v.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	w := t.Spool.Create()
	defer w.Abort()
	n, err := io.Copy(w, io.LimitReader(decode(r), t.Limits.Mail+1))
	switch {
	case errors.As(err, new(badBase64)):
		return nil, fault.Errorf(fault.Invalid, "at %s: %w", v.path(), err)
	case err != nil:
		return nil, err
	case n > t.Limits.Mail:
		return nil, fault.Errorf(fault.TooLarge, "at %s: more than %d bytes", v.path(), t.Limits.Mail)
	}
	return w.Body()
}

// want is an error where v is of another kind.
func (v *value) want(k kind) error {
	if v != nil && v.kind == k {
		return nil
	}
	return v.unlike(k)
}

func (v *value) unlike(k kind) error {
	if v != nil && v.place < 0 && v.parent.kind != object {
		return v.parent.unlike(object) // the first thing that is wrong on the way
	}
	at := int64(0)
	if v != nil {
		at = v.at
	}
	return fault.Errorf(fault.Invalid, "at %s: want %s, got %s (byte %d)", v.path(), kinds[k], v.Kind(), at)
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,60}$`)

// path says where v is, as in $.items[0].Subject.
func (v *value) path() string {
	if v == nil || v.parent == nil {
		return "$"
	}
	p := v.parent
	key := v.text
	switch {
	case v.place < 0:
	case p.kind == list:
		return fmt.Sprintf("%s[%d]", p.path(), v.place)
	default:
		key = p.keys[v.place]
	}
	if plainKey.MatchString(key) {
		return p.path() + "." + key
	}
	return fmt.Sprintf("%s[%.60q]", p.path(), key)
}
