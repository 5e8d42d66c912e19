// Package intake is the one road from bytes to issue: parse, authenticate, identify, decide, commit.
// Every way in hands it a Delivery and answers its peer with the Verdict that comes back, which is
// given only after the result is durably committed.
package intake

import (
	"net/netip"
	"time"
)

// A Verdict is the first word of a decision.
type Verdict string

const (
	Committed   Verdict = "committed"   // it is an issue or a note, on disk
	Duplicate   Verdict = "duplicate"   // it was here before; answered as the first time
	Rejected    Verdict = "rejected"    // refused for good; the sender is told why
	Discarded   Verdict = "discarded"   // accepted and thrown away, as a rule asked
	Quarantined Verdict = "quarantined" // accepted and kept, raw, for review
	TryLater    Verdict = "try later"   // the mail still belongs to the sender
)

// An Envelope is what a source knows of a mail before its body comes.
type Envelope struct {
	Source       string     // SourceSMTP, "lmtp", "deliver", "api", or the name of a configured source
	Session      string     // the connection's or request's id, for the logs
	Peer         netip.Addr // the client, after PROXY protocol
	Helo         string
	TLS          bool
	User         string   // who authenticated, "" for nobody
	WriteAs      []string // From addresses and "@domain"s that User may write as
	From         string   // MAIL FROM without brackets, "" for the null sender
	Received     time.Time
	Ours         bool   // SMTP AUTH, or a peer named as ours: the answer may carry the issue's number
	Protocol     string // for the Received line: "ESMTPS", "LMTP", …
	SMTPUTF8     bool
	Arrived      time.Time // when the mail came to a server that kept or passed it for us (INTERNALDATE, a webhook's time); zero: it came to us at once
	Rebuilt      bool      // the raw was put together from parts that a provider had parsed
	Verdicts     Verdicts  // what a provider that proved itself says of the mail
	EachAnswered bool      // the source answers each recipient by itself (LMTP): a refusal by one mailbox need not wait for the others
}

// Verdicts are a provider's words on a mail. Whoever fills them in has asked whether it is believed.
type Verdicts struct {
	SpamScore        *float64 // takes the place of what headers say; nil: it does not tell
	SPF, DKIM, DMARC string   // "pass", "fail", …; "": it does not tell
}

// came is the time by which mail without Message-ID and Date is told apart: the same however late, and however often, it is handed to us.
func (e *Envelope) came() time.Time {
	if e.Arrived.IsZero() {
		return e.Received
	}
	return e.Arrived
}

// SourceSMTP is the one source whose peer may be an author's own machine. By LMTP a mail server hands us what it took from
// others, by HTTP a program.
const SourceSMTP = "smtp"

// An Outcome is what became of a mail for one recipient.
type Outcome struct {
	Recipient string  `json:"recipient"`
	Mailbox   string  `json:"mailbox"`
	Verdict   Verdict `json:"verdict"`   // for a duplicate: what the first one got
	Again     bool    `json:"duplicate"` // it was here before
	Reason    string  `json:"reason"`    // for the sender, one line, printable
	Message   string  `json:"message"`   // the message's id
	Issue     int64   `json:"issue"`     // 0 where there is none
}

// A Refusal says no to one recipient, before the body.
type Refusal struct {
	Temporary bool   // 451 instead of 550
	Unknown   bool   // no mailbox has that address: counted against the peer
	Reason    string // for the sender, one line, printable
}

func (r *Refusal) Error() string { return r.Reason }
