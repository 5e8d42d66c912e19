// Package webhook takes mail that providers push to us over HTTP: POST /hooks/PROVIDER/MAILBOX. A provider is one file here and one
// line in the table of providers.go. A request is received whole into a spool, proven, and only then read; each mail in it goes the one
// road, and the answer is given in the provider's own language once what came of it is on disk.
package webhook

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"postern/internal/spool"
	"postern/internal/webclient"
)

// A Hook is one configured route: a provider's requests for one mailbox, and what proves them. Of several hooks with one provider and
// mailbox the one whose proof fits is meant, so that keys can be changed without a gap.
type Hook struct {
	Name      string
	Provider  string
	Mailbox   string   // "-": by envelope recipient, among Mailboxes
	Mailboxes []string // for "-": the mailboxes it may reach; the first keeps what cannot be read and names no recipient. Empty: any

	Secret string   // in the path, as a bearer token, as the password of basic auth, or in the provider's own header; "" for none
	User   string   // the user of basic auth; "": any
	Keys   []string // what the provider signs with: HMAC keys, or public keys (PEM or base64)
	APIKey string   // what we fetch with, where the request has no mail in it
	URL    string   // as the provider calls us, where that is part of what it signs; with path, query and user

	Topics  []string // SNS topics that are ours
	Buckets []string // S3 buckets that are ours
	Region  string   // of the bucket, or of the provider's API, where it has several
	KeyID   string   // the AWS access key id that belongs to APIKey

	TrustVerdicts bool // the provider's words on SPF, DKIM and DMARC become mail.auth
}

// A Request is one HTTP request, received whole. Nothing of its body has been read yet.
type Request struct {
	ID       string // for the logs
	Method   string
	URL      *url.URL // as it came, the path secret taken out
	Header   http.Header
	Body     *spool.Body // the exact bytes
	Received time.Time
	Peer     netip.Addr
}

// A Mail is one mail of a request. Raw is closed by whoever is given the Mail.
type Mail struct {
	ID         string   // the provider's own name for this event, the same when it is sent again; "" where it has none
	From       string   // envelope; "" for the null sender
	FromKnown  bool     // From was told by the provider, and is not merely missing
	Recipients []string // envelope; empty where the provider does not tell
	Raw        *spool.Body
	Rebuilt    bool      // Raw was put together here from parts that the provider had parsed
	Arrived    time.Time // at the provider; zero: it does not tell

	// Broken says why a mail of a batch cannot be read, so that it does not stand in the way of those behind it. What there is of it in Raw,
	// or else the request's body, is kept for review; nothing is decided.
	Broken string

	SpamScore        *float64 // as the provider sees it
	SPF, DKIM, DMARC string   // "pass", "fail", "none", …: the provider's words in ours; "" where it says nothing
	Peer             netip.Addr
	Helo             string
}

// A Provider is how one mail provider calls us. Its functions may be called by many goroutines at once.
type Provider struct {
	Name  string
	Title string // as it calls itself
	Docs  string // the page that its format is taken from

	Signs   bool   // its requests are signed, and Verify says whether by one of Hook.Keys
	Vouched bool   // what it signs with is vouched for by others (SNS: a certificate), so Verify is asked without any of Hook.Keys too
	Header  string // the header in which it can send Hook.Secret; "" where it has none
	Advice  string // how to have it send raw mail, or why not: what postern doctor says

	// Key says what is wrong with one of Hook.Keys, as it is configured. Nil where any text can be a key.
	Key func(key string) error

	// Verify says whether the request was signed by one of h.Keys: over the exact bytes, before anything of them is believed. It returns
	// an *Unproven otherwise, whose reason is for administrators and never for the peer. Nil where nothing is signed.
	Verify func(ctx context.Context, t *Tools, h *Hook, r *Request) error

	// Read hands each mail of a proven request to take, in order. What take returns ends it. What is not as the provider
	// documents is a fault of kind Invalid (TooLarge: 413), what cannot be had now one of kind Unavailable. A request that is no mail, as
	// providers send at setup, gives none and no error; Answer says what is answered then.
	Read func(ctx context.Context, t *Tools, h *Hook, r *Request, take func(*Mail) error) error

	Answers Answers
}

// Answers are the HTTP statuses that a provider understands. 0: Taken 200, Rejected as Taken, Later 503.
type Answers struct {
	Taken    int  // it is on disk
	Rejected int  // do not send it again
	Later    int  // send it again
	Tell     bool // what became of each mail is the answer's body, as JSON: for programs of one's own
}

// An Unproven request was not shown to be the provider's. Its peer hears 401 and nothing else.
type Unproven struct{ Reason string }

func (e *Unproven) Error() string { return e.Reason }

// Tools are what providers work with.
type Tools struct {
	Spool  *spool.Dir
	Client *webclient.Client // for all that is fetched from a provider
	Now    func() time.Time
	Limits Limits
	// Once notes that key was used for content, a hash of what a request says. It returns an *Unproven where the key was used
	// before for other content, on any node: a replay. The same content again is a retry, which exactly-once takes care of. Until
	// is when the provider's signature is too old by itself.
	Once func(ctx context.Context, key, content string, until time.Time) error
	// Step hears what Verify does, for postern webhook verify: what was signed, what is missing, how old it is; never a key. Nil: nobody
	// listens.
	Step func(text string)

	certificates *certificates // of SNS, nil: none are remembered
}

// step tells who listens.
func (t *Tools) step(format string, args ...any) {
	if t.Step != nil {
		t.Step(fmt.Sprintf(format, args...))
	}
}

// Limits bound what one request may cost.
type Limits struct {
	Body  int64 // bytes of a request
	Mail  int64 // bytes of one mail, or of one part of it
	Mails int   // mails in a request
	Parts int   // fields and files of a form
}
