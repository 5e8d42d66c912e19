package webhook

import (
	"context"
	"fmt"

	"postern/internal/fault"
)

// sparkpost is SparkPost's relay webhook: a list of mails with the whole message in each, in base64 where it is not UTF-8.
var sparkpost = &Provider{
	Name:   "sparkpost",
	Title:  "SparkPost",
	Docs:   "https://developers.sparkpost.com/api/relay-webhooks/",
	Header: "X-MessageSystems-Webhook-Token",
	Advice: "nothing to set: a relay webhook has the whole mail in it",
	Read:   readSparkPost,
}

func readSparkPost(ctx context.Context, t *Tools, _ *Hook, r *Request, take func(*Mail) error) error {
	b := &batch{ctx: ctx, take: take}
	id := r.Header.Get("X-MessageSystems-Batch-ID") // the same when the batch is sent again
	v, err := readItems(r.Body, func(event *value) error { return b.add(relayed(t, event, id)) })
	switch {
	case err != nil:
		return err
	case v.Kind() == "object":
		err = b.add(relayed(t, v, id))
	case v != nil:
		err = v.want(list)
	}
	if err != nil {
		return err
	}
	return b.end()
}

// relayed is the mail of an event.
func relayed(t *Tools, event *value, batch string) (*Mail, error) {
	msys := event.Get("msys")
	if err := msys.want(object); err != nil {
		return nil, err
	}
	if len(msys.Keys()) == 0 {
		return nil, nil // what is sent when a webhook is made or changed
	}
	if !msys.Has("relay_message") {
		return nil, fault.Errorf(fault.Invalid, "at %s: %.60q is news of sent mail: a hook wants a relay webhook", msys.path(), msys.Keys()[0])
	}
	mail, err := relayMessage(t, msys.Get("relay_message"))
	if err == nil && batch != "" {
		mail.ID = fmt.Sprintf("%s/%d", batch, event.place)
	}
	return mail, err
}

func relayMessage(t *Tools, v *value) (*Mail, error) {
	from, err := v.MayText("msg_from")
	if err != nil {
		return nil, err
	}
	mail := &Mail{From: bareAddress(from), FromKnown: v.Has("msg_from")}
	to, err := v.MayText("rcpt_to")
	if err != nil {
		return nil, err
	}
	if to != "" {
		mail.Recipients = []string{to}
	}
	content := v.Get("content")
	is64, err := content.MayBool("email_rfc822_is_base64")
	if err != nil {
		return nil, err
	}
	if is64 {
		mail.Raw, err = content.Get("email_rfc822").Base64(t)
	} else {
		mail.Raw, err = content.Get("email_rfc822").Spool(t)
	}
	return mail, err
}
