package rules

import (
	"context"
	"time"
)

// A Publication is a set as it was made the one that decides.
type Publication struct {
	Number  int64             `json:"number"` // 1, 2, …; 0 is none
	Version string            `json:"version"`
	Files   map[string]string `json:"files,omitempty"` // as [Set.Files] gives them
	At      time.Time         `json:"publishedAt"`
	By      string            `json:"by"`
	Note    string            `json:"note"`
}

// ByBuiltin publishes the built-in set.
const ByBuiltin = "built-in"

// An Archive keeps all that was published, for all nodes, and for each node which set its own folder held last.
type Archive interface {
	// Latest is the publication that decides, none before the first. Where its number is known, its files may be left out.
	Latest(ctx context.Context, known int64) (Publication, error)
	// Get reads a publication whole; fault.NotFound where there is none of that number.
	Get(ctx context.Context, number int64) (Publication, error)
	// Has reports whether a version was ever published.
	Has(ctx context.Context, version string) (bool, error)
	// Publish keeps p as the one after number after and returns its number; fault.Conflict where another came first.
	Publish(ctx context.Context, p Publication, after int64) (int64, error)
	// Seen is the version that this node published of its folder last, or found there when it was published; "" if none is
	// known. See is told of it.
	Seen(ctx context.Context) (string, error)
	See(ctx context.Context, version string) error
	// Refused is the version that this node found in its folder last and did not publish, and the latest publication of then; "" where
	// it has published since. Refuse is told of it.
	Refused(ctx context.Context) (version string, latest int64, err error)
	Refuse(ctx context.Context, version string, latest int64) error
}

// nowhere is an archive that keeps nothing.
type nowhere struct{}

func (nowhere) Latest(context.Context, int64) (Publication, error) { return Publication{}, nil }
func (nowhere) Get(context.Context, int64) (Publication, error)    { return Publication{}, nil }
func (nowhere) Has(context.Context, string) (bool, error)          { return false, nil }
func (nowhere) Seen(context.Context) (string, error)               { return "", nil }
func (nowhere) See(context.Context, string) error                  { return nil }
func (nowhere) Refused(context.Context) (string, int64, error)     { return "", 0, nil }
func (nowhere) Refuse(context.Context, string, int64) error        { return nil }
func (nowhere) Publish(_ context.Context, _ Publication, after int64) (int64, error) {
	return after + 1, nil
}
