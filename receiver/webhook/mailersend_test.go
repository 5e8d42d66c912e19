package webhook_test

import (
	"strings"
	"testing"

	"postern/receiver/webhook"
)

const (
	mailerSendKey  = "route-secret-1"
	mailerSendPath = "/hooks/mailersend/support"
)

var mailerSendHook = webhook.Hook{Name: "ms", Provider: "mailersend", Mailbox: "support", Keys: []string{"an older one", mailerSendKey}, TrustVerdicts: true}

func mailerSendHeaders(body string) []string {
	return []string{"Content-Type: application/json", "Signature: " + hexOf(hmac256(mailerSendKey, body))}
}

// mailerSendBody is the payload of https://developers.mailersend.com/api/v1/inbound.html.
func mailerSendBody(t *testing.T, raw, from string, to ...string) string {
	rcpt := []any{}
	for _, a := range to {
		rcpt = append(rcpt, map[string]any{"email": a})
	}
	return asJSON(t, map[string]any{
		"type": "inbound.message", "inbound_id": "route1", "url": "https://postern.example.com" + mailerSendPath, "created_at": "2026-11-24T09:30:02.100000Z",
		"data": map[string]any{
			"object": "message", "id": "6402ab57f79d39d7e10f2523", "recipients": map[string]any{"rcptTo": rcpt}, "sender": map[string]any{"email": from},
			"subject": "not what is read", "text": "not what is read", "raw": raw, "attachments": []any{},
			"spf_check": map[string]any{"code": "+", "value": nil}, "dkim_check": true, "created_at": "2026-11-24T09:30:01.525000Z",
		},
	})
}

func TestMailerSend(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"office":   mailerSendBody(t, crlf(officeMail), "bounces@example.org", "support@example.com", "sales@example.com"),
		"empty":    mailerSendBody(t, crlf(emptyMail), "", "support@example.com"),
		"test":     `{"type":"webhook.test","data":[]}`,
		"utf8":     mailerSendBody(t, crlf("From: Jörg <j@example.org>\nSubject: Grüße 🌎\n\nHallo\n"), "j@example.org", "support@example.com"),
		"activity": `{"type":"activity.sent","data":{}}`,
	} {
		made(t, "mailersend", name, mailerSendPath, body, mailerSendHeaders(body)...)
	}
	golden(t, nil, mailerSendHook)
}

func TestMailerSendWrong(t *testing.T) {
	t.Parallel()
	good := mailerSendBody(t, mailText, "ann@example.org", "support@example.com")
	signed := func(body string) []string { return mailerSendHeaders(body) }
	cases := []wrong{
		{"no signature", good, nil, 401, "no header Signature"},
		{"no hex", good, []string{"Signature: zz"}, 401, "no header Signature"},
		{"another key", good, []string{"Signature: " + hexOf(hmac256("x", good))}, 401, "fits none"},
		{"another body", good + " ", signed(good), 401, "fits none"},
		{"cut short", good[:len(good)/2], signed(good), 401, "fits none"},
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"no JSON", good, "hello", "$"},
		{"a list", good, "[" + good + "]", "at $: want object"},
		{"cut and signed", good, good[:len(good)/2], "$"},
		{"type of another type", `"type":"inbound.message"`, `"type":["inbound.message"]`, "at $.type: want text, got list"},
		{"raw missing", `"raw"`, `"rare"`, "at $.data.raw: want text, got missing"},
		{"raw a list", asJSON(t, mailText), "[" + asJSON(t, mailText) + "]", "at $.data.raw: want text, got list"},
		{"raw a number", asJSON(t, mailText), "7", "at $.data.raw: want text, got number"},
		{"recipients a text", `[{"email":"support@example.com"}]`, `"support@example.com"`, "at $.data.recipients.rcptTo: want list, got text"},
		{"a recipient's list", `{"email":"support@example.com"}`, `{"email":["support@example.com"]}`, "at $.data.recipients.rcptTo[0].email: want text, got list"},
		{"sender a list", `"sender":{"email":"ann@example.org"}`, `"sender":{"email":["a@example.org"]}`, "at $.data.sender.email: want text, got list"},
		{"id a number", `"id":"6402ab57f79d39d7e10f2523"`, `"id":7`, "at $.data.id: want text, got number"},
		{"doubled", `"type":"inbound.message"`, `"type":"inbound.message","type":"x"`, "type"},
	} {
		body := strings.Replace(good, c.old, c.new, 1)
		if body == good {
			t.Fatalf("%s changes nothing", c.name)
		}
		cases = append(cases, wrong{c.name, body, signed(body), 400, c.want})
	}
	refused(t, nil, mailerSendHook, mailerSendPath, cases)
	again(t, nil, mailerSendHook, mailerSendPath, good, signed(good)...)
}
