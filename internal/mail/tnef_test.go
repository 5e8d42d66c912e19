package mail_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mail"
)

const tnefStart = "\x78\x9f\x3e\x22\x01\x00"

// attribute is one of a TNEF ([MS-OXTNEF] section 2.1.3.1).
func attribute(level byte, id uint32, data string) string {
	b := []byte{level}
	b = binary.LittleEndian.AppendUint32(b, id)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	sum := uint16(0)
	for i := range len(data) {
		sum += uint16(data[i])
	}
	return string(binary.LittleEndian.AppendUint16(append(b, data...), sum))
}

// Attributes, with their types.
const (
	tnefSubject    = 0x00018004
	tnefBody       = 0x0002800c
	tnefData       = 0x0006800f
	tnefTitle      = 0x00018010
	tnefRendData   = 0x00069002
	tnefProperties = 0x00069003
	tnefAttachment = 0x00069005
	tnefCodepage   = 0x00069007
)

// property is one with a value of variable length; its tag is id and type.
func property(tag uint32, value string) string {
	b := binary.LittleEndian.AppendUint32(nil, tag)
	b = binary.LittleEndian.AppendUint32(b, 1)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(value)))
	b = append(b, value...)
	return string(append(b, make([]byte, -len(value)&3)...))
}

func properties(list ...string) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(len(list)))) + strings.Join(list, "")
}

// wideText is UTF-16.
func wideText(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s + "\x00")) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return string(b)
}

// plainRTF is RTF in the form that is not compressed ([MS-OXRTFCP] section 2.1.3.1).
func plainRTF(s string) string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(s)+12))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	return string(append(b, "MELA\x00\x00\x00\x00"...)) + s
}

// compressedRTF is RTF of which every flag says that a byte follows.
func compressedRTF(s string) string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(s)+len(s)/8+13))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(s)))
	b = append(b, "LZFu\x00\x00\x00\x00"...)
	for i := range len(s) {
		if i%8 == 0 {
			b = append(b, 0)
		}
		b = append(b, s[i])
	}
	return string(b)
}

// tnefMail is a mail of Outlook's own kind.
func tnefMail(data string) []byte {
	return []byte("From: a@example.org\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: binary\r\n\r\n" + data)
}

const iidMessage = "\x07\x03\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"

// tnefExample has a body in a code page and in RTF made from HTML, a picture in that, a file whose name comes last, and a message.
func tnefExample() string {
	const html = `{\rtf1\ansi\ansicpg1251\fromhtml1 \deff0{\fonttbl{\f0\fswiss\fcharset204 Arial;}{\f1\fmodern Courier;}}{\colortbl\red0\green0\blue0;}\uc1\pard\plain\deftab360 \f0\fs24` + "\r\n" +
		`{\*\htmltag19 <html>}{\*\htmltag34 <head>}{\*\htmltag41 </head>}{\*\htmltag50 <body>}\htmlrtf {\htmlrtf0 {\*\htmltag64 <p>}\htmlrtf {\htmlrtf0 \'cf\'f0\'e8\'e2\'e5\'f2{\*\htmltag84 &lt;}b\'3e \u8364? \{5\}` +
		`{\*\htmltag116 <br>}\htmlrtf \line\htmlrtf0 {\*\htmltag84 <img src="cid:pic1@example">}\htmlrtf {\pict 00ff}\htmlrtf0{\*\mhtmltag84 <img src="x">}\lquote x\rquote\htmlrtf }\htmlrtf0{\*\htmltag72 </p>}\htmlrtf \par}\htmlrtf0 {\*\htmltag58 </body>}{\*\htmltag27 </html>}}`
	inner := tnefStart + attribute(1, tnefCodepage, "\xe4\x04\x00\x00\x00\x00\x00\x00") +
		attribute(1, tnefProperties, properties(
			property(0x0037001f, wideText("Inner subject")), property(0x0c1a001f, wideText("Bob Lee")), property(0x5d01001f, wideText("bob@example.org")),
			"\x40\x00\x39\x00\x00\x5e\xd4\x26\x4c\x7e\xdc\x01", property(0x1000001e, "Inner text.\x00"), property(0x1035001f, wideText("<inner@example.org>")))) +
		attribute(2, tnefRendData, strings.Repeat("\x00", 14)) + attribute(2, tnefTitle, "notes.txt\x00") + attribute(2, tnefData, "inner file")
	return tnefStart + attribute(1, tnefCodepage, "\xe3\x04\x00\x00\x00\x00\x00\x00") +
		attribute(1, tnefSubject, "\xcf\xf0\xe8\xe2\xe5\xf2\x00") +
		attribute(1, tnefProperties, properties("\x03\x00\x17\x00\x01\x00\x00\x00", "\x1f\x10\x03\x80"+strings.Repeat("g", 16)+"\x01\x00\x00\x00\x06\x00\x00\x00K\x00e\x00\x00\x00\x00\x00"+
			"\x02\x00\x00\x00\x02\x00\x00\x00a\x00\x00\x00\x02\x00\x00\x00b\x00\x00\x00", "\x03\x10\x34\x12\x02\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00", property(0x10090102, compressedRTF(html)))) +
		attribute(2, tnefRendData, strings.Repeat("\x00", 14)) + attribute(2, tnefTitle, "PIC1~1.PNG\x00") + attribute(2, tnefData, "PNG data") +
		attribute(2, tnefAttachment, properties(property(0x3707001f, wideText(`C:\Temp\Bild 1.png`)), property(0x370e001f, wideText("image/png")), property(0x3712001f, wideText("pic1@example")))) +
		attribute(2, tnefRendData, strings.Repeat("\x00", 14)) + attribute(2, tnefData, "%PDF") + attribute(2, tnefTitle, "\xcf\xeb\xe0\xed.pdf\x00") +
		attribute(2, tnefRendData, strings.Repeat("\x00", 14)) + attribute(2, tnefAttachment, properties(property(0x3001001f, wideText("RE: Printer")), property(0x3701000d, iidMessage+inner)))
}

