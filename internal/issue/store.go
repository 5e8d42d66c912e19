package issue

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"postern/internal/spool"
)

// A Store keeps what the rules decided. Two implementations, internal/sqlite and internal/mongo,
// keep the promises of internal/storetest. Errors have a fault.Kind: NotFound, Conflict, and
// Unavailable for a disk that is full or a server that is gone (the mail stays with its sender).
// Times are UTC in whole milliseconds.
type Store interface {
	// Slots returns the messages that hold the slots of a key, in slot order.
	Slots(ctx context.Context, key string) ([]*Message, error)

	// FindThread says where each of the ids leads in that mailbox. An id that leads nowhere has no
	// Link. For one id and issue only the strongest link is reported, and where any issue owns the
	// id, mentions of it are left out.
	FindThread(ctx context.Context, mailbox string, ids []string) ([]Link, error)

	// Participants returns which of the addresses take part in the issue: its requester, watchers,
	// and all whom its mails name in From, To or Cc.
	Participants(ctx context.Context, number int64, emails []string) ([]string, error)

	// FindUser returns the user with that address, or NotFound.
	FindUser(ctx context.Context, email string) (*User, error)

	// Recent counts the messages of an author in a mailbox received at or after since; at most 10,000 are counted.
	Recent(ctx context.Context, mailbox, email string, since time.Time) (int, error)

	// Commit writes a decided message and all that comes of it, durably, wholly or not at all.
	// Conflict means that what the decision relied on has changed (c.Relies), that the slot was
	// taken, or that the message to be replaced has been decided again, or dropped, by somebody else: read again
	// and decide again. So is a revision that withdraws an issue which others have worked on. The store fills in Issue.Number and returns what was written.
	Commit(ctx context.Context, c *Commit) (Committed, error)

	// KeepCopy adds a copy to a message. Beyond MaxCopies it only counts.
	KeepCopy(ctx context.Context, message string, c *Copy, raw *spool.Body) error

	// AppendLedger writes lines that belong to no commit. A line whose ID exists already has its Count raised by the new one's.
	AppendLedger(ctx context.Context, lines []LedgerLine) error

	// Reading. Lists are newest first.
	Issue(ctx context.Context, number int64) (*Issue, error)
	// History reads an issue with what its fields were given.
	History(ctx context.Context, number int64) (*History, error)
	Issues(ctx context.Context, q IssueQuery) ([]*Issue, Cursor, error)
	Notes(ctx context.Context, number int64, p Page) ([]*Note, Cursor, error) // oldest first, without those withdrawn
	// MessageNotes are the notes that one message made on an issue, those withdrawn too, oldest first.
	MessageNotes(ctx context.Context, number int64, message string) ([]*Note, error)
	Message(ctx context.Context, id string) (*Message, error)
	Messages(ctx context.Context, q MessageQuery) ([]*Message, Cursor, error) // without Decision.Facts, Trace and Changes, and Former
	Copies(ctx context.Context, message string) ([]*Copy, error)
	Ledger(ctx context.Context, q LedgerQuery) ([]*LedgerLine, Cursor, error)
	Events(ctx context.Context, p Page) ([]*Event, Cursor, error)

	// OpenBlob reads a blob, or NotFound.
	OpenBlob(ctx context.Context, sha256 string) (io.ReadSeekCloser, error)
	// FindAttachment finds any message's attachment with that content, or NotFound.
	FindAttachment(ctx context.Context, sha256 string) (*Message, *Attachment, error)

	// DropMessage deletes a quarantined, rejected, discarded or try-later message's raw, text and
	// attachments and sets its DeletedAt; its slot stays claimed. A committed one is Denied; doing it
	// again changes nothing.
	DropMessage(ctx context.Context, id string, ev Event) error
	// AppendEvent records what somebody did.
	AppendEvent(ctx context.Context, ev Event) error

	// API tokens.
	AddToken(ctx context.Context, t Token) error
	FindToken(ctx context.Context, hash string) (*Token, error) // NotFound also when it expired
	Tokens(ctx context.Context) ([]*Token, error)
	RevokeToken(ctx context.Context, id string) error

	// PublishRuleset keeps a set as the one that decides, if the publication before it is still number after (0: there is
	// none), and returns its own number, after+1. Where another came first it is a Conflict. Every publication stays.
	PublishRuleset(ctx context.Context, r Ruleset, after int64) (int64, error)
	// Ruleset reads a publication by its number; LatestRuleset the one that decides, NotFound before the first.
	Ruleset(ctx context.Context, number int64) (*Ruleset, error)
	LatestRuleset(ctx context.Context) (*Ruleset, error)
	Rulesets(ctx context.Context, q RulesetQuery) ([]*Ruleset, Cursor, error) // without Files

	// PutShadow makes a set the one that is evaluated beside the live one, in place of the one before, whose reports go, or
	// writes down what has become of it; a Conflict where the one that is there is not called before ("": there is none).
	// Shadow reads it, NotFound where there never was one.
	PutShadow(ctx context.Context, s Shadow, before string) error
	Shadow(ctx context.Context, files bool) (*Shadow, error)
	// PutShadowReport keeps what one node found, in place of what it found before. Where that shadow is no longer the one there is,
	// it is a Conflict.
	PutShadowReport(ctx context.Context, shadow, node string, report json.RawMessage) error
	ShadowReports(ctx context.Context, shadow string) (map[string]json.RawMessage, error) // by node

	// CountRules adds to what rules did; a count may be lost or doubled where a write fails half done. RuleCounts reads it, of one version
	// or ("") of all together, by stage and name.
	CountRules(ctx context.Context, counts []RuleCount) error
	RuleCounts(ctx context.Context, version string) ([]RuleCount, error)

	Sources // the ways in

	// Once stores value under key unless the key is there, and returns what is there afterwards:
	// the key file's fingerprint, the store's own id.
	Once(ctx context.Context, key, value string) (string, error)

	// Retain removes what is older than its time; Sweep removes blobs that nothing names and that
	// are older than grace. Both work in small steps and can be interrupted. They return how much went. Retain also
	// takes claims whose time has passed by the store's own clock.
	Retain(ctx context.Context, r Retention) (int, error)
	Sweep(ctx context.Context, grace time.Duration) (int, error)

	// Recover finishes what a crash left half applied. It is called at start, and may be called any time.
	Recover(ctx context.Context) error

	// Backup writes the whole store below dir, online; Restore reads such a folder into an empty
	// store and starts a new epoch: numbers jump ahead by EpochJump.
	Backup(ctx context.Context, dir string) error
	Restore(ctx context.Context, dir string) error

	// Ping says whether the store can commit now.
	Ping(ctx context.Context) error
	// Kind is "sqlite" or "mongodb".
	Kind() string
	Close() error
}

