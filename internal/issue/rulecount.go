package issue

import "time"

// A RuleCount is what one rule of one set did so far.
type RuleCount struct {
	Version   string        `json:"version"` // the set's; "" for all sets together
	Stage     string        `json:"stage"`   // "envelope", "token", "mail": a token and a rule may have one name
	Rule      string        `json:"rule"`
	Matches   int64         `json:"matches"`
	Errors    int64         `json:"errors"`
	Took      time.Duration `json:"took"` // nanoseconds, of those that matched or failed
	LastMatch *time.Time    `json:"lastMatch,omitempty"`
}
