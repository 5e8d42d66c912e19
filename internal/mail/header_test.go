package mail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSubjects(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"plain", "plain"}, {"=?utf-8?Q?=C3=BC?=", "ü"}, {"a =?utf-8?Q?=C3=BC?= b", "a ü b"}, {"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"}, {"=?utf-8?Q?a?= =?iso-8859-1?Q?=FC?=", "aü"}, {"=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"},
		{"=?UTF-8?q?raw space?=", "raw space"}, {"=?utf-8?B?w7w?=", "ü"}, {"=?utf-8?B?w?= =?utf-8?B?7w=?=", "ü"}, {"=?utf-8?Q?=ZZ=4?=", "=ZZ=4"}, {"stuck=?utf-8?Q?=C3=BC?=stuck", "stucküstuck"},
		{"=?utf-8*en?Q?=C3=BC?=", "ü"}, {"=?iso-2022-jp?B?GyRCNEE7ehsoQg==?=", "漢字"}, {"=?gb2312?B?1tDOxA==?=", "中文"}, {"=?utf-8?X?what?=", "=?utf-8?X?what?="}, {"=??Q?a?=", "=??Q?a?="}, {"=?utf-8?Q?no end", "=?utf-8?Q?no end"},
		{"=?utf-8?Q?line=0D=0ABcc:_x@y?=", "line  Bcc: x@y"}, {"=?utf-8?Q?In=07voi=1Bce=09=C2=859?=", "Invoice 9"}, {"In\x07voi\x1bce\t9", "Invoice 9"}, {"=?utf-8?Q??=", ""}, {"=?windows-1252?Q?=80_=93x=94?=", "€ “x”"}, {"folded\r\n and\r\n\tfolded", "folded and\tfolded"}, {"\xfc", "ü"}, {"\xc3\xbc", "ü"},
	}
	for _, tt := range tests {
		m := parse(t, []byte("Subject: "+tt.in+"\r\n\r\n"))
		if got := strings.ReplaceAll(m.Subject, "and\tfolded", "and folded"); got != strings.ReplaceAll(tt.want, "\t", " ") {
			t.Errorf("%q: got %q, want %q", tt.in, m.Subject, tt.want)
		}
	}
}

// TestHeaderTraps has header blocks as broken senders and relays make them. Of each the subject, the sender and the text are told.
func TestHeaderTraps(t *testing.T) {
	t.Parallel()
	const good = "From: ann@example.org\nSubject: s\nDate: Mon, 5 Jan 2026 15:04:05 +0100\n"
	tests := []struct{ name, raw, want, warning string }{
		{"plain", good + "\nbody", "ann@example.org|s|body", ""},
		{"mark of UTF-8 before it", "\xef\xbb\xbf" + good + "\nbody", "ann@example.org|s|body", ""},
		{"NUL before it", "\x00" + good + "\nbody", "ann@example.org|s|body", ""},
		{"blank before it", " " + good + "\nbody", "ann@example.org|s|body", ""},
		{"empty and blank lines before it", "\n\n \n" + good + "\nbody", "ann@example.org|s|body", ""},
		{"mbox line before it", "From ann@example.org Mon Jan  5 15:04:05 2026\n" + good + "\nbody", "ann@example.org|s|body", ""},
		{"quoted mbox line inside", "From: ann@example.org\n>From ann@example.org Mon Jan  5 15:04:05 2026\nSubject: s\nDate: 5 Jan 2026 15:04\n\nbody", "ann@example.org|s|body", ""},
		{"CR CR LF", strings.ReplaceAll(good+"\nbody\nmore\n", "\n", "\r\r\n"), "ann@example.org|s|body\nmore\n", ""},
		{"CR", strings.ReplaceAll(good+"\nbody\nmore\n", "\n", "\r"), "ann@example.org|s|body\nmore\n", ""},
		{"CR LF, and one bare CR before a field in the text", "From: ann@example.org\r\nSubject: s\r\n\r\nSubject: t\r\n", "ann@example.org|s|Subject: t\n", ""},
		{"empty line of LF in a header of CR LF", "From: ann@example.org\r\nSubject: s\r\n\nbody", "ann@example.org|s|body", ""},
		{"blank line as the end", "From: ann@example.org\nSubject: s\n \t\nbody", "ann@example.org|s|body", ""},
		{"blank before the colon", "From : ann@example.org\nSubject\t: s\n\nbody", "ann@example.org|s|body", ""},
		{"nothing behind the colon", "From:ann@example.org\nSubject:s\n\nbody", "ann@example.org|s|body", ""},
		{"value in the fold", "From:\n ann@example.org\nSubject:\n\ts\n\nbody", "ann@example.org|s|body", ""},
		{"folded in an address", "From: Ann\n <ann@example.org\n >\nSubject: s\n\nbody", "ann@example.org|s|body", ""},
		{"capitals", "FROM: ann@example.org\nsUBJECT: s\n\nbody", "ann@example.org|s|body", ""},
		{"lost fold", "From: ann@example.org\nSubject: s and\nmore\nDate: 5 Jan 2026 15:04\n\nbody", "ann@example.org|s and more|body", "header-malformed"},
		{"field without a name", "From: ann@example.org\n: x\nSubject: s\n\nbody", "ann@example.org|s|body", "header-malformed"},
		{"8-bit name of a field", "From: ann@example.org\nBetr\xe4ff: x\nSubject: s\n\nbody", "ann@example.org|s|body", "header-malformed"},
		{"no empty line", "From: ann@example.org\nSubject: s\nHello there, this is the text.\nAnn\n", "ann@example.org|s|Hello there, this is the text.\nAnn\n", "header-malformed"},
		{"two of each", "From: ann@example.org\nFrom: eve@example.net\nSubject: s\nSubject: t\nDate: x\nDate: 5 Jan 2026 15:04\n\nbody", "ann@example.org eve@example.net|s|body", "header-doubled"},
		{"empty From, then one", "From:\nFrom: ann@example.org\nSubject:\nSubject: s\n\nbody", "ann@example.org|s|body", "header-doubled"},
		{"group in From", "From: Undisclosed: ann@example.org, eve@example.net;\nSubject: s\n\nbody", "ann@example.org eve@example.net|s|body", ""},
		{"NUL inside", "From: ann@example.org\nSubject: s\x00t\n\nbody", "ann@example.org|st|body", ""},
		{"NUL in an address", "From: ann@example.org\x00@evil.example\nSubject: s\n\nbody", "|s|body", "address-malformed"},
		{"bidi marks", "From: ann@example.org\nSubject: =?utf-8?Q?a=E2=80=AEb?= \u202ec\n\nbody", "ann@example.org|ab c|body", ""},
		{"raw 8-bit name, address untouched", "From: J\xfcrgen <j@example.org>\nSubject: s\n\nbody", "j@example.org|s|body", ""},
		{"raw 8-bit local part", "From: j\xfcrgen@example.org\nSubject: s\n\nbody", "|s|body", "address-malformed"},
		{"raw 8-bit domain", "From: j@ex\xe4mple.org\nSubject: s\n\nbody", "|s|body", "address-malformed"},
		{"raw UTF-8 address", "From: jürgen@exämple.org\nSubject: s\n\nbody", "jürgen@xn--exmple-cua.org|s|body", ""},
		{"address inside two-byte characters", "From: \x1b$B<ann@example.org>\x1b(B <eve@example.net>\nSubject: s\n\nbody", "eve@example.net|s|body", ""},
		{"Shift_JIS whose second byte is an @", "From: \x83@\x83@ <ann@example.org>\nSubject: s\nContent-Type: text/plain; charset=shift_jis\n\nbody", "ann@example.org|s|body", ""},
		{"the colon on the next line", "From\n : ann@example.org\nSubject\n\t: s\n\nbody", "ann@example.org|s|body", ""},
		{"the colon on the next line, and a whole one", "From\n : eve@example.net\nFrom: ann@example.org\nSubject: s\n\nbody", "ann@example.org|s|body", "header-doubled"},
		{"a word that is no field, and a colon", "From: ann@example.org\nSubject: s\nHello\n : x\n", "ann@example.org|s|Hello\n : x\n", "header-malformed"},
		{"field without a name at the end", "From: ann@example.org\nSubject: s\n: x\n\nbody", "ann@example.org|s|body", "header-malformed"},
		{"text that begins with a colon", "From: ann@example.org\nSubject: s\n: x\ny\n", "ann@example.org|s|: x\ny\n", "header-malformed"},
		{"lost fold before fields that nobody knows", "From: ann@example.org\nSubject: s\nFoo: a value that is so long that whoever sent it had to fold it, and he did that\nwithout an indent\nBar: x\n y\n\nbody", "ann@example.org|s|body", "header-malformed"},
		{"text with a colon, no empty line", "From: ann@example.org\nSubject: s\nHello,\nNote: x\n\nbody", "ann@example.org|s|Hello,\nNote: x\n\nbody", "header-malformed"},
		{"text in a header's place", "Hello,\n\nthe printer is broken.\n", "||Hello,\n\nthe printer is broken.\n", "header-missing"},
		{"header alone", "From: ann@example.org\nSubject: s", "ann@example.org|s|", ""},
	}
	for _, tt := range tests {
		m := parse(t, []byte(tt.raw))
		check(t, m)
		var from []string
		for _, a := range m.From {
			if a.Email != "" {
				from = append(from, a.Email)
			}
		}
		if got := strings.Join(from, " ") + "|" + m.Subject + "|" + m.Text; got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
		if tt.warning != "" && !warned(m, tt.warning) {
			t.Errorf("%s: no warning %s among %v", tt.name, tt.warning, m.Warnings)
		}
	}
}

