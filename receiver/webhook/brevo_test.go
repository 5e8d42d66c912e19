package webhook_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"postern/receiver/webhook"
)

const brevoFile = "api.brevo.com/v3/inbound/attachments/"

var brevoHook = webhook.Hook{Name: "a", Provider: "brevo", Mailbox: "support", Secret: secretA, APIKey: "xkeysib-not-a-secret"}

func brevoItem(change func(item, headers object)) object {
	headers := object{
		"Received": []string{"by inbound.example for <support@example.com>; Tue, 24 Nov 2026 09:59:57 +0000", "from [203.0.113.9] by mx.example.org; Tue, 24 Nov 2026 09:59:56 +0000"},
		"From":     "Ann Lee <ann@example.org>", "To": "support@example.com, Sales <sales@example.com>", "Cc": "bo@example.net", "Subject": "=?utf-8?q?Drucker_l=C3=A4uft_nicht?=",
		"Date": "Tue, 24 Nov 2026 10:59:55 +0100", "Message-ID": "<plain@example.org>", "MIME-Version": "1.0", "Content-Type": "multipart/alternative",
		"DKIM-Signature": "v=1; a=rsa-sha256; d=example.org; s=s; h=from; bh=x; b=y", "In-Reply-To": "<before@example.com>",
	}
	item := object{
		"Uuid": []string{"8b2b2b6a-53a8-4a36-9bd6-3b8f2b7f4f0a"}, "MessageId": "<plain@example.org>", "InReplyTo": nil, "From": object{"Name": "Ann Lee", "Address": "ann@example.org"},
		"To": []object{{"Name": nil, "Address": "support@example.com"}}, "Cc": []object{{"Name": nil, "Address": "bo@example.net"}}, "ReplyTo": nil, "SentAtDate": "Tue, 24 Nov 2026 10:59:55 +0100",
		"Subject": "Drucker l\u00e4uft nicht", "Attachments": []object{}, "Headers": headers, "SpamScore": 2.9, "ExtractedMarkdownMessage": "Er *l\u00e4uft* nicht", "ExtractedMarkdownSignature": nil,
		"RawHtmlBody": "<p>Er <b>l\u00e4uft</b> nicht \U0001F5A8 <img src=\"cid:logo@example.org\"></p>\r\n", "RawTextBody": "Er l\u00e4uft nicht \U0001F5A8.\r\n\r\n-- \r\nAnn\r\n",
	}
	if change != nil {
		change(item, headers)
	}
	return item
}

func file(name, kind, id, token string, length int) object {
	f := object{"Name": name, "ContentType": kind, "ContentID": nil, "ContentLength": length, "DownloadToken": token}
	if id != "" {
		f["ContentID"] = id
	}
	return f
}

func files(list ...object) func(item, headers object) {
	return func(item, _ object) { item["Attachments"] = list }
}

// brevoCloud has some files.
func brevoCloud(t testing.TB) *cloud {
	c := newCloud(t)
	typed := func(kind, body string) page {
		return page{header: http.Header{"Content-Type": {kind}, "Content-Disposition": {"attachment"}}, body: body}
	}
	c.put(brevoFile+"token-image", typed("image/png", "\x89PNG\r\n\x1a\n"))
	c.put(brevoFile+"token-text", typed("text/plain; charset=iso-8859-1", "Une pi\xe8ce jointe\n"))
	c.put(brevoFile+"a%2Fb+c%3Fd=%23e%20%2F..%2F", typed("application/octet-stream", "\x00\x01\x02"))
	c.put(brevoFile+"token-mail", typed("message/rfc822", mailPlain))
	c.put(brevoFile+"token-gone", page{status: 404})
	return c
}

