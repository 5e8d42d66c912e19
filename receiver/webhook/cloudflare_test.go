package webhook_test

import (
	"testing"

	"postern/internal/intake"
	"postern/receiver/webhook"
)

var cloudflareHook = webhook.Hook{Name: "cf", Provider: "cloudflare", Mailbox: "-", Secret: secretA}

const cloudflarePath = "/hooks/cloudflare/-"

func cloudflareHeaders(from, to string) []string {
	return []string{"Authorization: Bearer " + secretA, "Content-Type: message/rfc822", "X-Envelope-From: " + from, "X-Envelope-To: " + to}
}

func TestCloudflare(t *testing.T) {
	t.Parallel()
	made(t, "cloudflare", "office", cloudflarePath, crlf(officeMail), cloudflareHeaders("ann@example.org", "support@example.com")...)
	made(t, "cloudflare", "eightbit", cloudflarePath, eightBitMail, cloudflareHeaders("j%C3%B6rg%25x@example.org", "sales+a%2Fb@example.com")...)
	made(t, "cloudflare", "bcc", cloudflarePath, crlf(emptyMail), cloudflareHeaders("", "sales@example.com")...)
	made(t, "cloudflare", "nobody", cloudflarePath, mailText, cloudflareHeaders("ann@example.org", "nobody@example.com")...)
	golden(t, nil, cloudflareHook)
}

func TestCloudflareWrong(t *testing.T) {
	t.Parallel()
	good := cloudflareHeaders("ann@example.org", "support@example.com")
	refused(t, nil, cloudflareHook, cloudflarePath, []wrong{
		{"no secret", mailText, good[1:], 401, ""},
		{"another secret", mailText, append([]string{"Authorization: Bearer x"}, good[1:]...), 401, ""},
		{"empty", "", good, 400, "empty"},
		{"another type", mailText, []string{good[0], "Content-Type: application/json", good[2], good[3]}, 415, "message/rfc822"},
		{"not escaped", mailText, []string{good[0], good[1], "X-Envelope-From: 100%", good[3]}, 400, "not escaped"},
		{"no address", mailText, []string{good[0], good[1], good[2], "X-Envelope-To: support"}, 400, "is none"},
		{"a line break", mailText, []string{good[0], good[1], good[2], "X-Envelope-To: support@example.com%0D%0AX: y"}, 400, "is none"},
		{"two senders", mailText, append(cloudflareHeaders("ann@example.org", "support@example.com"), good[2]), 400, "2 senders"},
		{"two recipients", mailText, append(cloudflareHeaders("ann@example.org", "support@example.com"), good[3]), 400, "2 senders or recipients"},
	})
	again(t, nil, cloudflareHook, cloudflarePath, mailText, good...)
}

// TestCloudflareAnswers are what the worker turns into those of SMTP.
func TestCloudflareAnswers(t *testing.T) {
	t.Parallel()
	for verdict, status := range map[intake.Verdict]int{intake.Committed: 200, intake.Rejected: 406, intake.TryLater: 503, intake.Quarantined: 200} {
		g := newRig(t, nil, cloudflareHook)
		g.verdict = func(string) intake.Verdict { return verdict }
		if w := g.post(cloudflarePath, mailText, cloudflareHeaders("ann@example.org", "support@example.com")...); w.Code != status {
			t.Errorf("%s: got %d, want %d", verdict, w.Code, status)
		}
	}
}
