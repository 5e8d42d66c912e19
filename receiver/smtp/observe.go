package smtp

import (
	"time"

	"postern/internal/intake"
)

// An Observer hears what happens, for metrics. Any of its functions may be nil; they are called from many goroutines and
// must not block. Source is a listener's, reason one of the Why constants: both are few.
type Observer struct {
	Connected func(source string)
	Closed    func(source string, took time.Duration)
	Refused   func(source, reason string)
	Delivered func(source string, verdict intake.Verdict, bytes int64, took time.Duration)
}

// Why something was refused, as the Observer hears it.
const (
	WhyConnections = "connections" // too many open at once
	WhyErrors      = "errors"      // too many mistakes, on this connection or from this address
	WhyRate        = "rate"        // too many messages a minute
	WhyRecipients  = "recipients"  // too many for one message
	WhyUnknown     = "unknown"     // no mailbox has that address
	WhyRecipient   = "recipient"   // a recipient refused for another reason
	WhyBytes       = "bytes"       // too many bytes in flight
	WhySize        = "size"        // one message too large
	WhyNewline     = "newline"     // bare CR or LF in a body
	WhyLine        = "line"        // a line too long
	WhySlow        = "slow"        // a deadline struck
	WhyLost        = "lost"        // the connection broke within a body
	WhyAuth        = "auth"        // AUTH failed
	WhyAuthLimit   = "auth limit"  // AUTH failed too often
	WhyTLS         = "tls"         // a handshake failed, or clear text came behind STARTTLS
	WhySyntax      = "syntax"      // a command nobody should send
	WhyInternal    = "internal"    // our own fault
)

func (o Observer) connected(source string) {
	if o.Connected != nil {
		o.Connected(source)
	}
}

func (o Observer) closed(source string, took time.Duration) {
	if o.Closed != nil {
		o.Closed(source, took)
	}
}

func (o Observer) refused(source, reason string) {
	if o.Refused != nil {
		o.Refused(source, reason)
	}
}

func (o Observer) delivered(source string, verdict intake.Verdict, bytes int64, took time.Duration) {
	if o.Delivered != nil {
		o.Delivered(source, verdict, bytes, took)
	}
}
