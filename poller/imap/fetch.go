package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/emersion/go-imap/v2"

	"postern/internal/fault"
	"postern/internal/logkey"
	"postern/poller"
)

var errRenumbered = errors.New("the server numbered the folder anew meanwhile")

// Fetch asks for all items of a folder by one command. What does not come, whatever the reason, is asked for again: which of it is still
// there, then each alone by UID, then by its number in the folder, and only then is the item at fault. An answer that ends the
// connection is narrowed down on new ones. So every item is taken, or told of as an *ItemError. Where reading a mail fails take is
// called again for it.
func (s *session) Fetch(ctx context.Context, items []poller.Item, take func(poller.Item, io.Reader, error) error) error {
	s.reopened = 0
	var folders []string
	in := map[string][]poller.Item{}
	for _, item := range items {
		p, err := parseID(item)
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		if _, ok := in[p.folder]; !ok {
			folders = append(folders, p.folder)
		}
		in[p.folder] = append(in[p.folder], item)
	}
	for _, folder := range folders {
		f := &fetching{s: s, ctx: ctx, take: take, folder: folder, items: map[imap.UID]poller.Item{}, got: map[imap.UID]bool{}}
		if err := f.run(in[folder]); err != nil {
			return err
		}
	}
	return nil
}

// fetching is one Fetch in one folder.
type fetching struct {
	s        *session
	ctx      context.Context
	take     func(poller.Item, io.Reader, error) error
	folder   string
	validity uint32
	items    map[imap.UID]poller.Item
	got      map[imap.UID]bool // taken, or told of
	bad      int               // bad messages in a row
	byNumber bool              // what did not come by UID came by number
}

// errTake is what take returned; it ends the Fetch.
type errTake struct{ error }

