package mongo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"postern/internal/fault"
)

var (
	// errNotSent is in the chain of an error after which it is certain that nothing was written.
	errNotSent = errors.New("not written")
	// errDuplicate says that a document of that id is there already.
	errDuplicate = errors.New("already there")
	// errRefused says that the server answered and did not write this document.
	errRefused = errors.New("refused by the server")
	errClosed  = errors.New("the store is closed")
)

const (
	codeTooLarge   = 10334
	codeTooLarge2  = 17280
	codeDeadlock   = 16908292 // FerretDB: racing inserts on one unique index; nothing was written
	codeWriteRaced = 112      // WriteConflict; nothing was written
)

// failed gives an error of the driver its kind. What is neither missing, nor a duplicate, nor too large
// is Unavailable: a server that is gone, slow, not primary or not willing; the mail stays with its sender.
func failed(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case fault.KindOf(err) != fault.Internal:
		return fmt.Errorf("%s: %w", what, err)
	case errors.Is(err, mongo.ErrNoDocuments):
		return fault.Errorf(fault.NotFound, "%s: not found", what)
	case isDuplicate(err):
		return fault.As(fault.Conflict, fmt.Errorf("%s: %w", what, errDuplicate))
	case hasCode(err, codeTooLarge) || hasCode(err, codeTooLarge2):
		return fault.Errorf(fault.TooLarge, "%s: %w", what, err)
	default:
		return fault.Errorf(fault.Unavailable, "%s: %w", what, err)
	}
}

func isDuplicate(err error) bool {
	return errors.Is(err, errDuplicate) || mongo.IsDuplicateKeyError(err)
}

// raced reports whether the server gave up one of two racing writes: it can be sent again at once.
func raced(err error) bool { return hasCode(err, codeDeadlock) || hasCode(err, codeWriteRaced) }

func hasCode(err error, code int) bool {
	var se mongo.ServerError
	return errors.As(err, &se) && se.HasErrorCode(code)
}

const maxRaces = 12 // how often a racing write is sent again

// persist calls f again while it loses races against other writers.
func persist(ctx context.Context, f func() error) error {
	for try := 0; ; try++ {
		err := f()
		if !raced(err) || try == maxRaces {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// pause waits a little, longer with each try, never the same time for two who race.
func pause(ctx context.Context, try int) error {
	most := min(time.Millisecond<<min(try, 7), 100*time.Millisecond)
	t := time.NewTimer(most/2 + rand.N(most))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return fault.As(fault.Unavailable, ctx.Err())
	}
}
