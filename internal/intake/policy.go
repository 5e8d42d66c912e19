package intake

import (
	"net/netip"
	"strings"
	"time"

	"postern/dsl"
)

// A Policy is what the configuration says, as far as the road needs it. It is immutable: a transaction
// takes the live one at MAIL FROM and keeps it to its end.
type Policy struct {
	Route      func(address string) (*Mailbox, bool) // which mailbox an address belongs to
	Ours       func(address string) bool             // an address of ours, spelled out: never a participant
	Relays     []netip.Prefix                        // machines that hand us other people's mail
	Origins    []Origin                              // networks that may write as some domains
	Marker     string                                // how a token starts, "[["
	TextLimit  int64                                 // bytes each of decoded text and HTML that rules see; 0 means the default of package mail
	Mailboxes  []*Mailbox
	Vocabulary dsl.Vocabulary
	SetAside   bool // rules that fail again and again are not asked any more
}

// A Mailbox is our policy for the mail of its recipients.
type Mailbox struct {
	Name       string
	Active     bool
	Addresses  []string
	MaxFile    int64 // bytes of one attachment; larger ones are not kept, 0 for no bound
	New        Defaults
	Visibility string // of notes made from mail: "public" or "internal"
}

// Defaults are what a new issue starts with.
type Defaults struct {
	Assignee string   `json:"assignee,omitempty"`
	Template string   `json:"template,omitempty"`
	Class    string   `json:"class,omitempty"`
	Type     string   `json:"type,omitempty"`
	Priority string   `json:"priority,omitempty"`
	Status   string   `json:"status,omitempty"`
	Team     string   `json:"team,omitempty"`
	Tags     []string `json:"tags,omitempty"`
}

// An Origin is a network believed to write only as the named From addresses and domains: "authenticated" for them.
type Origin struct {
	Net  netip.Prefix
	From []string // patterns, see mayWriteAs
}

// mayWriteAs reports whether one of the patterns ("ann@example.com", "@example.com", "example.com")
// covers the address.
func mayWriteAs(patterns []string, email, domain string) bool {
	for _, p := range patterns {
		p = strings.ToLower(p)
		if p == email || domain != "" && (p == "@"+domain || p == domain) {
			return true
		}
	}
	return false
}

// Trust levels, weakest first. See "Trust" in docs/architecture.md.
const (
	trustNone          = "none"
	trustKnown         = "known"
	trustAuthenticated = "authenticated"
)

// admissionWait is how long a mail waits for its share of memory before it hears try later.
const admissionWait = 30 * time.Second
