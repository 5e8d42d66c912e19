package imap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postern/internal/fault"
	"postern/poller"
	"postern/poller/wire"
)

// A session is a login, which may take several connections: one that a bad message ended is replaced.
type session struct {
	a     *Account
	conn  *wire.Conn
	heard *heard
	lines *lines
	c     *imapclient.Client
	caps  imap.CapSet

	selected *selected
	names    map[string]string // folders as the server calls them, by what the administrator does
	found    map[string]*found // what a SEARCH found and List has not given yet, by folder
	noIdle   bool              // it said IDLE, and refused it
	next     uint32            // UIDNEXT of the first folder when it was last searched
	reopened int
	settled  bool // once: what was owed from before is done
}

var _ poller.Session = (*session)(nil)

// What an ordinary answer may be. Unasked news of flags that others change comes with any, in a large folder a megabyte of it.
const ordinary = 8 << 20

// command runs one command, or a few that belong together. A refusal (*imap.Error) leaves the connection as it is; any other error is
// *gone, and the connection has ended.
func (s *session) command(ctx context.Context, bytes int64, wait time.Duration, f func() error) error {
	return s.bounded(ctx, func() { s.conn.Expect(bytes, wait) }, f)
}

// slowly runs a command over which a server may be silent for minutes: one that searches a large folder, or moves many mails.
func (s *session) slowly(ctx context.Context, bytes int64, f func() error) error {
	return s.bounded(ctx, func() { s.conn.Idle(bytes, 4*s.patience()) }, f)
}

func (s *session) bounded(ctx context.Context, expect func(), f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.c == nil {
		return &gone{fault.Errorf(fault.Unavailable, "the connection has ended")}
	}
	expect()
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() })
	err := f()
	stop()
	s.conn.Rest()
	return s.why(ctx, err)
}

// plainly runs a command with an ordinary answer.
func (s *session) plainly(ctx context.Context, f func() error) error {
	return s.command(ctx, ordinary, 2*s.patience(), f)
}

func (s *session) patience() time.Duration {
	if s.a.o.Patience > 0 {
		return s.a.o.Patience
	}
	return time.Minute
}

// gone is the error of a connection that has ended.
type gone struct{ err error }

func (g *gone) Error() string { return g.err.Error() }
func (g *gone) Unwrap() error { return g.err }

// why says why a command failed. After anything but a refusal the connection is closed: the library's state cannot be trusted then.
func (s *session) why(ctx context.Context, err error) error {
	var no *imap.Error
	if err == nil || errors.As(err, &no) {
		return err
	}
	bye := s.lines.bye()
	ended := s.conn.Ended()
	s.drop()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case bye != "":
		err = fault.Errorf(fault.Unavailable, "the server ended the session: %s", bye)
	case ended != nil:
		err = fault.As(fault.Unavailable, ended)
	default: // what the library could not read
		err = fault.Errorf(fault.Unavailable, "the server's answer cannot be read: %w", err)
	}
	return &gone{err}
}

// drop closes the connection and waits for the library's reader.
func (s *session) drop() {
	if s.c == nil {
		return
	}
	_ = s.conn.Close()
	_ = s.c.Close()
	s.c, s.selected = nil, nil
}

// reopen makes a new connection in place of one that ended.
func (s *session) reopen(ctx context.Context) error {
	s.drop()
	if s.reopened++; s.reopened > maxReopened {
		return fault.Errorf(fault.Unavailable, "%d connections ended before their answers were whole", s.reopened)
	}
	if err := s.a.o.Pause(ctx, s.reopened); err != nil {
		return err
	}
	return s.connect(ctx, nil)
}

// maxReopened is how many connections a session may take; 20 halvings of a batch are far fewer.
const maxReopened = 60

// Close says LOGOUT, waits a moment for the answer, and closes the connection.
func (s *session) Close() error {
	if s.c == nil {
		return nil
	}
	s.conn.Expect(ordinary, min(5*time.Second, s.patience()))
	_ = s.c.Logout().Wait()
	s.drop()
	return nil
}

// said is a refusal's own text, fit to be shown.
func said(err error) string {
	var no *imap.Error
	if !errors.As(err, &no) {
		return wire.Said(err.Error())
	}
	if no.Code != "" {
		return fmt.Sprintf("%s [%s] %s", no.Type, wire.Said(string(no.Code)), wire.Said(no.Text))
	}
	return fmt.Sprintf("%s %s", no.Type, wire.Said(no.Text))
}

// refused reports whether the server said NO or BAD, with one of the codes where some are named.
func refused(err error, codes ...imap.ResponseCode) bool {
	var no *imap.Error
	if !errors.As(err, &no) {
		return false
	}
	for _, c := range codes {
		if no.Code == c {
			return true
		}
	}
	return len(codes) == 0
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }
