package graph

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"

	"postern/internal/fault"
	"postern/poller"
)

// Settle marks, moves and deletes, some at once. To delete is to move to the deleted items, where an administrator finds it still; asked
// twice, it does no more than that (DELETE would take it out of there the second time).
func (s *session) Settle(ctx context.Context, done []poller.Settled) error {
	where := map[string]string{}
	bad := map[string]error{}
	for _, d := range done {
		name := destination(d.After)
		if name == "" || where[name] != "" || bad[name] != nil {
			continue
		}
		// Looked for each time, so that a mail that is not found is the mail's matter and not the folder's.
		f, err := s.a.folder(ctx, name, true)
		switch {
		case err == nil:
			where[name] = f.ID
		case ofItem(err) || fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound):
			bad[name] = err
		default:
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		room = make(chan struct{}, maxUnderway)
	)
	for _, d := range done {
		if d.After.Do == poller.Keep || d.After.Do == "" {
			continue
		}
		if err := bad[destination(d.After)]; err != nil {
			mu.Lock()
			errs = append(errs, &poller.ItemError{Item: d.Item, Err: err})
			mu.Unlock()
			continue
		}
		if to := where[destination(d.After)]; to != "" && slices.ContainsFunc(s.folders, func(f *folder) bool { return f.name == d.Item.Folder && f.ID == to }) {
			continue // it lies there
		}
		room <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-room }()
			err := s.settle(ctx, d, where[destination(d.After)])
			if err == nil || gone(err) {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, context.Canceled) && len(errs) > 0 {
				return // by one of those before it
			}
			if ofItem(err) {
				err = &poller.ItemError{Item: d.Item, Err: err}
			} else {
				cancel() // a session's error: the others wait for the next
			}
			errs = append(errs, err)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// destination is the folder that an item is to be moved to, "" for none.
func destination(a poller.After) string {
	switch a.Do {
	case poller.Move:
		return a.Folder
	case poller.Delete:
		return "deleteditems"
	}
	return ""
}

func (s *session) settle(ctx context.Context, d poller.Settled, folder string) error {
	switch d.After.Do {
	case poller.Mark:
		return s.a.send(ctx, http.MethodPatch, s.a.user("messages", d.Item.ID), map[string]bool{"isRead": true})
	case poller.Move, poller.Delete:
		return s.a.send(ctx, http.MethodPost, s.a.user("messages", d.Item.ID, "move"), map[string]string{"destinationId": folder})
	}
	return fault.Errorf(fault.Invalid, "nothing is known that is called %q", d.After.Do)
}
