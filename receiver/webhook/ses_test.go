package webhook_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1"
	_ "crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/spool"
	"postern/receiver/webhook"
)

const (
	ourTopic = "arn:aws:sns:eu-west-1:123456789012:mail"
	snsHost  = "sns.eu-west-1.amazonaws.com"
	certURL  = "https://" + snsHost + "/SimpleNotificationService-0123456789abcdef.pem"
)

var sesHook = webhook.Hook{
	Name: "a", Provider: "ses", Mailbox: "support", Topics: []string{ourTopic}, Buckets: []string{"our-mail", "mail.example.com"},
	KeyID: "AKIAEXAMPLE", APIKey: "not-a-secret", TrustVerdicts: true,
}

// snsKey is what the recorded requests are signed with, and nothing else ever is.
func snsKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "ses", "sns.key"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

// amazon is a cloud in which SNS signs with our key, and the buckets have mail.
func amazon(t testing.TB) *cloud {
	t.Helper()
	c := newCloud(t)
	c.put(strings.TrimPrefix(certURL, "https://"), page{body: pemOf(c.ca.sign(t, snsKey(t).Public(), start.AddDate(-1, 0, 0), start.AddDate(1, 0, 0), "sns.amazonaws.com"))})
	c.put("our-mail.s3.eu-west-1.amazonaws.com/in/o%20d%2Bd%3F%23%C3%A9%25/../key", page{body: mailRich})
	c.put("s3.eu-west-1.amazonaws.com/mail.example.com/0000key", page{body: mailEmpty})
	c.put(snsHost+"/?Action=ConfirmSubscription&TopicArn="+ourTopic+"&Token=2336", page{body: "<ConfirmSubscriptionResponse/>"})
	return c
}

// An sns is a message of SNS: what it says, and in what order.
type sns map[string]string

var snsOrder = []string{"Type", "MessageId", "Token", "TopicArn", "Subject", "Message", "SubscribeURL", "Timestamp", "SignatureVersion", "Signature", "SigningCertURL", "UnsubscribeURL"}

func notification(message string) sns {
	return sns{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": ourTopic, "Message": message,
		"Timestamp": "2026-11-24T09:59:58.120Z", "SignatureVersion": "2", "SigningCertURL": certURL,
		"UnsubscribeURL": "https://" + snsHost + "/?Action=Unsubscribe&SubscriptionArn=" + ourTopic + ":c9135db0",
	}
}

func confirmation(kind string) sns {
	m := notification("You have chosen to subscribe to the topic " + ourTopic + ".\nTo confirm the subscription, visit the SubscribeURL included in this message.")
	delete(m, "UnsubscribeURL")
	m["Type"], m["Token"] = kind, "2336"
	m["SubscribeURL"] = "https://" + snsHost + "/?Action=ConfirmSubscription&TopicArn=" + ourTopic + "&Token=2336"
	return m
}

