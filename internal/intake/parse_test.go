package intake

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postern/internal/fault"
	"postern/internal/spool"
)

// However many files a mail has, about 1 MiB of them stays in memory.
func TestManyFilesGoToTheDisk(t *testing.T) {
	t.Parallel()
	dir, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const files, size = 20, 200 << 10
	var b strings.Builder
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n")
	for i := range files {
		content := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fmt.Sprint(i%10), size)))
		b.WriteString("--B\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n" + content + "\r\n")
	}
	b.WriteString("--B--\r\n")
	p, err := (&Intake{spool: dir}).parse(spool.Bytes([]byte(b.String())), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	inMemory := 0
	for _, f := range p.files {
		if _, ok := f.Mem(); ok {
			inMemory++
		}
	}
	if len(p.files) != files || inMemory != maxHeld/size+1 || p.small() != files*size {
		t.Errorf("%d files, %d of them in memory, %d bytes", len(p.files), inMemory, p.small())
	}
}

// A file that holds others is done after them, and stands before them all the same: each keeps its own bytes.
func TestFilesOfFilesKeepTheirBytes(t *testing.T) {
	t.Parallel()
	dir, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const packed = "\x78\x9f\x3e\x22\x01\x00" + // a winmail.dat of two files
		"\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00" + "\x02\x0f\x80\x06\x00\x03\x00\x00\x00one\x42\x01" +
		"\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00" + "\x02\x0f\x80\x06\x00\x03\x00\x00\x00two\x5a\x01"
	raw := "Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: application/ms-tnef\r\nContent-Transfer-Encoding: binary\r\n\r\n" + packed +
		"\r\n--B\r\nContent-Type: a/b\r\n\r\nthree\r\n--B--\r\n"
	p, err := (&Intake{spool: dir}).parse(spool.Bytes([]byte(raw)), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	var got []string
	for i, a := range p.msg.Attachments {
		if p.files[i].SHA256() != a.SHA256 || p.files[i].Size() != a.Size {
			t.Errorf("%s has the bytes of another file", a.Name)
		}
		b, _ := p.files[i].Mem()
		got = append(got, string(b))
	}
	if want := []string{packed, "one", "two", "three"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestAdmission(t *testing.T) {
	t.Parallel()
	a := newAdmission(8 << 20)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	enter := func(name string, want bool, room func(context.Context) (func(), error)) func() {
		t.Helper()
		leave, err := room(gone) // who would have to wait does not
		if (err == nil) != want || err != nil && (!fault.Is(err, fault.Unavailable) || !errors.Is(err, context.Canceled)) {
			t.Errorf("%s: got %v", name, err)
		}
		return leave
	}
	parse := func(size, text int64) func(context.Context) (func(), error) {
		return func(ctx context.Context) (func(), error) { return a.parse(ctx, size, text) }
	}
	save := func(small int64) func(context.Context) (func(), error) {
		return func(ctx context.Context) (func(), error) { return a.save(ctx, small) }
	}
	first := enter("a large mail", true, parse(50<<20, 0))
	enter("another", false, parse(50<<20, 0))
	enter("a small one beside it", true, parse(4<<10, 0))()
	enter("many small files", true, save(50<<20))()
	enter("few", true, save(1<<10))
	first()
	enter("a large mail, now", true, parse(50<<20, 0))()
	enter("one of which more text is kept: all the room", true, parse(50<<20, 16<<20))
	enter("a small one beside that", false, parse(4<<10, 0))
}

// FuzzFoldedSum holds the sum that is computed in pieces against that of the folded text.
func FuzzFoldedSum(f *testing.F) {
	for _, text := range []string{
		"", " ", "a", " a  b\r\n\tc ", "a\u00a0b\u2003c\u0085d", "\xff \xe2\x80 x", strings.Repeat("word ", 500), strings.Repeat("x", 5000) + " y",
		strings.Repeat("x", 1023) + " " + strings.Repeat("y", 1023), strings.Repeat("x", 1022) + "  z",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sum := sha256.Sum256([]byte(fold(text)))
		if got, want := foldedSum(text), hex.EncodeToString(sum[:]); got != want {
			t.Errorf("foldedSum(%q) = %s, want %s", text, got, want)
		}
	})
}
