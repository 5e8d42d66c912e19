package mail_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mail"
)

// uuencode is what the program of that name writes; space stands for zero in old ones, which lose it at the end of lines.
func uuencode(name string, data []byte, zero byte, stripped bool) string {
	var b strings.Builder
	b.WriteString("begin 644 " + name + "\n")
	for first := true; first || len(data) > 0; first = false {
		n := min(45, len(data))
		char := func(v byte) byte {
			if v == 0 {
				return zero
			}
			return v + ' '
		}
		ln := []byte{char(byte(n))}
		for i := 0; i < n; i += 3 {
			var v [3]byte
			copy(v[:], data[i:n])
			ln = append(ln, char(v[0]>>2), char(v[0]&3<<4|v[1]>>4), char(v[1]&15<<2|v[2]>>6), char(v[2]&63))
		}
		if stripped {
			ln = bytes.TrimRight(ln, " ")
		}
		b.Write(ln)
		b.WriteByte('\n')
		data = data[n:]
	}
	return b.String() + string(zero) + "\nend\n"
}

// binhex is BinHex 4.0 of a file without resources.
func binhex(name string, data []byte) string {
	sum := func(b []byte) []byte {
		var crc uint32
		for _, c := range append(b[:len(b):len(b)], 0, 0) {
			crc = crc<<8 | uint32(c)
			for bit := 23; bit >= 16; bit-- {
				if crc>>bit&1 == 1 {
					crc ^= 0x11021 << (bit - 16)
				}
			}
		}
		return binary.BigEndian.AppendUint16(nil, uint16(crc))
	}
	head := append([]byte{byte(len(name))}, name...)
	head = append(head, "\x00TEXTttxt\x00\x00"...)
	head = binary.BigEndian.AppendUint32(head, uint32(len(data)))
	head = append(head, 0, 0, 0, 0)
	all := append(head, sum(head)...)
	all = append(append(append(all, data...), sum(data)...), 0, 0)
	var packed []byte
	for i := 0; i < len(all); {
		n := 1
		for i+n < len(all) && all[i+n] == all[i] && n < 255 {
			n++
		}
		switch {
		case all[i] == 0x90:
			packed = append(packed, 0x90, 0)
			n = 1
		case n > 3:
			packed = append(packed, all[i], 0x90, byte(n))
		default:
			packed = append(packed, all[i])
			n = 1
		}
		i += n
	}
	const alphabet = "!\"#$%&'()*+,-012345689@ABCDEFGHIJKLMNPQRSTUVXYZ[`abcdefhijklmpqr"
	text := []byte{':'}
	for len(packed)%3 != 0 {
		packed = append(packed, 0)
	}
	for i := 0; i < len(packed); i += 3 {
		v := uint32(packed[i])<<16 | uint32(packed[i+1])<<8 | uint32(packed[i+2])
		text = append(text, alphabet[v>>18], alphabet[v>>12&63], alphabet[v>>6&63], alphabet[v&63])
	}
	text = append(text, ':')
	var b strings.Builder
	b.WriteString("(This file must be converted with BinHex 4.0)\n\n")
	for len(text) > 64 {
		b.Write(text[:64])
		b.WriteByte('\n')
		text = text[64:]
	}
	return b.String() + string(text) + "\n"
}

// yenc is yEnc in one part.
func yenc(name string, data []byte) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "=ybegin line=128 size=%d name=%s\n", len(data), name)
	for i, c := range data {
		switch c += 42; c {
		case 0, '\n', '\r', '=':
			b.Write([]byte{'=', c + 64})
		default:
			b.WriteByte(c)
		}
		if i%128 == 127 {
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "\n=yend size=%d\n", len(data))
	return b.String()
}

