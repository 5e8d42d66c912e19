package graph

import (
	"context"
	"errors"
	"io"
	"net/http"

	"postern/internal/fault"
	"postern/poller"
)

// ahead is how many mails are asked for before the one that is being read: one place stays for others.
const ahead = maxUnderway - 1

// Fetch streams the raw mails: learn.microsoft.com/graph/outlook-get-mime-message. While one is read the next ones are asked for.
func (s *session) Fetch(ctx context.Context, items []poller.Item, take func(poller.Item, io.Reader, error) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type got struct {
		item poller.Item
		res  *http.Response
		err  error
	}
	queue := make(chan chan got, ahead-1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(queue)
		for _, item := range items {
			one := make(chan got, 1)
			select {
			case queue <- one:
			case <-ctx.Done():
				return
			}
			// In their order, so that the one which is read next never waits for a place behind one that waits to be read.
			leave, err := s.a.enter(ctx)
			if err != nil {
				one <- got{item, nil, err}
				return
			}
			go func() {
				res, err := s.a.within(ctx, leave, http.MethodGet, s.a.user("messages", item.ID, "$value"), nil, 0, s.a.o.Client.Limit(s.a.o.MaxSize))
				one <- got{item, res, err}
			}()
		}
	}()
	defer func() { // what was asked for ahead
		cancel()
		for one := range queue {
			if g := <-one; g.err == nil {
				_ = g.res.Body.Close()
			}
		}
		<-ended
	}()
	for one := range queue {
		g := <-one
		err := g.err
		switch {
		case err == nil:
			err = take(g.item, &body{g.res, g.item, nil}, nil)
			_ = g.res.Body.Close()
		case ofItem(err):
			err = take(g.item, nil, &poller.ItemError{Item: g.item, Err: err, Gone: gone(err)})
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// ofItem reports whether an answer is about one mail, so that the next may be asked for: an id that is not known, a mail that
// Exchange fails to convert.
func ofItem(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status != http.StatusUnauthorized && p.Status != http.StatusForbidden && !p.mailbox()
}

// A body is a mail as it comes. An answer that ends early is an error of that mail.
type body struct {
	res  *http.Response
	item poller.Item
	err  error
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.res.Body.Read(p)
	switch {
	case err == io.EOF && endsBlindly(b.res):
		err = fault.Errorf(fault.Unavailable, "the server does not say where the mail ends")
	case err == io.ErrUnexpectedEOF:
		err = fault.Errorf(fault.Unavailable, "the mail came in part only: %w", err)
	}
	if err != nil && err != io.EOF {
		err = &poller.ItemError{Item: b.item, Err: err}
	}
	b.err = err
	return n, err
}

// endsBlindly reports whether the end of an answer is the end of its connection: it may then as well be cut.
func endsBlindly(res *http.Response) bool {
	return res.ProtoMajor < 2 && res.ContentLength < 0 && len(res.TransferEncoding) == 0 && !res.Uncompressed
}
