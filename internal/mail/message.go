// Package mail turns the bytes of a message into what rules and people read: addresses, subject,
// text, the new text alone, attachments. It never fails: what it cannot understand becomes a
// Warning, and what it can is kept. It does no I/O of its own; attachments are handed to the
// caller's writers as they are decoded.
package mail

import (
	"io"
	"time"
)

// A Message is one mail, understood. All strings are valid UTF-8.
type Message struct {
	Subject    string
	From       []Address // of every From field, as written; none, several, or one without an Email prove nothing
	Sender     []Address
	ReplyTo    []Address
	To         []Address
	Cc         []Address
	Date       time.Time // UTC; zero when missing or unreadable
	MessageID  string    // with its angle brackets, "" when missing
	InReplyTo  []string  // ids with angle brackets
	References []string  // ids with angle brackets, oldest first
	Header     []Field   // every header field, in order, decoded

	Text        string // the plain part; made from HTML where that is missing or only points to it
	Spans       []Span // what in Text is not new, ordered, not overlapping
	HTML        string // as it came, decoded to UTF-8: never show it unsanitised
	HTMLSpans   []Span // what in HTML is not new, as Spans is for Text
	Attachments []Attachment
	Calendar    *Event // of the first calendar part; nil without one
	Signed      string // "pgp" or "smime" when it claims to be signed; nobody has checked the signature
	Encrypted   string // "pgp" or "smime" when it is encrypted: its text is out of reach

	Kind          Kind
	Report        *Report // what a bounce or a delay says of the mail it is about; nil for other kinds
	IsReply       bool
	IsForward     bool
	IsAutoReply   bool
	IsBounce      bool
	IsList        bool
	AutoSubmitted bool // any sign of a machine: never answer it

	Truncated bool      // Text or HTML was longer than Limits.Text
	Warnings  []Warning // what was odd, in the order of discovery
}

// NewText is the uncovered pieces of Text joined, blank lines at the ends trimmed: what this mail
// adds. It is never empty when Text is not.
func (m *Message) NewText() string { return newText(m.Text, m.Spans) }

// An Address is one mailbox of a header field.
type Address struct {
	Name        string `json:"name"`  // display name, decoded, without control or bidi characters
	Email       string `json:"email"` // lower case, domain in ASCII (punycode) form; "" when unusable
	Local       string `json:"-"`     // before the last @
	Domain      string `json:"-"`     // after the last @, ASCII form
	Display     string `json:"-"`     // Email with the domain in Unicode form
	MixedScript bool   `json:"-"`     // the domain mixes scripts in one label: likely a look-alike
}

// A Field is one header field.
type Field struct {
	Name  string // as written
	Value string // unfolded, encoded words decoded
	Raw   []byte // as it came, with name, folds and line ends
}

