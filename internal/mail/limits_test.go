package mail_test

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"postern/internal/mail"
)

// TestSmallLimits holds the golden mails, and some that are cut in awkward places, against what is true of every message, under limits of all sizes: whatever is left
// out, every file was handed over whole, and spans are of what is kept.
func TestSmallLimits(t *testing.T) {
	t.Parallel()
	mails := map[string][]byte{
		"latin-1 page": []byte("Subject: Re: x\nContent-Type: text/html; charset=iso-8859-1\n\n" + strings.Repeat("\xe4<br>", 20) + "<div class=gmail_quote>" + strings.Repeat("\xe4<br>", 300) + "</div>"),
	}
	files, _ := filepath.Glob("testdata/golden/*.txtar")
	for _, f := range files {
		ar, err := txtar.ParseFile(f)
		if err != nil {
			t.Fatal(err)
		}
		mails[f] = ar.Files[0].Data
	}
	for name, raw := range mails {
		for _, lim := range []mail.Limits{
			{Text: 10}, {Text: 100}, {Text: 1000}, {Decoded: 50}, {Decoded: 2000}, {Parts: 1}, {Parts: 3}, {Depth: 1}, {Messages: 1}, {Header: 100}, {HeaderCount: 3},
			{Text: 300, Parts: 2, Depth: 2, Messages: 1, Addresses: 1},
		} {
			open := 0
			m, err := mail.Parse(bytes.NewReader(raw), mail.Options{Limits: lim, Attachment: func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
				open++
				b := &bytes.Buffer{}
				return b, func(*mail.Attachment) (any, error) { return b, nil }, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			if open != len(m.Attachments) {
				t.Errorf("%s, %+v: %d files were begun, %d are attachments", name, lim, open, len(m.Attachments))
			}
			for _, a := range m.Attachments {
				if b, ok := a.Ref.(*bytes.Buffer); !ok || int64(b.Len()) != a.Size {
					t.Errorf("%s, %+v: file %s of %d bytes has the reference %v", name, lim, a.Name, a.Size, a.Ref)
				}
			}
			if lim.Text > 0 && int64(max(len(m.Text), len(m.HTML))) > lim.Text {
				t.Errorf("%s, %+v: %d bytes of text, %d of HTML", name, lim, len(m.Text), len(m.HTML))
			}
			if check(t, m); t.Failed() {
				t.Fatalf("%s, %+v", name, lim)
			}
		}
	}
}

// TestDashesAreNoBoundary: a multipart whose boundary is missing, and whose text begins with the line above a signature.
func TestDashesAreNoBoundary(t *testing.T) {
	t.Parallel()
	m := parse(t, []byte("Content-Type: multipart/mixed\n\n-- \nContent-Type: text/plain\n\nHello\n"))
	if !strings.Contains(m.Text, "Hello") {
		t.Errorf("text %q", m.Text)
	}
}
