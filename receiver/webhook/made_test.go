package webhook_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/receiver/webhook"
)

// made is a recorded request in testdata/PROVIDER/NAME.http. It is made here, after the provider's documentation, because it is signed;
// -update writes it.
func made(t *testing.T, provider, name, path, body string, headers ...string) {
	t.Helper()
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: postern.example.com\r\n", path)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n" + body)
	file := filepath.Join("testdata", provider, name+".http")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not what this test makes (-update writes it): %v", file, err)
	}
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

func asJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func hmac256(key, text string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

const (
	// officeMail has parts in three character sets, a picture in the text, and file names that mailers write in three ways.
	officeMail = `Received: from mx.example.org (mx.example.org [192.0.2.44]) by inbound.example.net with ESMTPS;
 Tue, 24 Nov 2026 09:29:58 +0000
From: =?iso-8859-1?Q?Ann_Lee_=28B=FCro=29?= <ann@example.org>
To: Support <support@example.com>, Ben Ortiz <ben@example.net>
Cc: list@example.net
Subject: =?iso-8859-1?Q?Drucker_in_M=FCnchen?=
Date: Tue, 24 Nov 2026 10:29:55 +0100
Message-ID: <office-1@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/related; boundary=rel

--rel
Content-Type: multipart/alternative; boundary=alt

--alt
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Der Drucker in M=FCnchen druckt =22nichts=22.
--alt
Content-Type: text/html; charset=koi8-r
Content-Transfer-Encoding: base64

PHA+8NLJ18XULCDQ0snO1MXSPC9wPjxpbWcgc3JjPSJjaWQ6cGljQGV4YW1wbGUub3JnIj4=
--alt--
--rel
Content-Type: image/gif
Content-Disposition: inline; filename="pic.gif"
Content-ID: <pic@example.org>
Content-Transfer-Encoding: base64

R0lGODlhAQABAIAAAP8AAP8AACwAAAAAAQABAAACAkQBADs=
--rel--
--outer
Content-Type: application/pdf; name="=?utf-8?B?w5xiZXJzaWNodC5wZGY=?="
Content-Disposition: attachment
Content-Transfer-Encoding: base64

JVBERi0xLjQK
--outer
Content-Type: text/csv
Content-Disposition: attachment; filename*=iso-8859-1''..%2F%FCber%22%3B.csv

a;b
--outer--
`
	// emptyMail says nothing and was sent to us blind.
	emptyMail = `From: ann@example.org
To: undisclosed-recipients:;
Date: Tue, 24 Nov 2026 09:00:00 +0000
Message-ID: <empty-1@example.org>

`
)

// eightBitMail is written in ISO 8859-1, as it is.
var eightBitMail = crlf("From: Ann Lee <ann@example.org>\nTo: support@example.com\nSubject: M\xfcnchen\nDate: Tue, 24 Nov 2026 09:00:00 +0000\n" +
	"Message-ID: <eight-1@example.org>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\nGr\xfc\xdfe\n")

// A wrong request is answered with a status, and the ledger hears something of the reason.
type wrong struct {
	name, body string
	headers    []string
	status     int
	want       string
}

// refused sends requests that must leave nothing behind but a line in the ledger.
func refused(t *testing.T, change func(*webhook.Options), hook webhook.Hook, path string, cases []wrong) {
	t.Helper()
	for _, c := range cases {
		g := newRig(t, change, hook)
		w := g.post(path, c.body, c.headers...)
		if w.Code != c.status || len(g.mails()) > 0 {
			t.Errorf("%s: got %d %q and %d mails, want %d", c.name, w.Code, w.Body, len(g.mails()), c.status)
		}
		if c.status == 401 && w.Body.String() != "unauthorized\n" {
			t.Errorf("%s: a stranger hears %q", c.name, w.Body)
		}
		if !strings.Contains(strings.Join(g.refused, "\n"), c.want) || len(g.refused) != 1 {
			t.Errorf("%s: the ledger hears %q, want %q", c.name, g.refused, c.want)
		}
	}
}

// again sends one request twice: it is the same mail both times, for exactly-once to find.
func again(t *testing.T, change func(*webhook.Options), hook webhook.Hook, path, body string, headers ...string) {
	t.Helper()
	g := newRig(t, change, hook)
	for range 2 {
		if w := g.post(path, body, headers...); w.Code/100 != 2 {
			t.Fatalf("got %d %q", w.Code, w.Body)
		}
	}
	if m := g.mails(); len(m) != 2 || m[0].raw != m[1].raw {
		t.Errorf("a request that is sent again gives another mail")
	}
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
func b64(b []byte) string   { return base64.StdEncoding.EncodeToString(b) }
