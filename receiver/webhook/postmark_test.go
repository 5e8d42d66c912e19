package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// members are those of a JSON object, in order.
type members []any

func (m members) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	for i := 0; i < len(m); i += 2 {
		if i > 0 {
			b.WriteString(",\n  ")
		}
		v, err := json.Marshal(m[i+1])
		if err != nil {
			return nil, err
		}
		b.WriteString(`"` + m[i].(string) + `": ` + string(v))
	}
	return []byte("{" + b.String() + "}"), nil
}

func postmarkRequest(t testing.TB, m members) []byte {
	t.Helper()
	b, err := m.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return request("/hooks/postmark/support/0123456789abcdef", string(b), "User-Agent: Postmark", "Content-Type: application/json")
}

func person(email, name string) members {
	return members{"Email", email, "Name", name, "MailboxHash", ""}
}

// postmarkHeaders are those of a mail that came over one relay: Postmark's stand above the second Received line.
var postmarkHeaders = []members{
	{"Name", "Return-Path", "Value", "<bounce+1@example.org>"}, {"Name", "Received", "Value", "by p-pm-inbound7 (Postfix, from userid 996) id 7; Tue, 24 Nov 2026 09:29:58 +0000"},
	{"Name", "X-Spam-Checker-Version", "Value", "SpamAssassin 3.4.0 (2014-02-07) on p-pm-inbound7"}, {"Name", "X-Spam-Status", "Value", "No"}, {"Name", "X-Spam-Score", "Value", "1.7"},
	{"Name", "X-Spam-Tests", "Value", "DKIM_SIGNED,DKIM_VALID,\tDKIM_VALID_AU,SPF_PASS"},
	{"Name", "Received-SPF", "Value", "pass (example.org: Sender is authorized to use 'bounce+1@example.org' in 'mfrom' identity (mechanism 'mx' matched)) receiver=p-pm-inbound7; identity=mailfrom; envelope-from=\"bounce+1@example.org\"; helo=mx.example.org; client-ip=192.0.2.44"},
	{"Name", "Received", "Value", "by mx.example.org with HTTP; Tue, 24 Nov 2026 10:29:55 +0100"}, {"Name", "X-Spam-Score", "Value", "-100"}, {"Name", "Received-SPF", "Value", "fail"},
	{"Name", "Return-Path", "Value", "<forged@example.org>"}, {"Name", "MIME-Version", "Value", "1.0"}, {"Name", "Message-ID", "Value", "<parsed-3@example.org>"}, {"Name", "References", "Value", "<a@example.org> <b@example.org>"},
}

func postmarkMail(more ...any) members {
	return append(members{
		"FromName", "Ann \"the Lee\", Büro", "MessageStream", "inbound", "From", "ann@example.org", "FromFull", person("ann@example.org", `Ann "the Lee", Büro`),
		"To", `"Support" <support@example.com>, ben@example.net`, "ToFull", []members{person("support@example.com", "Support"), person("ben@example.net", "")},
		"Cc", "list@example.net", "CcFull", []members{person("list@example.net", "")}, "Bcc", "", "BccFull", []members{}, "OriginalRecipient", "support@example.com",
		"Subject", "Drucker in München", "MessageID", "73e6d360-66eb-11e1-8e72-a8904824019b", "ReplyTo", "", "MailboxHash", "", "Date", "Tue, 24 Nov 2026 10:29:55 +0100",
	}, more...)
}

func postmarkRequests(t testing.TB) map[string][]byte {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	utf8 := strings.ToValidUTF8(strings.ReplaceAll(rawMail, "iso-8859-1\r\nContent-Transfer-Encoding: 8bit", "utf-8\r\nContent-Transfer-Encoding: 8bit"), "ß")
	return map[string][]byte{
		"raw": postmarkRequest(t, postmarkMail("TextBody", "not this", "HtmlBody", "", "Headers", postmarkHeaders, "RawEmail", strings.ReplaceAll(utf8, "\r\n", "\n"),
			"Attachments", []members{{"Name", "not this", "Content", b64("x"), "ContentType", "text/plain", "ContentLength", 1}})),
		"parsed": postmarkRequest(t, postmarkMail("TextBody", "Der Drucker im Erdgeschoß\nzeigt nichts.\n", "HtmlBody", `<p>Der Drucker im Erdgeschoß zeigt <img src="cid:dot@example.org"></p>`, "StrippedTextReply", "", "Tag", "",
			"Headers", postmarkHeaders, "Attachments", []members{
				{"Name", "Protokoll № 1.txt", "Content", b64("Gr\xfc\xdfe\n"), "ContentType", "text/plain; charset=iso-8859-1", "ContentLength", 6, "ContentID", ""},
				{"Name", "dot.gif", "Content", b64(pixel), "ContentType", "image/gif", "ContentLength", len(pixel), "ContentID", "<dot@example.org>"},
				{"Name", `..\a "b".eml`, "Content", b64("From: Ben <ben@example.net>\r\nSubject: Inside\r\n\r\nInner\r\n"), "ContentType", "message/rfc822", "ContentID", nil},
				{"Name", "", "Content", "", "ContentType", "", "ContentLength", 0},
			})),
		// The test button: Data instead of Content, no OriginalRecipient.
		"check": postmarkRequest(t, members{"FromName", "Ann Lee", "From", "ann@example.org", "FromFull", person("ann@example.org", "Ann Lee"), "To", "support@example.com", "ToFull", []members{person("support@example.com", "")},
			"Subject", "Test subject", "MessageID", "00000000-0000-0000-0000-000000000000", "Date", "Tue, 24 Nov 2026 10:29:55 +0100", "TextBody", "This is a test text body.", "HtmlBody", "<p>This is a test html body.</p>",
			"Headers", []members{{"Name", "X-Header-Test", "Value", ""}}, "Attachments", []members{{"Name", "test.txt", "Data", b64("This is attachment contents, base-64 encoded."), "ContentType", "text/plain", "ContentLength", 45}, {"Name", "lost.txt", "ContentType", "text/plain"}}}),
		"bcc": postmarkRequest(t, members{"FromFull", person("ann@example.org", ""), "ToFull", []members{}, "To", "undisclosed-recipients:;", "BccFull", []members{person("support+b@example.com", "")}, "Subject", "For you alone",
			"MessageID", "73e6d360-66eb-11e1-8e72-a8904824019c", "Date", "Tue, 24 Nov 2026 10:29:55 +0100", "TextBody", "x", "Headers", []members{{"Name", "X-Spam-Score", "Value", "0.3"}, {"Name", "Received-SPF", "Value", "softfail (x) client-ip=192.0.2.45"}, {"Name", "DKIM-Signature", "Value", "v=1"}}}),
		"empty":      postmarkRequest(t, members{"From", "", "FromFull", person("", ""), "ToFull", nil, "OriginalRecipient", "support@example.com", "Subject", nil, "TextBody", "", "HtmlBody", "", "Headers", []members{{"Name", "Return-Path", "Value", "<>"}}, "Attachments", nil}),
		"other-hook": postmarkRequest(t, members{"RecordType", "Delivery", "MessageID", "x", "Recipient", "ann@example.org"}),
		"injection": postmarkRequest(t, members{"FromFull", person("ann@example.org\r\nBcc: x@example.org", "Ann\r\nX-Forged: yes"), "ToFull", []members{person("support@example.com> <x@example.org", "")}, "OriginalRecipient", "support@example.com",
			"Subject", "One\r\nX-Forged: yes\r\n\r\ntext", "TextBody", "x", "Headers", []members{{"Name", "X-A\r\nX-Forged", "Value", "yes"}, {"Name", "", "Value", "x"}, {"Name", "X-B", "Value", "b\r\n\r\nX-Forged: yes"}}}),
	}
}

