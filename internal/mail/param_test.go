package mail_test

import (
	"testing"
)

// TestContentTypeParameters reads one byte of KOI8-R under labels as senders write them.
func TestContentTypeParameters(t *testing.T) {
	t.Parallel()
	for _, ct := range []string{
		"text/plain; charset=koi8-r", "text/plain;charset=koi8-r", "Text/Plain; CHARSET=KOI8-R", "text/plain; charset = koi8-r", "text/plain; charset=\"koi8-r\"", "text/plain; charset='koi8-r'", "text/plain; charset=\"koi8-r",
		"text/plain; charset=koi8-r;", "text/plain;; charset=koi8-r", "text/plain; charset=koi8-r (Russian)", "text/plain (a; b); charset=koi8-r", "text/plain;\r\n\tcharset=koi8-r", "text/plain; charset*=us-ascii'en'koi8-r", "text/plain; charset*0=koi; charset*1=8-r",
		"text/plain; charset=\"koi8-r\"; charset=utf-8", "text/plain charset=koi8-r", "text/plain, charset=koi8-r", "text/plain; format=flowed charset=koi8-r", "text/plain; format=flowed, charset=koi8-r", "text/plain; x=y z charset=koi8-r", "text / plain; charset=koi8-r", "text; charset=koi8-r", "; charset=koi8-r",
	} {
		m := parse(t, []byte("Content-Type: "+ct+"\r\n\r\n\xf1"))
		check(t, m)
		if m.Text != "Я" {
			t.Errorf("%q: got %q", ct, m.Text)
		}
	}
}

// TestFileNames: names as senders write them, made safe.
func TestFileNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ disposition, want string }{
		{`filename=a.txt`, "a.txt"}, {`filename="a b.txt"`, "a b.txt"}, {`filename=a b (1).txt`, "a b (1).txt"}, {`filename="a;b.txt"`, "a;b.txt"}, {`filename="a=b charset=c.txt"`, "a=b charset=c.txt"}, {`filename=x=1 y=2.txt`, "x=1 y=2.txt"}, {`filename="a \"b\".txt"`, "a _b_.txt"},
		{`filename="C:\Users\ann\a.txt"`, "a.txt"}, {`filename="../../etc/passwd"`, "passwd"}, {`filename="/a/b"`, "b"}, {`filename=".."`, "attachment.bin"}, {`filename=""`, "attachment.bin"}, {`filename="con.txt"`, "_con.txt"}, {"filename=\"a\u202etxt.exe\"", "atxt.exe"},
		{`filename="=?utf-8?Q?=C3=BC.txt?="`, "ü.txt"}, {`filename==?utf-8?Q?=C3=BC.txt?=`, "ü.txt"}, {`filename="=?utf-8?B?w7w=?= =?utf-8?B?LnR4dA==?="`, "ü.txt"}, {`filename*=utf-8''%C3%BC.txt`, "ü.txt"}, {`filename*="utf-8''%C3%BC.txt"`, "ü.txt"}, {`filename*=iso-8859-1'de'%FC.txt`, "ü.txt"}, {`filename*=%C3%BC.txt`, "ü.txt"},
		{`filename*0*=utf-8''%C3; filename*1*=%BC; filename*2=.txt`, "ü.txt"}, {`filename*2=.txt; filename*0="a"; filename*1="b"`, "ab.txt"}, {`filename=u.txt; filename*=utf-8''%C3%BC.txt`, "ü.txt"}, {`filename*=x-what''%FC.txt`, "ü.txt"}, {`filename*=utf-8''%FC.txt`, "ü.txt"}, {`filename*=utf-8''a%2Fb.txt`, "b.txt"}, {`filename*0*=utf-8''=?utf-8?Q?a?=.txt`, "a.txt"},
		{"filename=\"\xfc.txt\"", "ü.txt"}, {"filename=\"ü.txt\"", "ü.txt"}, {`name="a.txt"`, "a.txt"}, {`file="a.txt"`, "a.txt"}, {`name="b.txt"; filename="a.txt"`, "a.txt"}, {`filename=a%20b.txt`, "a%20b.txt"}, {`filename="a.txt`, "a.txt"}, {`filename="a.txt;`, "a.txt"}, {`filename = "a.txt"`, "a.txt"}, {`FILENAME="a.txt"`, "a.txt"}, {`filename="a.txt" (x)`, "a.txt"},
	} {
		m := parse(t, []byte("Content-Type: application/octet-stream\r\nContent-Disposition: attachment; "+tt.disposition+"\r\n\r\nx"))
		check(t, m)
		if len(m.Attachments) != 1 || m.Attachments[0].Name != tt.want {
			t.Errorf("%s: got %+v, want %q", tt.disposition, m.Attachments, tt.want)
		}
	}
}