// parseFiles returns the message and the bytes of its files.
func parseFiles(t testing.TB, raw string, lim mail.Limits) (*mail.Message, []string) {
	t.Helper()
	m, err := mail.Parse(strings.NewReader(raw), mail.Options{Limits: lim, Attachment: func(*mail.Attachment) (io.Writer, func(*mail.Attachment) (any, error), error) {
		var b bytes.Buffer
		return &b, func(*mail.Attachment) (any, error) { return b.String(), nil }, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, m)
	files := []string{}
	for _, a := range m.Attachments {
		files = append(files, a.Ref.(string))
	}
	return m, files
}

func TestFilesInText(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewSource(1))
	var datas [][]byte
	for _, n := range []int{0, 1, 2, 3, 44, 45, 46, 90, 1000, 100_000} {
		b := make([]byte, n)
		_, _ = rnd.Read(b)
		datas = append(datas, b, make([]byte, n), bytes.Repeat([]byte{0x90}, n))
	}
	for i, data := range datas {
		for _, block := range []string{
			uuencode("a b.txt", data, '`', false), uuencode("a b.txt", data, ' ', false), uuencode("a b.txt", data, ' ', true), binhex("a b.txt", data), yenc("a b.txt", data),
		} {
			if len(data) == 0 && strings.HasPrefix(block, "begin") {
				continue // an empty one is no file
			}
			for _, eol := range []string{"\n", "\r\n"} {
				raw := strings.ReplaceAll("Content-Transfer-Encoding: 8bit\n\nBefore.\n"+block+"After.\n", "\n", eol)
				m, files := parseFiles(t, raw, mail.Limits{})
				if m.Text != "Before.\nAfter.\n" {
					t.Fatalf("%d: text %.200q of %.200q", i, m.Text, raw)
				}
				if len(files) != 1 || files[0] != string(data) || m.Attachments[0].Name != "a b.txt" || m.Attachments[0].Type != "text/plain" {
					t.Fatalf("%d: files %.200q of %.200q, %v", i, files, raw, m.Attachments)
				}
			}
		}
	}
}

// TestTextThatIsNoFile: people write about these formats, and blocks get damaged. That stays text.
func TestTextThatIsNoFile(t *testing.T) {
	t.Parallel()
	block := uuencode("a.txt", []byte(strings.Repeat("data ", 30)), '`', false)
	hex := binhex("a.txt", []byte(strings.Repeat("data ", 30)))
	enc := yenc("a.txt", []byte(strings.Repeat("data ", 30)))
	for _, text := range []string{
		"begin 644 a.txt\nI mean such a line,\nend\n", "begin 644 a.txt\nM\n", "begin 644 is how it begins\n\nend\n", "begin 644 a.txt\n`\nend\n", "begin again\nend\n", "begin 99 a\nend\n", "begin 644 \n`\nend\n", "begin 888 a\n`\nend\n",
		strings.ReplaceAll(block, "\n", "\n> ")[:len(block)], "> " + strings.ReplaceAll(block, "\n", "\n> "), strings.Replace(block, "end\n", "", 1), block[:60] + "a" + block[60:], strings.Replace(block, "`\nend", "`\nM\nend", 1),
		strings.Replace(hex, ":", "", 1), hex[:len(hex)-2] + "\n", hex[:60] + hex[70:], "(This file must be converted with BinHex 4.0)\n\n:!!!!:\n", "(This file must be converted with BinHex 4.0)\nwhy?\n", hex[:100] + "o" + hex[101:],
		strings.Replace(enc, "size=150", "size=151", 1), strings.Replace(enc, "=yend", "=yen", 1), strings.Replace(enc, " name=", " part=1 name=", 1), "=ybegin line=128 size=0\n=yend size=0\n",
	} {
		m, files := parseFiles(t, "Content-Type: text/plain; charset=iso-8859-1\n\n"+text+"\nAnn\n", mail.Limits{})
		if len(files) != 0 || !strings.HasSuffix(m.Text, "\nAnn\n") || len([]rune(m.Text)) != len(text)+5 {
			t.Errorf("%.200q: text %.200q, files %.100q", text, m.Text, files)
		}
	}
}

// TestLongFileInText: a file that is longer than the text may be is whole all the same; what follows it is not kept.
func TestLongFileInText(t *testing.T) {
	t.Parallel()
	data := make([]byte, 300_000)
	_, _ = rand.New(rand.NewSource(1)).Read(data)
	block := uuencode("a.zip", data, '`', false)
	for _, tt := range []struct {
		name, text, code string
		want             []string
	}{
		{"whole", "Text.\n" + block + "More.\n", "text-truncated", []string{string(data)}},
		{"first", block, "text-truncated", []string{string(data)}},
		{"second", uuencode("b", []byte("b"), '`', false) + "Text.\n" + block, "text-truncated", []string{string(data), "b"}},
		{"cut", "Text.\n" + block[:len(block)-1000], "uuencode-malformed", nil},
		{"damaged", "Text.\n" + block[:100_000] + "here is text\n" + block[100_000:], "uuencode-malformed", nil},
		{"no file", "Text.\nbegin 644 a.zip\n" + strings.Repeat("Not this.\n", 10_000), "text-truncated", []string{}},
	} {
		for _, eol := range []string{"\n", "\r\n"} {
			m, files := parseFiles(t, strings.ReplaceAll("Subject: x\n\n"+tt.text, "\n", eol), mail.Limits{Text: 50_000})
			if !warned(m, tt.code) || strings.Contains(m.Text, block[100:160]) || tt.name != "no file" && len(m.Text) > 20 {
				t.Errorf("%s: text %.100q, %v", tt.name, m.Text, m.Warnings)
			}
			if tt.want == nil {
				if len(files) != 1 || len(files[0]) < 60_000 || !strings.HasPrefix(string(data), files[0][:60_000]) {
					t.Errorf("%s: %d files", tt.name, len(files))
				}
			} else if diff := cmp.Diff(tt.want, files); diff != "" {
				t.Errorf("%s: files differ: %.200s", tt.name, diff)
			}
		}
	}
}

// FuzzFilesInText: what is packed comes out, wherever it stands, and nothing else of the text is lost.
func FuzzFilesInText(f *testing.F) {
	f.Add("Hello\n", []byte("data"), "Bye\n")
	f.Add("begin 644 a\nM\n", []byte("\x90\x90"), "end\n=yend size=2\n")
	f.Fuzz(func(t *testing.T, before string, data []byte, after string) {
		for _, c := range before + after {
			if c > '~' || c < ' ' && c != '\n' {
				return
			}
		}
		if strings.Contains(before+after, "begin") || strings.Contains(before+after, "BinHex") || len(before+after)+len(data) > 100_000 {
			return
		}
		for _, block := range []string{uuencode("a.bin", data, '`', false), binhex("a.bin", data), yenc("a.bin", data)} {
			if len(data) == 0 && strings.HasPrefix(block, "begin") {
				continue
			}
			m, files := parseFiles(t, "X-A: b\nContent-Type: text/plain\nContent-Transfer-Encoding: 8bit\n\n"+before+"\n"+block+after, mail.Limits{})
			if len(files) != 1 || files[0] != string(data) || m.Text != before+"\n"+after {
				t.Errorf("text %q, files %q of %q", m.Text, files, block)
			}
		}
	})
}

// TestPackedInsideLine: a block begins with a line; in the middle of one it is text.
func TestPackedInsideLine(t *testing.T) {
	t.Parallel()
	text := "begin begin 644 a.txt\n#0V%T\n`\nend\n"
	if m := parse(t, []byte("Subject: x\n\n"+text)); len(m.Attachments) > 0 || m.Text != text {
		t.Errorf("text %q, %d files", m.Text, len(m.Attachments))
	}
}