// Get returns the value of the first field of that name, ignoring case, or "".
func (m *Message) Get(name string) string {
	for _, f := range m.Header {
		if equalFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Values returns the values of all fields of that name, ignoring case.
func (m *Message) Values(name string) []string {
	var vs []string
	for _, f := range m.Header {
		if equalFold(f.Name, name) {
			vs = append(vs, f.Value)
		}
	}
	return vs
}

// A Span covers a piece of Text that is not new.
type Span struct {
	Start  int      `json:"start"` // byte offset, inclusive
	End    int      `json:"end"`   // byte offset, exclusive
	Kind   SpanKind `json:"kind"`
	Reason string   `json:"reason"` // which sign gave it away, for people
}

// SpanKind says what a span covers.
type SpanKind string

const (
	SpanQuote      SpanKind = "quote"     // quoted history, with its attribution line
	SpanForward    SpanKind = "forward"   // a forwarded message's header block and text
	SpanSignature  SpanKind = "signature" // below "-- ", "Sent from my …"
	SpanDisclaimer SpanKind = "disclaimer"
	// SpanUnsure is kept in the new text: it might be quoted. Commands are not looked for at or below it.
	SpanUnsure SpanKind = "unsure"
)

// An Attachment is a part that is not the message's own text.
type Attachment struct {
	Name      string // one safe path segment; "" never: named by its type where it has none
	Type      string // media type, lower case, without parameters
	Size      int64  // decoded bytes
	SHA256    string // of the decoded bytes, lower-case hex
	Inline    bool   // shown inside the text: referred to by Content-ID, or disposed inline
	ContentID string // without angle brackets
	// ContentLocation is an address by which the HTML may refer to it instead (RFC 2557), as written.
	ContentLocation string
	Ref             any // what Options.Attachment returned for it, for the caller

	// Message is the mail that the file is, read: a message/rfc822 or an .eml. Its own attachments are
	// counted and hashed, and have no Ref. nil for other files, and below Limits.Messages.
	Message *Message
}

// Kind says who or what wrote a message.
type Kind string

const (
	KindHuman        Kind = "human"
	KindAutoReply    Kind = "ooo"      // out of office, and other answers of machines
	KindBounce       Kind = "bounce"   // a mail could not be delivered
	KindDelay        Kind = "delay"    // a mail is not delivered yet, or was after all
	KindFeedback     Kind = "feedback" // somebody called a mail spam (RFC 5965)
	KindReceipt      Kind = "receipt"  // a mail was displayed or deleted (RFC 8098)
	KindCalendar     Kind = "calendar" // an answer to an invitation (RFC 5546)
	KindBulk         Kind = "bulk"
	KindList         Kind = "list"
	KindNotification Kind = "notification"
)

// A Report is what a mail server says about a mail that it could not deliver, or not yet.
type Report struct {
	MessageID  string         `json:"messageId"`  // of the mail that it is about, with angle brackets; "" when not told
	Recipients []ReportedRcpt `json:"recipients"` // 100 at most
}

// A ReportedRcpt is one recipient of a Report (RFC 3464 section 2.3).
type ReportedRcpt struct {
	Email      string       `json:"email"`  // as Address.Email
	Action     string       `json:"action"` // "failed", "delayed", "delivered", "relayed", "expanded"
	Status     string       `json:"status"` // an enhanced status code like "5.1.1" (RFC 3463), "" when not told
	Reason     BounceReason `json:"reason"`
	Diagnostic string       `json:"diagnostic"` // what the server said, one line of at most 500 bytes
}

// BounceReason is why a mail was not delivered, in one word.
type BounceReason string

const (
	ReasonUnknown     BounceReason = "unknown"      // not told
	ReasonNoUser      BounceReason = "user-unknown" // no such mailbox
	ReasonNoHost      BounceReason = "host-unknown" // no such domain, or no way to it
	ReasonDisabled    BounceReason = "disabled"     // the mailbox is closed or moved
	ReasonFull        BounceReason = "full"
	ReasonSize        BounceReason = "size"    // the mail is too large
	ReasonBlocked     BounceReason = "blocked" // for who sends: block lists, reputation, rate
	ReasonSpam        BounceReason = "spam"    // for what it says: spam, virus, forbidden files
	ReasonAuth        BounceReason = "auth"    // SPF, DKIM, DMARC, or relaying denied
	ReasonExpired     BounceReason = "expired" // tried for too long
	ReasonLoop        BounceReason = "loop"
	ReasonUnavailable BounceReason = "unavailable" // the other server is out of order, for now or for good
)

// An Event is the summary of a calendar part (RFC 5545, RFC 5546).
type Event struct {
	Method    string    `json:"method"` // "request", "reply", "cancel", "publish", …; "" when not told
	UID       string    `json:"uid"`
	Summary   string    `json:"summary"`
	Location  string    `json:"location"`
	Start     time.Time `json:"start,omitzero"` // UTC; zero when not told
	End       time.Time `json:"end,omitzero"`
	AllDay    bool      `json:"allDay"`
	Floating  bool      `json:"floating"` // Start and End name no known time zone: they are read as UTC
	Organizer Address   `json:"organizer"`
	Attendees []Address `json:"attendees"`
	Answer    string    `json:"answer"` // of a reply: "accepted", "declined", "tentative", …
}

// A Warning says what was odd in a message and what was done about it.
type Warning struct {
	Code   string `json:"code"`   // a stable word: "charset-unknown", "header-malformed", …
	Detail string `json:"detail"` // for people; never longer than 200 bytes
}

// Limits bound what a message may cost. Zero values mean the defaults of DefaultLimits.
type Limits struct {
	Header      int64 // bytes of one header block
	HeaderCount int   // fields of one header block
	Parts       int   // leaves of the MIME tree
	Depth       int   // of the MIME tree
	Messages    int   // how deep mails in mails, and files in files, are read
	Text        int64 // bytes each of decoded text and HTML that are kept
	Decoded     int64 // bytes of all decoded parts
	Addresses   int   // of one field
	// Time is how long one message may be read, waiting for the reader not counted.
	Time time.Duration
}

// DefaultLimits are generous for people and small for attackers.
var DefaultLimits = Limits{
	Header: 1 << 20, HeaderCount: 2000, Parts: 1000, Depth: 50, Messages: 3,
	Text: 1 << 20, Decoded: 256 << 20, Addresses: 2000, Time: 30 * time.Second,
}

// Options say how Parse works.
type Options struct {
	Limits Limits
	// Attachment is called once for each attachment before its bytes come (Name, Type, ContentID and
	// Inline are set; Inline may still change). What it returns receives the decoded bytes; after the
	// last one done is called with the finished attachment and its result becomes Ref. A nil Attachment, or a nil writer,
	// only counts and hashes. Files may be open at once: what is in a file (a TNEF, signed content) is written while that
	// file is, and stands behind it in Message.Attachments; its name and type may change until done. An error of the writer ends Parse with that error: it is the caller's
	// disk, not the mail, that is at fault.
	Attachment func(a *Attachment) (w io.Writer, done func(*Attachment) (any, error), err error)
}
