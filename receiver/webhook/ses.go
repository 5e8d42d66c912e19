package webhook

import (
	"context"
	"io"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/spool"
)

// ses is Amazon SES by way of Amazon SNS. A receipt rule either publishes the mail itself (SNS action, to 150 KB), or puts it in
// a bucket and publishes where (S3 action with a topic).
var ses = &Provider{
	Name:    "ses",
	Title:   "Amazon SES",
	Vouched: true,
	Docs:    "https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications-contents.html",
	Signs:   true,
	Advice:  "give the receipt rule an S3 action with an SNS topic: an SNS action bounces mail of more than 150 KB, and with UTF-8 as its encoding changes bytes",
	Verify:  verifySNS,
	Read:    readSES,
}

func readSES(ctx context.Context, t *Tools, h *Hook, r *Request, take func(*Mail) error) error {
	m, err := readSNS(h, r)
	if err != nil {
		return err
	}
	switch m.kind {
	case snsNotification:
		return readReceived(ctx, t, h, m, take)
	case snsSubscribe:
		return m.confirm(ctx, t)
	case snsUnsubscribe: // its SubscribeURL would subscribe again: for a person to decide
		return fault.Errorf(fault.Invalid, "the subscription to %s was ended: no more mail comes by it. If that was not meant, subscribe again in Amazon's console", m.topic.arn)
	}
	return fault.Errorf(fault.Invalid, "the type %.80q is none that SNS has", m.kind)
}

// readReceived reads a notification.
func readReceived(ctx context.Context, t *Tools, h *Hook, m *snsMessage, take func(*Mail) error) error {
	body, err := m.Get("Message").Spool(t)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()
	if said, err := beginning(body); err != nil {
		return err
	} else if strings.HasPrefix(said, "Successfully validated SNS topic") {
		return nil // SES tries a topic that it is given
	}
	v, err := readJSON(t, body)
	if err != nil {
		return fault.Errorf(fault.Invalid, "in $.Message, %w", err)
	}
	mail, err := receivedMail(t, v)
	if err != nil || mail == nil {
		return err
	}
	mail.ID = m.id
	action := v.Get("receipt").Get("action")
	if mail.Raw, err = receivedRaw(ctx, t, h, m.topic.region, v, action); err != nil {
		return err
	}
	return take(mail)
}

// receivedMail is what SES says of a mail; nil where it says something else.
func receivedMail(t *Tools, v *value) (*Mail, error) {
	kind, err := v.MayText("notificationType")
	if err != nil {
		return nil, err
	}
	switch kind {
	case "Received":
	case "AmazonSnsSubscriptionSucceeded": // the topic was connected to something else, too
		return nil, nil
	case "":
		kind, _ = v.Get("eventType").Text()
		fallthrough
	default:
		return nil, fault.Errorf(fault.Invalid, "the topic brings news of mail that was sent (%.40q): a hook wants a topic of its own, for a receipt rule's action", kind)
	}
	mail := &Mail{}
	if mail.From, err = v.Get("mail").MayText("source"); err != nil {
		return nil, err
	}
	mail.FromKnown = v.Get("mail").Has("source")
	mail.From = bareAddress(mail.From)
	at, err := v.Get("mail").MayText("timestamp")
	if err != nil {
		return nil, err
	}
	if mail.Arrived, err = time.Parse(time.RFC3339, at); err != nil {
		mail.Arrived = time.Time{} // a date that cannot be read is no reason to refuse a mail
	}
	receipt := v.Get("receipt")
	recipients, err := receipt.NeedList("recipients")
	if err != nil {
		return nil, err
	}
	for _, r := range recipients {
		to, err := r.string()
		if err != nil {
			return nil, err
		}
		mail.Recipients = append(mail.Recipients, to)
	}
	verdict := func(name string) string {
		word, _ := receipt.Get(name).Get("status").Text()
		return strings.ToUpper(word)
	}
	mail.SPF, mail.DKIM, mail.DMARC = sesWords[verdict("spfVerdict")], sesWords[verdict("dkimVerdict")], sesWords[verdict("dmarcVerdict")]
	spam, virus := verdict("spamVerdict"), verdict("virusVerdict")
	switch score := float64(sesSpam); {
	case spam == "FAIL", virus == "FAIL":
		mail.SpamScore = &score
	case spam == "PASS":
		score = 0
		mail.SpamScore = &score
	}
	return mail, nil
}

// sesWords are SES's verdicts on SPF, DKIM and DMARC in the words of RFC 8601. GRAY is: the domain has no SPF record, the mail no signature,
// the domain no DMARC policy or p=none.
var sesWords = map[string]string{"PASS": "pass", "FAIL": "fail", "GRAY": "none", "PROCESSING_FAILED": "temperror"}

// sesSpam is the score of what SES calls spam or a virus; it gives no numbers.
const sesSpam = 10

// receivedRaw is the mail itself.
func receivedRaw(ctx context.Context, t *Tools, h *Hook, region string, v, action *value) (*spool.Body, error) {
	kind, err := action.NeedText("type")
	if err != nil {
		return nil, err
	}
	switch kind {
	case "SNS":
		return receivedContent(t, v.Get("content"), action)
	case "S3":
		bucket, err := action.NeedText("bucketName")
		if err != nil {
			return nil, err
		}
		key, err := action.NeedText("objectKey")
		if err != nil {
			return nil, err
		}
		return fetchS3(ctx, t, h, region, bucket, key)
	}
	return nil, fault.Errorf(fault.Invalid, "at $.receipt.action.type: a notice of a %.40q action has no mail with it: give the topic to an S3 or an SNS action only", kind)
}

// receivedContent is a mail that came with its notification. Its encoding is said by the action ("UTF-8", "BASE64"); where it is not, a colon
// tells, which every header has and base64 has not.
func receivedContent(t *Tools, content, action *value) (*spool.Body, error) {
	encoding, err := action.MayText("encoding")
	if err != nil {
		return nil, err
	}
	is64 := strings.EqualFold(encoding, "base64")
	if encoding == "" {
		in, err := content.Open()
		if err != nil {
			return nil, err
		}
		first := make([]byte, 4<<10)
		n, _ := io.ReadFull(in, first)
		_ = in.Close()
		is64 = n > 0 && !strings.Contains(string(first[:n]), ":")
	}
	if is64 {
		return content.Base64(t)
	}
	return content.Spool(t)
}

// beginning is the first bytes of a body.
func beginning(b *spool.Body) (string, error) {
	in, err := b.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	first := make([]byte, 80)
	n, err := io.ReadFull(in, first)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return string(first[:n]), err
}