// MaxCopies is how many copies of one message are kept with their raw.
const MaxCopies = 10

// EpochJump is how far issue numbers jump when a backup is restored, so that none that was given
// after the backup is given twice.
const EpochJump = 10_000

// A Commit is one decided message and what comes of it.
type Commit struct {
	Message  *Message
	Replaces int // 0: a new message. n: decide Message.ID again in place, provided its Attempt is still n
	Relies   []Reliance

	// Threads are the names under which later mail finds the issue: this mail's own Message-ID, the
	// ids it mentions, a rule's thread key. Only for a committed message.
	Threads      []ThreadName
	Participants []string // addresses

	NewIssue *Issue       // or
	Change   *IssueChange // a note on an existing one; one that was withdrawn is there again
	Revise   *Revision    // or, of a message that has an issue and is decided again in place, what it gives it now
	Notes    []*Note      // the mail's own note, and rules' remarks; Issue is filled in for a new issue

	Users  []User // made known; an existing user is left as it is
	Ledger *LedgerLine
	Event  *Event // when a person asked for it

	// Bodies are the bytes behind every Blob that Message names and the store may not have yet.
	Bodies []*spool.Body
}

// A Reliance says where the decision saw one id lead: to these issues, by this kind of link, or nowhere.
// It still holds while FindThread would report the same for that id.
type Reliance struct {
	Mailbox string `json:"mailbox"`
	ID      string `json:"id"`
	Links   []Link `json:"links,omitempty"`
}