func TestBrevo(t *testing.T) {
	t.Parallel()
	var names []string
	for name, items := range map[string][]object{
		"plain": {brevoItem(nil)},
		"files": {brevoItem(files(
			file("logo.png", "image/png", "logo@example.org", "token-image", 8),
			file("stamp.png", "image/png", "not-shown@example.org", "token-image", 8),
			file("pi\u00e8ce.txt", "text/plain", "", "token-text", 18),
			file("../\"x\r\nBcc: eve@example.com", "application/octet-stream", "", "a/b+c?d=#e /../", 3),
			file("", "message/rfc822", "", "token-mail", len(mailPlain)),
		))},
		"gone": {brevoItem(files(file("report.pdf", "application/pdf", "", "token-gone", 9), file("huge.iso", "application/x-iso", "", "token-huge", 1<<40), file("odd", "", "", "..", 1), file("none", "", "", "", 1)))},
		"envelope": {brevoItem(func(item, headers object) {
			item["Recipients"] = []any{"support@example.com", object{"Address": "support+bcc@example.com"}}
			headers["Return-Path"], headers["Delivered-To"] = "<bounce@example.org>", "<else@example.net>"
		})},
		"delivered": {brevoItem(func(item, headers object) {
			headers["Return-Path"], headers["Delivered-To"] = "<>", []string{"<support@example.com>", "old@example.net"}
		})},
		"empty": {brevoItem(func(item, headers object) {
			item["RawHtmlBody"], item["RawTextBody"], item["SpamScore"], item["Attachments"] = nil, nil, nil, nil
		})},
		"html-only": {brevoItem(func(item, _ object) { delete(item, "RawTextBody") })},
		"bare": {brevoItem(func(item, _ object) {
			delete(item, "Headers")
			item["ReplyTo"], item["InReplyTo"] = object{"Name": "B\u00f6", "Address": "bo@example.net"}, "<before@example.com>"
		})},
		"injected": {brevoItem(func(item, headers object) {
			headers["Subject"], headers["X-Odd\r\nBcc"] = "one\r\nBcc: eve@example.com\r\n\r\nbody", "eve@example.com"
		})},
		"batch": {brevoItem(nil), brevoItem(func(item, headers object) { headers["Message-ID"] = "<other@example.org>" })},
		"none":  {},
	} {
		body := toJSON(t, object{"items": items})
		record(t, "brevo", name, fmt.Sprintf("POST /hooks/brevo/support/%s HTTP/1.1\r\nHost: postern.example.com\r\nContent-Length: %d\r\nContent-Type: application/json\r\nUser-Agent: Brevo-Webhook\r\n\r\n%s", secretA, len(body), body))
		names = append(names, name)
	}
	records(t, "brevo", names...)
	golden(t, brevoCloud(t).options, brevoHook)
}

// TestBrevoFetches: the key goes to one host, with a token that is one segment of the path.
func TestBrevoFetches(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{
		"abc":                       brevoFile + "abc",
		"../../smtp/email":          brevoFile + "..%2F..%2Fsmtp%2Femail",
		"@evil.example/x":           brevoFile + "@evil.example%2Fx",
		"https://evil.example/":     brevoFile + "https:%2F%2Fevil.example%2F",
		"?x=1#y":                    brevoFile + "%3Fx=1%23y",
		"a b\r\nHost: evil.example": brevoFile + "a%20b%0D%0AHost:%20evil.example",
		"%2e%2e":                    brevoFile + "%252e%252e",
		"..":                        "",
		".":                         "",
		strings.Repeat("t", 5<<10):  "",
	} {
		c := brevoCloud(t)
		g := newRig(t, c.options, brevoHook)
		body := toJSON(t, object{"items": []object{brevoItem(files(file("f", "", "", token, 1)))}})
		if w := g.post("/hooks/brevo/support/"+secretA, body); w.Code != 200 || len(g.mails()) != 1 {
			t.Errorf("%.40q: got %d, %d mails", token, w.Code, len(g.mails()))
		}
		asked := c.visits()
		if want == "" && len(asked) > 0 || want != "" && !slices.Equal(asked, []string{want}) {
			t.Errorf("%.40q: asked for %v", token, asked)
		}
		if want != "" && c.said(want).Get("api-key") != brevoHook.APIKey {
			t.Errorf("%.40q: asked without the key", token)
		}
	}
}

// TestBrevoLater: a file that cannot be had now keeps its mail with Brevo.
func TestBrevoLater(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer page
		change func(h *webhook.Hook)
		reason string
	}{
		"down":   {answer: page{status: 500}, reason: "Brevo answers 500"},
		"busy":   {answer: page{status: 429}, reason: "Brevo answers 429"},
		"key":    {answer: page{status: 401}, reason: "is the key in api-key-file"},
		"moved":  {answer: page{status: 302, header: http.Header{"Location": {"https://evil.example/"}}}, reason: "Brevo answers 302"},
		"cut":    {answer: page{header: http.Header{"Content-Length": {"10"}}, body: "x"}, reason: "fetch a file"},
		"no key": {change: func(h *webhook.Hook) { h.APIKey = "" }, reason: "needs api-key-file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := brevoCloud(t)
			c.put(brevoFile+"token", tt.answer)
			h := brevoHook
			if tt.change != nil {
				tt.change(&h)
			}
			g := newRig(t, c.options, h)
			// One mail of the batch waits, the other need not.
			body := toJSON(t, object{"items": []object{brevoItem(files(file("f", "", "", "token-text", 1), file("g", "", "", "token", 1))), brevoItem(nil)}})
			w := g.post("/hooks/brevo/support/"+secretA, body)
			if w.Code != 503 || len(g.mails()) != 1 || !strings.Contains(strings.Join(g.refused, ""), tt.reason) {
				t.Errorf("got %d, %d mails, %q", w.Code, len(g.mails()), g.refused)
			}
			if slices.ContainsFunc(c.visits(), func(v string) bool { return strings.HasPrefix(v, "evil") }) {
				t.Error("a redirect was followed")
			}
			if strings.Contains(g.log.String()+strings.Join(g.refused, ""), "xkeysib") {
				t.Error("the key is told")
			}
		})
	}
}

