package mail_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mail"
)

func TestAttachmentBytesReachTheirWriter(t *testing.T) {
	t.Parallel()
	raw := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n/w==\r\n" +
		"--b\r\nContent-Type: application/x-raw; name=b.bin\r\nContent-Transfer-Encoding: binary\r\n\r\n-- not a delimiter\r\n\x00\r\r\n\xff\n\r\n" +
		"--b\r\nContent-Type: text/csv; name=c.csv\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=2Cb=\r\n,c \r\nlast=\r\n\r\n--b--\r\n"
	want := []string{"\x00\x01\x02\xff", "-- not a delimiter\r\n\x00\r\r\n\xff\n", "a,b,c\r\nlast"}
	var got []string
	m, err := mail.Parse(strings.NewReader(raw), mail.Options{Attachment: func(a *mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
		var b bytes.Buffer
		return &b, func(a *mail.Attachment) (any, error) {
			got = append(got, b.String())
			return len(got), nil
		}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("bytes (-want +got):\n%s", diff)
	}
	for i, a := range m.Attachments {
		sum := sha256.Sum256([]byte(want[i]))
		if a.SHA256 != hex.EncodeToString(sum[:]) || a.Size != int64(len(want[i])) || a.Ref != i+1 {
			t.Errorf("attachment %d: %+v", i, a)
		}
	}
}

// TestBase64ThatIsNone: text that is labelled base64 and was never encoded, or only above a footer, is text.
func TestBase64ThatIsNone(t *testing.T) {
	t.Parallel()
	const word = "R3LDvMOfZQo=" // Grüße
	for _, tt := range []struct{ body, want string }{
		{"Hello Support, this is not encoded.\nAnn\n", "Hello Support, this is not encoded.\nAnn\n"},
		{"Hello,\n\nneither is this.\n", "Hello,\n\nneither is this.\n"},
		{word + "\n\n_______________\nusers mailing list\nhttps://example.org/\n", "Grüße\n_______________\nusers mailing list\nhttps://example.org/\n"},
		{word + "\n" + word + "\n", "Grüße\nGrüße\n"}, // encoded in pieces
		{"R3LD\n  vMOf  \nZQo=\n", "Grüße\n"},
		{strings.Repeat("QUJD", 15) + " " + strings.Repeat("QUJD", 15) + "\n", strings.Repeat("ABC", 30)}, // lines joined by a space
		{strings.Repeat("QUJD", 20_000) + "\n", strings.Repeat("ABC", 20_000)},
		{"R3LD!vMOf*ZQo=\n", "Grüße\n"},
	} {
		m := parse(t, []byte("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"+tt.body))
		if m.Text != tt.want {
			t.Errorf("%.80q:\n got %.80q\nwant %.80q", tt.body, m.Text, tt.want)
		}
	}
}

var errDisk = errors.New("disk full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errDisk }

func TestErrorsAreTheCallers(t *testing.T) {
	t.Parallel()
	raw := fileMail(100 << 10)
	for _, tt := range []struct {
		name string
		at   func() (io.Writer, func(*mail.Attachment) (any, error), error)
	}{
		{"open", func() (io.Writer, func(*mail.Attachment) (any, error), error) { return nil, nil, errDisk }},
		{"write", func() (io.Writer, func(*mail.Attachment) (any, error), error) { return failing{}, nil, nil }},
		{"done", func() (io.Writer, func(*mail.Attachment) (any, error), error) {
			return nil, func(*mail.Attachment) (any, error) { return nil, errDisk }, nil
		}},
	} {
		_, err := mail.Parse(bytes.NewReader(raw), mail.Options{Attachment: func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) { return tt.at() }})
		if !errors.Is(err, errDisk) {
			t.Errorf("%s: got error %v, want that of the disk", tt.name, err)
		}
	}
	if _, err := mail.Parse(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(raw))), mail.Options{}); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("got error %v, want that of the reader", err)
	}
	if _, err := mail.Parse(stuck{}, mail.Options{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got error %v of a reader that gives nothing", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// TestCutAnywhere: a message that ends too early is a message.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	raw := fileMail(300)
	for n := range raw {
		check(t, parse(t, raw[:n]))
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	lim := mail.Limits{Header: 1000, HeaderCount: 10, Parts: 5, Depth: 3, Text: 100, Decoded: 300, Addresses: 4}
	var nested strings.Builder
	for i := range 5 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	tests := []struct {
		name, raw, code string
		ok              func(m *mail.Message) bool
	}{
		{"header bytes", "X-A: 1\r\nX-B: " + strings.Repeat("x", 2000) + "\r\nX-C: 3\r\n\r\ntext", "header-too-large",
			func(m *mail.Message) bool { return m.Get("X-A") == "1" && m.Text == "text" }},
		{"header fields", strings.Repeat("X-A: 1\r\n", 50) + "\r\ntext", "header-too-large",
			func(m *mail.Message) bool { return len(m.Header) == 10 && m.Text == "text" }},
		{"parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: a/b\r\n\r\nx\r\n", 20), "too-many-parts",
			func(m *mail.Message) bool { return len(m.Attachments) == 4 }},
		{"depth", nested.String() + "\r\ntext", "too-deep", func(m *mail.Message) bool { return m.Text == "" }},
		{"text", "\r\n" + strings.Repeat("ä", 500), "text-truncated", func(m *mail.Message) bool { return len(m.Text) == 100 && m.Truncated }},
		{"texts together", "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\n"+strings.Repeat("a", 40)+"\r\n", 4), "text-truncated",
			func(m *mail.Message) bool { return len(m.Text) <= 100 && len(m.Text) > 80 && m.Truncated }},
		{"decoded", "Content-Type: a/b\r\n\r\n" + strings.Repeat("x", 5000), "too-large", func(m *mail.Message) bool { return m.Attachments[0].Size == 300 }},
		{"media type", "Content-Type: application/" + strings.Repeat("x", 500) + "\r\nContent-ID: <" + strings.Repeat("x", 300) + ">\r\n\r\nx", "content-type-malformed",
			func(m *mail.Message) bool { return m.Attachments[0].Type == "application/octet-stream" }},
		{"addresses", "From: a@b\r\nTo: " + strings.Repeat("a@b, ", 20) + "\r\n\r\n", "addresses-too-many", func(m *mail.Message) bool { return len(m.To) == 4 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := mail.Parse(strings.NewReader(tt.raw), mail.Options{Limits: lim})
			if err != nil {
				t.Fatal(err)
			}
			check(t, m)
			if !warned(m, tt.code) {
				t.Errorf("no warning %s among %v", tt.code, m.Warnings)
			}
			if !tt.ok(m) {
				t.Errorf("got %d fields, %d attachments, text of %d bytes: %.200q %+v", len(m.Header), len(m.Attachments), len(m.Text), m.Text, m.To)
			}
		})
	}
}

