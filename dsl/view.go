// Package dsl is the rule language: its grammar, what a script sees and can do, the checking of both
// with positions, and evaluation that cannot run away. Inside the blocks stands plain expr
// (github.com/expr-lang/expr). It imports nothing of Postern's: what scripts see is a promise of its own.
package dsl

import "time"

// A View is everything a script sees of one message. Pointers are never nil and lists never hold
// nil, so a script has no nil to trip over.
type View struct {
	Mail     *Mail     `expr:"mail"`
	Envelope *Envelope `expr:"envelope"`
	Mailbox  *Mailbox  `expr:"mailbox"`
	Sender   *Sender   `expr:"sender"`
	Issue    *Issue    `expr:"issue"`
	Now      time.Time `expr:"-"` // what now() says: the message's time
	Key      string    `expr:"-"` // what the message is known by, wherever it comes from: decides sample
}

// Mail is the parsed message.
type Mail struct {
	ID          string       `expr:"id" json:"id"`
	Subject     string       `expr:"subject" json:"subject"`
	From        Address      `expr:"from" json:"from"`
	ReplyTo     []Address    `expr:"replyTo" json:"replyTo"`
	To          []Address    `expr:"to" json:"to"`
	Cc          []Address    `expr:"cc" json:"cc"`
	Date        time.Time    `expr:"date" json:"date"`
	Text        string       `expr:"text" json:"text"`
	NewText     string       `expr:"newText" json:"newText"`
	HTML        string       `expr:"html" json:"html"`
	Size        int          `expr:"size" json:"size"`
	Attachments []Attachment `expr:"attachments" json:"attachments"`
	MessageID   string       `expr:"messageId" json:"messageId"`
	InReplyTo   []string     `expr:"inReplyTo" json:"inReplyTo"`
	References  []string     `expr:"references" json:"references"`
	IsReply     bool         `expr:"isReply" json:"isReply"`
	IsForward   bool         `expr:"isForward" json:"isForward"`
	Kind        string       `expr:"kind" json:"kind"` // "human", "ooo", "bounce", "delay", …
	IsAutoReply bool         `expr:"isAutoReply" json:"isAutoReply"`
	IsBounce    bool         `expr:"isBounce" json:"isBounce"`
	IsList      bool         `expr:"isList" json:"isList"`
	SpamScore   float64      `expr:"spamScore" json:"spamScore"`
	Auth        Auth         `expr:"auth" json:"auth"`
	Truncated   bool         `expr:"truncated" json:"truncated"`
	Signed      string       `expr:"signed" json:"signed"`       // "pgp", "smime", or ""; checked by nobody
	Encrypted   string       `expr:"encrypted" json:"encrypted"` // the same
	Report      Report       `expr:"report" json:"report"`       // of a bounce or a delay; empty for other mail
	Calendar    Calendar     `expr:"calendar" json:"calendar"`   // of an invitation or an answer to one; empty for other mail
	Attached    []Attached   `expr:"attached" json:"attached"`   // mails that this one has as attachments

	Fields []HeaderField `expr:"-" json:"-"` // what header(name) and headers(name) look in
}

// A HeaderField is one decoded header field.
type HeaderField struct{ Name, Value string }

// Address is one address: lower case, domain in ASCII form; Display has the Unicode form.
type Address struct {
	Email       string `expr:"email" json:"email"`
	Name        string `expr:"name" json:"name"`
	Local       string `expr:"local" json:"local,omitempty"`
	Domain      string `expr:"domain" json:"domain,omitempty"`
	Display     string `expr:"display" json:"display,omitempty"`
	MixedScript bool   `expr:"mixedScript" json:"mixedScript,omitempty"`
}

// Attachment is one attached file.
type Attachment struct {
	Name   string `expr:"name" json:"name"`
	Type   string `expr:"type" json:"type"`
	Size   int    `expr:"size" json:"size"`
	SHA256 string `expr:"sha256" json:"sha256"`
	Inline bool   `expr:"inline" json:"inline"`
}

// Report is what a mail server says about a mail that it could not deliver, or not yet.
type Report struct {
	MessageID  string         `expr:"messageId" json:"messageId"` // of the mail that it is about
	Recipients []ReportedRcpt `expr:"recipients" json:"recipients"`
}

// ReportedRcpt is one recipient that was not reached.
type ReportedRcpt struct {
	Email      string `expr:"email" json:"email"`
	Action     string `expr:"action" json:"action"` // "failed", "delayed", "delivered", …
	Status     string `expr:"status" json:"status"` // "5.1.1"
	Reason     string `expr:"reason" json:"reason"` // "user-unknown", "full", "blocked", …
	Diagnostic string `expr:"diagnostic" json:"diagnostic"`
}

