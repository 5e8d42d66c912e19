package dsl

import (
	"io"
	"time"

	"github.com/expr-lang/expr/ast"
)

// Stage says when a rule runs.
type Stage string

const (
	StageEnvelope Stage = "envelope" // at RCPT, before the body
	StageMail     Stage = "mail"     // with the whole mail; the default
)

// Vocabulary is what literal arguments are checked against: the names in the configuration. A nil
// list lets every name pass.
type Vocabulary struct {
	Mailboxes, Types, Classes, Priorities, Statuses, Teams, Fields []string
}

// Options say what a program is compiled against.
type Options struct {
	Vocabulary Vocabulary
	// Open opens a file that a list names, below the rules folder. Without it file() is an error.
	Open func(path string) (io.ReadCloser, error)
}

// A Program is compiled rules, tokens and tests. It is immutable and safe for many goroutines.
type Program struct {
	Rules  []*Rule
	Tokens []*Rule
	Tests  []*Test
}

// A Rule is one compiled rule or token.
type Rule struct {
	Name      string
	Pos       Pos
	Mailboxes []string // what `in` names; empty means all
	Stage     Stage
	Shadow    bool
	Token     bool

	when ast.Node
}

// Condition is the parsed `when` as it was written, before anything was patched or folded; nil when
// the rule has none. It must not be changed.
func (r *Rule) Condition() ast.Node { return r.when }

// A Test is one test block.
type Test struct {
	Name    string
	Pos     Pos
	Given   Given
	Mail    []byte // with CRLF line ends when it was written inline; nil when the test has none
	Expects []*Expect
}

// Given is what a test assumes. What is not given is nil or zero.
type Given struct {
	Sender   *Sender // Trust and all; Known is true when anything of a known person was given
	Issue    *GivenIssue
	Auth     *Auth
	Envelope *Envelope
	Mailbox  string
	Time     time.Time
}

// GivenIssue is an issue that a test assumes to exist.
type GivenIssue struct {
	Issue
	MessageIDs []string // the Message-IDs of its mail, with angle brackets
}

// An Outcome is what came of a test's mail, for its expectations to look at.
type Outcome struct {
	View    *View
	Verdict string // "committed", "rejected", …
	Reason  string
	Sent    []Sent
}

// Sent is a mail that would leave.
type Sent struct {
	To       []string `expr:"to"`
	Subject  string   `expr:"subject"`
	Text     string   `expr:"text"`
	Template string   `expr:"template"`
}

// An Expect is one expectation of a test.
type Expect struct {
	Pos    Pos
	Source string // as written
}