func TestPostmark(t *testing.T) {
	t.Parallel()
	for name, r := range postmarkRequests(t) {
		recorded(t, "postmark", name, r)
	}
	golden(t, nil, secretHook("postmark"))
}

func TestPostmarkAnswers(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, secretHook("postmark"))
	g.verdict = rejected
	if got := g.send(postmarkRequests(t)["raw"]); got != http.StatusForbidden {
		t.Errorf("rejected: %d, want 403, the one status that ends Postmark's tries", got)
	}
	for _, path := range []string{"/hooks/postmark/support", "/hooks/postmark/support/another-secret", "/hooks/postmark/sales/0123456789abcdef", "/hooks/mailgun/support/0123456789abcdef"} {
		if w := g.post(path, `{"RawEmail":"x"}`, "Content-Type: application/json"); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if n := len(g.mails()); n != 1 {
		t.Errorf("%d mails", n)
	}
}

func TestPostmarkMalformed(t *testing.T) {
	t.Parallel()
	bodies := map[string]string{"empty": "", "no JSON": "hello", "a list": "[]", "a text": `"x"`, "null": "null", "nothing of a mail": "{}", "a form": "RawEmail=x", "trailing": `{"RawEmail":"x"} x`, "doubled": `{"RawEmail":"x","RawEmail":"y"}`}
	for _, key := range []string{"RecordType", "MessageID", "OriginalRecipient", "ReplyTo", "Subject", "Date", "TextBody", "HtmlBody", "From", "To"} {
		for _, v := range []string{`["x"]`, `{}`, `1`, `true`} {
			bodies[key+" "+v] = `{"FromFull":{"Email":"ann@example.org"},"` + key + `":` + v + `}`
		}
	}
	for _, v := range []string{`["x"]`, `{}`, `1`} {
		bodies["RawEmail "+v] = `{"RawEmail":` + v + `}`
	}
	for _, v := range []string{`"x"`, `{}`, `["x"]`, `[{}]`, `[{"Name":["x"]}]`, `[{"Name":"x","Value":["y"]}]`, `[[]]`} {
		bodies["Headers "+v] = `{"From":"ann@example.org","Headers":` + v + `}`
	}
	for _, v := range []string{`"x"`, `{}`, `["x"]`, `[{"Name":["x"]}]`, `[{"Content":["eA=="]}]`, `[{"Content":1}]`, `[{"Content":"e"}]`, `[{"Content":"e!=="}]`, `[{"ContentType":{}}]`, `[{"Content":"eA==","ContentID":[]}]`} {
		bodies["Attachments "+v] = `{"From":"ann@example.org","Attachments":` + v + `}`
	}
	for _, v := range []string{`"x"`, `[1]`, `[{"Email":["x"]}]`, `[{"Name":"x"}]`} {
		bodies["ToFull "+v] = `{"From":"ann@example.org","ToFull":` + v + `}`
	}
	whole := string(postmarkRequests(t)["parsed"])
	whole = whole[strings.Index(whole, "\r\n\r\n")+4:]
	bodies["cut"], bodies["cut in a file"] = whole[:len(whole)-1], whole[:strings.Index(whole, "image/gif")]
	bodies["cut behind a large file"] = `{"From":"ann@example.org","Attachments":[{"Content":"` + strings.Repeat("AAAA", 100<<10) + `"},{"Content":"AAA`
	bodies["a bad file behind a large one"] = `{"From":"ann@example.org","Attachments":[{"Content":"` + strings.Repeat("AAAA", 100<<10) + `"},{"Content":"!"}]}`
	malformed(t, secretHook("postmark"), "application/json", bodies)
}
