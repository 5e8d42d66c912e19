package intake

import (
	"context"
	"fmt"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// crowd is how many mails of one key are compared with each newcomer. Devices that write one Message-ID into all their mail, and
// people who do so to keep us busy, would else make each mail dearer than the one before. Beyond it a mail's content is part of its
// key: the very same mail is still found, one that was changed on its way no longer is, and two are made of it.
const crowd = 10

// slot finds the place for a new mail, or the message that it is.
func (j *job) slot(ctx context.Context) (slot string, held *issue.Message, err error) {
	came := j.t.env.came()
	own, others := slotKeys(j.mailbox.Name, j.p, came)
	for _, key := range others {
		within := func(m *issue.Message) bool { return came.Sub(cameOf(m)).Abs() <= time.Hour }
		if _, held, err = j.place(ctx, key, within); held != nil || err != nil {
			return "", held, err
		}
	}
	return j.place(ctx, own, func(*issue.Message) bool { return true })
}

// cameOf is Envelope.came of a stored message.
func cameOf(m *issue.Message) time.Time {
	if m.Envelope.ArrivedAt.IsZero() {
		return m.ReceivedAt
	}
	return m.Envelope.ArrivedAt
}

// place looks through the mails of one key, those that count.
func (j *job) place(ctx context.Context, key string, counts func(*issue.Message) bool) (slot string, held *issue.Message, err error) {
	for _, key := range []string{key, crowdKey(key, j.p)} {
		taken, err := j.t.in.store.Slots(ctx, key)
		if err != nil {
			return "", nil, err
		}
		for _, m := range taken {
			if !claims(Verdict(m.Verdict)) && m.Reason != afterReview {
				continue // a replay refused it by the rules: they are asked anew each time it comes
			}
			if !counts(m) {
				continue
			}
			same, err := j.p.sameMail(m, j.t.env.Rebuilt || m.Envelope.Rebuilt,
				func(m *issue.Message) (string, error) { return j.t.in.textOf(ctx, m) },
				func(b issue.Blob) (string, error) { return j.t.in.readBlob(ctx, b) })
			if err != nil {
				return "", nil, err
			}
			if same {
				return "", m, nil
			}
		}
		slot = fmt.Sprintf("%s/%d", key, len(taken))
		if len(taken) < crowd {
			break
		}
	}
	return slot, nil, nil
}

// textOf is the whole text that was kept of a message.
func (in *Intake) textOf(ctx context.Context, m *issue.Message) (string, error) {
	if m.TextBlob.SHA256 == "" {
		return m.Text, nil
	}
	return in.readBlob(ctx, m.TextBlob)
}

// readBlob is a text that was kept, "" where it is no longer: not comparable any more.
func (in *Intake) readBlob(ctx context.Context, b issue.Blob) (string, error) {
	r, err := in.store.OpenBlob(ctx, b.SHA256)
	if fault.Is(err, fault.NotFound) {
		return "", nil // retention took it
	}
	if err != nil {
		return "", err
	}
	return readText(r)
}