func TestBrevoWrongTypes(t *testing.T) {
	t.Parallel()
	change := func(f func(item, headers object)) string { return toJSON(t, object{"items": []object{brevoItem(f)}}) }
	good := change(nil)
	for body, reason := range map[string]string{
		"":                      "ends too early",
		good[:len(good)/2]:      "ends too early",
		`[]`:                    "at $: want object, got list",
		`{}`:                    "at $.items: want list, got missing",
		`{"items":{}}`:          "at $.items: want list, got object",
		`{"items":[7]}`:         "at $.items[0]: want object, got number",
		`{"event":"delivered"}`: "news of sent mail",
		change(func(i, _ object) { i["Uuid"] = "x" }):                                 "at $.items[0].Uuid: want list, got text",
		change(func(i, _ object) { i["Uuid"] = []int{1} }):                            "at $.items[0].Uuid[0]: want text, got number",
		change(func(i, _ object) { i["Headers"] = []string{"x"} }):                    "at $.items[0].Headers: want object, got list",
		change(func(_, h object) { h["Subject"] = object{} }):                         "at $.items[0].Headers.Subject: want text, got object",
		change(func(_, h object) { h["Subject"] = []any{"a", []string{}} }):           "at $.items[0].Headers.Subject[1]: want text, got list",
		change(func(i, _ object) { i["RawTextBody"] = []string{"x"} }):                "at $.items[0].RawTextBody: want text, got list",
		change(func(i, _ object) { i["RawHtmlBody"] = true }):                         "at $.items[0].RawHtmlBody: want text, got bool",
		change(func(i, _ object) { i["SpamScore"] = "9" }):                            "at $.items[0].SpamScore: want number, got text",
		change(func(i, _ object) { i["Attachments"] = object{} }):                     "at $.items[0].Attachments: want list, got object",
		change(func(i, _ object) { i["Attachments"] = []string{"x"} }):                "at $.items[0].Attachments[0]: want object, got text",
		change(files(object{"Name": []string{"x"}})):                                  "at $.items[0].Attachments[0].Name: want text, got list",
		change(files(object{"DownloadToken": []string{"x"}})):                         "at $.items[0].Attachments[0].DownloadToken: want text, got list",
		change(files(object{"DownloadToken": "x", "ContentLength": "7"})):             "at $.items[0].Attachments[0].ContentLength: want number, got text",
		change(func(i, _ object) { i["Recipients"] = "support@example.com" }):         "at $.items[0].Recipients: want list, got text",
		change(func(i, _ object) { i["Recipients"] = []any{7} }):                      "at $.items[0].Recipients[0]: want text, got number",
		change(func(i, _ object) { delete(i, "Headers"); i["From"] = 7 }):             "at $.items[0].From: want text, got number",
		change(func(i, _ object) { delete(i, "Headers"); i["To"] = []any{object{}} }): "at $.items[0].To[0].Address: want text, got missing",
	} {
		c := brevoCloud(t)
		g := newRig(t, c.options, brevoHook)
		w := g.post("/hooks/brevo/support/"+secretA, body)
		if w.Code != 400 || len(g.mails()) > 0 || !strings.Contains(strings.Join(g.refused, ""), reason) || len(c.visits()) > 0 {
			t.Errorf("%.60s: got %d, %d mails, %q, want %q", body, w.Code, len(g.mails()), g.refused, reason)
		}
	}
}

func FuzzBrevo(f *testing.F) {
	f.Add(toJSON(f, object{"items": []object{brevoItem(nil)}}))
	f.Add(toJSON(f, object{"items": []object{brevoItem(files(file("pi\u00e8ce.txt", "text/plain", "", "token-text", 18), file("x", "image/png", "logo@example.org", "token-image", 8)))}}))
	f.Add(toJSON(f, object{"items": []object{brevoItem(func(item, headers object) { delete(item, "Headers"); item["Recipients"] = []any{"a@example.com"} })}}))
	c := brevoCloud(f)
	g := newRig(f, c.options, brevoHook)
	f.Fuzz(func(t *testing.T, body string) {
		fuzz(t, g, "/hooks/brevo/support/"+secretA, body)
		for _, v := range c.visits() {
			if !strings.HasPrefix(v, brevoFile) || strings.Contains(v[len(brevoFile):], "/") {
				t.Errorf("asked for %q", v)
			}
		}
	})
}