func (m sns) with(pairs ...string) sns {
	out := sns{}
	for k, v := range m {
		out[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		if out[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(out, pairs[i])
		}
	}
	return out
}

// signed signs it as the documentation says, in words of its own.
func (m sns) signed(t testing.TB, key *rsa.PrivateKey) sns {
	t.Helper()
	names := []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
	if m["Type"] != "Notification" {
		names = []string{"Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"}
	}
	var b strings.Builder
	for _, n := range names {
		if v, ok := m[n]; ok {
			b.WriteString(n + "\n" + v + "\n")
		}
	}
	hash := map[string]crypto.Hash{"1": crypto.SHA1, "2": crypto.SHA256}[m["SignatureVersion"]]
	if hash == 0 {
		hash = crypto.SHA256
	}
	h := hash.New()
	_, _ = h.Write([]byte(b.String()))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, hash, h.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	return m.with("Signature", base64.StdEncoding.EncodeToString(sig))
}

func (m sns) body(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, k := range snsOrder {
		if v, ok := m[k]; ok {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if b.Len() > 0 {
				b.WriteString(",\n")
			}
			fmt.Fprintf(&b, "  %q : %s", k, text)
		}
	}
	return "{\n" + b.String() + "\n}"
}

func (m sns) headers() []string {
	return []string{
		"x-amz-sns-message-type: " + m["Type"], "x-amz-sns-message-id: " + m["MessageId"], "x-amz-sns-topic-arn: " + m["TopicArn"],
		"Content-Type: text/plain; charset=UTF-8", "User-Agent: Amazon Simple Notification Service Agent",
	}
}

func (m sns) request(t testing.TB) string {
	t.Helper()
	body := m.body(t)
	return fmt.Sprintf("POST /hooks/ses/support HTTP/1.1\r\nHost: postern.example.com\r\nContent-Length: %d\r\n%s\r\n\r\n%s", len(body), strings.Join(m.headers(), "\r\n"), body)
}

// received is SES's notice of a mail.
func received(t testing.TB, change func(m map[string]any)) string {
	t.Helper()
	v := func(s string) map[string]any { return map[string]any{"status": s} }
	m := map[string]any{
		"notificationType": "Received",
		"receipt": map[string]any{
			"timestamp": "2026-11-24T09:59:57.933Z", "processingTimeMillis": 406, "recipients": []string{"support@example.com"},
			"spamVerdict": v("PASS"), "virusVerdict": v("PASS"), "spfVerdict": v("PASS"), "dkimVerdict": v("PASS"), "dmarcVerdict": v("PASS"),
			"action": map[string]any{"type": "SNS", "topicArn": ourTopic, "encoding": "BASE64"},
		},
		"mail": map[string]any{
			"timestamp": "2026-11-24T09:59:57.527Z", "source": "ann@example.org", "messageId": "d6iitobk75ur44p8kdnnp7g2n800",
			"destination": []string{"support@example.com"}, "headersTruncated": false,
			"headers":       []map[string]string{{"name": "From", "value": "Ann Lee <ann@example.org>"}},
			"commonHeaders": map[string]any{"from": []string{"Ann Lee <ann@example.org>"}, "subject": "Drucker"},
		},
		"content": base64.StdEncoding.EncodeToString([]byte(mailPlain)),
	}
	if change != nil {
		change(m)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// set changes what is at a path of keys.
func set(m map[string]any, v any, path ...string) {
	for _, k := range path[:len(path)-1] {
		m = m[k].(map[string]any)
	}
	m[path[len(path)-1]] = v
}

func inBucket(bucket, key string) func(m map[string]any) {
	return func(m map[string]any) {
		delete(m, "content")
		set(m, map[string]any{"type": "S3", "topicArn": ourTopic, "bucketName": bucket, "objectKeyPrefix": "", "objectKey": key}, "receipt", "action")
	}
}

// sesRecorded are the requests of testdata/ses.
func sesRecorded(t testing.TB) map[string]sns {
	verdict := func(m map[string]any, name, status string) { set(m, map[string]any{"status": status}, "receipt", name) }
	return map[string]sns{
		"sns-base64": notification(received(t, nil)),
		"sns-utf8": notification(received(t, func(m map[string]any) {
			set(m, "UTF-8", "receipt", "action", "encoding")
			m["content"] = mailPlain
		})).with("SignatureVersion", "1", "Subject", "Amazon SES Email Receipt Notification"),
		"sns-unsaid-base64": notification(received(t, func(m map[string]any) { set(m, map[string]any{"type": "SNS"}, "receipt", "action") })),
		"sns-unsaid-text": notification(received(t, func(m map[string]any) {
			set(m, map[string]any{"type": "SNS"}, "receipt", "action")
			m["content"] = mailPlain
		})),
		"several-recipients": notification(received(t, func(m map[string]any) {
			m["content"] = base64.StdEncoding.EncodeToString([]byte(mailRich))
			set(m, []string{"support@example.com", "support+bcc@example.com"}, "receipt", "recipients")
		})),
		"s3": notification(received(t, func(m map[string]any) {
			inBucket("our-mail", "in/o d+d?#é%/../key")(m)
			set(m, "<>", "mail", "source")
			verdict(m, "spamVerdict", "FAIL")
			verdict(m, "spfVerdict", "GRAY")
			verdict(m, "dkimVerdict", "PROCESSING_FAILED")
			verdict(m, "dmarcVerdict", "FAIL")
			set(m, "reject", "receipt", "dmarcPolicy")
		})),
		"s3-dots": notification(received(t, func(m map[string]any) {
			inBucket("mail.example.com", "0000key")(m)
			verdict(m, "spamVerdict", "GRAY")
			verdict(m, "virusVerdict", "FAIL")
		})),
		"other-bucket": notification(received(t, inBucket("their-mail", "key"))),
		"sent-mail":    notification(`{"notificationType":"Bounce","bounce":{"bounceType":"Permanent"},"mail":{"messageId":"x"}}`),
		"validated":    notification("Successfully validated SNS topic for Amazon SES event publishing."),
		"subscribe":    confirmation("SubscriptionConfirmation"),
		"unsubscribe":  confirmation("UnsubscribeConfirmation").with("SignatureVersion", "1"),
	}
}

func TestSES(t *testing.T) {
	t.Parallel()
	var names []string
	for name, m := range sesRecorded(t) {
		m = m.with("MessageId", fmt.Sprintf("22b80b92-fdea-4c2c-8f9d-%012x", crc32.ChecksumIEEE([]byte(name))))
		record(t, "ses", name, m.signed(t, snsKey(t)).request(t))
		names = append(names, name)
	}
	records(t, "ses", names...)
	golden(t, amazon(t).options, sesHook)
}

// TestSESFetches: what is fetched, and with what.
func TestSESFetches(t *testing.T) {
	t.Parallel()
	c := amazon(t)
	g := newRig(t, c.options, sesHook)
	post := func(m sns) int {
		m = m.signed(t, snsKey(t))
		return g.post("/hooks/ses/support", m.body(t), m.headers()...).Code
	}
	cert := strings.TrimPrefix(certURL, "https://")
	object := "s3.eu-west-1.amazonaws.com/mail.example.com/0000key"
	if code := post(notification(received(t, inBucket("mail.example.com", "0000key")))); code != 200 {
		t.Fatal(code)
	}
	if got := c.visits(); !slices.Equal(got, []string{cert, object}) {
		t.Errorf("asked for %v", got)
	}
	if auth := c.said(object).Get("Authorization"); !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261124/eu-west-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=") || strings.Contains(auth, "not-a-secret") {
		t.Errorf("authorised by %s", auth)
	}
	if auth := c.said(cert).Get("Authorization"); auth != "" {
		t.Errorf("the key went to SNS: %s", auth)
	}
	if code := post(confirmation("SubscriptionConfirmation").with("MessageId", "another")); code != 200 {
		t.Fatal(code)
	}
	if got := c.visits(); !slices.Equal(got, []string{snsHost + "/?Action=ConfirmSubscription&TopicArn=" + ourTopic + "&Token=2336"}) {
		t.Errorf("asked for %v: the certificate is known already", got)
	}
	g.mu.Lock()
	g.now = g.now.Add(25 * time.Hour)
	g.mu.Unlock()
	if code := post(notification(received(t, nil)).with("Timestamp", "2026-11-25T10:30:00.000Z", "MessageId", "later")); code != 200 {
		t.Fatal(code)
	}
	if got := c.visits(); !slices.Equal(got, []string{cert}) {
		t.Errorf("a day later: asked for %v", got)
	}
}

// TestSESLater: what cannot be had now is asked for again by SNS.
func TestSESLater(t *testing.T) {
	t.Parallel()
	object := "our-mail.s3.eu-west-1.amazonaws.com/0000key"
	for name, tt := range map[string]struct {
		page   string
		answer page
		change func(h *webhook.Hook)
		code   int
		reason string
	}{
		"no certificate now": {page: strings.TrimPrefix(certURL, "https://"), answer: page{status: 503}, code: 503},
		"S3 is down":         {answer: page{status: 500}, code: 503, reason: "S3 answers 500"},
		"not ours":           {answer: page{status: 403}, code: 503, reason: "may not s3:GetObject"},
		"elsewhere":          {answer: page{status: 301, header: http.Header{"Location": {"https://evil.example/"}}}, code: 503, reason: "another region"},
		"not there":          {answer: page{status: 404}, code: 503, reason: "no such object"},
		"encrypted":          {answer: page{header: http.Header{"X-Amz-Meta-X-Amz-Key-V2": {"x"}}, body: "\x01\x02"}, code: 503, reason: "message encryption"},
		"cut":                {answer: page{header: http.Header{"Content-Length": {"100"}}, body: "From: ann"}, code: 503, reason: "fetch the mail"},
		"no key":             {answer: page{body: mailPlain}, change: func(h *webhook.Hook) { h.APIKey = "" }, code: 503, reason: "key-id and api-key-file"},
		"too large":          {answer: page{body: strings.Repeat("x", 2<<20)}, code: 413, reason: "more than 1048576 bytes"},
		"another region":     {answer: page{body: mailPlain}, change: func(h *webhook.Hook) { h.Region = "us-east-1" }, code: 503},
		"no region":          {answer: page{body: mailPlain}, change: func(h *webhook.Hook) { h.Region = "evil.example/" }, code: 400, reason: "misspelled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := amazon(t)
			if tt.page == "" {
				tt.page = object
			}
			c.put(tt.page, tt.answer)
			h := sesHook
			if tt.change != nil {
				tt.change(&h)
			}
			g := newRig(t, func(o *webhook.Options) { c.options(o); o.Limits.Mail = 1 << 20 }, h)
			m := notification(received(t, inBucket("our-mail", "0000key"))).signed(t, snsKey(t))
			w := g.post("/hooks/ses/support", m.body(t), m.headers()...)
			if w.Code != tt.code || len(g.mails()) > 0 || !strings.Contains(strings.Join(g.refused, "\n"), tt.reason) {
				t.Errorf("got %d, %d mails, %q", w.Code, len(g.mails()), g.refused)
			}
			for _, v := range c.visits() {
				if strings.HasPrefix(v, "evil") {
					t.Errorf("went to %s", v)
				}
			}
			if strings.Contains(g.log.String()+strings.Join(g.refused, ""), "not-a-secret") {
				t.Error("the key is told")
			}
		})
	}
}

// TestSESForged: nothing that SNS did not sign for a topic of ours is believed, and nobody is asked on its word.
func TestSESForged(t *testing.T) {
	t.Parallel()
	c := amazon(t)
	key := snsKey(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	year := func(n int) time.Time { return start.AddDate(n, 0, 0) }
	stranger := newAuthority(t, "Another Root")
	for path, body := range map[string]string{
		"/expired.pem":  pemOf(c.ca.sign(t, key.Public(), year(-2), year(-1), "sns.amazonaws.com")),
		"/early.pem":    pemOf(c.ca.sign(t, key.Public(), year(1), year(2), "sns.amazonaws.com")),
		"/name.pem":     pemOf(c.ca.sign(t, key.Public(), year(-1), year(1), "www.amazonaws.com", "sns.evil.example")),
		"/small.pem":    pemOf(c.ca.sign(t, small.Public(), year(-1), year(1), "sns.amazonaws.com")),
		"/self.pem":     pemOf(selfSigned(t, key, "sns.amazonaws.com")),
		"/stranger.pem": pemOf(stranger.sign(t, key.Public(), year(-1), year(1), "sns.amazonaws.com"), stranger.cert),
		"/chain.pem":    pemOf(c.ca.sign(t, key.Public(), year(-1), year(1), "sns-signing.eu-west-1.amazonaws.com"), c.ca.cert),
		"/empty.pem":    "",
		"/large.pem":    strings.Repeat("x", 1<<20),
		"/key.pem":      "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
		"/broken.pem":   "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	} {
		c.put(snsHost+path, page{body: body})
	}
	c.put("sns.us-east-1.amazonaws.com/x.pem", page{body: pemOf(c.ca.sign(t, key.Public(), year(-1), year(1), "sns.amazonaws.com"))})
	good := notification(received(t, nil))
	from := func(url string) sns { return good.with("SigningCertURL", url) }
	for name, tt := range map[string]struct {
		m       sns
		after   func(m sns) sns // it was signed
		key     *rsa.PrivateKey
		headers []string
		code    int      // 0: 401
		asked   []string // nil: nobody
		reason  string
	}{
		"as it should be":             {m: good, code: 200, asked: []string{certURL}},
		"a chain to a root":           {m: from("https://" + snsHost + "/chain.pem"), code: 200, asked: []string{"https://" + snsHost + "/chain.pem"}},
		"changed":                     {m: good, after: func(m sns) sns { return m.with("Message", received(t, inBucket("our-mail", "secret"))) }, asked: []string{certURL}, reason: "does not fit"},
		"a subject added":             {m: good, after: func(m sns) sns { return m.with("Subject", "x") }, asked: []string{certURL}, reason: "does not fit"},
		"another key":                 {m: good, key: other, asked: []string{certURL}, reason: "does not fit"},
		"no signature":                {m: good, after: func(m sns) sns { return m.with("Signature", "") }, reason: "$.Signature"},
		"no base64":                   {m: good, after: func(m sns) sns { return m.with("Signature", "???") }, reason: "$.Signature"},
		"another topic":               {m: good.with("TopicArn", ourTopic+"2"), reason: "none of the hook's topics"},
		"another account":             {m: good.with("TopicArn", "arn:aws:sns:eu-west-1:999999999999:mail"), reason: "none of the hook's topics"},
		"another topic, to subscribe": {m: confirmation("SubscriptionConfirmation").with("TopicArn", ourTopic+"2"), reason: "none of the hook's topics"},
		"version 3":                   {m: good.with("SignatureVersion", "3"), reason: "SignatureVersion"},
		"no version":                  {m: good.with("SignatureVersion", ""), reason: "SignatureVersion"},
		"no type":                     {m: good.with("Type", ""), reason: "$.Type"},
		"another type":                {m: good.with("Type", "Surprise"), reason: "none that SNS has"},
		"another type in the header":  {m: good, headers: []string{"x-amz-sns-message-type: SubscriptionConfirmation"}, reason: "x-amz-sns-message-type"},
		"no type in the header":       {m: good, headers: []string{"X-Nothing: x"}, reason: "x-amz-sns-message-type"},
		"a line break in the topic":   {m: good.with("TopicArn", ourTopic+"\nType"), reason: "$.TopicArn"},
		"old":                         {m: good.with("Timestamp", "2026-11-24T06:00:00.000Z"), reason: "SNS gives up after an hour"},
		"late, in the last retry":     {m: good.with("Timestamp", "2026-11-24T08:55:00.000Z", "MessageId", "late"), code: 200},
		"of tomorrow":                 {m: good.with("Timestamp", "2026-11-25T10:00:00.000Z"), reason: "the clock here says"},
		"no time":                     {m: good.with("Timestamp", "yesterday"), reason: "$.Timestamp"},
		"certificate elsewhere":       {m: from("https://evil.example/x.pem"), reason: "SigningCertURL"},
		"certificate by http":         {m: from("http://" + snsHost + "/x.pem"), reason: "SigningCertURL"},
		"certificate at a look-alike": {m: from("https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"), reason: "SigningCertURL"},
		"certificate with a user":     {m: from("https://evil@" + snsHost + "/x.pem"), reason: "SigningCertURL"},
		"certificate at another port": {m: from("https://" + snsHost + ":8443/x.pem"), reason: "SigningCertURL"},
		"certificate in a bucket":     {m: from("https://s3.eu-west-1.amazonaws.com/x.pem"), reason: "SigningCertURL"},
		"certificate of a region":     {m: from("https://sns.us-east-1.amazonaws.com/x.pem"), reason: "SigningCertURL"},
		"certificate of no pem":       {m: from("https://" + snsHost + "/x.txt"), reason: "SigningCertURL"},
		"certificate by a query":      {m: from("https://" + snsHost + "/?x=/x.pem"), reason: "SigningCertURL"},
		"certificate in a query":      {m: from("https://" + snsHost + "/x.pem?y"), reason: "SigningCertURL"},
		"certificate deeper":          {m: from("https://" + snsHost + "/a/../x.pem"), reason: "SigningCertURL"},
		"no certificate":              {m: from(""), reason: "SigningCertURL"},
		"certificate is not there":    {m: from("https://" + snsHost + "/none.pem"), asked: []string{"https://" + snsHost + "/none.pem"}, reason: "answers 404"},
		"certificate expired":         {m: from("https://" + snsHost + "/expired.pem"), asked: []string{"https://" + snsHost + "/expired.pem"}, reason: "it is valid from"},
		"certificate too early":       {m: from("https://" + snsHost + "/early.pem"), asked: []string{"https://" + snsHost + "/early.pem"}, reason: "it is valid from"},
		"certificate of others":       {m: from("https://" + snsHost + "/name.pem"), asked: []string{"https://" + snsHost + "/name.pem"}, reason: "not for SNS"},
		"certificate is weak":         {m: from("https://" + snsHost + "/small.pem"), key: small, asked: []string{"https://" + snsHost + "/small.pem"}, reason: "2048 bits"},
		"certificate of its own":      {m: from("https://" + snsHost + "/self.pem"), asked: []string{"https://" + snsHost + "/self.pem"}, reason: "unknown authority"},
		"certificate's other root":    {m: from("https://" + snsHost + "/stranger.pem"), asked: []string{"https://" + snsHost + "/stranger.pem"}, reason: "unknown authority"},
		"certificate is empty":        {m: from("https://" + snsHost + "/empty.pem"), asked: []string{"https://" + snsHost + "/empty.pem"}, reason: "the file has none"},
		"certificate is large":        {m: from("https://" + snsHost + "/large.pem"), asked: []string{"https://" + snsHost + "/large.pem"}, reason: "too large"},
		"certificate is a key":        {m: from("https://" + snsHost + "/key.pem"), asked: []string{"https://" + snsHost + "/key.pem"}, reason: "PRIVATE KEY"},
		"certificate is broken":       {m: from("https://" + snsHost + "/broken.pem"), asked: []string{"https://" + snsHost + "/broken.pem"}, reason: "is not good"},
		"subscribe elsewhere":         {m: confirmation("SubscriptionConfirmation").with("SubscribeURL", "https://evil.example/?Action=ConfirmSubscription&TopicArn="+ourTopic), code: 400, asked: []string{certURL}, reason: "it must lead to"},
		"subscribe in a region":       {m: confirmation("SubscriptionConfirmation").with("SubscribeURL", "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn="+ourTopic), code: 400, asked: []string{certURL}, reason: "it must lead to"},
		"subscribe by http":           {m: confirmation("SubscriptionConfirmation").with("SubscribeURL", "http://"+snsHost+"/?Action=ConfirmSubscription&TopicArn="+ourTopic), code: 400, asked: []string{certURL}, reason: "it must lead to"},
		"subscribe to another":        {m: confirmation("SubscriptionConfirmation").with("SubscribeURL", "https://"+snsHost+"/?Action=ConfirmSubscription&TopicArn="+ourTopic+"2"), code: 400, asked: []string{certURL}, reason: "does not confirm"},
		"another path":                {m: confirmation("SubscriptionConfirmation").with("SubscribeURL", "https://"+snsHost+"/x?Action=ConfirmSubscription&TopicArn="+ourTopic), code: 400, asked: []string{certURL}, reason: "does not confirm"},
		"another action":              {m: confirmation("SubscriptionConfirmation").with("SubscribeURL", "https://"+snsHost+"/?Action=DeleteTopic&TopicArn="+ourTopic), code: 400, asked: []string{certURL}, reason: "does not confirm"},
		"unsubscribed":                {m: confirmation("UnsubscribeConfirmation"), code: 400, asked: []string{certURL}, reason: "was ended"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, c.options, sesHook)
			if tt.key == nil {
				tt.key = key
			}
			m := tt.m.signed(t, tt.key)
			if tt.after != nil {
				m = tt.after(m)
			}
			headers := m.headers()
			if tt.headers != nil {
				headers = append(slices.DeleteFunc(headers, func(h string) bool { return strings.HasPrefix(h, "x-amz-sns-message-type") }), tt.headers...)
			}
			w := g.post("/hooks/ses/support", m.body(t), headers...)
			if tt.code == 0 {
				tt.code = 401
			}
			if w.Code != tt.code || tt.code != 200 && len(g.mails()) > 0 || !strings.Contains(strings.Join(g.refused, "\n"), tt.reason) {
				t.Errorf("got %d %s, %d mails, %q", w.Code, w.Body, len(g.mails()), g.refused)
			}
			if tt.code == 401 && w.Body.String() != "unauthorized\n" {
				t.Errorf("the peer learnt %q", w.Body)
			}
			var asked []string
			for _, v := range c.visits() {
				asked = append(asked, "https://"+v)
			}
			if !slices.Equal(asked, tt.asked) && name != "late, in the last retry" {
				t.Errorf("asked for %v, want %v", asked, tt.asked)
			}
		})
	}
}

func selfSigned(t testing.TB, key *rsa.PrivateKey, name string) *x509.Certificate {
	t.Helper()
	tmpl := newAuthority(t, name).cert
	tmpl.DNSNames, tmpl.RawSubject = []string{name}, nil
	tmpl.PublicKey, tmpl.SignatureAlgorithm = nil, x509.SHA256WithRSA
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestSESWithSecret: SNS sends credentials only when asked for them, and where a hook has a secret both are wanted.
func TestSESWithSecret(t *testing.T) {
	t.Parallel()
	c := amazon(t)
	h := sesHook
	h.Secret = secretA
	g := newRig(t, c.options, h)
	m := notification(received(t, nil)).signed(t, snsKey(t))
	if w := g.post("/hooks/ses/support", m.body(t), m.headers()...); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("without: %d", w.Code)
	}
	if got := c.visits(); len(got) > 0 {
		t.Errorf("asked for %v", got)
	}
	if w := g.post("/hooks/ses/support", m.body(t), append(m.headers(), basic("sns", secretA))...); w.Code != 200 || len(g.mails()) != 1 {
		t.Errorf("with: %d, %d mails", w.Code, len(g.mails()))
	}
	bad := m.with("Signature", "AAAA")
	if w := g.post("/hooks/ses/support", bad.body(t), append(bad.headers(), basic("sns", secretA))...); w.Code != 401 || len(g.mails()) != 1 {
		t.Errorf("with, unsigned: %d", w.Code)
	}
}

