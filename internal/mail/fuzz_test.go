package mail_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"postern/internal/mail"
)

// FuzzParse: whatever the bytes, there is a message, in valid UTF-8, with its spans in order; and the
// same bytes give the same message, however they are cut up on the way in.
func FuzzParse(f *testing.F) {
	broken, _ := filepath.Glob("testdata/broken/*.eml")
	for _, file := range broken {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	golden, _ := filepath.Glob("testdata/golden/*.txtar")
	for _, file := range golden {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(ar.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := parse(t, raw)
		check(t, m)
		again, err := mail.Parse(iotest.HalfReader(bytes.NewReader(raw)), mail.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, again); diff != "" {
			t.Errorf("not the same twice:\n%s", diff)
		}
	})
}

// FuzzAddress: a list of addresses is UTF-8 without control characters, its addresses are whole, and
// each, printed, reads as itself.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		`Ann <ann@example.org>, "Lee, Bob" <bob@example.org>`, `group: a@b, c@d;, e@f (Eve)`, `Lee, Ann <ann@example.org`, `"a b"@example.org`,
		`=?utf-8?Q?J=C3=BCrgen?= <j@größe.example>`, `<@a,@b:c@d>`, `a@[IPv6:2001:db8::1]`, `((((`, `"""`, `<<a@b>>`, "a @ b . c", "\"x <a@b>, \"y\" <c@d>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, a := range mail.ParseAddresses(s) {
			checkAddress(t, a)
			if a.Email == "" {
				continue
			}
			if again := mail.ParseAddress("<" + a.Email + ">"); again.Email != a.Email {
				t.Errorf("%q of %q reads as %q", a.Email, s, again.Email)
			}
		}
	})
}

// FuzzHeader: a header is understood the same again when what was understood of it is written down and read.
func FuzzHeader(f *testing.F) {
	for _, s := range []string{
		"From: Ann <ann@example.org>, \"Lee, Bob\" <bob@example.org>\nSubject: =?utf-8?Q?=C3=BC?= x\nDate: Mon, 5 Jan 26 3:04 PM CET\nMessage-ID: <a@b>\nReferences: <1@x> 2@x\n", "From: ann@x:eve@y;\nTo: a b c@d\nDate: 2026-01-05T14:04:05.123Z\n",
		"Subject: \xfc\xc4\xe0\nFrom: J\xfcrgen <\"a b\"@[192.0.2.1]>\nDate: 5 \xd1\xe5\xed 2026\n", "From: =?iso-2022-jp?B?GyRCNEE7ehsoQg==?= <a@b.example>\r\r\nSubject: a\r\r\n b\r\r\n\r\r\n", "\xef\xbb\xbfFrom: (c) a (d) @ b . c (e)\nIn-Reply-To: a <b@c> <d\n e@f\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := parse(t, raw)
		check(t, m)
		printed := printHeader(m)
		again := parse(t, printed)
		type header struct {
			Subject, ID       string
			Date              time.Time
			From, To          []mail.Address
			InReplyTo, Thread []string
		}
		got, want := header{again.Subject, again.MessageID, again.Date, again.From, again.To, again.InReplyTo, again.References}, header{m.Subject, m.MessageID, m.Date, usable(m.From), usable(m.To), m.InReplyTo, m.References}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%q printed as %q reads as (-want +got):\n%s", raw, printed, diff)
		}
	})
}

// printHeader writes the fields of a message that were understood, in the plainest form that RFC 5322 has.
func printHeader(m *mail.Message) []byte {
	var b bytes.Buffer
	word := func(s string) string { // in base64 whatever it is, a few characters a word
		var words []string
		for len(s) > 0 {
			n := min(len(s), 30)
			for n < len(s) && !utf8.RuneStart(s[n]) {
				n++
			}
			words = append(words, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:n]))+"?=")
			s = s[n:]
		}
		return strings.Join(words, "\r\n ")
	}
	addresses := func(name string, list []mail.Address) {
		if list = usable(list); len(list) == 0 {
			return
		}
		b.WriteString(name + ":")
		for i, a := range list {
			if i > 0 {
				b.WriteString(",\r\n")
			}
			b.WriteString(" " + word(a.Name) + " <" + a.Email + ">")
		}
		b.WriteString("\r\n")
	}
	addresses("From", m.From)
	addresses("To", m.To)
	if !m.Date.IsZero() {
		b.WriteString("Date: " + m.Date.Format("Mon, 2 Jan 2006 15:04:05 -0700") + "\r\n")
	}
	b.WriteString("Subject: " + word(m.Subject) + "\r\n")
	if m.MessageID != "" {
		b.WriteString("Message-ID: " + m.MessageID + "\r\n")
	}
	if len(m.InReplyTo) > 0 {
		b.WriteString("In-Reply-To: " + strings.Join(m.InReplyTo, "\r\n ") + "\r\n")
	}
	if len(m.References) > 0 {
		b.WriteString("References: " + strings.Join(m.References, "\r\n ") + "\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// usable are the addresses that are some.
func usable(list []mail.Address) []mail.Address {
	return slices.DeleteFunc(slices.Clone(list), func(a mail.Address) bool { return a.Email == "" })
}

// FuzzNewText: spans are in order and in range, and something is always new.
func FuzzNewText(f *testing.F) {
	for _, s := range []string{
		"yes\n\nOn Mon, Jan 5, 2026 at 2:04 PM Ann <a@b> wrote:\n> no\n", "> a\n\nb\n> c\n-- \nd\n", "-----Original Message-----\nFrom: a\n", "x\nFrom: a\nSent: b\nTo: c\nSubject: d\n\ny\n",
		"Sent from my iPhone\n", "On Monday Ann wrote:\nx\n", "---------- Forwarded message ---------\n", "\u00a0\n> \u2028\n", "-- \n-- \n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		for _, subject := range []string{"Re: x", "Fwd: x"} {
			checkSpans(t, parse(t, []byte("Subject: "+subject+"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"+s)))
		}
	})
}

