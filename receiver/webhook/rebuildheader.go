package webhook

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"postern/internal/spool"
)

// original is put before the names of fields that cannot stand in a rebuilt message under their own.
const original = "X-Original-"

// replaced says whether a field tells how the original was put together, or says what only we may say.
func replaced(name string) bool {
	name = strings.ToLower(name)
	return name == "mime-version" || name == "x-postern-rebuilt" || strings.HasPrefix(name, "content-") && name != "content-language"
}

// nameMax is the longest name of a field that is written as one: lines have 998 bytes at most (RFC 5322 section 2.1.1).
const nameMax = 200

// fields writes the header of a list of names and values. A name that is none is kept in the value of another field.
func (w *mailWriter) fields(list []headerField) {
	for _, f := range list {
		switch {
		case fieldNameLength([]byte(f.Name+":")) != len(f.Name) || len(f.Name) == 0 || len(f.Name) > nameMax:
			w.field(original+"Field", f.Name+": "+f.Value)
		case replaced(f.Name):
			w.field(original+f.Name, f.Value)
		default:
			w.field(f.Name, f.Value)
		}
	}
}

// field writes a field whose value may hold anything. Where its lines were folded (a break before white space) they stay so;
// any other break becomes a space: no value begins a field (RFC 5322 section 2.2.3).
func (w *mailWriter) field(name, value string) {
	value = strings.Trim(value, "\r\n")
	w.str(name)
	w.str(":")
	if !strings.HasPrefix(value, " ") {
		w.str(" ")
	}
	for {
		i := strings.IndexAny(value, "\r\n")
		if i < 0 {
			break
		}
		w.str(value[:i])
		value = strings.TrimLeft(value[i:], "\r\n")
		if strings.HasPrefix(value, " ") || strings.HasPrefix(value, "\t") {
			if line := value[:lineLength(value)]; strings.Trim(line, " \t") != "" {
				w.str("\r\n")
			}
		} else {
			w.str(" ")
		}
	}
	w.line(value)
}

func lineLength(s string) int {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return i
	}
	return len(s)
}

// fieldNameLength returns the length of the field name that a line begins with, or 0: printable ASCII (RFC 5322 section 3.6.8), and
// perhaps white space before the colon (section 4.5).
func fieldNameLength(line []byte) int {
	for i, c := range line {
		switch {
		case c == ':':
			return i
		case c <= ' ' || c >= 0x7f:
			if rest := bytes.TrimLeft(line[i:], " \t"); i > 0 && len(rest) < len(line)-i && len(rest) > 0 && rest[0] == ':' {
				return i
			}
			return 0
		}
	}
	return 0
}

// rawHeader copies a header block as it came. Lines of it that are no field are kept without ending the header: empty ones
// are left out, what names no field is kept as one of ours, anything else goes on with the field before, its indent lost.
func (w *mailWriter) rawHeader(b *spool.Body) error {
	r, err := b.Open()
	if err != nil {
		return fmt.Errorf("read a spooled header: %w", err)
	}
	defer func() { _ = r.Close() }()
	begun := false
	return eachLine(r, func(line, end []byte, start bool) error {
		switch name := fieldNameLength(line); {
		case !start, len(line) == 0 && len(end) == 0:
		case len(line) == 0:
			return nil
		case begun && (line[0] == ' ' || line[0] == '\t'):
		case name > 0:
			if replaced(string(line[:name])) {
				w.str(original)
			}
			begun = true
		case begun && bytes.IndexByte(line[:min(len(line), 80)], ':') < 0 && !bytes.HasPrefix(line, []byte("From ")) && !bytes.HasPrefix(line, []byte(">From ")):
			w.str(" ")
		default:
			w.str(original + "Line: ")
			begun = true
		}
		_, _ = w.Write(line)
		if len(end) == 1 && end[0] == '\r' {
			end = []byte("\r\n") // two of them would be an empty line for who reads LF alone
		}
		_, err := w.Write(end)
		return err
	}, func() { w.line("") })
}

// eachLine calls f for each line with its end, which is CR LF, LF or CR, and in pieces where it is long: start is the first of them.
// Where the last line has no end, unended is called.
func eachLine(r io.Reader, f func(line, end []byte, start bool) error, unended func()) error {
	in := bufio.NewReaderSize(r, 16<<10)
	start, open := true, false
	for {
		window, err := in.Peek(in.Size())
		if len(window) == 0 {
			if open {
				unended()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read a spooled header: %w", err)
		}
		n := bytes.IndexAny(window, "\r\n")
		var end []byte
		switch {
		case n < 0:
			n = len(window)
		case window[n] == '\r' && n+1 == len(window) && n > 0 && err == nil:
			// its LF may follow: next time
		case window[n] == '\r' && n+1 < len(window) && window[n+1] == '\n':
			end = window[n : n+2]
		default:
			end = window[n : n+1]
		}
		if err := f(window[:n], end, start); err != nil {
			return err
		}
		start, open = len(end) > 0, len(end) == 0
		if _, err := in.Discard(n + len(end)); err != nil {
			return err
		}
	}
}

// flowed are the parameters of the mail's only text that say how its lines are to be read (RFC 3676), where its header says so.
func (p *parts) flowed() (string, error) {
	value, err := p.contentType()
	if err != nil {
		return "", err
	}
	typ, params, err := mime.ParseMediaType(value)
	if err != nil || typ != "text/plain" || !strings.EqualFold(params["format"], "flowed") {
		return "", nil
	}
	if strings.EqualFold(params["delsp"], "yes") {
		return "; format=flowed; delsp=yes", nil
	}
	return "; format=flowed", nil
}

// typeMax is how much of a Content-Type is looked at, in bytes.
const typeMax = 4 << 10

// contentType is that of the original, unfolded, as far as it is told.
func (p *parts) contentType() (string, error) {
	if p.RawHeader == nil {
		for _, f := range p.Header {
			if strings.EqualFold(f.Name, "Content-Type") {
				return strings.NewReplacer("\r", "", "\n", "").Replace(f.Value[:min(len(f.Value), typeMax)]), nil
			}
		}
		return "", nil
	}
	r, err := p.RawHeader.Open()
	if err != nil {
		return "", fmt.Errorf("read a spooled header: %w", err)
	}
	defer func() { _ = r.Close() }()
	var value []byte
	in, found := false, false
	err = eachLine(r, func(line, _ []byte, start bool) error {
		if start && len(line) > 0 && line[0] != ' ' && line[0] != '\t' {
			n := fieldNameLength(line)
			in = !found && strings.EqualFold(string(line[:n]), "Content-Type")
			if in {
				found = true
				line = line[bytes.IndexByte(line, ':')+1:]
			}
		}
		if in && len(value) < typeMax {
			value = append(value, line...)
		}
		return nil
	}, func() {})
	return string(value), err
}