// TestTime: a message that takes too long is kept as far as it was read, and says so. Waiting for the reader is not counted.
func TestTime(t *testing.T) {
	t.Parallel()
	raw := "Subject: long\r\n\r\n" + strings.Repeat("a line of text\r\n", 20_000)
	m, err := mail.Parse(strings.NewReader(raw), mail.Options{Limits: mail.Limits{Time: 1}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, m)
	if !warned(m, "too-slow") || m.Subject != "long" || len(m.Text) == 0 || len(m.Text) > 100_000 {
		t.Errorf("%d bytes of text, warnings %v", len(m.Text), m.Warnings)
	}
	synctest.Test(t, func(t *testing.T) {
		m, err := mail.Parse(slowReader{strings.NewReader(raw)}, mail.Options{Limits: mail.Limits{Time: time.Second}})
		if err != nil || warned(m, "too-slow") {
			t.Errorf("%v, warnings %v", err, m.Warnings)
		}
	})
}

// slowReader takes an hour for each read.
type slowReader struct{ r io.Reader }

func (s slowReader) Read(b []byte) (int, error) {
	time.Sleep(time.Hour)
	return s.r.Read(b)
}

func warned(m *mail.Message, code string) bool {
	for _, w := range m.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

// TestHostile parses as much of each kind of trouble as a header or a text may be long here, and some more that is only
// passed by. What is linear takes a fraction of the time that it may take, also under the race detector; what is
// quadratic takes a hundred times as long, or copies gigabytes. BenchmarkHostile has the figures of 100 MB.
func TestHostile(t *testing.T) {
	const size = 300 << 10
	lim := mail.Limits{Header: 256 << 10, Text: 256 << 10}
	for _, h := range hostiles(size) {
		t.Run(h.name, func(t *testing.T) {
			before, made := cpu(), allocated()
			m, err := mail.Parse(h.reader(), mail.Options{Limits: lim})
			if err != nil {
				t.Fatal(err)
			}
			d, n := cpu()-before, allocated()-made
			t.Logf("%v of processor time, %.1f MB allocated", d, float64(n)/(1<<20))
			if d > 2*time.Second {
				t.Errorf("took %v of processor time", d)
			}
			if n > 100*size {
				t.Errorf("allocated %d MB", n>>20)
			}
			checkSpans(t, m)
		})
	}
}

// TestMemoryDoesNotGrowWithAttachments: 32 large mails at once, read as they are made. The heap stays below
// the size of a few of them.
func TestMemoryDoesNotGrowWithAttachments(t *testing.T) {
	head := "From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	const size = 1 << 20
	runtime.GC()
	before := heap()
	stop, top := make(chan struct{}), make(chan uint64)
	go watchHeap(stop, top)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			m, err := mail.Parse(io.MultiReader(strings.NewReader(head), &repeated{s: strings.Repeat("QUJD", 19) + "\r\n", left: size}), mail.Options{})
			if err != nil || len(m.Attachments) != 1 || m.Attachments[0].Size < size/2 {
				t.Errorf("got %+v, %v", m, err)
			}
		})
	}
	wg.Wait()
	close(stop)
	if grown := int64(<-top) - int64(before); grown > 8*size {
		t.Errorf("the heap grew by %d MB", grown>>20)
	} else {
		t.Logf("the heap grew by %.1f MB", float64(grown)/(1<<20))
	}
}