// FuzzReport: whatever a server writes into a report and a notice, what we make of it is bounded and clean, and the
// same whether its lines end in LF or CRLF; of the same text a person's mail has none.
func FuzzReport(f *testing.F) {
	golden, _ := filepath.Glob("testdata/golden/*.txtar")
	for _, file := range golden {
		ar, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if name := filepath.Base(file); strings.HasPrefix(name, "bounce-") || strings.HasPrefix(name, "dsn-") || strings.HasPrefix(name, "delay-") {
			_, body, _ := strings.Cut(string(ar.Files[0].Data), "\n\n")
			f.Add(body, body)
		}
	}
	f.Add("Final-Recipient: utf-8; a\\x{e4}@b\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550-5.1.1 a\n 550 5.1.1 b", "<a@b.c> (expanded from <d@e.f>): 4.2.2")
	f.Fuzz(func(t *testing.T, fields, notice string) {
		if strings.Contains(fields+notice, "\r") || strings.Contains(fields+notice, "--b") {
			return
		}
		daemon := "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nTo: support@example.com\nSubject: Undelivered\n"
		text := "Content-Type: text/plain; charset=utf-8\n\n" + notice
		check(t, parse(t, []byte(daemon+text)))
		raw := daemon + "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n" + text + "\n--b\nContent-Type: message/delivery-status\n\n" + fields + "\n--b--\n"
		m := parse(t, []byte(raw))
		check(t, m)
		if diff := cmp.Diff(m.Report, parse(t, []byte(strings.ReplaceAll(raw, "\n", "\r\n"))).Report); diff != "" {
			t.Errorf("not the same with CRLF:\n%s", diff)
		}
		if p := parse(t, []byte("From: ann@example.org\nSubject: x\n"+text)); p.Kind != mail.KindHuman || p.Report != nil {
			t.Errorf("of a person: %s, %+v", p.Kind, p.Report)
		}
	})
}

// FuzzHTML: the text of HTML is UTF-8 of bounded size, without control characters but line ends and tabs.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		"<p>a<b>b</b></p>", "<style>.a{display:none}#b,c.d{opacity:0}@media x{y{}}</style><p class=a>x<p id=b>y", "<table><tr><td style='font-size:0'>a<td style=display:none>b<table><td>c</table></table>d",
		"<a href=mailto:a?b><img alt=c></a>", "<ul><li hidden>a<ul><li>b</ul><li>c</ul>", "<pre>\x01\n a</pre><span style=white-space:pre>\n", "<svg><style><p>a", "<noscript><xmp>a</noscript><plaintext>b", "<div style='font:0/0 a;color:#fff;background:white;left:-9e9px;position:fixed'>a",
		"<blockquote><ol><li><blockquote>a<br>b", "&#0;&#1;&#x85;&#xd800;&#x10ffff;&zwnj;&shy;", "<!--a--><!b><?c?></d e>", "<template><td><p hidden><hr><textarea><p>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		m := parse(t, []byte("Content-Type: text/html; charset=utf-8\r\n\r\n"+s))
		check(t, m)
		if len(m.Text) > 100+30*len(s) {
			t.Errorf("%d bytes of text from %d of HTML", len(m.Text), len(s))
		}
		for _, r := range m.Text {
			if unicode.IsControl(r) && r != '\n' && r != '\t' {
				t.Errorf("control character %q in %q", r, m.Text)
			}
		}
	})
}