// A Link says that an id leads to an issue.
type Link struct {
	ID    string    `json:"id"`
	Issue int64     `json:"issue"`
	Kind  LinkKind  `json:"kind"`
	At    time.Time `json:"at"` // of the latest message that made the link; not part of what a Reliance compares
}

// LinkKind says how an id came to lead to an issue.
type LinkKind string

const (
	Own       LinkKind = "own"       // a message of the issue has this Message-ID
	Mentioned LinkKind = "mentioned" // a message of the issue names it in In-Reply-To or References
	Key       LinkKind = "key"       // a rule's thread(key): ids of this kind start with "key:"
	Said      LinkKind = "said"      // a command stood in a message of the issue: ids of this kind start with "said:", see SaidID
)

// A ThreadName makes an id lead to the commit's issue. One of kind Said is what was said; its id is SaidID's, since the number of a new
// issue is the store's to give.
type ThreadName struct {
	ID   string
	Kind LinkKind
}

// NoMailbox stands for the mailbox of ids of kind Said: an issue may have mail of several.
const NoMailbox = "*"

// SaidID is the id that leads to an issue where something was said in it, in NoMailbox.
func SaidID(what string, number int64) string {
	return "said:" + strconv.FormatInt(number, 10) + ":" + what
}

// Leads are the mailbox and the id that make a message's name lead to its issue.
func (t ThreadName) Leads(mailbox string, number int64) (in, id string) {
	if t.Kind == Said {
		return NoMailbox, SaidID(t.ID, number)
	}
	return mailbox, t.ID
}

// An IssueChange is what a message changes on an issue that is there. Nil pointers leave a field alone;
// for one field the last commit wins, tags and watchers are merged.
type IssueChange struct {
	Number       int64
	Subject      *string
	Type         *string
	Class        *string
	Priority     *string
	Status       *string
	Assignee     *string
	Team         *string
	Template     *string
	Visibility   *string
	DueAt        *time.Time
	ClosedAt     *time.Time // a zero time clears it
	AddTags      []string
	RemoveTags   []string
	AddWatchers  []string
	DropWatchers []string
	Fields       map[string]string // an empty value removes the field
	UpdatedAt    time.Time
	Late         bool // it is a mail's that came before others which are here: a field that one of these has set stays, but the issue is opened again
}

// Committed is what Commit wrote.
type Committed struct {
	Message string
	Issue   int64
	Note    string
}

// A Page is a piece of a list. After is the Cursor of the piece before, "" for the first.
type Page struct {
	After Cursor
	Limit int // 1 to 500; 0 means 50; anything else is Invalid
}

// A Cursor points behind the last item of a piece; "" when there are no more. It is opaque, URL-safe and stays valid
// while items come and go. A cursor that makes no sense is an error of kind Invalid.
type Cursor string

// IssueQuery chooses issues. Words must all occur (whole words, case and accents ignored), each in the subject, the description
// or any note's text; they are words as the function Words splits them, never a query language. What was just committed is found
// a moment later.
type IssueQuery struct {
	Page
	Words     []string
	Status    string
	Mailbox   string
	Requester string
	Assignee  string
	Tag       string
	Withdrawn bool // those that were withdrawn, and no others
}

// MessageQuery chooses messages.
type MessageQuery struct {
	Page
	Verdict   string
	Mailbox   string
	Issue     int64
	Author    string
	Since     time.Time
	MessageID string
	Run       string // decided last by this replay
}

// RulesetQuery chooses publications.
type RulesetQuery struct {
	Page
	Version string // whose version begins so
	By      string
}

// LedgerQuery chooses ledger lines. Words must all occur, case ignored, somewhere in peer, from, to, author, subject, messageId.
type LedgerQuery struct {
	Page
	Words   []string
	Address string // envelope from, to or author equals it
	Since   time.Time
}

// Retention says before when things go. A zero time keeps all.
type Retention struct {
	Raw        time.Time // raw of committed, discarded, rejected and try-later messages
	Quarantine time.Time // quarantined messages' raw, text and attachments; of what a replay put there since it did
	Ledger     time.Time
	Trace      time.Time // decisions' traces and facts, and what messages were before a replay
	RuleCounts time.Time // counts of rules that have not matched since
}
