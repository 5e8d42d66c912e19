package webhook

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"postern/internal/fault"
)

const maxFieldName = 4 << 10

// A urlEncoded reads application/x-www-form-urlencoded as a stream.
type urlEncoded struct {
	in      *bufio.Reader
	inValue bool
}

func newURLEncoded(in io.Reader) *urlEncoded {
	return &urlEncoded{in: bufio.NewReaderSize(in, chunkSize)}
}

func (u *urlEncoded) next() (*field, io.Reader, error) {
	if u.inValue {
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{u}); err != nil {
			return nil, nil, err
		}
	}
	var name strings.Builder
	for {
		c, err := u.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF) && name.Len() == 0:
			return nil, nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, nil, fault.As(fault.Unavailable, err)
		case err == nil && c == '&' && name.Len() == 0: // nothing between two of them
			continue
		case err == nil && c == '&': // a name without a value has the empty one
			_ = u.in.UnreadByte()
			fallthrough
		case err != nil, c == '=':
			u.inValue = true
			plain, err := unescape(name.String(), true)
			return &field{Name: plain}, u, err
		case name.Len() == maxFieldName:
			return nil, nil, fault.Errorf(fault.TooLarge, "its name has more than %d bytes", maxFieldName)
		}
		name.WriteByte(c)
	}
}

// Read reads the value, decoded.
func (u *urlEncoded) Read(p []byte) (int, error) {
	for n := range p {
		if !u.inValue {
			return n, io.EOF
		}
		c, err := u.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF), err == nil && c == '&':
			u.inValue = false
			return n, io.EOF
		case err != nil:
			return n, fault.As(fault.Unavailable, err)
		case c == '+':
			c = ' '
		case c == '%':
			two, err := u.in.Peek(2)
			if err != nil && !errors.Is(err, io.EOF) {
				return n, fault.As(fault.Unavailable, err)
			}
			if c, err = unhex(two); err != nil {
				return n, err
			}
			_, _ = u.in.Discard(2)
		}
		p[n] = c
	}
	return len(p), nil
}

// unescape decodes percent-encoding, in a form's fields with + for a blank.
func unescape(s string, form bool) (string, error) {
	if !strings.ContainsAny(s, "%+") {
		return s, nil
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && form:
			c = ' '
		case c == '%':
			var err error
			if c, err = unhex([]byte(s[i+1 : min(i+3, len(s))])); err != nil {
				return "", err
			}
			i += 2
		}
		b = append(b, c)
	}
	return string(b), nil
}

func unhex(two []byte) (byte, error) {
	if len(two) == 2 {
		if hi, ok := hexDigit(two[0]); ok {
			if lo, ok := hexDigit(two[1]); ok {
				return hi<<4 | lo, nil
			}
		}
	}
	return 0, fault.Errorf(fault.Invalid, "%q is no percent-encoding", "%"+string(two))
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
