package webhook_test

import (
	"strings"
	"testing"

	"postern/receiver/webhook"
)

// What a hook is told and its provider has no use for is said, and so is what is missing to fetch what the provider does not send.
func TestIdleSettings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		hook webhook.Hook
		want string // "": nothing is odd
	}{
		{webhook.Hook{Provider: "raw"}, ""},
		{webhook.Hook{Provider: "postmark", APIKey: "k"}, "api-key-file means nothing for Postmark"},
		{webhook.Hook{Provider: "mailpace", KeyID: "k"}, "key-id means nothing"},
		{webhook.Hook{Provider: "brevo", APIKey: "k", Region: "eu"}, "region means nothing"},
		{webhook.Hook{Provider: "sendgrid", URL: "https://postern.example.com/"}, "url means nothing"},
		{webhook.Hook{Provider: "mandrill", URL: "https://postern.example.com/"}, ""},
		{webhook.Hook{Provider: "mailgun", Region: "EU"}, "neither us nor eu"},
		{webhook.Hook{Provider: "mailgun", Region: "eu", APIKey: "k"}, ""},
		{webhook.Hook{Provider: "ses", Buckets: []string{"b"}}, "without both of them"},
		{webhook.Hook{Provider: "ses", Buckets: []string{"b"}, APIKey: "k"}, "without both of them"},
		{webhook.Hook{Provider: "ses", Buckets: []string{"b"}, APIKey: "k", KeyID: "i"}, ""},
		{webhook.Hook{Provider: "ses", APIKey: "k", KeyID: "i"}, "it names none"},
		{webhook.Hook{Provider: "ses", Region: "Ireland"}, "such as eu-west-1"},
		{webhook.Hook{Provider: "brevo"}, "sends no files along"},
		{webhook.Hook{Provider: "resend"}, "sends no mail"},
		{webhook.Hook{Provider: "resend", APIKey: "k"}, ""},
	} {
		tt.hook.Secret, tt.hook.User = "0123456789abcdef", "ann"
		if got := strings.Join(tt.hook.Problems(), "; "); !strings.Contains(got, tt.want) || (tt.want == "") != (got == "") {
			t.Errorf("%+v: %q, want %q", tt.hook, got, tt.want)
		}
	}
	nameless := webhook.Hook{Provider: "raw", User: "ann"}
	if got := strings.Join(nameless.Problems(), "; "); !strings.Contains(got, "without secret-file it means nothing") {
		t.Errorf("%q", got)
	}
}