func (f *fetching) run(items []poller.Item) error {
	box, err := f.s.open(f.ctx, f.folder)
	if err != nil {
		return err
	}
	f.validity = box.validity
	var uids []imap.UID
	for _, item := range items {
		p, _ := parseID(item)
		if p.validity != box.validity {
			if err := f.take(item, nil, &poller.ItemError{Item: item, Err: errRenumbered, Gone: true}); err != nil {
				return err
			}
			continue
		}
		f.items[p.uid] = item
		uids = append(uids, p.uid)
	}
	slices.Sort(uids)
	for _, set := range sets(slices.Compact(uids), 1000) {
		err := f.batch(set)
		var t errTake
		if errors.As(err, &t) {
			return t.error
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// batch fetches UIDs by one command, and looks after those that did not come.
func (f *fetching) batch(uids []imap.UID) error {
	if len(uids) == 0 {
		return nil
	}
	if err := f.ready(); err != nil {
		return err
	}
	err := f.ask(uids, 0, 0)
	var lost *gone
	switch {
	case errors.As(err, &lost):
		return f.narrow(uids, lost)
	case err != nil && !refused(err): // a NO may mean that some are gone, with the others sent (RFC 2180 section 4.1)
		return err
	}
	return f.missing(uids)
}

// ready makes a connection where the last one ended, with the folder as it was.
func (f *fetching) ready() error {
	if f.s.c == nil {
		if err := f.s.reopen(f.ctx); err != nil {
			return err
		}
	}
	box, err := f.s.open(f.ctx, f.folder)
	if err != nil {
		return err
	}
	if box.validity != f.validity {
		return fault.As(fault.Unavailable, errRenumbered)
	}
	return nil
}

func (f *fetching) left(uids []imap.UID) []imap.UID {
	return slices.DeleteFunc(slices.Clone(uids), func(u imap.UID) bool { return f.got[u] })
}

// narrow finds the message whose answer ends the connection. Most servers answer in order: the first that is lacking is the likely one.
func (f *fetching) narrow(uids []imap.UID, lost *gone) error {
	rest := f.left(uids)
	if len(rest) == 0 {
		return nil
	}
	first := rest[0]
	if len(uids) > 1 {
		if err := f.ready(); err != nil {
			return err
		}
		err := f.ask(rest[:1], 0, 0)
		if again := (*gone)(nil); errors.As(err, &again) {
			lost = again
		} else if err != nil && !refused(err) {
			return err
		} else {
			if err := f.missing(rest[:1]); err != nil {
				return err
			}
			half := 1 + (len(rest)-1)/2
			if err := f.batch(rest[1:half]); err != nil {
				return err
			}
			return f.batch(rest[half:])
		}
	}
	if !f.got[first] {
		f.s.a.o.Log.WarnContext(f.ctx, "a mail's bytes end the connection", "item", f.items[first].ID, logkey.Error, lost.Error())
		if f.bad++; f.bad > maxBad {
			return lost // no message is at fault when all are
		}
		if err := f.tell(first, fmt.Errorf("asking for it ends the connection: %w", lost.err), false); err != nil {
			return err
		}
	}
	return f.batch(rest[1:])
}

// maxBad is how many bad messages in a row are believed to be bad by themselves.
const maxBad = 4

func (f *fetching) tell(uid imap.UID, err error, gone bool) error {
	item := f.items[uid]
	f.got[uid] = true
	if err := f.take(item, nil, &poller.ItemError{Item: item, Err: err, Gone: gone}); err != nil {
		return errTake{err}
	}
	return nil
}

// missing asks again for what did not come.
func (f *fetching) missing(uids []imap.UID) error {
	rest := f.left(uids)
	if len(rest) == 0 {
		return nil
	}
	there, err := f.there(rest)
	if lost := (*gone)(nil); errors.As(err, &lost) {
		return f.narrow(rest, lost)
	} else if err != nil {
		return err
	}
	for _, uid := range rest {
		if _, ok := there[uid]; !ok {
			if err := f.tell(uid, errors.New("it does not lie there any more"), true); err != nil {
				return err
			}
		} else if err := f.alone(uid); err != nil {
			return err
		}
	}
	return nil
}

// there asks which messages are still there, and for their numbers (0: unknown). That one is gone must be said by FETCH and by SEARCH: a
// mail that is gone is not asked for again. A refusal says nothing.
func (f *fetching) there(uids []imap.UID) (map[imap.UID]uint32, error) {
	if err := f.ready(); err != nil {
		return nil, err
	}
	there := map[imap.UID]uint32{}
	set := imap.UIDSetNum(uids...)
	err := f.s.plainly(f.ctx, func() error {
		all, err := collect(f.s.c.Fetch(set, &imap.FetchOptions{UID: true}))
		for _, m := range all {
			there[m.uid] = m.number
		}
		return err
	})
	if refused(err) {
		for _, uid := range uids {
			there[uid] = 0
		}
		return there, nil
	}
	absent := slices.DeleteFunc(slices.Clone(uids), func(u imap.UID) bool { _, ok := there[u]; return ok })
	if err != nil || len(absent) == 0 {
		return there, err
	}
	err = f.s.plainly(f.ctx, func() error {
		d, err := f.s.c.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{imap.UIDSetNum(absent...)}}, nil).Wait()
		for _, uid := range absent {
			if len(among([]imap.UID{uid}, d.All)) > 0 || refused(err) {
				there[uid] = 0
			}
		}
		if refused(err) {
			return nil
		}
		return err
	})
	return there, err
}

// alone asks for one message that lacked: by UID, then by number, for servers whose answer has the UID behind the body. A number
// holds as long as nothing is expunged.
func (f *fetching) alone(uid imap.UID) error {
	last, ends := errors.New("the server lists it and sends no bytes of it"), 0
	try := 0
	if f.byNumber {
		try = 1
	}
	for ; try < 4 && ends < 2; try++ {
		if err := f.ready(); err != nil {
			return err
		}
		var number uint32
		before := f.s.heard.expunged()
		if try > 0 {
			there, err := f.there([]imap.UID{uid})
			if lost := (*gone)(nil); errors.As(err, &lost) {
				last, ends = lost.err, ends+1
				continue
			} else if err != nil {
				return err
			}
			var ok bool
			if number, ok = there[uid]; !ok {
				return f.tell(uid, errors.New("it does not lie there any more"), true)
			}
		}
		err := f.ask([]imap.UID{uid}, number, before)
		switch lost := (*gone)(nil); {
		case errors.As(err, &lost):
			last, ends = lost.err, ends+1
		case refused(err):
			last = errors.New("the server refuses it: " + said(err))
		case err != nil:
			return err
		}
		if f.got[uid] {
			f.byNumber = number > 0
			return nil
		}
	}
	return f.tell(uid, last, false)
}
