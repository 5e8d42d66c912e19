package webhook_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// recorded is a request as it stands in testdata/PROVIDER/NAME.http. Those of providers that sign are made here, after their
// documentation, so that they can be signed; -update writes them.
func recorded(t *testing.T, provider, name string, request []byte) {
	t.Helper()
	path := filepath.Join("testdata", provider, name+".http")
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, request, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, request) {
		t.Errorf("%s is not what this test makes (-update writes it): %s", path, cmp.Diff(string(have), string(request)))
	}
}

// request is a request line, headers and a body.
func request(path, body string, headers ...string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: postern.example.com\r\n", path)
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	b.WriteString("\r\n" + body)
	return b.Bytes()
}

// An input is a field of a form that is about to be written.
type input struct{ name, file, kind, value string }

// asMultipart writes a form as SendGrid and Mailgun do: what stands in quotes is not escaped but for the quotes.
func asMultipart(boundary string, inputs ...input) string {
	var b strings.Builder
	for _, in := range inputs {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", boundary, in.name)
		if in.kind != "" {
			fmt.Fprintf(&b, "; filename=\"%s\"\r\nContent-Type: %s", strings.ReplaceAll(in.file, `"`, `\"`), in.kind)
		}
		b.WriteString("\r\n\r\n" + in.value + "\r\n")
	}
	return b.String() + "--" + boundary + "--\r\n"
}

// pixel is a picture of one dot.
const pixel = "GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"

func toCRLF(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

// rawMail is a mail with a text in 8-bit ISO 8859-1, a picture in the text, and a file.
var rawMail = toCRLF(`Received: from mx.example.org (mx.example.org [192.0.2.44]) by mx.example.net with ESMTPS id 7 for <support@example.com>; Tue, 24 Nov 2026 09:29:58 +0000
From: =?iso-8859-1?Q?Ann_Lee_=28B=FCro=29?= <ann@example.org>
To: Support <support@example.com>, Ben Ortiz <ben@example.net>
Cc: list@example.net
Subject: =?iso-8859-1?Q?Drucker_in_M=FCnchen?=
Date: Tue, 24 Nov 2026 10:29:55 +0100
Message-ID: <raw-1@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="outer"

--outer
Content-Type: multipart/related; boundary="inner"

--inner
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: 8bit

<p>Der Drucker im Erdgescho` + "\xdf" + ` zeigt <img src="cid:dot@example.org"></p>
--inner
Content-Type: image/gif; name="dot.gif"
Content-Transfer-Encoding: base64
Content-ID: <dot@example.org>
Content-Disposition: inline; filename="dot.gif"

R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==
--inner--
--outer
Content-Type: text/plain; charset=utf-8
Content-Disposition: attachment; filename*=UTF-8''Protokoll%20%E2%84%96%201.txt
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe
--outer--
`)
