package webhook_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/receiver/webhook"
)

// TestNoHookNoDifference: a request that is signed is read as far for a hook that there is not as for one that there is, hears the same,
// and uses no token up.
func TestNoHookNoDifference(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil, webhook.Hook{Name: "mg", Provider: "mailgun", Mailbox: "support", Keys: []string{mailgunKey}})
	mime := append(signMailgun(mailgunKey, mailgunToken, start), input{name: "body-mime", value: "Subject: x\r\n\r\nx\r\n"})
	form := asURLEncoded(mime...)
	kind := "Content-Type: application/x-www-form-urlencoded"
	forged := strings.Replace(form, "signature=", "signature=00", 1)
	heard := func(path, form string) string {
		w := g.post(path, form, kind)
		w.Header().Del("X-Request-Id")
		return fmt.Sprint(w.Code, w.Body, w.Header())
	}
	there, not := heard("/hooks/mailgun/support", forged), heard("/hooks/mailgun/nowhere", forged)
	if there != not || !strings.HasPrefix(there, "401") {
		t.Errorf("there: %s\nnot there: %s", there, not)
	}
	if got := heard("/hooks/mailgun/nowhere", form); got != not || len(g.claims) > 0 {
		t.Errorf("signed well, for no hook: %s, %v", got, g.claims)
	}
	if got := heard("/hooks/mailgun/support", form); !strings.HasPrefix(got, "200") {
		t.Errorf("then for the hook: %s", got)
	}
}
