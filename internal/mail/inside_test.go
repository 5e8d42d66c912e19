package mail_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"postern/internal/mail"
)

// attached is a mail with n mails in it, each of which has a text of size bytes.
func attached(n, size int) string {
	var b strings.Builder
	b.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nouter\r\n")
	for i := range n {
		fmt.Fprintf(&b, "--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: a@example.org\r\nSubject: %d\r\n\r\n%s\r\n", i, strings.Repeat("a", size))
	}
	b.WriteString("--b\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--b--\r\n")
	return b.String()
}

// TestMailsShareLimits: the mails in a mail cost together what one may, and take nothing from the one that they are in.
func TestMailsShareLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		lim         mail.Limits
		read, whole int // mails that are read, and those of them that are whole
	}{
		{"none", mail.Limits{}, 9, 9},
		{"text", mail.Limits{Text: 2500}, 3, 2},
		{"header", mail.Limits{Header: 60}, 9, 1},
		{"parts", mail.Limits{Parts: 12}, 9, 9},
		{"decoded", mail.Limits{Decoded: 11_000}, 9, 9},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, err := mail.Parse(strings.NewReader(attached(9, 1000)), mail.Options{Limits: tt.lim})
			if err != nil {
				t.Fatal(err)
			}
			check(t, m)
			if m.Text != "outer" || len(m.Attachments) != 10 || m.Attachments[9].Type != "application/pdf" || m.Attachments[9].Size != 4 {
				t.Fatalf("the mail around them is not whole: %q, %d attachments", m.Text, len(m.Attachments))
			}
			read, whole := 0, 0
			for _, a := range m.Attachments[:9] {
				if a.Message == nil {
					continue
				}
				read++
				if len(a.Message.Text) == 1000 && a.Message.Subject != "" {
					whole++
				}
			}
			if read != tt.read || whole != tt.whole {
				t.Errorf("%d mails were read, %d whole; want %d and %d", read, whole, tt.read, tt.whole)
			}
		})
	}
}

// TestMailInsideIsTheMail: what is read of a mail that is a file is what Parse reads of it alone.
func TestMailInsideIsTheMail(t *testing.T) {
	t.Parallel()
	for _, raw := range [][]byte{plainMail(100 << 10), htmlMail(), fileMail(100 << 10), []byte(attached(2, 10))} {
		want := parse(t, raw)
		outer := append([]byte("Content-Type: message/rfc822\r\n\r\n"), raw...)
		var file bytes.Buffer
		m, err := mail.Parse(bytes.NewReader(outer), mail.Options{Attachment: func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
			return &file, nil, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(file.Bytes(), raw) {
			t.Error("the file is not the mail")
		}
		got := m.Attachments[0].Message
		if got == nil {
			t.Fatal("not read")
		}
		a, _ := got.MarshalParsed("")
		b, _ := want.MarshalParsed("")
		if !bytes.Equal(a, b) {
			t.Errorf("got %.300s\nwant %.300s", a, b)
		}
	}
}

// TestPanicsCrossMails: the attachment writer of signed content runs in the reader of the file that it is in.
func TestPanicsCrossMails(t *testing.T) {
	t.Parallel()
	raw := "Content-Type: application/pkcs7-mime\r\n\r\n" + cmsHead + "\x04\x7fContent-Type: application/pdf\r\n\r\n%PDF" + strings.Repeat("x", 200)
	opened := 0
	parse := func(fails error) (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = r.(error)
			}
		}()
		opened = 0
		_, err = mail.Parse(strings.NewReader(raw), mail.Options{Attachment: func(a *mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
			if opened++; a.Type != "application/pdf" {
				return nil, nil, nil
			}
			if fails == nil {
				panic(errors.New("panicked"))
			}
			return nil, nil, fails
		}})
		return err
	}
	if err := parse(errDisk); !errors.Is(err, errDisk) || opened != 2 {
		t.Errorf("got error %v after %d files", err, opened)
	}
	if err := parse(nil); err == nil || err.Error() != "panicked" {
		t.Errorf("got error %v", err)
	}
}
