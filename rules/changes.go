package rules

import "time"

// Changes are what the rules want done to the issue that the message starts or joins. A nil pointer leaves the
// field alone. What is here is also what [dsl.View.Issue] showed when the last rule had run.
type Changes struct {
	Subject    *string `json:"subject,omitempty"`
	Type       *string `json:"type,omitempty"`
	Class      *string `json:"class,omitempty"`
	Priority   *string `json:"priority,omitempty"`
	Status     *string `json:"status,omitempty"`
	Assignee   *string `json:"assignee,omitempty"`
	Team       *string `json:"team,omitempty"`
	Template   *string `json:"template,omitempty"`
	Visibility *string `json:"visibility,omitempty"` // of the note that this message becomes: "public", "internal"

	Due          *time.Time        `json:"due,omitempty"`
	AddTags      []string          `json:"addTags,omitempty"`
	RemoveTags   []string          `json:"removeTags,omitempty"`
	AddWatchers  []string          `json:"addWatchers,omitempty"`
	DropWatchers []string          `json:"dropWatchers,omitempty"`
	Fields       map[string]string `json:"fields,omitempty"` // an empty value removes the field
	Notes        []string          `json:"notes,omitempty"`  // remarks of the rules, in order

	// Close and Reopen say that Status crosses the line between open and closed; never both.
	Close  bool `json:"close,omitempty"`
	Reopen bool `json:"reopen,omitempty"`
	Quiet  bool `json:"quiet,omitempty"` // nothing is sent because of this message

	// Where the message belongs, if a rule said so: at most one of NewIssue and AttachTo is set.
	NewIssue  bool          `json:"newIssue,omitempty"`
	AttachTo  int           `json:"attachTo,omitempty"`
	ThreadKey string        `json:"threadKey,omitempty"` // the issue is found again under this key …
	Within    time.Duration `json:"within,omitempty"`    // … for so long; nanoseconds, 0 for ever

	DropAttachments []int    `json:"dropAttachments,omitempty"` // indexes into mail.attachments, ascending
	Redact          []string `json:"redact,omitempty"`          // regular expressions (RE2) whose matches are blacked out
}
