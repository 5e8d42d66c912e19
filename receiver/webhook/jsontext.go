package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"postern/internal/fault"
)

// A textReader reads a JSON text from behind its opening quote, takes the escapes away and ends behind the closing one.
type textReader struct {
	in   *source
	of   *value
	rest []byte // of a character that did not fit
	buf  [utf8.UTFMax]byte
	err  error
}

func (t *textReader) Read(b []byte) (n int, err error) {
	for n < len(b) && t.err == nil {
		if len(t.rest) > 0 {
			k := copy(b[n:], t.rest)
			t.rest = t.rest[k:]
			n += k
			continue
		}
		if _, err := t.in.Peek(1); err != nil {
			t.err = t.in.ended(t.of, err)
			break
		}
		plain, _ := t.in.Peek(min(t.in.Buffered(), len(b)-n))
		k := 0
		for k < len(plain) && plain[k] >= ' ' && plain[k] != '"' && plain[k] != '\\' {
			k++
		}
		n += copy(b[n:], plain[:k])
		t.in.skip(k)
		if k == len(plain) {
			continue
		}
		switch c := plain[k]; c {
		case '"':
			t.in.skip(1)
			t.err = io.EOF
		case '\\':
			t.in.skip(1)
			t.err = t.escape()
		default:
			t.err = t.in.invalid(t.of, "a control character in a text")
		}
	}
	if n > 0 || len(b) == 0 {
		return n, nil
	}
	return 0, t.err
}

// escape reads what follows a backslash: RFC 8259 section 7.
func (t *textReader) escape() error {
	c, err := t.in.take()
	if err != nil {
		return t.in.ended(t.of, err)
	}
	r := rune(c)
	switch c {
	case '"', '\\', '/':
	case 'b':
		r = '\b'
	case 'f':
		r = '\f'
	case 'n':
		r = '\n'
	case 'r':
		r = '\r'
	case 't':
		r = '\t'
	case 'u':
		h, err := t.in.Peek(4)
		if err != nil {
			return t.in.ended(t.of, err)
		}
		var ok bool
		if r, ok = hex4(h); !ok {
			return t.in.invalid(t.of, "want four hexadecimal digits")
		}
		t.in.skip(4)
		if !utf16.IsSurrogate(r) {
			break
		}
		// The other half may follow; a half alone becomes U+FFFD.
		low, _ := t.in.Peek(6)
		pair := rune(utf8.RuneError)
		if len(low) == 6 && low[0] == '\\' && low[1] == 'u' {
			if second, ok := hex4(low[2:]); ok {
				pair = utf16.DecodeRune(r, second)
			}
		}
		if r = pair; r != utf8.RuneError {
			t.in.skip(6)
		}
	default:
		return t.in.invalid(t.of, "an escape that JSON does not have")
	}
	t.rest = t.buf[:utf8.EncodeRune(t.buf[:], r)]
	return nil
}

func hex4(b []byte) (r rune, ok bool) {
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// badBase64 is what a text is that is no base64.
type badBase64 string

func (e badBase64) Error() string { return string(e) }

// decodeBase64 decodes what r reads.
func decodeBase64(r io.Reader) io.Reader {
	return &base64Reader{base64.NewDecoder(base64.StdEncoding, &alphabet{in: r})}
}

type base64Reader struct{ in io.Reader }

func (b *base64Reader) Read(p []byte) (int, error) {
	n, err := b.in.Read(p)
	if errors.Is(err, io.ErrUnexpectedEOF) && !fault.Is(err, fault.Invalid) || errors.As(err, new(base64.CorruptInputError)) {
		err = badBase64("the base64 is damaged or was cut")
	}
	return n, err
}

// alphabet takes white space from base64, and refuses what is neither of its alphabet nor its end.
type alphabet struct {
	in  io.Reader
	end bool
}

func (a *alphabet) Read(p []byte) (int, error) {
	for {
		n, err := a.in.Read(p)
		k := 0
		for _, c := range p[:n] {
			switch {
			case c == '\r' || c == '\n' || c == ' ' || c == '\t':
				continue
			case c == '=':
				a.end = true
			case a.end:
				return k, badBase64("something follows the end of the base64")
			case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			default:
				return k, badBase64(fmt.Sprintf("%q is not base64", c))
			}
			p[k] = c
			k++
		}
		if k > 0 || err != nil || len(p) == 0 {
			return k, err
		}
	}
}