// TestSESReplay: the same message again is a retry; another content under its id cannot be.
func TestSESReplay(t *testing.T) {
	t.Parallel()
	g := newRig(t, amazon(t).options, sesHook)
	m := notification(received(t, nil)).signed(t, snsKey(t))
	for range 2 {
		if w := g.post("/hooks/ses/support", m.body(t), m.headers()...); w.Code != 200 {
			t.Fatal(w.Code)
		}
	}
	other := notification(received(t, func(m map[string]any) { set(m, "eve@example.org", "mail", "source") })).signed(t, snsKey(t))
	if w := g.post("/hooks/ses/support", other.body(t), other.headers()...); w.Code != 401 || len(g.mails()) != 2 || !strings.Contains(strings.Join(g.refused, ""), "replay") {
		t.Errorf("got %d, %d mails, %q", w.Code, len(g.mails()), g.refused)
	}
}

// TestSESWrongTypes: what is not as documented is said where it is, and nothing comes of it.
func TestSESWrongTypes(t *testing.T) {
	t.Parallel()
	c := amazon(t)
	for name, change := range map[string]func(m map[string]any){
		"$.notificationType":          func(m map[string]any) { m["notificationType"] = []string{"Received"} },
		"$.mail.source":               func(m map[string]any) { set(m, []string{"a@example.org"}, "mail", "source") },
		"$.mail.timestamp":            func(m map[string]any) { set(m, 7, "mail", "timestamp") },
		"$.receipt.recipients":        func(m map[string]any) { set(m, "support@example.com", "receipt", "recipients") },
		"$.receipt.recipients[1]":     func(m map[string]any) { set(m, []any{"support@example.com", nil}, "receipt", "recipients") },
		"$.receipt.action":            func(m map[string]any) { set(m, "SNS", "receipt", "action") },
		"$.receipt.action.type":       func(m map[string]any) { set(m, map[string]any{}, "receipt", "action") },
		"$.receipt.action.encoding":   func(m map[string]any) { set(m, true, "receipt", "action", "encoding") },
		"$.receipt.action.bucketName": func(m map[string]any) { set(m, map[string]any{"type": "S3"}, "receipt", "action") },
		"$.receipt.action.objectKey": func(m map[string]any) {
			set(m, map[string]any{"type": "S3", "bucketName": "our-mail"}, "receipt", "action")
		},
		"a notice of a \"Lambda\"":      func(m map[string]any) { set(m, "Lambda", "receipt", "action", "type") },
		"$.content: want text, got mis": func(m map[string]any) { delete(m, "content") },
		"$.content: want text, got obj": func(m map[string]any) { m["content"] = map[string]any{} },
		"$.content: the base64":         func(m map[string]any) { m["content"] = "QUJ" },
		"$.receipt: want object":        func(m map[string]any) { m["receipt"] = "x" },
		"an object's key":               inBucket("our-mail", strings.Repeat("k", 2000)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRig(t, c.options, sesHook)
			m := notification(received(t, change)).signed(t, snsKey(t))
			w := g.post("/hooks/ses/support", m.body(t), m.headers()...)
			if w.Code != 400 || len(g.mails()) > 0 || !strings.Contains(strings.Join(g.refused, ""), name) {
				t.Errorf("got %d, %d mails, %q", w.Code, len(g.mails()), g.refused)
			}
		})
	}
	g := newRig(t, c.options, sesHook)
	whole := notification(received(t, nil)).signed(t, snsKey(t))
	body := whole.body(t)
	for n := 0; n < len(body); n += len(body)/50 + 1 {
		if w := g.post("/hooks/ses/support", body[:n], whole.headers()...); w.Code != 401 {
			t.Errorf("cut after %d bytes: %d", n, w.Code)
		}
	}
	cut := notification(received(t, nil)[:300]).signed(t, snsKey(t))
	if w := g.post("/hooks/ses/support", cut.body(t), cut.headers()...); w.Code != 400 || len(g.mails()) > 0 {
		t.Errorf("a message that is cut: %d", w.Code)
	}
}

