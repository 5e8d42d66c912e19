package issue

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// Sources is the part of a Store that nodes share about the ways in: who polls which account, how far it got, what was heard of
// each, and what may be used only once.
type Sources interface {
	// LeaseSource gives holder the source for ttl, or renews it where holder was the last to have it: then the fence stays, else it is
	// one larger than any before. While another holder's lease lasts it is a Conflict that names the holder. Nodes' clocks
	// must agree to within seconds; what the lease cannot exclude the fence does.
	LeaseSource(ctx context.Context, source, holder string, ttl time.Duration) (*Lease, error)
	// SaveSource keeps how far the holder of a lease got, MaxState bytes at most. It is a Conflict, and nothing is written, once the lease was
	// given back or another has, or had, the source; an end that has passed alone is none.
	SaveSource(ctx context.Context, l *Lease, state json.RawMessage) error
	// ReleaseSource gives a lease back, so that another node need not wait. What is not ours any more is left alone.
	ReleaseSource(ctx context.Context, l *Lease) error

	// HeardSource notes what happened at a source or a hook, on any node: see SourceRecord.Hear.
	HeardSource(ctx context.Context, source string, h Heard) error
	// Source reads what is known of one, NotFound where nothing is; Sources all, by name.
	Source(ctx context.Context, source string) (*SourceRecord, error)
	Sources(ctx context.Context) ([]*SourceRecord, error)
	// ForgetSource removes all that is known of a source, its credential and who has it too; it is not an error where there is nothing.
	// Fences and versions go on where they were.
	ForgetSource(ctx context.Context, source string) error

	// Credential reads what was sealed for a source, NotFound where nothing was; PutCredential replaces it if its version is still
	// before (0: there is none), and returns its new version; else it is a Conflict. The bytes are sealed: no store can read them.
	Credential(ctx context.Context, source string) (sealed []byte, version int64, err error)
	PutCredential(ctx context.Context, source string, sealed []byte, before int64) (int64, error)

	// Claim stores value under key unless the key is there, and returns what is there afterwards. Some time after until, the latest that
	// anybody named, it is forgotten by Retain: never before.
	Claim(ctx context.Context, key, value string, until time.Time) (string, error)
}

// A Lease is the right to poll a source until a time.
type Lease struct {
	Source string
	Holder string
	Fence  int64
	Until  time.Time
	State  json.RawMessage // what the last holder saved; nil for the first
}

// Heard is news of a source.
type Heard struct {
	At       time.Time     // when it was contacted with success; zero: not now
	Mail     time.Time     // when the last mail came
	Mails    int64         // how many came
	Gap      time.Duration // the longest silence between two mails that ended now: the record keeps the longest of the last weeks
	Error    string        // what is wrong, for an administrator; at ErrorAt
	ErrorAt  time.Time
	Rejected int64 // requests, or logins, that proved nothing
}

// A SourceRecord is what all nodes know of a source.
type SourceRecord struct {
	Name     string          `json:"name"`
	Holder   string          `json:"holder,omitempty"`
	Fence    int64           `json:"fence,omitempty"`
	Until    time.Time       `json:"until,omitzero"`
	State    json.RawMessage `json:"state,omitempty"`
	HeardAt  time.Time       `json:"heardAt,omitzero"`
	MailAt   time.Time       `json:"mailAt,omitzero"`
	Mails    int64           `json:"mails"`
	Gap      time.Duration   `json:"gap"`
	GapAt    time.Time       `json:"gapAt,omitzero"`
	Error    string          `json:"error,omitempty"`
	ErrorAt  time.Time       `json:"errorAt,omitzero"`
	Rejected int64           `json:"rejected"`
}

// MaxState is how many bytes SaveSource takes; more is TooLarge.
const MaxState = 8 << 20

// maxSourceError bounds what a record keeps of an error, which may be a server's words.
const maxSourceError = 2 << 10

// Hear adds news to a record. Counts are added and times only go forward, whatever the order in which nodes tell them. An error takes the
// place of an older one, unless the source was contacted with success since; an empty one with a later At takes it away.
func (r *SourceRecord) Hear(h Heard) {
	at, mail, errorAt := Time(h.At), Time(h.Mail), Time(h.ErrorAt)
	switch {
	case h.Error != "":
		if !errorAt.Before(r.ErrorAt) && !errorAt.Before(r.HeardAt) {
			r.Error, r.ErrorAt = clip(h.Error, maxSourceError), errorAt
		}
	case at.After(r.ErrorAt):
		r.Error, r.ErrorAt = "", time.Time{}
	}
	r.HeardAt, r.MailAt = later(r.HeardAt, at), later(r.MailAt, mail)
	r.Mails += h.Mails
	r.Rejected += h.Rejected
	if ended := later(r.MailAt, r.HeardAt); h.Gap > 0 && (h.Gap >= r.Gap || ended.Sub(r.GapAt) > GapLife) {
		r.Gap, r.GapAt = h.Gap, ended
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// clip cuts a text between two characters, and mends what is no text.
func clip(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most] + "…"
}

// GapLife is how long the longest silence of a source is remembered; a shorter one then takes its place.
const GapLife = 28 * 24 * time.Hour
