package webhook

import (
	"context"

	"postern/internal/fault"
)

// A batch takes every mail of a request that can be read, whatever is wrong with another, because a batch is sent again as a whole and what was
// taken is known by then.
type batch struct {
	ctx          context.Context
	take         func(*Mail) error
	later, never error // the first that may go well the next time, and the first that never will
}

// add takes what was read of one mail; a nil one is none. Its error ends the batch.
func (b *batch) add(mail *Mail, err error) error {
	if ended := b.ctx.Err(); ended != nil {
		if mail != nil && mail.Raw != nil {
			_ = mail.Raw.Close()
		}
		return fault.As(fault.Unavailable, ended)
	}
	switch {
	case fault.Is(err, fault.Invalid), fault.Is(err, fault.TooLarge):
		if b.never == nil {
			b.never = err
		}
	case err != nil:
		if b.later == nil {
			b.later = err
		}
	case mail != nil:
		return b.take(mail)
	}
	return nil
}

// end is what was wrong: what may go well the next time before what never will.
func (b *batch) end() error {
	if b.later != nil {
		return b.later
	}
	return b.never
}
