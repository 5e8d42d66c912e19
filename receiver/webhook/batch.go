package webhook

import (
	"context"

	"postern/internal/fault"
)

// eachMail reads a batch: every mail of it that can be read is taken, whatever is wrong with another, because a batch is sent again
// as a whole and what was taken is known by then. What is wrong is returned in the end; what may go well the next time before what never
// will. A mail of nil is none.
func eachMail(ctx context.Context, items []*value, read func(*value) (*Mail, error), take func(*Mail) error) error {
	var later, never error
	for _, item := range items {
		if err := ctx.Err(); err != nil {
			return fault.As(fault.Unavailable, err)
		}
		mail, err := read(item)
		switch {
		case fault.Is(err, fault.Invalid), fault.Is(err, fault.TooLarge):
			if never == nil {
				never = err
			}
		case err != nil:
			if later == nil {
				later = err
			}
		case mail != nil:
			if err := take(mail); err != nil {
				return err
			}
		}
	}
	if later != nil {
		return later
	}
	return never
}
