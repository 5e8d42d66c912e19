package dsl

import (
	"reflect"
	"slices"
	"strings"
)

// A scope says what an expression may name, and whether it may act.
type scope struct {
	what     string   // for messages: "when", "a statement", …
	names    []string // of the environment
	stage    Stage
	actions  bool
	constant bool // a list: nothing of a message
	lets     []boundLet
	define   *Define // that is being compiled, or nil
	list     *listValue
	watch    string // the rule, or what else a watcher is told of it
	hasElse  bool
}

// A boundLet is a let of the rule: its value has a known type.
type boundLet struct {
	name    string
	typ     reflect.Type
	pattern *pattern // of the find that it is, or nil
	lower   bool     // it is known to be lower case
	term    term     // what else is known of it
	meaning *meaning
	used    bool
	at      int // byte of its name
}

var (
	envelopeNames = []string{"envelope", "mailbox", "sender"}
	mailNames     = []string{"mail", "envelope", "mailbox", "sender", "issue"}
	tokenNames    = append(slices.Clone(mailNames), "value")
	expectNames   = append(slices.Clone(mailNames), "verdict", "reason", "sent", "outcome")
	everyName     = append(slices.Clone(expectNames), "value")
)

// notHere explains why a name that exists elsewhere is not to be seen here.
func (s *scope) notHere(name string) (message, hint string) {
	seen := "seen here: " + strings.Join(s.names, ", ")
	switch {
	case s.constant:
		return name + " is not known in " + s.what, "it is computed once, when the rules are loaded, without any mail"
	case s.stage == StageEnvelope:
		return name + " is not known at stage envelope, which comes before the body", seen
	case name == "value":
		return "value is known only in a token", `it is the argument of [[NAME: value]]: token "NAME" { then { … } }`
	}
	return name + " is known only in an expect of a test", seen
}

func (s *scope) let(name string) (int, bool) {
	for i, l := range s.lets {
		if l.name == name {
			return i, true
		}
	}
	return 0, false
}

// scopeOf is what the expressions of a rule or token may name, but for lets.
func scopeOf(token bool, stage Stage) scope {
	s := scope{names: mailNames, stage: stage}
	switch {
	case token:
		s.names = tokenNames
	case stage == StageEnvelope:
		s.names = envelopeNames
	}
	return s
}

// withoutTerms are lets as they are kept with a rule.
func withoutTerms(lets []boundLet) []boundLet {
	out := slices.Clone(lets)
	for i := range out {
		out[i].term, out[i].meaning = term{}, nil
	}
	return out
}