func FuzzSES(f *testing.F) {
	f.Add(received(f, nil), "")
	f.Add(received(f, inBucket("our-mail", "in/o d+d?#é%/../key")), "")
	f.Add("Successfully validated SNS topic for Amazon SES event publishing.", "")
	f.Add("", notification(received(f, nil)).signed(f, snsKey(f)).body(f))
	c, key := amazon(f), snsKey(f)
	g := newRig(f, c.options, sesHook)
	f.Fuzz(func(t *testing.T, message, body string) {
		m := notification(strings.ToValidUTF8(message, "?")).signed(t, key)
		if message != "" {
			body = m.body(t)
		}
		fuzz(t, g, "/hooks/ses/support", body, m.headers()...)
		for _, v := range c.visits() {
			if !strings.HasPrefix(v, snsHost+"/") && !strings.HasPrefix(v, "our-mail.s3.eu-west-1.amazonaws.com/") && !strings.HasPrefix(v, "s3.eu-west-1.amazonaws.com/mail.example.com/") {
				t.Errorf("asked for %q", v)
			}
		}
	})
}

// TestSESSlow: a mail that comes slowly is taken though SNS has gone.
func TestSESSlow(t *testing.T) {
	t.Parallel()
	c, gone := amazon(t), make(chan struct{})
	c.put("our-mail.s3.eu-west-1.amazonaws.com/slow", page{stream: func(w io.Writer) {
		_, _ = io.WriteString(w, mailPlain[:20])
		w.(http.Flusher).Flush()
		<-gone
		_, _ = io.WriteString(w, mailPlain[20:])
	}})
	g := newRig(t, c.options, sesHook)
	m := notification(received(t, inBucket("our-mail", "slow"))).signed(t, snsKey(t))
	ctx, leave := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "POST", "/hooks/ses/support", strings.NewReader(m.body(t)))
	for _, h := range m.headers() {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
	}
	done := make(chan int)
	go func() { done <- g.do(r).Code }()
	for c.said("our-mail.s3.eu-west-1.amazonaws.com/slow") == nil {
		time.Sleep(time.Millisecond)
	}
	leave()
	close(gone)
	if code := <-done; code != 200 || len(g.mails()) != 1 || g.mails()[0].raw != mailPlain {
		t.Errorf("got %d, %d mails, %q", code, len(g.mails()), g.refused)
	}
}

