package webhook_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"postern/receiver/webhook"
)

const sparkpostToken = "X-MessageSystems-Webhook-Token: " + secretA

var sparkpostHook = webhook.Hook{Name: "a", Provider: "sparkpost", Mailbox: "support", Secret: secretA}

func relayMessage(mail string, change func(m, content object)) object {
	content := object{
		"email_rfc822": mail, "email_rfc822_is_base64": false, "subject": "Drucker", "text": "Er l\u00e4uft nicht", "html": "<p>\u2026</p>",
		"to": []string{"support@example.com"}, "cc": []string{}, "headers": []object{{"Return-Path": "<ann@example.org>"}, {"From": "Ann Lee <ann@example.org>"}},
	}
	m := object{"content": content, "customer_id": "1337", "friendly_from": "ann@example.org", "msg_from": "ann@example.org", "rcpt_to": "support@example.com", "webhook_id": "4839201967643219", "protocol": "smtp"}
	if change != nil {
		change(m, content)
	}
	return object{"msys": object{"relay_message": m}}
}

func inBase64(m, content object) {
	content["email_rfc822"], content["email_rfc822_is_base64"] = base64.StdEncoding.EncodeToString([]byte(mailRich)), true
	m["rcpt_to"] = "support+bcc@example.com"
}

func TestSparkPost(t *testing.T) {
	t.Parallel()
	var names []string
	for name, body := range map[string]string{
		"relayed":     toJSON(t, []object{relayMessage(mailPlain, nil)}),
		"base64":      toJSON(t, []object{relayMessage("", inBase64)}),
		"null-sender": toJSON(t, []object{relayMessage(mailEmpty, func(m, _ object) { m["msg_from"] = "" })}),
		"batch":       toJSON(t, []object{{"msys": object{}}, relayMessage(mailQP, nil), relayMessage("", inBase64)}),
		"ping":        `[{"msys":{}}]`,
		"ping-alone":  `{"msys":{}}`,
		"events":      `[{"msys":{"message_event":{"type":"bounce"}}}]`,
	} {
		record(t, "sparkpost", name, fmt.Sprintf("POST /hooks/sparkpost/support HTTP/1.1\r\nHost: postern.example.com\r\nContent-Length: %d\r\nContent-Type: application/json\r\n%s\r\nX-MessageSystems-Batch-ID: 96500f4d-d4f4-4f1b-8080-02f4682184bb\r\n\r\n%s", len(body), sparkpostToken, body))
		names = append(names, name)
	}
	records(t, "sparkpost", names...)
	golden(t, nil, sparkpostHook)
}

func TestSparkPostWrong(t *testing.T) {
	t.Parallel()
	change := func(f func(m, content object)) string { return toJSON(t, []object{relayMessage(mailPlain, f)}) }
	good := change(nil)
	for body, reason := range map[string]string{
		"":                               "ends too early",
		good[:len(good)/2]:               "ends too early",
		good + "]":                       "something follows",
		`"x"`:                            "at $: want list, got text",
		`[[]]`:                           "at $[0]: want object, got list",
		`[{"msys":[]}]`:                  "at $[0].msys: want object, got list",
		`[{"msys":{"relay_message":7}}]`: "at $[0].msys.relay_message: want object, got number",
		`[{"msys":{"track_event":{}}}]`:  `"track_event" is news of sent mail`,
		change(func(m, _ object) { m["msg_from"] = []string{"a"} }):                      "relay_message.msg_from: want text, got list",
		change(func(m, _ object) { m["rcpt_to"] = []string{"a"} }):                       "relay_message.rcpt_to: want text, got list",
		change(func(m, _ object) { m["content"] = []string{"a"} }):                       "relay_message.content: want object, got list",
		change(func(_, c object) { c["email_rfc822"] = []string{"a"} }):                  "content.email_rfc822: want text, got list",
		change(func(_, c object) { delete(c, "email_rfc822") }):                          "content.email_rfc822: want text, got missing",
		change(func(_, c object) { c["email_rfc822_is_base64"] = "true" }):               "content.email_rfc822_is_base64: want bool, got text",
		change(func(_, c object) { c["email_rfc822_is_base64"] = true }):                 "content.email_rfc822: ",
		strings.Replace(good, `"msg_from"`, `"rcpt_to":"eve@example.com","msg_from"`, 1): `the key "rcpt_to" comes twice`,
	} {
		g := newRig(t, nil, sparkpostHook)
		w := g.post("/hooks/sparkpost/support", body, sparkpostToken, "Content-Type: application/json")
		if w.Code != 400 || len(g.mails()) > 0 || !strings.Contains(strings.Join(g.refused, ""), reason) {
			t.Errorf("%.60s: got %d, %d mails, %q, want %q", body, w.Code, len(g.mails()), g.refused, reason)
		}
	}
	for _, header := range []string{"X: y", "X-MessageSystems-Webhook-Token: ", "X-MessageSystems-Webhook-Token: " + secretB, "X-MessageSystems-Webhook-Token: " + secretA + "x"} {
		g := newRig(t, nil, sparkpostHook)
		if w := g.post("/hooks/sparkpost/support", good, header); w.Code != 401 || len(g.mails()) > 0 {
			t.Errorf("%s: got %d, %d mails", header, w.Code, len(g.mails()))
		}
	}
}

func FuzzSparkPost(f *testing.F) {
	f.Add(toJSON(f, []object{{"msys": object{}}, relayMessage(mailQP, nil), relayMessage("", inBase64)}))
	f.Add(`{"msys":{}}`)
	g := newRig(f, nil, sparkpostHook)
	f.Fuzz(func(t *testing.T, body string) { fuzz(t, g, "/hooks/sparkpost/support", body, sparkpostToken) })
}
