package webhook

import (
	"context"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" // of signature version 1
	_ "crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
)

// What Amazon SNS posts, to one topic's subscriber: docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html.
const (
	snsNotification = "Notification"
	snsSubscribe    = "SubscriptionConfirmation"
	snsUnsubscribe  = "UnsubscribeConfirmation"
)

// snsWindow is how old a message may be. SNS gives up after an hour at most (sns-message-delivery-retries, "hard limit"); the rest is for
// the time a message waits within SNS and for clocks that disagree.
const (
	snsWindow = 3 * time.Hour
	snsAhead  = 15 * time.Minute
)

// snsBytes is what a message has at most: 256 KiB (docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html), each byte of which JSON may need six for.
const snsBytes = 2 << 20

// An snsMessage is one message of SNS, as it says of itself.
type snsMessage struct {
	*value
	kind, id string
	time     time.Time
	topic    snsTopic
}

// An snsTopic is a topic that the hook names, and so its region's hosts are known without asking the payload.
type snsTopic struct{ arn, region, host, domain string }

var awsRegion = regexp.MustCompile(`^[a-z]{2,}(-[a-z0-9]+)+$`)

// parseTopic reads arn:PARTITION:sns:REGION:ACCOUNT:NAME.
func parseTopic(arn string) (snsTopic, bool) {
	p := strings.Split(arn, ":")
	if len(p) != 6 || p[0] != "arn" || p[2] != "sns" || !awsRegion.MatchString(p[3]) {
		return snsTopic{}, false
	}
	domain := awsDomain(p[3])
	return snsTopic{arn: arn, region: p[3], host: "sns." + p[3] + "." + domain, domain: domain}, true
}

