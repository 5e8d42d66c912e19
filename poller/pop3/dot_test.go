package pop3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// undot is the definition, line by line (RFC 1939 section 3): what stands before the line with a single dot, without the dots that were
// put before others; what follows that line; and whether it was there.
func undot(in []byte) (mail, rest []byte, whole bool) {
	for {
		line := in
		if i := bytes.Index(in, []byte("\r\n")); i >= 0 {
			line = in[:i+2]
		}
		if string(line) == ".\r\n" {
			return mail, in[3:], true
		}
		if !bytes.HasSuffix(line, []byte("\r\n")) {
			return mail, nil, false // what stands there may be taken or not: it is an error either way
		}
		mail = append(mail, bytes.TrimPrefix(line, []byte("."))...)
		in = in[len(line):]
	}
}

// stuff is its opposite: what a server sends of a mail.
func stuff(mail string) string {
	if mail != "" && !strings.HasSuffix(mail, "\r\n") {
		mail += "\r\n"
	}
	var out strings.Builder
	for line := range strings.SplitAfterSeq(mail, "\r\n") {
		if strings.HasPrefix(line, ".") {
			out.WriteByte('.')
		}
		out.WriteString(line)
	}
	return out.String() + ".\r\n"
}

// slowly gives its bytes in pieces as the sizes say, again and again.
type slowly struct {
	data  []byte
	sizes []byte
	n     int
}

func (s *slowly) Read(p []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	size := len(p)
	if len(s.sizes) > 0 {
		size = 1 + int(s.sizes[s.n%len(s.sizes)])
		s.n++
	}
	n := copy(p[:min(size, len(p))], s.data)
	s.data = s.data[n:]
	return n, nil
}

func FuzzDotReader(f *testing.F) {
	for _, seed := range []string{
		".\r\n", "a\r\n.\r\n", "..\r\n.\r\n", "...\r\n.\r\nnext", "a\r\n..b\r\n.\r\n+OK\r\n", "a\n.\r\nb\r\n.\r\n", "a\r.\r\n\r\n.\r\n", ".\n\r\n.\r\n",
		"\r\n\r\n.\r\n", "a\r\n.", "a\r\n.\r", "\r\n.\r\r\n.\r\n", ".\r.\r\n.\r\n", "\r\r\n.\r\n", strings.Repeat("x", 40) + "\r\n.\r\n", "\n.\n.\n.\r\n\r\n.\r\n", "..",
	} {
		f.Add([]byte(seed), []byte{0}, 1)
		f.Add([]byte(seed), []byte{2, 0, 1}, 3)
		f.Add([]byte(seed), []byte{255}, 64)
	}
	f.Fuzz(func(t *testing.T, in, sizes []byte, size int) {
		want, wantRest, whole := undot(in)
		r := bufio.NewReaderSize(&slowly{data: bytes.Clone(in), sizes: sizes}, 16)
		d := &dotReader{r: r}
		var got []byte
		p := make([]byte, 1+max(0, size)%100)
		var err error
		for err == nil {
			var n int
			n, err = d.Read(p)
			got = append(got, p[:n]...)
			if len(got) > len(in) {
				t.Fatalf("more came out than went in")
			}
			if n == 0 && err == nil {
				t.Fatal("nothing, and no error")
			}
		}
		if !whole {
			if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(got, want) {
				t.Fatalf("%q: got %q, %v; want an unexpected end behind %q", in, got, err, want)
			}
			return
		}
		rest, _ := io.ReadAll(r)
		if err != io.EOF || !bytes.Equal(got, want) || !bytes.Equal(rest, wantRest) {
			t.Fatalf("%q: got %q, %v, and then %q; want %q, and then %q", in, got, err, rest, want, wantRest)
		}
		if n, err := d.Read(p); n != 0 || err != io.EOF {
			t.Fatalf("after the end: got %d, %v", n, err)
		}
	})
}

// A mail comes as it was sent, whatever it holds and wherever it is cut.
func FuzzRoundTrip(f *testing.F) {
	for _, seed := range []string{"", ".", "..", "a", ".\r\n", "a\r\n.\r\n..\r\n", "\n.\r\n", "a\r", "a\n", strings.Repeat(".", 20), strings.Repeat("\r\n.", 9)} {
		f.Add(seed, []byte{0})
		f.Add(seed, []byte{6, 1})
	}
	f.Fuzz(func(t *testing.T, mail string, sizes []byte) {
		d := &dotReader{r: bufio.NewReaderSize(&slowly{data: []byte(stuff(mail) + "+OK"), sizes: sizes}, 16)}
		got, err := io.ReadAll(d)
		if mail != "" && !strings.HasSuffix(mail, "\r\n") {
			mail += "\r\n"
		}
		if err != nil || string(got) != mail {
			t.Fatalf("got %q, %v, want %q", got, err, mail)
		}
	})
}

func TestDotReaderAtEdges(t *testing.T) {
	t.Parallel()
	mail := "..a\r\n.\r\n...\r\n" + strings.Repeat("long ", 3000) + "\r\n.\n\r\n\r.\r\n"
	for lead := range 40 { // so that each byte stands at the buffer's edge once
		lead := strings.Repeat("x", lead)
		for name, r := range map[string]io.Reader{
			"whole":      strings.NewReader(stuff(lead + mail)),
			"bytes":      iotest.OneByteReader(strings.NewReader(stuff(lead + mail))),
			"data + EOF": iotest.DataErrReader(strings.NewReader(stuff(lead + mail))),
		} {
			d := &dotReader{r: bufio.NewReaderSize(r, 32)}
			if err := iotest.TestReader(d, []byte(lead+mail)); err != nil {
				t.Errorf("%s, %d before: %v", name, len(lead), err)
			}
		}
	}
}
