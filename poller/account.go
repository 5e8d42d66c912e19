// Package poller fetches mail that waits for us at other servers: by IMAP, POP3 or Microsoft Graph. Each protocol is an Account; what
// they share is here: who polls (leases), what was taken (state), what becomes of it at the server, and how failure backs off.
package poller

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"postern/internal/intake"
)

// An Account is one mailbox at a server, and how to reach it. It is safe for several goroutines; its Sessions are not.
type Account interface {
	// Open connects and logs in. Its error says what is wrong and what to do, for an administrator.
	Open(ctx context.Context) (Session, error)
	// Check tries each step that polling takes and tells of it, the last ones only where the first ones worked.
	Check(ctx context.Context, tell func(Step))
}

// A Datable account can begin with what came since a time where it would begin with what is new. Any other start stays as it is.
type Datable interface {
	Account
	Since(t time.Time) Account
}

// A Session is a login. It belongs to one goroutine. Every method ends soon after ctx, and after an error that is not an
// *ItemError only Close may be called.
type Session interface {
	// List returns the oldest n items, at most, that came after the cursor (nil: from the beginning, as the source's start says),
	// and the cursor behind them, which is saved once each of them is either done or remembered as pending. A cursor that the server
	// does not know any more (UIDVALIDITY, an expired delta link) begins anew: what was taken before is then met as a duplicate.
	List(ctx context.Context, cursor json.RawMessage, n int) (*Batch, error)
	// Fetch asks for the raw mail of items and calls take for each whose bytes came whole, in any order and never at once. A mail
	// that take does not read to its end is skipped to its end. What take returns ends Fetch. An item for which nothing
	// came is not an error here: the caller compares what came with what it asked. One bad item is an *ItemError given to take's
	// third argument, with nothing to read.
	Fetch(ctx context.Context, items []Item, take func(Item, io.Reader, error) error) error
	// Settle does at the server what is to become of items that are done: it may be asked twice. What it cannot do is an error that
	// says which; items that are gone are done.
	Settle(ctx context.Context, done []Settled) error
	// Wait returns when mail may have come (true), or after d.
	Wait(ctx context.Context, d time.Duration) (bool, error)
	// Close logs out. For POP3 it is what deletes: what was settled counts only once Close returned nil.
	Close() error
}

// A Brief session has the mailbox for itself while it is open, as POP3's has (RFC 1939 section 3): it is closed after each poll and
// never waited on, and what it settled counts only once Close returned nil.
type Brief interface {
	Session
	// Took hears of items whose mail is here and saved. Some servers remove at the end of a session whatever was fetched in it (RFC 1939 section
	// 8; Gmail, by "popped"): a session in which a mail was fetched and not taken ends such that it stays, and then deletes nothing either.
	Took(items []Item)
}

// A Throttled error says when the server wants to be asked again, as 429 does with Retry-After.
type Throttled interface {
	error
	RetryAfter() time.Duration
}

// A Batch is what List found.
type Batch struct {
	Items []Item
	Next  json.RawMessage // the cursor behind Items
	More  bool            // there are more items behind Next
	Total int             // how many items lie before us at the server, as far as it tells: the backlog. -1: it does not
}

// An Item is one mail at a server.
type Item struct {
	ID      string    `json:"id"` // names it at this server as long as it lies there: folder, UIDVALIDITY and UID; UIDL; immutable id
	Folder  string    `json:"folder,omitempty"`
	Size    int64     `json:"size"` // -1: unknown
	Arrived time.Time `json:"arrived,omitzero"`
}

// A Settled item is done, and this is to become of it at the server.
type Settled struct {
	Item    Item           `json:"item"`
	Verdict intake.Verdict `json:"verdict"` // what became of it here; Quarantined for parked ones
	After   After          `json:"after"`
}

// After is what becomes of mail at its server once it was taken.
type After struct {
	Do     string `json:"do"` // Keep, Mark, Move or Delete
	Folder string `json:"folder,omitempty"`
}

// What After can be.
const (
	Keep   = "keep"
	Mark   = "seen" // as read
	Move   = "move"
	Delete = "delete"
)

// An ItemError says that one item cannot be fetched, and that the session goes on.
type ItemError struct {
	Item Item
	Err  error
	Gone bool // it does not lie there any more: nothing is lost by us
}

func (e *ItemError) Error() string { return e.Item.ID + ": " + e.Err.Error() }
func (e *ItemError) Unwrap() error { return e.Err }

// A Step is one thing that a check tried.
type Step struct {
	Name string        `json:"name"` // "dns", "connect", "tls", "login", "folder INBOX", "permissions", "quota", "idle", …
	OK   bool          `json:"ok"`
	Warn bool          `json:"warn,omitempty"` // it works, and something should be known
	Says string        `json:"says"`           // what was found
	Todo string        `json:"todo,omitempty"` // what to do, where it is not as it should be
	Took time.Duration `json:"took"`
}
