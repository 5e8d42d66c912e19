// Package fault says what kind of thing went wrong, so that each edge (SMTP, HTTP, command line)
// can answer from one small table. An error without a kind is Internal: a bug of ours, which must
// delay somebody's mail and never bounce it.
package fault

import (
	"errors"
	"fmt"
)

// A Kind is what a caller can act on.
type Kind uint8

const (
	Internal    Kind = iota // ours to mend; the peer is asked to try again
	Invalid                 // the input is wrong and stays wrong
	NotFound                // no such thing
	Conflict                // somebody else changed it meanwhile: read again and retry
	Denied                  // not allowed
	TooLarge                // over a limit on size or count
	Unavailable             // a part we need is down, full or busy: try again later
)

func (k Kind) String() string {
	switch k {
	case Invalid:
		return "invalid"
	case NotFound:
		return "not found"
	case Conflict:
		return "conflict"
	case Denied:
		return "denied"
	case TooLarge:
		return "too large"
	case Unavailable:
		return "unavailable"
	default:
		return "internal"
	}
}

type fault struct {
	kind Kind
	err  error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// As gives err a kind; nil stays nil. The outermost kind of a chain counts.
func As(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &fault{kind, err}
}

// Errorf is fmt.Errorf with a kind.
func Errorf(kind Kind, format string, args ...any) error {
	return &fault{kind, fmt.Errorf(format, args...)}
}

// KindOf returns the outermost kind in err's chain, Internal where there is none.
func KindOf(err error) Kind {
	var f *fault
	if errors.As(err, &f) {
		return f.kind
	}
	return Internal
}

// Is reports whether err is of that kind; a nil error is of none.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }
