package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"

	"postern/internal/fault"
	"postern/internal/spool"
)

const (
	maxParts  = 1000     // of a form, where Limits.Parts says nothing
	maxValue  = 64 << 10 // of a value that Get returns
	maxInMem  = 1 << 20  // of a form's values in memory together; beyond it those above smallest go to files
	smallest  = 4 << 10
	chunkSize = 32 << 10
)

// A form is what a provider posts as multipart/form-data (RFC 7578) or application/x-www-form-urlencoded: its fields in the order in
// which they came, with the bytes and names that they came with. No charset is guessed, and none of a doubled name is dropped.
type form struct{ Fields []*field }

// A field is one value of a form.
type field struct {
	Name   string
	File   string // the name of a file as it was given; "" for a plain field
	Type   string // its Content-Type as it was given; "" where it has none
	Header textproto.MIMEHeader
	Body   *spool.Body // nil once it was taken
}

// readForm reads the form of a request. The caller closes it.
func readForm(ctx context.Context, t *Tools, r *Request) (*form, error) {
	f, held, buf := &form{}, int64(0), make([]byte, chunkSize)
	err := eachField(ctx, t, r, func(fl *field, value io.Reader) error {
		w := t.Spool.Create()
		defer w.Abort()
		if err := copyValue(ctx, t, w, fl.Name, value, buf, maxInMem-held); err != nil {
			return err
		}
		var err error
		if fl.Body, err = w.Body(); err != nil {
			return fault.As(fault.Unavailable, err)
		}
		if fl.Body.Path() == "" {
			held += fl.Body.Size()
		}
		f.Fields = append(f.Fields, fl)
		return nil
	})
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// copyValue spools one value, of which room bytes may stay in memory.
func copyValue(ctx context.Context, t *Tools, w *spool.Writer, name string, value io.Reader, buf []byte, room int64) error {
	for {
		n, err := value.Read(buf)
		if t.Limits.Mail > 0 && w.Size()+int64(n) > t.Limits.Mail {
			return fault.Errorf(fault.TooLarge, "form field %q has more than %d bytes", short(name), t.Limits.Mail)
		}
		if w.Size()+int64(n) > max(room, smallest) {
			if err := w.Spill(); err != nil {
				return fault.As(fault.Unavailable, err)
			}
		}
		if _, err := w.Write(buf[:n]); err != nil {
			return fault.As(fault.Unavailable, err)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fault.As(fault.Unavailable, err)
		}
	}
}

// eachField hands each field of a request's form to do, in order, with its value as a stream that need not be read to its end. The
// field's Body is nil. It holds nothing but a buffer. A form that ends before its end is Invalid, though do saw fields of it.
func eachField(ctx context.Context, t *Tools, r *Request, do func(fl *field, value io.Reader) error) error {
	if t.Limits.Body > 0 && r.Body.Size() > t.Limits.Body {
		return fault.Errorf(fault.TooLarge, "the request has more than %d bytes", t.Limits.Body)
	}
	given := r.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(given)
	if err != nil {
		return fault.Errorf(fault.Invalid, "Content-Type %q: %w", short(given), err)
	}
	var open func(io.Reader) fieldReader
	switch kind {
	case "multipart/form-data":
		boundary := params["boundary"]
		if boundary == "" || len(boundary) > maxBoundary {
			return fault.Errorf(fault.Invalid, "Content-Type %q: want a boundary of 1 to %d characters", short(given), maxBoundary)
		}
		open = func(in io.Reader) fieldReader { return newMultipart(in, boundary) }
	case "application/x-www-form-urlencoded":
		open = func(in io.Reader) fieldReader { return newURLEncoded(in) }
	default:
		return fault.Errorf(fault.Invalid, "Content-Type %q: want multipart/form-data or application/x-www-form-urlencoded", short(given))
	}
	in, err := r.Body.Open()
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	defer func() { _ = in.Close() }()
	fields, most := open(in), t.Limits.Parts
	if most <= 0 {
		most = maxParts
	}
	for n := 0; ; n++ {
		fl, value, err := fields.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("form field %d: %w", n, err)
		}
		if n == most {
			return fault.Errorf(fault.TooLarge, "the form has more than %d fields", most)
		}
		if err := do(fl, value); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fault.As(fault.Unavailable, err)
		}
	}
}

// A fieldReader gives one field after the other, io.EOF after the last. A value may be read until the next call of next, which
// skips what is left of it.
type fieldReader interface {
	next() (*field, io.Reader, error)
}

// Field returns the first field of that name, nil where there is none.
func (f *form) Field(name string) *field {
	for _, fl := range f.Fields {
		if fl.Name == name {
			return fl
		}
	}
	return nil
}

// All returns the fields of that name, in order.
func (f *form) All(name string) []*field {
	var all []*field
	for _, fl := range f.Fields {
		if fl.Name == name {
			all = append(all, fl)
		}
	}
	return all
}

// Get returns the first plain field of that name, if it has at most 64 KiB.
func (f *form) Get(name string) (string, bool) {
	for _, fl := range f.Fields {
		if fl.Name == name && fl.File == "" {
			return fl.text(maxValue)
		}
	}
	return "", false
}

// lone returns the plain field of that name as Get does, unless there are several that differ: nobody knows then which one is meant.
func (f *form) lone(name string) (string, bool) {
	s, ok := f.Get(name)
	for _, fl := range f.All(name) {
		if again, is := fl.text(maxValue); fl.File == "" && (!is || again != s) {
			return "", false
		}
	}
	return s, ok
}

// text is a field's value, if it has at most so many bytes.
func (fl *field) text(most int64) (string, bool) {
	if fl == nil || fl.Body == nil || fl.Body.Size() > most {
		return "", false
	}
	if mem, ok := fl.Body.Mem(); ok {
		return string(mem), true
	}
	in, err := fl.Body.Open()
	if err != nil {
		return "", false
	}
	defer func() { _ = in.Close() }()
	b, err := io.ReadAll(in)
	return string(b), err == nil
}

// take gives a field's value to the caller, who closes it from now on.
func (fl *field) take() *spool.Body {
	b := fl.Body
	fl.Body = nil
	return b
}

// Close removes what was spooled and not taken.
func (f *form) Close() {
	for _, fl := range f.Fields {
		if fl.Body != nil {
			_ = fl.Body.Close()
			fl.Body = nil
		}
	}
}

// short is the beginning of what a peer sent, for an error.
func short(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
