// Package issue holds the nouns of Postern (issue, note, message, decision, user) and the Store
// contract that both stores keep. It knows no database.
package issue

import (
	"encoding/json"
	"time"
)

// Person is somebody a mail names.
type Person struct {
	Email string `json:"email"`
	Name  string `json:"name"`
}

// An Issue is what came of mail. Numbers start at 1 and are never given twice; gaps are possible.
type Issue struct {
	Number      int64             `json:"number"`
	Mailbox     string            `json:"mailbox"`
	Subject     string            `json:"subject"`
	Description string            `json:"description"` // the first mail's new text, at most InlineText bytes
	Type        string            `json:"type"`
	Class       string            `json:"class"`
	Priority    string            `json:"priority"`
	Status      string            `json:"status"`
	Assignee    string            `json:"assignee"`
	Team        string            `json:"team"`
	Template    string            `json:"template"`
	Visibility  string            `json:"visibility"`
	Requester   Person            `json:"requester"`
	Watchers    []string          `json:"watchers"`
	Tags        []string          `json:"tags"`
	Fields      map[string]string `json:"fields"`
	Suspected   []int64           `json:"suspected"` // issues it may belong to: evidence too weak to join
	DueAt       *time.Time        `json:"dueAt,omitempty"`
	CreatedAt   time.Time         `json:"createdAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	ClosedAt    *time.Time        `json:"closedAt,omitempty"`
	Message     string            `json:"message"` // the id of the message that made it

	// WithdrawnAt is when a replay found that there should be no such issue. Its number is kept; no list has it unless asked.
	WithdrawnAt *time.Time `json:"withdrawnAt,omitempty"`
}

// A Note is an addition to an issue: a mail that joined it, or a rule's remark.
type Note struct {
	ID         string    `json:"id"`
	Issue      int64     `json:"issue"`
	Kind       string    `json:"kind"` // "mail", "rule"
	Author     Person    `json:"author"`
	Text       string    `json:"text"` // new text, at most InlineText bytes; the whole is the message's
	Visibility string    `json:"visibility"`
	Message    string    `json:"message"`
	CreatedAt  time.Time `json:"createdAt"`

	WithdrawnAt *time.Time `json:"withdrawnAt,omitempty"` // as an issue's
}

// InlineText is how much text, in bytes, an issue or a note carries itself. The whole text stays with its message.
const InlineText = 64 << 10

// A Blob names bytes by their content.
type Blob struct {
	SHA256 string `json:"sha256"` // lower-case hex; "" for none
	Size   int64  `json:"size"`
}

// An Attachment is a file of a message.
type Attachment struct {
	Blob
	Name      string `json:"name"`
	Type      string `json:"type"`
	Inline    bool   `json:"inline"`
	ContentID string `json:"contentId,omitempty"`
	// ContentLocation is an address by which the mail's HTML may refer to it instead.
	ContentLocation string `json:"contentLocation,omitempty"`
}

// A Message is one mail in one mailbox, with its own decision. A mail to two mailboxes is two
// messages that share one raw.
type Message struct {
	ID      string `json:"id"`
	Mailbox string `json:"mailbox"`
	// Slot is the place it holds among the mails of one key, "key/0", "key/1", …; "" where the
	// verdict claims none (rejected, try later). See "Exactly once" in docs/architecture.md.
	Slot       string `json:"slot,omitempty"`
	Attempt    int    `json:"attempt"`              // 1 at first; one more each time it is decided again in place
	ReplayOf   string `json:"replayOf,omitempty"`   // the message without a slot that this one decided again
	ReplayedBy string `json:"replayedBy,omitempty"` // its opposite

	Run    string  `json:"run,omitempty"`    // the replay that decided it last; "" where none did
	Former *Former `json:"former,omitempty"` // what it was before that

	ReceivedAt time.Time `json:"receivedAt"`
	Envelope   Envelope  `json:"envelope"`

	From        []Person        `json:"from"`
	To          []Person        `json:"to"`
	Cc          []Person        `json:"cc"`
	Subject     string          `json:"subject"`
	Date        *time.Time      `json:"date,omitempty"`
	MessageID   string          `json:"messageId"`
	InReplyTo   []string        `json:"inReplyTo"`
	References  []string        `json:"references"`
	Text        string          `json:"text,omitempty"` // at most InlineText bytes; longer: TextBlob
	TextBlob    Blob            `json:"textBlob,omitzero"`
	HTMLBlob    Blob            `json:"htmlBlob,omitzero"`
	FilesSHA256 string          `json:"filesSha256"`         // of the hashes of all files that came, also those a rule dropped
	TextSHA256  string          `json:"textSha256"`          // of the text with white space folded: equal texts compare fast
	Spans       json.RawMessage `json:"spans,omitempty"`     // what in the text is not new, by byte offsets
	HTMLSpans   json.RawMessage `json:"htmlSpans,omitempty"` // the same of the HTML
	Raw         Blob            `json:"raw"`                 // {"", 0} after retention took it
	Attachments []Attachment    `json:"attachments"`
	Warnings    json.RawMessage `json:"warnings,omitempty"`
	Kind        string          `json:"kind"`
	Report      json.RawMessage `json:"report,omitempty"`   // what a bounce or a delay says of the mail it is about
	Calendar    json.RawMessage `json:"calendar,omitempty"` // the summary of its invitation, or of the answer to one
	Signed      string          `json:"signed,omitempty"`   // "pgp" or "smime", as it claims
	Encrypted   string          `json:"encrypted,omitempty"`

	Verdict  string   `json:"verdict"`
	Reason   string   `json:"reason,omitempty"`
	Issue    int64    `json:"issue,omitempty"` // also one that was withdrawn
	Note     string   `json:"note,omitempty"`
	Decision Decision `json:"decision"`
	Marked   bool     `json:"marked,omitempty"` // a rule failed on it
	Copies   int      `json:"copies,omitempty"`

	DeletedAt *time.Time `json:"deletedAt,omitempty"` // a person dropped its raw, text and attachments
}

// Envelope is what the source knew.
type Envelope struct {
	Source   string `json:"source"`
	Peer     string `json:"peer"`
	Helo     string `json:"helo,omitempty"`
	TLS      bool   `json:"tls,omitempty"`
	User     string `json:"user,omitempty"`
	From     string `json:"from"`
	To       string `json:"to"`
	Protocol string `json:"protocol,omitempty"`
	Session  string `json:"session,omitempty"`

	ArrivedAt time.Time `json:"arrivedAt,omitzero"` // at a server that kept or passed it for us; zero: it came to us at once
	Rebuilt   bool      `json:"rebuilt,omitempty"`  // the raw was put together from parts that a provider had parsed
}

// A Decision is what the rules made of a message, with every fact they could see that is not in
// the mail, so that it can be explained and decided again as of its own time.
type Decision struct {
	Ruleset string          `json:"ruleset"`           // the set's version, a content hash
	Facts   json.RawMessage `json:"facts,omitempty"`   // envelope, sender, mailbox, auth, thread, counts, clock
	Trace   json.RawMessage `json:"trace,omitempty"`   // a list of rules.Entry; bounded
	Changes json.RawMessage `json:"changes,omitempty"` // rules.Changes: what the rules wanted done
	Took    time.Duration   `json:"took"`              // nanoseconds
}

// A Former is what a message was before a replay decided it again, and what it gave its issue.
type Former struct {
	Run      string       `json:"run,omitempty"` // that decided it then
	Verdict  string       `json:"verdict"`
	Reason   string       `json:"reason,omitempty"`
	Marked   bool         `json:"marked,omitempty"`
	Decision Decision     `json:"decision"`
	Sets     []Set        `json:"sets,omitempty"`
	Notes    []NoteChange `json:"notes,omitempty"`
}

// A User is somebody we know.
type User struct {
	Email        string    `json:"email"`
	Name         string    `json:"name"`
	Role         string    `json:"role"`
	Organization string    `json:"organization"`
	CreatedAt    time.Time `json:"createdAt"`
}

// A LedgerLine says what happened to one attempt to hand us a mail, kept apart from the mail itself.
type LedgerLine struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Source    string    `json:"source"`
	Peer      string    `json:"peer"`
	From      string    `json:"from"`   // envelope
	To        string    `json:"to"`     // envelope; several are joined by ", ", at most 500 bytes
	Author    string    `json:"author"` // the From header's address
	Subject   string    `json:"subject"`
	MessageID string    `json:"messageId"`
	Verdict   string    `json:"verdict"` // also "aborted" for a peer that left before the end
	Reason    string    `json:"reason"`
	Message   string    `json:"message"` // our id
	Mailbox   string    `json:"mailbox"`
	Issue     int64     `json:"issue,omitempty"`
	Count     int       `json:"count"` // how many like it, when repeats were counted instead of written
}

// A Copy is the same mail that came again and was not the same bytes.
type Copy struct {
	ReceivedAt time.Time       `json:"receivedAt"`
	Envelope   Envelope        `json:"envelope"`
	Raw        Blob            `json:"raw"`
	Auth       json.RawMessage `json:"auth,omitempty"`
}

// A Token lets a program use the API. The secret itself is never stored.
type Token struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Hash      string     `json:"-"` // hex SHA-256 of the secret, which has 256 random bits
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"createdAt"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
}

// A Ruleset is a set of rule files as it was published. Going back to an earlier set is a publication of its own.
type Ruleset struct {
	Number      int64             `json:"number,omitempty"` // 1, 2, …: the largest is the one that decides
	Version     string            `json:"version"`          // content hash
	Files       map[string]string `json:"files,omitempty"`  // path below the rules folder: content
	PublishedAt time.Time         `json:"publishedAt"`
	By          string            `json:"by"`   // "files@NODE", "built-in", "local:USER", "token:NAME"
	Note        string            `json:"note"` // why
}

// A Shadow is a candidate set of rules that is evaluated beside the live one for a while. It decides nothing.
type Shadow struct {
	ID        string            `json:"id"`
	Version   string            `json:"version"`
	Files     map[string]string `json:"files,omitempty"`
	Share     float64           `json:"share"` // percent of mails
	StartedAt time.Time         `json:"startedAt"`
	Until     time.Time         `json:"until"`
	StoppedAt *time.Time        `json:"stoppedAt,omitempty"` // before its time
	By        string            `json:"by"`
	Note      string            `json:"note"`
}

// An Event is something a person or program did: a release from quarantine, a deletion, a token made.
type Event struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Actor   string    `json:"actor"`   // "token:NAME", "local:USER"
	Action  string    `json:"action"`  // "quarantine.release", …
	Subject string    `json:"subject"` // what it was done to: "message:ID", "token:ID", …
	Detail  string    `json:"detail"`
}
