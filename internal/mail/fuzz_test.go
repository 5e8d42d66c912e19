package mail_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
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
			if a.Email == "" || strings.ContainsAny(a.Local, "\"(),:;<>[] =\\'") || strings.HasPrefix(a.Domain, "[") || strings.ContainsAny(a.Domain, "\"(),:;<>[]=\\'") {
				continue // an address that only reads as one between brackets
			}
			if again := mail.ParseAddress("<" + a.Email + ">"); again.Email != a.Email {
				t.Errorf("%q of %q reads as %q", a.Email, s, again.Email)
			}
		}
	})
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
