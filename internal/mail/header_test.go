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
