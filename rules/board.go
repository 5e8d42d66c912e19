package rules

import (
	"fmt"
	"maps"
	"slices"

	"postern/dsl"
)

// A board holds the issue as the rules see it, and the steps that led there. Taking steps back is dropping them
// and walking the rest again, so a rule that fails after three actions leaves nothing behind, and a message
// that moves to another issue brings what was decided so far.
type board struct {
	view    *dsl.View
	vocab   dsl.Vocabulary
	before  *dsl.Issue // as it was before any rule; never written to
	steps   []step
	changes Changes
}

// A step is an action that was applied, with the issue that it led to where it moves the message.
type step struct {
	action dsl.Action
	target *dsl.Issue
}

func newBoard(v *dsl.View, vocab dsl.Vocabulary) board {
	return board{view: v, vocab: vocab, before: v.Issue}
}

func (b *board) mark() int { return len(b.steps) }

// put applies a step and says which field it set.
func (b *board) put(st step) (field string, err error) {
	if b.steps == nil {
		b.steps = make([]step, 0, 16)
	}
	b.steps = append(b.steps, st)
	if st.target != nil {
		b.replay()
		return placement(&b.changes, st), nil
	}
	if len(b.steps) == 1 {
		b.view.Issue = clone(b.before)
	}
	field, err = b.do(st)
	if err != nil {
		b.rewind(len(b.steps) - 1)
	}
	return field, err
}

// carry takes over the steps of an earlier stage. What does not hold any more is left out.
func (b *board) carry(steps []step) {
	for _, st := range steps {
		_, _ = b.put(st)
	}
}

// rewind goes back to a mark.
func (b *board) rewind(mark int) {
	if len(b.steps) == mark {
		return
	}
	b.steps = slices.Clip(b.steps[:mark])
	b.replay()
}

// replay makes issue and changes anew from the steps.
func (b *board) replay() {
	b.changes = Changes{}
	issue := b.before
	for _, st := range b.steps {
		if st.target != nil {
			issue = st.target
		}
	}
	if len(b.steps) == 0 {
		b.view.Issue = issue
		return
	}
	b.view.Issue = clone(issue)
	for _, st := range b.steps {
		_, _ = b.do(st) // it held before
	}
}

func (b *board) do(st step) (string, error) {
	if field := placement(&b.changes, st); field != "" {
		return field, nil
	}
	do, ok := effects[st.action.Name]
	if !ok {
		return "", wrong(st.action, "this version cannot do that")
	}
	return do(b, st.action)
}

// placement notes where the message belongs, and returns "" for an action that is not about that. A thread key that leads
// nowhere leaves the message where it is, and the issue is found under the key from then on.
func placement(c *Changes, st step) string {
	switch st.action.Name {
	case "thread":
		c.ThreadKey, c.Within = text(st.action, 0), duration(st.action, 1)
		if st.target != nil {
			c.NewIssue, c.AttachTo = false, st.target.Number
		}
	case "attachTo":
		if st.target != nil {
			c.NewIssue, c.AttachTo = false, st.target.Number
		}
	case "newIssue":
		c.NewIssue, c.AttachTo = true, 0
	default:
		return ""
	}
	return "thread"
}

// clone copies an issue so far that writing to the copy does not show in the original.
func clone(is *dsl.Issue) *dsl.Issue {
	c := *is
	c.Tags = slices.Clone(is.Tags)
	c.Watchers = slices.Clone(is.Watchers)
	c.Fields = maps.Clone(is.Fields)
	if c.Fields == nil {
		c.Fields = map[string]string{}
	}
	return &c
}

// wrong is an action that cannot be done as asked: its rule fails.
func wrong(a dsl.Action, format string, args ...any) error {
	return &dsl.RuleError{Diagnostic: dsl.Diagnostic{Pos: a.Pos, Message: a.Name + ": " + fmt.Sprintf(format, args...)}}
}
