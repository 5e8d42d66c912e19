package imap

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postern/internal/fault"
	"postern/poller"
)

// ask sends one FETCH, by UID, or for one message by its number, which was its own when so many had been expunged; and has take called for each mail that comes. Only what was asked
// for and did not come before is taken.
func (f *fetching) ask(uids []imap.UID, number uint32, expunged int) error {
	bytes := int64(ordinary)
	for _, uid := range uids {
		if size := f.items[uid].Size; size > 0 {
			bytes += 2*size + 64<<10 // Exchange tells sizes that are not exact
		} else {
			bytes += max(2*f.s.a.o.MaxSize, 100<<20)
		}
	}
	a := &answers{fetching: f, asked: map[imap.UID]bool{}, number: number, expunged: expunged}
	var set imap.NumSet = imap.UIDSetNum(uids...)
	if number > 0 {
		set, a.numbered = imap.SeqSetNum(number), uids[0]
	}
	for _, uid := range uids {
		a.asked[uid] = true
	}
	err := f.s.command(f.ctx, bytes, 4*f.s.patience()+seconds(bytes>>14), func() error {
		strays, stop := f.s.heard.listen() // before the first answer can come
		defer stop()
		a.strays = strays
		a.cmd = f.s.c.Fetch(set, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
		return a.read()
	})
	if a.panicked != "" {
		f.s.drop()
		panic(a.panicked)
	}
	if a.over {
		f.s.drop() // also where the command's end had come before
	}
	if a.taken != nil {
		return errTake{a.taken}
	}
	if a.wrong != nil && f.ctx.Err() == nil {
		return &gone{a.wrong}
	}
	return err
}

// answers reads what comes for one FETCH.
type answers struct {
	*fetching
	cmd      *imapclient.FetchCommand
	asked    map[imap.UID]bool
	number   uint32   // by which the only one was asked for; 0: by UID
	numbered imap.UID // the one that the number stands for
	expunged int      // as long as no more than these are
	taken    error    // what take said
	panicked string   // how take ended
	wrong    error    // why it was ended by us
	over     bool     // the rest is only read over
	atEnd    bool     // the message was read to its end, and is no longer ours

	msgs, strays <-chan *imapclient.FetchMessageData
	goOn         chan struct{}
	waits        bool                         // the goroutine that reads the command's messages does so for goOn
	ahead        *imapclient.FetchMessageData // came already
}

// read takes the answers that the library sorted to the command, and those it did not: the second half of a split answer, and one
// whose UID stands behind the body. Both are on this goroutine, one at a time, so that nothing waits for itself.
func (a *answers) read() error {
	msgs := make(chan *imapclient.FetchMessageData)
	a.msgs, a.goOn = msgs, make(chan struct{})
	go func() { // ends with the command: an ended connection ends it too
		defer close(msgs)
		for m := a.cmd.Next(); m != nil; m = a.cmd.Next() {
			msgs <- m
			<-a.goOn
		}
	}()
	for m := a.next(); m != nil; m = a.next() {
		a.message(m)
	}
	return a.cmd.Close()
}

// next waits for an answer; nil: the command has ended.
func (a *answers) next() *imapclient.FetchMessageData {
	if m := a.ahead; m != nil {
		a.ahead = nil
		return m
	}
	if a.waits {
		a.goOn <- struct{}{}
		a.waits = false
	}
	select {
	case m := <-a.msgs:
		a.waits = m != nil
		return m
	case m := <-a.strays:
		return m
	}
}

// message takes one answer's body, if it has one.
func (a *answers) message(m *imapclient.FetchMessageData) {
	a.atEnd = false
	defer func() {
		if !a.atEnd {
			skip(m)
		}
	}()
	var uid imap.UID
	for item := m.Next(); item != nil && !a.over; item = m.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			uid = item.UID
		case imapclient.FetchItemDataBodySection:
			sec := item.Section
			if item.Literal == nil || sec.Specifier != imap.PartSpecifierNone || len(sec.Part) > 0 || sec.Partial != nil {
				continue
			}
			if uid == 0 && m.SeqNum == a.number && a.s.heard.expunged() == a.expunged {
				uid = a.numbered
			}
			if a.asked[uid] && !a.got[uid] {
				a.body(uid, m, item.Literal)
				return
			}
		}
	}
}