// Calendar is the summary of a calendar part.
type Calendar struct {
	Method    string    `expr:"method" json:"method"` // "request", "reply", "cancel", …
	UID       string    `expr:"uid" json:"uid"`
	Summary   string    `expr:"summary" json:"summary"`
	Location  string    `expr:"location" json:"location"`
	Start     time.Time `expr:"start" json:"start"`
	End       time.Time `expr:"end" json:"end"`
	AllDay    bool      `expr:"allDay" json:"allDay"`
	Organizer Address   `expr:"organizer" json:"organizer"`
	Attendees []Address `expr:"attendees" json:"attendees"`
	Answer    string    `expr:"answer" json:"answer"` // "accepted", "declined", "tentative", …
}

// Attached is a mail that came inside another, as a file.
type Attached struct {
	Name      string    `expr:"name" json:"name"` // of the file
	Subject   string    `expr:"subject" json:"subject"`
	From      Address   `expr:"from" json:"from"`
	To        []Address `expr:"to" json:"to"`
	Date      time.Time `expr:"date" json:"date"`
	MessageID string    `expr:"messageId" json:"messageId"`
	Text      string    `expr:"text" json:"text"`
	NewText   string    `expr:"newText" json:"newText"`
}

// Auth is what mail authentication found: "pass", "fail", "none", …
type Auth struct {
	SPF   string `expr:"spf" json:"spf"`
	DKIM  string `expr:"dkim" json:"dkim"`
	DMARC string `expr:"dmarc" json:"dmarc"`
	ARC   string `expr:"arc" json:"arc"`
}

// Envelope is what the source knew before the body came.
type Envelope struct {
	From   Address `expr:"from" json:"from"`
	To     Address `expr:"to" json:"to"`
	IP     string  `expr:"ip" json:"ip"`
	Helo   string  `expr:"helo" json:"helo"`
	TLS    bool    `expr:"tls" json:"tls"`
	User   string  `expr:"user" json:"user"`
	Source string  `expr:"source" json:"source"`
}

// Mailbox is the mailbox the message is for.
type Mailbox struct {
	Name      string   `expr:"name" json:"name"`
	Addresses []string `expr:"addresses" json:"addresses"`
}

// Sender is the person who wrote, as far as is known. Role and Organization hold only what is
// proven; Claimed is what a From merely says.
type Sender struct {
	Known        bool    `expr:"known" json:"known"`
	Email        string  `expr:"email" json:"email"`
	Name         string  `expr:"name" json:"name"`
	Role         string  `expr:"role" json:"role"`
	Organization string  `expr:"organization" json:"organization"`
	Claimed      Claimed `expr:"claimed" json:"claimed"`

	Trust string `expr:"-" json:"trust"` // "none", "known", "authenticated"; asked by atLeast
	// Count answers recent(duration): how many messages of this sender came in the time before Now.
	// It may be nil (then 0).
	Count func(within time.Duration) int `expr:"-" json:"-"`
}

// Claimed is what a From says about a person whom we know and who has not proved it.
type Claimed struct {
	Role         string `expr:"role" json:"role"`
	Organization string `expr:"organization" json:"organization"`
}

// Issue is what the mail will become or be added to, with all that was decided so far.
type Issue struct {
	IsNew       bool              `expr:"isNew" json:"isNew"`
	Number      int               `expr:"number" json:"number"` // 0 while new
	Subject     string            `expr:"subject" json:"subject"`
	Description string            `expr:"description" json:"description"`
	Type        string            `expr:"type" json:"type"`
	Class       string            `expr:"class" json:"class"`
	Priority    string            `expr:"priority" json:"priority"`
	Status      string            `expr:"status" json:"status"`
	Assignee    string            `expr:"assignee" json:"assignee"`
	Template    string            `expr:"template" json:"template"`
	Requester   Address           `expr:"requester" json:"requester"`
	Watchers    []string          `expr:"watchers" json:"watchers"`
	Tags        []string          `expr:"tags" json:"tags"`
	Fields      map[string]string `expr:"fields" json:"fields"`
	CreatedAt   time.Time         `expr:"createdAt" json:"createdAt"`
	Age         time.Duration     `expr:"age" json:"age"`
	ClosedFor   time.Duration     `expr:"closedFor" json:"closedFor,omitzero"` // how long it had been closed when the mail came
}
