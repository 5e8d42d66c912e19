package imap

import (
	"context"
	"errors"
	"fmt"

	"github.com/emersion/go-imap/v2"

	"postern/internal/fault"
	"postern/poller"
	"postern/poller/wire"
)

var _ poller.Putter = (*Account)(nil)

// Put appends a mail to the first folder (RFC 9051 section 6.3.12), unread as one that came.
func (a *Account) Put(ctx context.Context, raw []byte) (folder string, err error) {
	s, err := a.open(ctx, nil)
	if err != nil {
		return "", err
	}
	defer s.Close()
	folder = a.o.Folders[0]
	err = s.named(ctx, folder, func(name string) error {
		return s.plainly(ctx, func() error {
			c := s.c.Append(name, int64(len(raw)), nil)
			_, werr := c.Write(raw) // fails where the server refuses before the mail
			cerr := c.Close()
			if _, err := c.Wait(); err != nil {
				return err
			}
			return errors.Join(werr, cerr)
		})
	})
	if !refused(err) {
		return folder, err
	}
	p := &wire.Problem{
		Step: "put", Says: fmt.Sprintf("no mail may be put into %q: %s", folder, said(err)), Err: fault.As(fault.Denied, err),
		Todo: "where only reading is allowed, have the test mail sent instead: --via HOST:PORT",
	}
	switch {
	case refused(err, imap.ResponseCodeOverQuota):
		p.Todo = "the mailbox is full, and refuses mail: make room, or use after: delete"
	case refused(err, imap.ResponseCodeNoPerm):
		p.Todo = "the right i lacks: have it given, or have the test mail sent instead: --via HOST:PORT"
	}
	return "", p
}
