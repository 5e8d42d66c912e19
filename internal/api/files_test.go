package api_test

import (
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"testing"

	"postern/internal/issue"
	"postern/internal/spool"
)

func bodyOf(s string) *spool.Body { return spool.Bytes([]byte(s)) }

func TestInlineByBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	files := []struct{ name, content, media, how string }{
		{"a.bin", "\x89PNG\r\n\x1a\nrest", "image/png", "inline"},
		{"b.bin", "\xff\xd8\xff\xe0rest", "image/jpeg", "inline"},
		{"c.bin", "GIF89arest", "image/gif", "inline"},
		{"d.bin", "RIFF\x00\x00\x00\x00WEBPrest", "image/webp", "inline"},
		{"e.png", "<script>alert(1)</script>", "application/octet-stream", "attachment"},
		{"f.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>", "application/octet-stream", "attachment"},
		{"g.webp", "RIFF\x00\x00\x00\x00WAVErest", "application/octet-stream", "attachment"},
		{"h.pdf", "%PDF-1.7", "application/octet-stream", "attachment"},
		{"i.txt", "x", "application/octet-stream", "attachment"},
	}
	all := map[string]string{}
	for _, f := range files {
		all[f.name] = f.content
	}
	n := w.commit(mailOf("m1", all))
	other := w.commit(mailOf("m2", map[string]string{"z": "elsewhere"}))
	for _, f := range files {
		sha := blob(f.content).SHA256
		for _, path := range []string{
			"/api/v1/attachments/" + sha, "/api/v1/messages/m1/attachments/" + sha, fmt.Sprintf("/api/v1/issues/%d/attachments/%s", n, sha),
		} {
			a := w.get(path)
			how, params, err := mime.ParseMediaType(a.header.Get("Content-Disposition"))
			if err != nil || a.status != 200 || a.body != f.content || how != f.how || params["filename"] != f.name || a.header.Get("Content-Type") != f.media {
				t.Errorf("%s: got %d %v %q", f.name, a.status, a.header, a.body)
			}
			if a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Content-Security-Policy") != "sandbox; default-src 'none'" || a.header.Get("ETag") != `"`+sha+`"` {
				t.Errorf("%s: got headers %v", f.name, a.header)
			}
			if a := w.get(path, "If-None-Match: \""+sha+`"`); a.status != 304 || a.body != "" {
				t.Errorf("%s again: got %d %q", f.name, a.status, a.body)
			}
		}
	}
	for _, path := range []string{
		fmt.Sprintf("/api/v1/issues/%d/attachments/%s", other, blob("x").SHA256), // another issue's
		"/api/v1/messages/m2/attachments/" + blob("x").SHA256,
		"/api/v1/attachments/" + blob("nowhere").SHA256,
		"/api/v1/attachments/" + strings.ToUpper(blob("x").SHA256),
		"/api/v1/attachments/..%2f..%2fetc%2fpasswd",
		fmt.Sprintf("/api/v1/issues/%d/attachments/x", n),
	} {
		w.problem(w.get(path), 404)
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.commit(mailOf("m1", map[string]string{"x": "0123456789"}))
	path := "/api/v1/attachments/" + blob("0123456789").SHA256
	for _, tt := range []struct {
		header string
		status int
		body   string
	}{
		{"bytes=2-4", 206, "234"}, {"bytes=7-", 206, "789"}, {"bytes=-2", 206, "89"}, {"bytes=0-99", 206, "0123456789"},
	} {
		if a := w.get(path, "Range: "+tt.header); a.status != tt.status || a.body != tt.body {
			t.Errorf("%s: got %d %q", tt.header, a.status, a.body)
		}
	}
	for _, header := range []string{"bytes=10-", "bytes=5-2", "nonsense"} {
		a := w.get(path, "Range: "+header)
		w.problem(a, 416)
		if d := a.header.Get("Content-Disposition"); d != "" {
			t.Errorf("a problem has Content-Disposition %q", d)
		}
	}
	w.problem(w.get(path, `If-Match: "another"`), 412)
	if a := w.get(path, "Range: bytes=2-4", `If-Range: "another"`); a.status != 200 || a.body != "0123456789" {
		t.Errorf("of another version: got %d %q", a.status, a.body)
	}

	whole := w.get("/api/v1/messages/m1/raw").body
	for from := 0; from < len(whole); from += 7 { // also across the seam between our lines and the mail
		a := w.get("/api/v1/messages/m1/raw", fmt.Sprintf("Range: bytes=%d-%d", from, from+9))
		if want := whole[from:min(from+10, len(whole))]; a.status != 206 || a.body != want {
			t.Errorf("raw from %d: got %d %q, want %q", from, a.status, a.body, want)
		}
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	raw := "From: ann@example.org\nSubject: x\r\n\r\nbare \n and \x00 bytes"
	for _, tt := range []struct {
		name     string
		envelope issue.Envelope
		front    string
	}{
		{"smtp", issue.Envelope{Source: "smtp", Peer: "192.0.2.1", Helo: "mail.example.org", From: "ann@example.org", To: "support@example.com", Protocol: "ESMTPS"},
			"Return-Path: <ann@example.org>\r\nReceived: from mail.example.org ([192.0.2.1])\r\n\tby mx.example.com with ESMTPS id m1\r\n\tfor <support@example.com>; Sun, 01 Mar 2026 12:00:01 +0000\r\n"},
		{"null sender over IPv6", issue.Envelope{Source: "smtp", Peer: "2001:db8::1", To: "s@example.com", Protocol: "SMTP"},
			"Return-Path: <>\r\nReceived: from unknown ([IPv6:2001:db8::1])\r\n\tby mx.example.com with SMTP id m1\r\n\tfor <s@example.com>; Sun, 01 Mar 2026 12:00:01 +0000\r\n"},
		{"no dialogue", issue.Envelope{Source: "deliver", To: "s@example.com"},
			"Received: by mx.example.com id m1\r\n\tfor <s@example.com>; Sun, 01 Mar 2026 12:00:01 +0000\r\n"},
		{"by HTTP", issue.Envelope{Source: "api", Peer: "192.0.2.1", To: "s@example.com", Protocol: "HTTP"},
			"Received: from unknown ([192.0.2.1])\r\n\tby mx.example.com with HTTP id m1\r\n\tfor <s@example.com>; Sun, 01 Mar 2026 12:00:01 +0000\r\n"},
		{"hostile words", issue.Envelope{Source: "smtp", Peer: "192.0.2.1", Helo: "x\r\nBcc: all@example.com\u2028(", From: "a\r\nX: y>@example.org", To: `"a b"@example.com`, Protocol: "ESMTP"},
			"Return-Path: <aX: y@example.org>\r\nReceived: from xBcc:all@example.com ([192.0.2.1])\r\n\tby mx.example.com with ESMTP id m1\r\n\tfor <\"a b\"@example.com>; Sun, 01 Mar 2026 12:00:01 +0000\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.commit(mailWith("m1", raw, tt.envelope))
			a := w.get("/api/v1/messages/m1/raw")
			if a.body != tt.front+raw || a.header.Get("Content-Type") != "message/rfc822" || a.header.Get("Content-Disposition") != `attachment; filename="m1.eml"` {
				t.Errorf("got %v\n%q, want\n%q", a.header, a.body, tt.front+raw)
			}
			m, err := mail.ReadMessage(strings.NewReader(a.body))
			if err != nil || m.Header.Get("Bcc") != "" || m.Header.Get("X") != "" {
				t.Errorf("read back: %v, %v", err, m)
			}
		})
	}
}

