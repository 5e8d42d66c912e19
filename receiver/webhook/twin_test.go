package webhook

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"postern/internal/mail"
	"postern/internal/spool"
)

// TestTwins takes real and broken mails apart as a provider does, and puts them together again: what intake tells one mail from
// another by (key.go and twin.go in internal/intake) is the same in both.
func TestTwins(t *testing.T) {
	t.Parallel()
	tools := rebuildTools(t)
	mails := 0
	for name, raw := range cases(t) {
		p, whole := apart(t, raw)
		if !whole {
			continue
		}
		mails++
		one, two := readBack(t, raw), readBack(t, mustRebuild(t, tools, p))
		if one.MessageID != two.MessageID || !one.Date.Equal(two.Date) || author(one) != author(two) || one.Subject != two.Subject {
			t.Errorf("%s: got %q %v %q %q, want %q %v %q %q", name, two.MessageID, two.Date, author(two), two.Subject, one.MessageID, one.Date, author(one), one.Subject)
		}
		if a, b := squeezed(one.HTML), squeezed(two.HTML); a != b {
			t.Errorf("%s: HTML %.200q, want %.200q", name, b, a)
		}
		if a, b := unquoted(one.Text), unquoted(two.Text); a != b {
			t.Errorf("%s: text %.300q, want %.300q", name, two.Text, one.Text)
		}
		if a, b := sums(one), sums(two); !slices.Equal(a, b) {
			t.Errorf("%s: files %q, want %q", name, names(two), names(one))
		}
		for _, list := range [][2][]mail.Address{{one.To, two.To}, {one.Cc, two.Cc}} {
			if !slices.Equal(list[0], list[1]) {
				t.Errorf("%s: recipients %v, want %v", name, list[1], list[0])
			}
		}
	}
	if mails < 500 {
		t.Errorf("only %d mails were compared", mails)
	}
}

// cases are the mails of internal/mail's tests.
func cases(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(filepath.Join("..", "..", "internal", "mail", "testdata"), func(path string, _ fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || ext != ".eml" && ext != ".txtar" {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if filepath.Ext(path) == ".eml" {
			out[path] = string(b)
			return nil
		}
		_, rest, _ := bytes.Cut(b, []byte(".eml --\n"))
		first, _, _ := bytes.Cut(rest, []byte("\n-- "))
		out[path] = string(first) + "\n"
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatal(err)
	}
	return out
}

// apart takes a mail apart. It says no where there are files within files, which no provider gives out beside those that hold them.
func apart(t *testing.T, raw string) (_ *parts, whole bool) {
	t.Helper()
	open, inner := 0, false
	m, err := mail.Parse(strings.NewReader(raw), mail.Options{
		Attachment: func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
			inner = inner || open > 0
			open++
			b := &bytes.Buffer{}
			return b, func(*mail.Attachment) (any, error) { open--; return spool.Bytes(b.Bytes()), nil }, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &parts{Provider: "test"}
	var head strings.Builder
	for _, f := range m.Header {
		head.Write(f.Raw)
	}
	p.RawHeader = bodyOf(head.String())
	if m.Text != "" {
		p.Text = &textPart{"utf-8", bodyOf(m.Text)}
	}
	if m.HTML != "" {
		p.HTML = &textPart{"utf-8", bodyOf(m.HTML)}
	}
	for _, a := range m.Attachments {
		inner = inner || strings.HasSuffix(a.Type, "pkcs7-mime") // the text stands in it
		p.Files = append(p.Files, filePart{Name: a.Name, Type: a.Type, ContentID: a.ContentID, Inline: a.Inline, Body: a.Ref.(*spool.Body)})
	}
	return p, !inner
}

func author(m readMail) string {
	if len(m.From) == 0 {
		return ""
	}
	return m.From[0].Email
}

func sums(m readMail) (out []string) {
	for _, a := range m.Attachments {
		out = append(out, a.SHA256)
	}
	slices.Sort(out)
	return out
}

func names(m readMail) (out []string) {
	for _, a := range m.Attachments {
		out = append(out, a.Name+" "+a.Type)
	}
	return out
}

// squeezed is s without white space.
func squeezed(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

// unquoted is s without white space, and without the marks of quotes.
func unquoted(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(squeezed(strings.TrimLeft(line, "> \t")))
	}
	return b.String()
}