// body hands one mail over. A taker that panics does so once everything that waits for these answers has ended.
func (a *answers) body(uid imap.UID, m *imapclient.FetchMessageData, lit imap.LiteralReader) {
	defer func() {
		if p := recover(); p != nil {
			a.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
			a.end()
		}
	}()
	item := a.items[uid]
	if lit.Size() == 0 && item.Size != 0 {
		return // what some send for a message that is gone
	}
	if most := a.s.a.o.MaxSize; most > 0 && lit.Size() > most {
		// To read over it would take as long as to read it: the connection is given up instead.
		a.taken = a.take(item, nil, &poller.ItemError{Item: item, Err: fault.Errorf(fault.TooLarge, "it has %d bytes, where the server said %d and %d are allowed", lit.Size(), item.Size, most)})
		a.got[uid] = true
		a.end()
		return
	}
	b := &body{r: lit, left: lit.Size(), whole: func() error { return a.whole(uid, m) }}
	err := a.take(item, b, nil)
	switch {
	case b.err != nil:
		a.end() // its bytes did not come whole, whatever take made of it
		// A literal that failed is no longer ours: the library's reader goes on with the same buffer, while what reads over the rest of
		// the message would read the literal again. It ends soon, since every read fails now.
		<-a.s.c.Closed()
	case err != nil:
		a.taken = err
		a.end()
	default:
		a.got[uid] = true
		a.bad = 0
	}
}

// whole reads what stands behind a body: a UID there must be the one that we think it is, and the answer must end well, which shows by
// the next one: a server that announced fewer bytes than it sends would have cut the mail.
func (a *answers) whole(uid imap.UID, m *imapclient.FetchMessageData) error {
	for item := m.Next(); item != nil; item = m.Next() {
		if u, ok := item.(imapclient.FetchItemDataUID); ok && u.UID != uid {
			a.wrong = fault.Errorf(fault.Unavailable, "the server sent another message than it was asked for")
			return a.wrong
		}
	}
	a.atEnd = true
	if a.ahead = a.next(); a.ahead == nil {
		if err := a.cmd.Close(); err != nil && !refused(err) {
			return fault.As(fault.Unavailable, err)
		}
	}
	return nil
}

// end ends the connection: nothing that still comes is wanted.
func (a *answers) end() {
	a.over = true
	_ = a.s.conn.Close()
}

// body is a mail's bytes. The library ends a literal that was cut off as if it were whole, so they are counted.
type body struct {
	r     io.Reader
	left  int64
	whole func() error
	err   error // why it is not whole
	ended bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.err != nil || b.ended {
		return 0, b.end()
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if err == nil {
		return n, nil
	}
	switch {
	case !errors.Is(err, io.EOF):
		b.err = fault.As(fault.Unavailable, err)
	case b.left != 0:
		b.err = fault.As(fault.Unavailable, io.ErrUnexpectedEOF)
	default:
		b.err = b.whole()
	}
	b.ended = true
	return n, b.end()
}

func (b *body) end() error {
	if b.err != nil {
		return b.err
	}
	return io.EOF
}

// about is what a FETCH tells of a message besides its bytes.
type about struct {
	uid     imap.UID
	number  uint32
	size    int64
	arrived time.Time
	flags   []imap.Flag
}

// collect reads what a FETCH tells. The library's Collect would take a body that nobody asked for into memory.
func collect(cmd *imapclient.FetchCommand) ([]about, error) {
	var all []about
	for m := cmd.Next(); m != nil; m = cmd.Next() {
		a := about{number: m.SeqNum, size: -1}
		for item := m.Next(); item != nil; item = m.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				a.uid = item.UID
			case imapclient.FetchItemDataRFC822Size:
				a.size = item.Size
			case imapclient.FetchItemDataInternalDate:
				a.arrived = item.Time
			case imapclient.FetchItemDataFlags:
				a.flags = item.Flags
			}
		}
		if a.uid != 0 {
			all = append(all, a)
		}
	}
	return all, cmd.Close()
}