// awsDomain is where a region's services are: China has a partition of its own.
func awsDomain(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// readSNS reads the message of a request, if it is one of the hook's topics.
func readSNS(h *Hook, r *Request) (*snsMessage, error) {
	if strings.EqualFold(r.Header.Get("x-amz-sns-rawdelivery"), "true") {
		return nil, fault.Errorf(fault.Invalid, "the subscription has raw message delivery on, which takes the signature away: switch it off")
	}
	if r.Body.Size() > snsBytes {
		return nil, fault.Errorf(fault.TooLarge, "the message has %d bytes, and those of SNS not more than %d", r.Body.Size(), snsBytes)
	}
	v, err := readWithin(forStrangers, r.Body)
	if err != nil {
		return nil, err
	}
	m := &snsMessage{value: v}
	var arn, at string
	for _, k := range []struct {
		key, header string
		to          *string
	}{{"Type", "x-amz-sns-message-type", &m.kind}, {"MessageId", "x-amz-sns-message-id", &m.id}, {"TopicArn", "x-amz-sns-topic-arn", &arn}, {"Timestamp", "", &at}} {
		if *k.to, err = v.NeedText(k.key); err != nil {
			return nil, err
		}
		// What is signed are lines, so a line break in one of these could stand for the next.
		if *k.to == "" || strings.ContainsAny(*k.to, "\r\n") {
			return nil, fault.Errorf(fault.Invalid, "at $.%s: %.80q is none", k.key, *k.to)
		}
		if got := r.Header.Get(k.header); k.header != "" && got != *k.to && (got != "" || k.key == "Type") {
			return nil, fault.Errorf(fault.Invalid, "the header %s is %.80q, the body says %.80q", k.header, got, *k.to)
		}
	}
	if !slices.Contains(h.Topics, arn) {
		return nil, fault.Errorf(fault.Invalid, "the topic %.200q is none of the hook's topics", arn)
	}
	var ok bool
	if m.topic, ok = parseTopic(arn); !ok {
		return nil, fault.Errorf(fault.Invalid, "the topic %.200q is not written arn:aws:sns:REGION:ACCOUNT:NAME", arn)
	}
	if m.time, err = time.Parse(time.RFC3339, at); err != nil {
		return nil, fault.Errorf(fault.Invalid, "at $.Timestamp: %.80q is no time", at)
	}
	return m, nil
}

// snsSigned are the keys that are signed, in their order: docs.aws.amazon.com/sns/latest/dg/
// sns-verify-signature-of-message-verify-message-signature.html. Subject is, if it is there.
var snsSigned = map[string][]string{
	snsNotification: {"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"},
	snsSubscribe:    {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
	snsUnsubscribe:  {"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"},
}

// verifySNS says whether SNS itself sent a message of one of the hook's topics, now and not long ago.
func verifySNS(ctx context.Context, t *Tools, h *Hook, r *Request) error {
	m, err := readSNS(h, r)
	if fault.Is(err, fault.Invalid) || fault.Is(err, fault.TooLarge) {
		return &Unproven{err.Error()}
	}
	if err != nil {
		return err
	}
	t.step("a %s of %s, %s", m.kind, m.topic.arn, m.time.UTC().Format(time.RFC3339))
	if age := t.Now().Sub(m.time); age > snsWindow || age < -snsAhead {
		return &Unproven{fmt.Sprintf("the message is of %s, and the clock here says %s: SNS gives up after an hour", m.time.UTC().Format(time.RFC3339), t.Now().UTC().Format(time.RFC3339))}
	}
	digest, hash, err := m.digest()
	if err != nil {
		return err
	}
	t.step("signed are the values of %s: %s %x", strings.Join(m.signed(), ", "), hash, digest)
	t.step("signed are %s of a %s, %v %x", strings.Join(snsSigned[m.kind], ", "), m.kind, hash, digest)
	text, _ := m.Get("Signature").Text()
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil || text == "" {
		return &Unproven{"at $.Signature: want base64"}
	}
	from, _ := m.Get("SigningCertURL").Text()
	t.step("by the key of %s", from)
	key, err := t.certificates.key(ctx, t, m.topic, from)
	if err != nil {
		return err
	}
	if err := rsa.VerifyPKCS1v15(key, hash, digest, signature); err != nil {
		return &Unproven{"the signature does not fit: what is signed was changed on its way, or SNS did not send it"}
	}
	return t.Once(ctx, "sns "+m.id, hex.EncodeToString(digest), m.time.Add(snsWindow))
}

// signed are the keys of this message that are signed.
func (m *snsMessage) signed() []string {
	return slices.DeleteFunc(slices.Clone(snsSigned[m.kind]), func(key string) bool { return key == "Subject" && !m.Has(key) })
}

// digest is the hash of what is signed.
func (m *snsMessage) digest() ([]byte, crypto.Hash, error) {
	var hash crypto.Hash
	switch version, _ := m.Get("SignatureVersion").Text(); version {
	case "1":
		hash = crypto.SHA1
	case "2":
		hash = crypto.SHA256
	default:
		return nil, 0, &Unproven{fmt.Sprintf("SignatureVersion is %.20q, known are 1 and 2", version)}
	}
	if snsSigned[m.kind] == nil {
		return nil, 0, &Unproven{fmt.Sprintf("the type %.80q is none that SNS has", m.kind)}
	}
	w := hash.New()
	for _, key := range m.signed() {
		in, err := m.Get(key).Open()
		if fault.Is(err, fault.Invalid) {
			return nil, 0, &Unproven{err.Error()}
		}
		if err != nil {
			return nil, 0, err
		}
		_, _ = io.WriteString(w, key+"\n")
		_, err = io.Copy(w, in)
		_ = in.Close()
		if err != nil {
			return nil, 0, err
		}
		_, _ = io.WriteString(w, "\n")
	}
	return w.Sum(nil), hash, nil
}

// confirm ends a subscription's handshake, which is a GET of the URL that the message names, at SNS of the topic's own region.
func (m *snsMessage) confirm(ctx context.Context, t *Tools) error {
	text, err := m.NeedText("SubscribeURL")
	if err != nil {
		return err
	}
	u, err := url.Parse(text)
	if err != nil || u.Path != "/" || u.Fragment != "" || u.Query().Get("Action") != "ConfirmSubscription" || u.Query().Get("TopicArn") != m.topic.arn {
		return fault.Errorf(fault.Invalid, "at $.SubscribeURL: it does not confirm a subscription to %s", m.topic.arn)
	}
	if err := t.Client.Check(u, m.topic.host); err != nil {
		return fault.Errorf(fault.Invalid, "at $.SubscribeURL: it must lead to https://%s: %w", m.topic.host, err)
	}
	ctx, cancel := context.WithTimeout(ctx, snsTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	res, err := t.Client.Do(req, m.topic.host)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "confirm the subscription: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	switch {
	case res.StatusCode == http.StatusOK:
		return nil
	case res.StatusCode >= 400 && res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests:
		return fault.Errorf(fault.Invalid, "confirm the subscription to %s: Amazon answers %s: ask for a new confirmation there", m.topic.arn, res.Status)
	}
	return fault.Errorf(fault.Unavailable, "confirm the subscription: Amazon answers %s", res.Status)
}
