package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"

	"golang.org/x/sync/semaphore"

	"postern/internal/logkey"
	"postern/internal/spool"
)

// A room bounds the bytes of all requests that are under way. Those that have shown no secret share half of it, so that strangers
// cannot keep a provider out.
type room struct {
	all, strangers *semaphore.Weighted
}

func newRoom(bytes int64) *room {
	return &room{semaphore.NewWeighted(bytes), semaphore.NewWeighted(bytes / 2)}
}

// A share is what one request has taken of the room.
type share struct {
	bytes    int64
	stranger bool
}

// tryEnter takes n bytes more if they are there.
func (r *room) tryEnter(s *share, n int64) bool {
	if s.stranger && !r.strangers.TryAcquire(n) {
		return false
	}
	if !r.all.TryAcquire(n) {
		if s.stranger {
			r.strangers.Release(n)
		}
		return false
	}
	s.bytes += n
	return true
}

// enter takes n bytes more, and waits until ctx ends for others to leave.
func (r *room) enter(ctx context.Context, s *share, n int64) error {
	if s.stranger {
		if err := r.strangers.Acquire(ctx, n); err != nil {
			return err
		}
	}
	if err := r.all.Acquire(ctx, n); err != nil {
		if s.stranger {
			r.strangers.Release(n)
		}
		return err
	}
	s.bytes += n
	return nil
}

func (r *room) leave(s share) {
	r.all.Release(s.bytes)
	if s.stranger {
		r.strangers.Release(s.bytes)
	}
}

// step is how much of the room a body of unknown size takes at a time. Strangers get it for what they sent, and not for what they say
// that they will: two idle connections would else keep all others out.
const (
	step          = 1 << 20
	strangersStep = 64 << 10 // the first one
)

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// receive takes the body into the spool: in memory while it is small, hashed on the way, whatever its size or pace.
func (c *call) receive(p *Provider, trusted bool) (*received, *answer) {
	no := func(result, reason string, status int) (*received, *answer) {
		a := c.end(result, reason, status)
		c.tell(context.WithoutCancel(c.r.Context()), status >= 500 || status == http.StatusRequestTimeout, reason)
		return nil, &a
	}
	limit := c.o.Limits.Body
	if c.r.ContentLength > limit {
		return no(ResultTooLarge, "the request is too large", http.StatusRequestEntityTooLarge)
	}
	s := share{stranger: !trusted}
	first := c.r.ContentLength
	if first < 0 {
		first = min(step, limit)
	}
	if s.stranger {
		first = min(first, strangersStep)
	}
	if !c.enter(&s, first) {
		return no(ResultBusy, "too much at once, try again later", http.StatusServiceUnavailable)
	}
	w := c.o.Spool.Create()
	w.Grow(first)
	result, err := c.copy(w, &s, limit)
	c.bytes = w.Size()
	if err == nil {
		var body *spool.Body
		if body, err = w.Body(); err == nil {
			return &received{&Request{
				ID: c.id, Method: c.r.Method, URL: bare(c.r.URL, c.route), Header: c.r.Header, Body: body,
				Received: c.o.Now(), Peer: c.peer(),
			}, s}, nil
		}
	}
	w.Abort()
	c.room.leave(s)
	switch result {
	case ResultTooLarge:
		return no(result, "the request is too large", http.StatusRequestEntityTooLarge)
	case ResultBusy:
		return no(result, "too much at once, try again later", http.StatusServiceUnavailable)
	case ResultLost:
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return no(result, "the body came too slowly", http.StatusRequestTimeout)
		}
		return no(result, "the body broke off", http.StatusBadRequest)
	}
	c.o.Log.Error("a webhook's body could not be kept", logkey.Session, c.id, logkey.Error, err)
	return no(ResultLater, "try again later", http.StatusServiceUnavailable)
}

func (c *call) enter(s *share, n int64) bool {
	if c.room.tryEnter(s, n) {
		return true
	}
	ctx, cancel := context.WithTimeout(c.r.Context(), c.o.Timeouts.Room)
	defer cancel()
	defer c.readBy(c.o.Timeouts.Grace) // nothing was read meanwhile
	return c.room.enter(ctx, s, n) == nil
}

var errMore = errors.New("no room for more")

// copy moves the body, which must keep the least pace: a moment for the next so many bytes as MinRate makes of it. Who was fast before
// may not rest for it later, with what he sent in our room.
func (c *call) copy(w *spool.Writer, s *share, limit int64) (result string, err error) {
	buf := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buf)
	t, told := c.o.Timeouts, int64(0)
	pace := max(1, int64(float64(t.MinRate)*t.Grace.Seconds()))
	for {
		n, err := c.r.Body.Read(buf[:])
		if w.Size()+int64(n) > limit {
			return ResultTooLarge, errMore
		}
		if more := w.Size() + int64(n) - s.bytes; more > 0 && !c.enter(s, max(min(step, limit-s.bytes), more)) {
			return ResultBusy, errMore
		}
		if _, werr := w.Write(buf[:n]); werr != nil {
			return ResultLater, werr
		}
		if err == io.EOF {
			return "", nil
		}
		if err != nil {
			return ResultLost, err
		}
		if w.Size()-told >= pace {
			told = w.Size()
			c.readBy(t.Grace)
		}
	}
}
