package mail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDates(t *testing.T) {
	t.Parallel()
	const want = "2026-01-05T14:04:05Z"
	tests := []struct{ in, want string }{
		{"Mon, 5 Jan 2026 15:04:05 +0100", want}, {"Mon, 05 Jan 2026 15:04:05 +0100 (CET)", want}, {"5 Jan 2026 15:04:05 +0100", want},
		{"Mon,5 Jan 2026 15:04:05+0100", want}, {"Mon, 5 Jan 26 15:04:05 +0100", want}, {"Mon, 5 Jan 126 15:04:05 +0100", want}, {"Mon, 05-Jan-2026 15:04:05 +0100", want},
		{"Mon, 5 Jan 2026 14:04:05 GMT", want}, {"Mon, 5 Jan 2026 14:04:05 UT", want}, {"Mon, 5 Jan 2026 14:04:05 Z", want}, {"Mon, 5 Jan 2026 14:04:05", want}, {"Mon, 5 Jan 2026 09:04:05 EST", want},
		{"Mon, 5 Jan 2026 15:04:05 CET", want}, {"Mon, 5 Jan 2026 15:04:05 +01:00", want}, {"Mon, 5 Jan 2026 15:04:05 GMT+0100", want}, {"Mon, 5 Jan 2026 15:04:05 GMT+1", want}, {"Mon, 5 Jan 2026 14:04:05 -0000", want},
		{"Mon, 5 January 2026 15:04:05 +0100", want}, {"Mon Jan  5 14:04:05 2026", want}, {"Mon Jan 5 15:04:05 CET 2026", want}, {"Monday, January 5, 2026 2:04:05 PM", want}, {"2026-01-05T15:04:05+01:00", want},
		{"2026-01-05 14:04:05", want}, {"2026-01-05T14:04:05.123Z", want}, {"2026/01/05 14:04:05 UTC", want}, {"Mo, 5 Jan 2026 15.04.05 +0100", want}, {"Mo, 5. Jan 2026 15:04:05 +0100", want}, {"  Mon ,\t5  Jan 2026 15:04:05   +0100", want},
		{"Di, 5 Mai 2026 15:04:05 +0200", "2026-05-05T13:04:05Z"}, {"So, 1 Mär 2026 15:04:05 +0100", "2026-03-01T14:04:05Z"}, {"5 déc. 2026 15:04:05 +0100", "2026-12-05T14:04:05Z"}, {"Mon, 5 Jan 2026 15:04 +0100", "2026-01-05T14:04:00Z"},
		{"Mon, 5 Jan 2026 15:04:60 +0100", "2026-01-05T14:04:59Z"}, {"Mon, 5 Jan 2026 12:00:00 AM +0000", "2026-01-05T00:00:00Z"}, {"Sun, 1 Mar 2026 00:30:00 +0100", "2026-02-28T23:30:00Z"}, {"Mon, 5 Jan 2026 15:04:05 +9900", "2026-01-05T15:04:05Z"},
		{"Mon, 5 Jan 2026", "2026-01-05T00:00:00Z"},
		{"", ""}, {"yesterday", ""}, {"Mon, 31 Feb 2026 15:04:05 +0100", ""}, {"Mon, 5 Foo 2026 15:04:05 +0100", ""}, {"Mon, 5 Jan 2026 25:04:05 +0100", ""}, {"5 Jan 99999 15:04:05", ""}, {"Mon, 99 Jan 2026 15:04:05 +0100", ""}, {"((((", ""},
	}
	for _, tt := range tests {
		m := parse(t, []byte("Date: "+tt.in+"\r\n\r\n"))
		got := ""
		if !m.Date.IsZero() {
			got = m.Date.Format(time.RFC3339)
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, want string }{
		{"plain", "plain"}, {"=?utf-8?Q?=C3=BC?=", "ü"}, {"a =?utf-8?Q?=C3=BC?= b", "a ü b"}, {"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"}, {"=?utf-8?Q?a?= =?iso-8859-1?Q?=FC?=", "aü"}, {"=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü"},
		{"=?UTF-8?q?raw space?=", "raw space"}, {"=?utf-8?B?w7w?=", "ü"}, {"=?utf-8?B?w?= =?utf-8?B?7w=?=", "ü"}, {"=?utf-8?Q?=ZZ=4?=", "=ZZ=4"}, {"stuck=?utf-8?Q?=C3=BC?=stuck", "stucküstuck"},
		{"=?utf-8*en?Q?=C3=BC?=", "ü"}, {"=?iso-2022-jp?B?GyRCNEE7ehsoQg==?=", "漢字"}, {"=?gb2312?B?1tDOxA==?=", "中文"}, {"=?utf-8?X?what?=", "=?utf-8?X?what?="}, {"=??Q?a?=", "=??Q?a?="}, {"=?utf-8?Q?no end", "=?utf-8?Q?no end"},
		{"=?utf-8?Q?line=0D=0ABcc:_x@y?=", "line  Bcc: x@y"}, {"=?utf-8?Q??=", ""}, {"=?windows-1252?Q?=80_=93x=94?=", "€ “x”"}, {"folded\r\n and\r\n\tfolded", "folded and\tfolded"}, {"\xfc", "ü"}, {"\xc3\xbc", "ü"},
	}
	for _, tt := range tests {
		m := parse(t, []byte("Subject: "+tt.in+"\r\n\r\n"))
		if got := strings.ReplaceAll(m.Subject, "and\tfolded", "and folded"); got != strings.ReplaceAll(tt.want, "\t", " ") {
			t.Errorf("%q: got %q, want %q", tt.in, m.Subject, tt.want)
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