func TestEndlessSubject(t *testing.T) {
	t.Parallel()
	m := parse(t, []byte("Subject: "+strings.Repeat("ü ", 10_000)+"\r\n\r\n"))
	if len(m.Subject) > 4096 || len(m.Subject) < 4000 || !warned(m, "subject-too-long") {
		t.Errorf("subject of %d bytes, warnings %v", len(m.Subject), m.Warnings)
	}
	check(t, m)
}

func TestMessageIDs(t *testing.T) {
	t.Parallel()
	m := parse(t, []byte("Message-ID: <a@b>\r\nIn-Reply-To: Your message of Monday <c@d>\r\nReferences: <1@x><2@x>\r\n\t<3\r\n @x> <2@x> <4@x\r\nReferences: 5@x, <6@x>\r\n\r\n"))
	if diff := cmp.Diff([]string{"<1@x>", "<2@x>", "<3@x>", "<4@x>", "<6@x>"}, m.References); diff != "" {
		t.Errorf("References (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"<c@d>"}, m.InReplyTo); diff != "" {
		t.Errorf("In-Reply-To (-want +got):\n%s", diff)
	}
	if m := parse(t, []byte("Message-ID: bare@example.org\r\n\r\n")); m.MessageID != "<bare@example.org>" {
		t.Errorf("got %q", m.MessageID)
	}
	long := strings.Repeat("x", 2000) + "@example.org>"
	if m := parse(t, []byte("Message-ID: <"+long+"\r\nReferences: <1@x> <"+long+" <2@x>\r\n\r\n")); m.MessageID != "" || len(m.References) != 2 {
		t.Errorf("kept an endless id: %.20q %d", m.MessageID, len(m.References))
	}
	var refs strings.Builder
	for i := range 5000 {
		refs.WriteString("<" + strings.Repeat("x", i%7+1) + string(rune('a'+i%26)) + time.Duration(i).String() + "@x>\r\n ")
	}
	if m := parse(t, []byte("References: <first@x> "+refs.String()+"<last@x>\r\n\r\n")); len(m.References) > 200 || m.References[0] != "<first@x>" || m.References[len(m.References)-1] != "<last@x>" {
		t.Errorf("kept %d references, %v … ", len(m.References), m.References[0])
	}
}
