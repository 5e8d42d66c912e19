package poller

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
)

// stateVersion is of the form in which nodes read what another saved.
const stateVersion = 1

// What a state holds at most, so that it stays a small document.
const (
	maxPending   = 1000 // beyond it nothing new is asked for
	maxUnsettled = 1000 // beyond it settling comes first
	maxParked    = 200  // the newest
	maxReason    = 300  // bytes
)

// A state is how far a source got, as the store keeps it between polls and nodes.
type state struct {
	Version   int             `json:"v"`
	Account   string          `json:"account"`             // whose cursor it is
	Since     time.Time       `json:"since,omitzero"`      // with what a start of new begins, where the account was known by another server's name before
	Cursor    json.RawMessage `json:"cursor,omitempty"`    // behind what was listed
	Pending   []Pending       `json:"pending,omitempty"`   // before the cursor, and not done
	Unsettled []unsettled     `json:"unsettled,omitempty"` // done here, and perhaps not at the server
	Parked    []Parked        `json:"parked,omitempty"`
	ParkedAll int64           `json:"parkedAll,omitempty"` // since the beginning
	Backlog   int             `json:"backlog"`             // how many lay before us at the last look; -1: the server does not tell
	Import    *Import         `json:"import,omitempty"`    // of what lay there at first
	Polled    time.Time       `json:"polled,omitzero"`     // the last poll that came to its end
	Lag       float64         `json:"lag,omitempty"`       // seconds from the server's receipt to the commit, of the last mail

	dirty bool // not saved yet
}

// A Pending item is asked for again later.
type Pending struct {
	Item   Item      `json:"item"`
	Tries  int       `json:"tries"`
	Next   time.Time `json:"next"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

type unsettled struct {
	Settled
	Tries int `json:"tries,omitempty"`
}

// A Parked item is not asked for again unless somebody wants it.
type Parked struct {
	Item    Item      `json:"item"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason"`
	Message string    `json:"message,omitempty"` // in quarantine, with the raw mail; "": it was not fetched, and lies at the server
}

// An Import is the first fetching of what lay in the account.
type Import struct {
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended,omitzero"`
	Done  int64     `json:"done"`
	Total int64     `json:"total"` // as the server said at first; -1: it did not
}

// readState reads what was saved. What belongs to another account is left aside; but where only the server has another name, or the mail is
// fetched in another way, what came since the last poll is not left out as old.
func readState(raw json.RawMessage, account string) (*state, error) {
	fresh := &state{Version: stateVersion, Account: account, Backlog: -1}
	if len(raw) == 0 {
		return fresh, nil
	}
	var s state
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("read the source's state: %w", err)
	}
	switch {
	case s.Version > stateVersion:
		return nil, fault.Errorf(fault.Invalid, "the source's state was written by a newer Postern: this node cannot go on with it")
	case s.Account != account:
		if userOf(s.Account) == userOf(account) {
			fresh.Since = s.reached()
		}
		return fresh, nil
	}
	return &s, nil
}

// userOf is the user in an identity, PROTOCOL://USER@SERVER.
func userOf(identity string) string {
	_, rest, _ := strings.Cut(identity, "://")
	if i := strings.LastIndexByte(rest, '@'); i > 0 {
		return strings.ToLower(rest[:i])
	}
	return rest
}

// reached is a time before which all mail was taken; clocks differ by less than an hour.
func (s *state) reached() time.Time {
	if s.Polled.IsZero() {
		return s.Since
	}
	t := s.Polled
	for _, p := range s.Pending {
		for _, at := range []time.Time{p.Since, p.Item.Arrived} {
			if !at.IsZero() && at.Before(t) {
				t = at
			}
		}
	}
	return t.Add(-time.Hour)
}

func (s *state) encode() json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)              // a server's "<" would have six bytes, and a store takes so many
	if err := e.Encode(s); err != nil { // a cursor that is no JSON, of a protocol of ours
		panic(fmt.Sprintf("a source's state: %v", err))
	}
	return bytes.TrimSpace(b.Bytes())
}

// importing reports whether what lay there at first is still being fetched.
func (s *state) importing() bool { return s.Import != nil && s.Import.Ended.IsZero() }

// due are pending items whose time has come, at most n, those that waited longest first.
func (s *state) due(now time.Time, n int) []Pending {
	var out []Pending
	for _, p := range s.Pending {
		if !p.Next.After(now) {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b Pending) int { return a.Next.Compare(b.Next) })
	return out[:min(n, len(out))]
}

// nextDue is when a pending item wants to be tried; zero: none does.
func (s *state) nextDue() time.Time {
	var first time.Time
	for _, p := range s.Pending {
		if first.IsZero() || p.Next.Before(first) {
			first = p.Next
		}
	}
	return first
}

func (s *state) forget(id string) {
	s.Pending = slices.DeleteFunc(s.Pending, func(p Pending) bool { return p.Item.ID == id })
	s.dirty = true
}

// postpone keeps an item for later.
func (s *state) postpone(p Pending) {
	p.Reason = cut(p.Reason, maxReason)
	s.dirty = true
	if i := slices.IndexFunc(s.Pending, func(q Pending) bool { return q.Item.ID == p.Item.ID }); i >= 0 {
		p.Since = s.Pending[i].Since
		s.Pending[i] = p
		return
	}
	s.Pending = append(s.Pending, p)
}

func (s *state) park(p Parked) {
	p.Reason = cut(p.Reason, maxReason)
	s.forget(p.Item.ID)
	s.Parked = slices.DeleteFunc(s.Parked, func(q Parked) bool { return q.Item.ID == p.Item.ID })
	s.Parked = append(s.Parked, p)
	s.ParkedAll++
	if over := len(s.Parked) - maxParked; over > 0 {
		s.Parked = slices.Delete(s.Parked, 0, over) // log and ledger told of each
	}
}

// unpark takes an item out of those parked.
func (s *state) unpark(id string) (Parked, bool) {
	i := slices.IndexFunc(s.Parked, func(p Parked) bool { return p.Item.ID == id })
	if i < 0 {
		return Parked{}, false
	}
	p := s.Parked[i]
	s.Parked = slices.Delete(s.Parked, i, i+1)
	s.dirty = true
	return p, true
}

// cut shortens text to n bytes, on one line, without breaking a character.
func cut(text string, n int) string {
	b := make([]rune, 0, min(n, len(text)))
	size := 0
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		if size += len(string(r)); size > n {
			break
		}
		b = append(b, r)
	}
	return string(b)
}