func TestTNEF(t *testing.T) {
	t.Parallel()
	var done []string
	data := tnefExample()
	m, err := mail.Parse(bytes.NewReader(tnefMail(data)), mail.Options{Attachment: func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
		var b bytes.Buffer
		return &b, func(a *mail.Attachment) (any, error) {
			done = append(done, a.Name)
			return b.String(), nil
		}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, m)
	type got struct {
		Name, Type, Data, ID string
		Inline               bool
	}
	var files []got
	for _, a := range m.Attachments {
		data := a.Ref.(string)
		if sum := sha256.Sum256([]byte(data)); a.SHA256 != hex.EncodeToString(sum[:]) || a.Size != int64(len(data)) {
			t.Errorf("%s: %d bytes, hash %s", a.Name, a.Size, a.SHA256)
		}
		files = append(files, got{a.Name, a.Type, data[:min(len(data), 8)], a.ContentID, a.Inline})
	}
	if diff := cmp.Diff([]got{
		{"winmail.dat", "application/ms-tnef", data[:8], "", false}, {"Bild 1.png", "image/png", "PNG data", "pic1@example", true},
		{"План.pdf", "application/pdf", "%PDF", "", false}, {"RE_ Printer.dat", "application/ms-tnef", data[:8], "", false},
	}, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"Bild 1.png", "План.pdf", "RE_ Printer.dat", "winmail.dat"}, done); diff != "" {
		t.Errorf("in the order of their ends (-want +got):\n%s", diff)
	}
	if want := "Привет<b> € {5}\n‘x’\n"; m.Text != want {
		t.Errorf("text %q, want %q", m.Text, want)
	}
	if want := `<html><head></head><body><p>Привет&lt;b> € {5}<br><img src="cid:pic1@example">&lsquo;x&rsquo;</p></body></html>`; m.HTML != want {
		t.Errorf("HTML\n got %q\nwant %q", m.HTML, want)
	}
	in := m.Attachments[3].Message
	if in == nil || in.Subject != "Inner subject" || len(in.From) != 1 || in.From[0].Email != "bob@example.org" || in.From[0].Name != "Bob Lee" ||
		in.Text != "Inner text." || in.MessageID != "<inner@example.org>" || in.Date.Format("2006-01-02 15:04:05") != "2026-01-05 14:04:04" ||
		len(in.Attachments) != 1 || in.Attachments[0].Name != "notes.txt" || in.Attachments[0].Size != 10 || in.Attachments[0].Ref != nil {
		t.Errorf("the message inside: %+v", in)
	}
}

// TestTNEFBody: a mail's own text wins; without, what Outlook packed is the text.
func TestTNEFBody(t *testing.T) {
	t.Parallel()
	text := attribute(1, tnefBody, "packed\r\ntext\x00")
	page := attribute(1, tnefProperties, properties(property(0x10130102, "<meta charset=windows-1251><p>\xcf\xf0\xe8")))
	rich := attribute(1, tnefProperties, properties(property(0x10090102, plainRTF(`{\rtf1\ansi{\fonttbl{\f0\fcharset128 MS Gothic;}}{\info{\title no}}\pard\f0 \'93\'fa\'96\{\par two\tab{\*\unknown no}\plain \u-10179?\u-8704?\bin3 {{{\~end\par}`))))
	for _, tt := range []struct{ name, head, data, text, html string }{
		{"text", "", text, "packed\ntext", ""},
		{"own text", "Content-Type: text/plain\r\n\r\nown\r\n", text + page, "own", ""},
		{"blank text", "Content-Type: text/plain\r\n\r\n \r\n", text, "packed\ntext", ""},
		{"html", "", page, "При\n", "<meta charset=windows-1251><p>При"},
		{"both", "", text + page, "packed\ntext", "<meta charset=windows-1251><p>При"},
		{"rtf", "", rich, "日本\ntwo\t😀\u00a0end\n", ""},
		{"rtf beside text", "", text + rich, "packed\ntext", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
			if tt.head != "" {
				raw += "--b\r\n" + tt.head
			}
			m := parse(t, []byte(raw+"--b\r\nContent-Type: application/ms-tnef\r\nContent-Transfer-Encoding: binary\r\n\r\n"+tnefStart+tt.data+"\r\n--b--\r\n"))
			if m.Text != tt.text || m.HTML != tt.html {
				t.Errorf("text %q, HTML %q; want %q, %q; %v", m.Text, m.HTML, tt.text, tt.html, m.Warnings)
			}
		})
	}
}

