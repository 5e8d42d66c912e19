// Package logkey holds the attribute keys of our logs: one word for one thing, so that one grep
// finds a message's whole life.
package logkey

const (
	Component  = "component"  // which part speaks: "receiver/smtp", "intake", …
	Session    = "session"    // a connection's or a request's id
	Message    = "message"    // a message's id
	Mailbox    = "mailbox"    // a mailbox's name
	Issue      = "issue"      // an issue's number
	Rule       = "rule"       // a rule's name
	Ruleset    = "ruleset"    // a rule set's version
	Source     = "source"     // where the mail came from
	Peer       = "peer"       // a client's address
	Verdict    = "verdict"    // what became of a message
	Reason     = "reason"     // why
	Error      = "error"      // an error's chain
	Bytes      = "bytes"      // a size
	Took       = "took"       // a duration
	Method     = "method"     // what a client asks for
	Path       = "path"       // a file
	Address    = "address"    // an address we listen on
	Recipients = "recipients" // how many
)