// Names come from strangers, and go into a header and then onto somebody's disk.
func TestNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, tt := range []struct{ name, want, plain string }{
		{"report.pdf", "report.pdf", "report.pdf"},
		{"", "attachment", "attachment"},
		{"../../etc/passwd", "passwd", "passwd"},
		{`C:\Windows\system.ini`, "system.ini", "system.ini"},
		{"..", "attachment", "attachment"},
		{".bashrc", "bashrc", "bashrc"},
		{"a\r\nSet-Cookie: x=y", "aSet-Cookie_ x=y", "aSet-Cookie_ x=y"},
		{`a"; filename=evil.exe; x="`, `a_; filename=evil.exe; x=_`, `a_; filename=evil.exe; x=_`},
		{"photo\u202egpj.exe", "photogpj.exe", "photogpj.exe"},
		{"Grüße.txt", "Grüße.txt", "Gr__e.txt"},
		{"100%41.txt", "100%41.txt", "100_41.txt"},
		{"CON.txt", "_CON.txt", "_CON.txt"},
		{"lpt1", "_lpt1", "_lpt1"},
		{"trailing. . ", "trailing", "trailing"},
		{"bad\xffutf", "bad_utf", "bad_utf"},
		{strings.Repeat("ü", 200) + ".tar", strings.Repeat("ü", 73) + ".tar", strings.Repeat("_", 73) + ".tar"},
	} {
		id := fmt.Sprint("m", i)
		w.commit(mailOf(id, map[string]string{tt.name: id}))
		a := w.get("/api/v1/messages/" + id + "/attachments/" + blob(id).SHA256)
		cd := a.header.Get("Content-Disposition")
		_, params, err := mime.ParseMediaType(cd)
		if err != nil || params["filename"] != tt.want || !strings.HasPrefix(cd, `attachment; filename="`+tt.plain+`"`) {
			t.Errorf("%q: got %q, want %q and plain %q", tt.name, cd, tt.want, tt.plain)
		}
	}
}
