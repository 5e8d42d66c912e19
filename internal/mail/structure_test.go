package mail_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestStructure is how senders write multiparts down. What a mail has is told in one line: text, HTML, files with their
// types, those in brackets that are shown in the text.
func TestStructure(t *testing.T) {
	t.Parallel()
	const mixed = "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
	const alternative = "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nplain\n--b\n"
	for _, tt := range []struct{ name, raw, want string }{
		{"quoted by apostrophes", "Content-Type: multipart/mixed; boundary='b c'\n\n--b c\n\ntext\n--b c--\n", "text | "},
		{"apostrophes are its own", "Content-Type: multipart/mixed; boundary='bc'\n\n--'bc'\n\ntext\n--'bc'--\n", "text | "},
		{"quote not closed", "Content-Type: multipart/mixed; boundary=\"bc\n\n--bc\n\ntext\n--bc--\n", "text | "},
		{"comment behind", "Content-Type: multipart/mixed; boundary=bc (a comment)\n\n--bc\n\ntext\n--bc--\n", "text | "},
		{"comments around", "Content-Type: multipart/mixed (x); boundary=\"bc\" (a comment); charset=x\n\n--bc\n\ntext\n--bc--\n", "text | "},
		{"continued", "Content-Type: multipart/mixed; boundary*0=b; boundary*1=c\n\n--bc\n\ntext\n--bc--\n", "text | "},
		{"spaces around", "Content-Type: multipart/mixed ; boundary = \"bc\" \n\n--bc\n\ntext\n--bc--\n", "text | "},
		{"folded", "Content-Type: multipart/mixed;\n\tboundary=\"b\n c\"\n\n--b c\n\ntext\n--b c--\n", "text | "},
		{"no semicolon", "Content-Type: multipart/mixed boundary=bc\n\n--bc\nContent-Type: text/plain\n\ntext\n--bc--\n", "text | "},
		{"other case", "Content-Type: Multipart/Mixed; BOUNDARY=Bc\n\n--bc\n\ntext\n--bc--\n", "text | "},
		{"backslash", "Content-Type: multipart/mixed; boundary=\"b\\_c\"\n\n--b_c\n\ntext\n--b_c--\n", "text | "},
		{"dashes counted twice", "Content-Type: multipart/mixed; boundary=\"--bc\"\n\n--bc\n\ntext\n--bc--\n", "text | "},
		{"white space behind", "Content-Type: multipart/mixed; boundary=bc\n\n--bc \t\n\ntext\n--bc-- \n", "text | "},
		{"prefix of its own", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--bc\ntext\n--b-\n--b--\n", "--bc\ntext\n--b- | "},
		{"used again inside", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nplain\n--b\nContent-Type: text/html\n\n<p>html\n--b--\n--b\nContent-Type: application/pdf\n\n%PDF\n--b--\n", "plain | <p>html attachment.pdf application/pdf"},
		{"encoded as a whole", "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\nLS1iCgp0ZXh0Ci0tYgpDb250ZW50LVR5\ncGU6IGEvYjsgbmFtZT14CgpmaWxlCi0t\nYi0tCg==\n", "text |  x a/b"},
		{"says encoded", "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n\ntext\n--b--\n", "text | "},
		{"ends in the delimiter", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\ntext\n--b\nContent-Type: a/b\n\nfile\n--b-", "text |  attachment.bin a/b"},
		{"no part at all", "Content-Type: multipart/mixed; boundary=b\n\njust text\n\nmore\n", "just text\n\nmore | "},

		{"file among alternatives", alternative + "Content-Type: text/html\n\n<p>html\n--b\nContent-Type: application/pdf; name=a.pdf\n\n%PDF\n--b--\n", "plain | <p>html a.pdf application/pdf"},
		{"files in an alternative", alternative + "Content-Type: multipart/mixed; boundary=c\n\n--c\nContent-Type: text/html\n\n<p>one\n--c\nContent-Type: image/png\n\nPNG\n--c\nContent-Type: text/html\n\n<p>two\n--c--\n--b--\n", "plain | <p>one\n\n<p>two attachment.png image/png"},
		{"text file among alternatives", alternative + "Content-Type: text/plain; name=log.txt\n\nlog\n--b--\n", "plain |  log.txt text/plain"},
		{"page file among alternatives", alternative + "Content-Type: text/html\n\n<p>html\n--b\nContent-Type: text/html; name=log.html\n\nlog\n--b--\n", "plain | <p>html log.html text/html"},
		{"named forms", "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; name=a.txt\n\nplain\n--b\nContent-Type: text/html; name=a.html\n\n<p>html\n--b--\n", "plain | <p>html"},
		{"two plain texts", alternative + "Content-Type: text/plain\n\nsomething else\n--b--\n", "plain\n\nsomething else | "},
		{"one plain text twice", alternative + "Content-Type: text/plain; format=flowed\n\n plain \n--b--\n", "plain | "},
		{"two levels", "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\nplain\n--c\nContent-Type: text/html\n\n<p>html\n--c--\n--b\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\n--b--\n", "plain | <p>html invite.ics text/calendar"},

		{"root is not the first", "Content-Type: multipart/related; boundary=b; start=\"<2>\"\n\n--b\nContent-Type: image/png\nContent-ID: <1>\n\nPNG\n--b\nContent-Type: text/html\nContent-ID: <2>\n\n<img src=cid:1>x\n--b--\n", "x\n | <img src=cid:1>x [attachment.png image/png]"},
		{"by location", "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\nContent-Location: http://x.example/a/\n\n<img src=\"http://x.example/a/1.png\"><td background='c%20d.jpg'>&nbsp;<p style=\"background: url(b.gif)\">x\n" +
			"--b\nContent-Type: image/png\nContent-Location: 1.png\n\nPNG\n--b\nContent-Type: image/gif\nContent-Location: http://x.example/a/b.gif\n\nGIF\n--b\nContent-Type: image/jpeg\nContent-Location: c d.jpg\n\nJPG\n--b\nContent-Type: image/jpeg\nContent-Location: other.jpg\n\nJPG\n--b--\n",
			"x\n | <img src=\"http://x.example/a/1.png\"><td background='c%20d.jpg'>&nbsp;<p style=\"background: url(b.gif)\">x [1.png image/png] [b.gif image/gif] [c d.jpg image/jpeg] other.jpg image/jpeg"},

		{"unknown kind of text", "Content-Type: text/x-note\n\nHello\n", "Hello\n | "},
		{"named text first", mixed + "Content-Type: text/plain; name=msg.1\n\nHello\n--b\nContent-Type: text/plain; name=b.txt\n\nlog\n--b--\n", "Hello |  b.txt text/plain"},
		{"named text first, inline", mixed + "Content-Type: text/plain\nContent-Disposition: inline; filename=msg.txt\n\nHello\n--b--\n", "Hello | "},
		{"named text first, a file", mixed + "Content-Type: text/plain\nContent-Disposition: attachment; filename=msg.txt\n\nlog\n--b--\n", " |  msg.txt text/plain"},
		{"named text first, of another kind", mixed + "Content-Type: text/plain; name=a.csv\n\n1;2\n--b--\n", " |  a.csv text/plain"},
		{"named text after a file", mixed + "Content-Type: image/png; name=a.png\n\nPNG\n--b\nContent-Type: text/plain; name=b.txt\n\nlog\n--b--\n", " |  a.png image/png b.txt text/plain"},
		{"named text after text", mixed + "Content-Type: text/plain\n\nHello\n--b\nContent-Type: text/plain; name=b.txt\n\nlog\n--b--\n", "Hello |  b.txt text/plain"},
		{"unknown kind, named", "Content-Type: text/x-note; name=a\n\nHello\n", " |  a text/x-note"},
		{"table alone", "Content-Type: text/csv\n\na,b\n", " |  attachment.csv text/csv"},
		{"names", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: a/b; name=\"COM1.txt\"\n\n--b\nContent-Type: a/b; name=\"com\u00b9\"\n\n--b\nContent-Type: a/b; name=\"a.exe .\"\n\n--b\nContent-Type: a/b; name=\"..\\\\..\\\\x\"\n\n" +
			"--b\nContent-Type: a/b; name=\"CONIN$\"\n\n--b\nContent-Type: a/b; name=\"~/.ssh\"\n\n--b\nContent-Type: a/b; name=\"a\u202egnp.exe\"\n\n--b\nContent-Type: a/b; name=\"aux .pdf\"\n\n--b\nContent-Type: a/b; name=\"a:b|c\"\n\n--b--\n",
			" |  _COM1.txt a/b _com\u00b9 a/b a.exe a/b x a/b _CONIN$ a/b ssh a/b agnp.exe a/b _aux .pdf a/b a_b_c a/b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, eol := range []string{"\n", "\r\n", "\r"} {
				m := parse(t, []byte(strings.ReplaceAll(tt.raw, "\n", eol)))
				check(t, m)
				got := m.Text + " | " + m.HTML
				for _, a := range m.Attachments {
					one := a.Name + " " + a.Type
					if a.Inline {
						one = "[" + one + "]"
					}
					got += " " + one
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", fmt.Sprintf("with %q", eol), diff)
				}
			}
		})
	}
}
