package mail_test

import (
	"strings"
	"testing"

	"postern/internal/mail"
)

func TestSmoke(t *testing.T) {
	m, err := mail.Parse(strings.NewReader("From: =?utf-8?Q?M=C3=BCller=2C_Hans?= <H@Exämple.org>\r\nTo: a@b, \"Lee, Ann\" <ann@x.org>\r\nSubject: =?utf-8?B?w5xiZXI=?= =?utf-8?B?IHVucw==?=\r\nDate: Mon, 5 Jan 2026 15:04:05 +0100\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\npre\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>Hi <b>you</b></p><ul><li>a<li>b</ul><blockquote>q<br>r</blockquote>\r\n--x\r\nContent-Type: application/pdf; name=\"../a b.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--x--\r\n"), mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", m)
}
