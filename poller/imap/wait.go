package imap

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/emersion/go-imap/v2"
)

// Wait waits in IDLE (RFC 2177) on the first folder, or asks by NOOP where the server has no IDLE, until it hears of a new message, or
// for d. IDLE is renewed every few minutes: routers forget connections on which nothing passes, servers end them after half an hour,
// and a server that is no longer there is found out by it.
func (s *session) Wait(ctx context.Context, d time.Duration) (bool, error) {
	end := time.Now().Add(d)
	had := s.selected != nil && s.selected.folder == s.a.o.Folders[0]
	box, err := s.open(ctx, s.a.o.Folders[0])
	if err != nil {
		return false, err
	}
	if !had && box.next > s.next && s.next > 0 {
		return true, nil // it came while another folder was open
	}
	for {
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		news, err := s.watch(ctx, min(left, renewal()))
		if news || err != nil {
			return news, err
		}
	}
}

// renewal is how long one IDLE lasts: 4 to 9 minutes, so that many do not come at once.
func renewal() time.Duration { return 4*time.Minute + rand.N(5*time.Minute) }

// watch is one IDLE, or one NOOP after a wait.
func (s *session) watch(ctx context.Context, d time.Duration) (bool, error) {
	if !s.idles() {
		return s.noop(ctx, min(d, time.Minute))
	}
	news := false
	err := s.plainly(ctx, func() error {
		idle, err := s.c.Idle()
		if err != nil {
			return err
		}
		s.conn.Idle(ordinary, d)
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-s.heard.news:
			news = true
		case <-t.C:
		case <-ctx.Done(): // command has closed the connection
		case <-s.c.Closed():
		}
		s.conn.Expect(ordinary, s.patience())
		if err := idle.Close(); err != nil {
			return err
		}
		return idle.Wait()
	})
	if refused(err) {
		s.noIdle = true // it says that it can, and cannot
		return news, nil
	}
	return news, err
}

func (s *session) idles() bool { return !s.a.o.NoIdle && !s.noIdle && s.caps.Has(imap.CapIdle) }

func (s *session) noop(ctx context.Context, d time.Duration) (bool, error) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-s.heard.news:
		return true, nil
	case <-t.C:
	}
	if err := s.plainly(ctx, func() error { return s.c.Noop().Wait() }); err != nil {
		return false, err
	}
	select {
	case <-s.heard.news:
		return true, nil
	default:
		return false, nil
	}
}