// TestSESExplained: what postern webhook verify says of a notice.
func TestSESExplained(t *testing.T) {
	t.Parallel()
	c := amazon(t)
	dir, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	explain := func(m sns) (bool, string) {
		r, err := webhook.ReadCapture(strings.NewReader(m.request(t)))
		if err != nil {
			t.Fatal(err)
		}
		read, err := webhook.NewRequest(dir, r, start)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = read.Body.Close() }()
		var said strings.Builder
		tools := &webhook.Tools{
			Spool: dir, Client: c.client, Now: func() time.Time { return start }, Limits: webhook.Limits{Mail: 1 << 20},
			Once: func(context.Context, string, string, time.Time) error { return nil },
		}
		proven, err := webhook.Explain(t.Context(), tools, &sesHook, r, read, func(s string) { said.WriteString(s + "\n") })
		if err != nil {
			t.Fatal(err)
		}
		return proven, said.String()
	}
	m := notification("x").with("Subject", "s").signed(t, snsKey(t))
	proven, said := explain(m)
	for _, want := range []string{"a Notification of " + ourTopic + ", 2026-11-24T09:59:58Z", "Message, MessageId, Subject, Timestamp, TopicArn, Type: SHA-256", "by the key of " + certURL, "it fits"} {
		if !proven || !strings.Contains(said, want) {
			t.Errorf("%q is not in:\n%s", want, said)
		}
	}
	if proven, said := explain(m.with("Message", "y")); proven || !strings.Contains(said, "it does not count: the signature does not fit") {
		t.Errorf("changed: %t\n%s", proven, said)
	}
}
