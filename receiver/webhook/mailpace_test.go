package webhook_test

import (
	"testing"

	"postern/receiver/webhook"
)

var mailPaceHook = webhook.Hook{Name: "mp", Provider: "mailpace", Mailbox: "support", Secret: secretA}

const mailPacePath = "/hooks/mailpace/support/" + secretA

// mailPaceBody is the payload of https://docs.mailpace.com/guide/inbound.
func mailPaceBody(t *testing.T, raw string) string {
	return asJSON(t, map[string]any{
		"from": "Ann Lee <ann@example.org>", "headers": []string{"Received: from localhost", "Subject: not what is read"}, "messageId": "<office-1@example.org>",
		"raw": raw, "to": "Support <support@example.com>", "subject": "not what is read", "text": "not what is read",
		"attachments": []any{map[string]any{"content": "YQ==", "type": "attachment", "contentType": "text/plain", "contentDisposition": "attachment", "headers": []string{}, "checksum": "abc", "size": 1}},
	})
}

func TestMailPace(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]string{"office": crlf(officeMail), "empty": crlf(emptyMail), "lf": mailText} {
		made(t, "mailpace", name, mailPacePath, mailPaceBody(t, raw), "Content-Type: application/json")
	}
	golden(t, nil, mailPaceHook)
}

func TestMailPaceWrong(t *testing.T) {
	t.Parallel()
	good := mailPaceBody(t, mailText)
	refused(t, nil, mailPaceHook, mailPacePath+"x", []wrong{{"another secret", good, nil, 401, ""}})
	refused(t, nil, mailPaceHook, mailPacePath, []wrong{
		{"nothing", "", nil, 400, "$"},
		{"no JSON", "hello", nil, 400, "$"},
		{"cut short", good[:len(good)-9], nil, 400, "$"},
		{"a list", "[]", nil, 400, "at $: want object, got list"},
		{"no raw", `{"event":"email.delivered","payload":{}}`, nil, 400, "at $.raw: want text, got missing"},
		{"raw a list", `{"raw":["From: a@example.org"]}`, nil, 400, "at $.raw: want text, got list"},
		{"raw null", `{"raw":null}`, nil, 400, "at $.raw: want text, got null"},
		{"raw an object", `{"raw":{"a":1}}`, nil, 400, "at $.raw: want text, got object"},
	})
	again(t, nil, mailPaceHook, mailPacePath, good)
}