// TestTNEFCut: what ends early gives what there was, and says so.
func TestTNEFCut(t *testing.T) {
	t.Parallel()
	data := tnefExample()
	for n := 4; n < len(data); n += 7 {
		m := parse(t, tnefMail(data[:n]))
		check(t, m)
		if m.Attachments[0].Size != int64(n) {
			t.Fatalf("%d bytes of %d", m.Attachments[0].Size, n)
		}
	}
	if m := parse(t, tnefMail(data[:len(data)-200])); !warned(m, "tnef-malformed") || len(m.Attachments) != 4 {
		t.Errorf("%d files, %v", len(m.Attachments), m.Warnings)
	}
}

// TestLZFu is an example of [MS-OXRTFCP] section 4: text that refers to what it is about to write.
func TestLZFu(t *testing.T) {
	t.Parallel()
	packed, _ := hex.DecodeString("1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0")
	m := parse(t, tnefMail(tnefStart+attribute(1, tnefProperties, properties(property(0x10090102, string(packed))))))
	if m.Text != "WXYZWXYZWXYZWXYZWXYZ" {
		t.Errorf("text %q, %v", m.Text, m.Warnings)
	}
}

// FuzzTNEF: whatever the bytes, the file is kept whole, what comes out of it is in order, and the same each time.
func FuzzTNEF(f *testing.F) {
	f.Add([]byte(tnefExample()))
	f.Add([]byte(tnefStart + attribute(1, tnefBody, "text") + attribute(2, tnefData, "data")))
	f.Fuzz(func(t *testing.T, data []byte) {
		raw := tnefMail(tnefStart + string(data))
		m := parse(t, raw)
		check(t, m)
		if sum := sha256.Sum256([]byte(tnefStart + string(data))); m.Attachments[0].SHA256 != hex.EncodeToString(sum[:]) {
			t.Error("the file is not what it was")
		}
		again, err := mail.Parse(iotest.OneByteReader(bytes.NewReader(raw)), mail.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("not the same twice:\n%s", diff)
		}
	})
}

// FuzzRTF: whatever the rich text, what is made of it is text.
func FuzzRTF(f *testing.F) {
	f.Add(`{\rtf1\ansi\fromhtml1{\*\htmltag <p>}\htmlrtf x\htmlrtf0 y\'e4\u228?}`)
	f.Add(`{\rtf1{\fonttbl{\f1\fcharset128 x;}}\f1\'93\'fa\par\bin9 }`)
	f.Fuzz(func(t *testing.T, s string) {
		m := parse(t, tnefMail(tnefStart+attribute(1, tnefProperties, properties(property(0x10090102, plainRTF(s))))))
		check(t, m)
		if packed := parse(t, tnefMail(tnefStart+attribute(1, tnefProperties, properties(property(0x10090102, compressedRTF(s)))))); m.Text != packed.Text || m.HTML != packed.HTML {
			t.Errorf("compressed it reads %q %q, else %q %q", packed.Text, packed.HTML, m.Text, m.HTML)
		}
	})
}

// TestTNEFFilesByContent: a mail or a calendar whose name comes after its bytes is known by those, wherever the pieces end
// in which the mail is read.
func TestTNEFFilesByContent(t *testing.T) {
	t.Parallel()
	for _, fill := range []int{0, 32<<10 - 200, 32<<10 - 100, 64<<10 - 150} {
		data := tnefStart + attribute(1, 0, strings.Repeat("x", fill)) +
			attribute(2, tnefRendData, "") + attribute(2, tnefData, "From: bob@example.org\r\nSubject: inner\r\n\r\ntext\r\n") + attribute(2, tnefTitle, "mail") +
			attribute(2, tnefRendData, "") + attribute(2, tnefData, "BEGIN:VCALENDAR\nMETHOD:CANCEL\nEND:VCALENDAR\n") + attribute(2, tnefTitle, "dates")
		for _, r := range []io.Reader{bytes.NewReader(tnefMail(data)), iotest.OneByteReader(bytes.NewReader(tnefMail(data)))} {
			m, err := mail.Parse(r, mail.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(m.Attachments) != 3 || m.Attachments[1].Message == nil || m.Attachments[1].Message.Subject != "inner" || m.Calendar == nil || m.Calendar.Method != "cancel" {
				t.Errorf("with %d bytes before: %+v, %v", fill, m.Attachments, m.Calendar)
			}
		}
	}
}
