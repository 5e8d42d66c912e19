package imap

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"

	"postern/internal/fault"
	"postern/poller"
	"postern/poller/wire"
)

// Settle does in batches what is to become of mail: a batch of 2,000 takes a server the time of a single one. What the server refuses is
// an *ItemError each, joined, after which the session goes on; what is gone is done.
func (s *session) Settle(ctx context.Context, done []poller.Settled) error {
	type job struct {
		folder   string
		validity uint32
		after    poller.After
	}
	var order []job
	jobs := map[job][]imap.UID{}
	arrived := map[string]time.Time{}
	first := !s.settled
	for _, d := range done {
		p, err := parseID(d.Item)
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		if d.After.Do == poller.Keep || d.After.Do == "" {
			continue
		}
		j := job{p.folder, p.validity, d.After}
		if _, ok := jobs[j]; !ok {
			order = append(order, j)
		}
		jobs[j] = append(jobs[j], p.uid)
		arrived[d.Item.ID] = d.Item.Arrived
	}
	var failed []error
	for _, j := range order {
		box, err := s.open(ctx, j.folder)
		if err != nil && s.c != nil && ctx.Err() == nil { // it was removed or renamed, or may not be opened any more: the others are settled
			for _, uid := range jobs[j] {
				item := poller.Item{ID: itemID(j.folder, j.validity, uid), Folder: j.folder}
				failed = append(failed, &poller.ItemError{Item: item, Err: err})
			}
			continue
		}
		if err != nil {
			return err
		}
		if box.validity != j.validity {
			continue // numbered anew: it is listed again, and settled then
		}
		uids := jobs[j]
		slices.Sort(uids)
		if first {
			if uids, err = s.same(ctx, box, uids, arrived); err != nil {
				return err
			}
		}
		t := &settling{s: s, ctx: ctx, box: box, after: j.after}
		for _, set := range sets(slices.Compact(uids), 2000) {
			if err := t.some(set); err != nil {
				return err
			}
		}
		failed = append(failed, t.failed...)
	}
	s.settled = true
	return errors.Join(failed...)
}

// same are those UIDs that name the mail which they named when it was taken. What is owed from an earlier session may name another by now, which nobody
// has taken yet: see wentBack. When a mail came does not change (RFC 9051 section 2.3.3).
func (s *session) same(ctx context.Context, box *selected, uids []imap.UID, arrived map[string]time.Time) ([]imap.UID, error) {
	uids = slices.Compact(uids)
	other := map[imap.UID]bool{}
	for _, set := range sets(uids, 2000) {
		err := s.plainly(ctx, func() error {
			all, err := collect(s.c.Fetch(imap.UIDSetNum(set...), &imap.FetchOptions{UID: true, InternalDate: true}))
			for _, m := range all {
				was := arrived[itemID(box.folder, box.validity, m.uid)]
				other[m.uid] = !was.IsZero() && !m.arrived.IsZero() && !was.Equal(m.arrived)
			}
			return err
		})
		if err != nil && !refused(err) {
			return nil, err
		}
	}
	return slices.DeleteFunc(uids, func(u imap.UID) bool { return other[u] }), nil
}

// settling is what becomes of some mail of one folder.
type settling struct {
	s        *session
	ctx      context.Context
	box      *selected
	after    poller.After
	failed   []error
	refusals int // in a row
}

// some settles a set. Where the server refuses it, halves of it are tried, so that one bad message does not keep the others; when all are
// refused it is not the messages.
func (t *settling) some(uids []imap.UID) error {
	err := t.do(uids)
	if !refused(err) {
		if err == nil {
			t.refusals = 0
		}
		return err
	}
	t.refusals++
	if len(uids) == 1 || t.refusals > 12 {
		for _, uid := range uids {
			t.fail(uid, err)
		}
		return nil
	}
	if err := t.some(uids[:len(uids)/2]); err != nil {
		return err
	}
	return t.some(uids[len(uids)/2:])
}

func (t *settling) fail(uid imap.UID, err error) {
	item := poller.Item{ID: itemID(t.box.folder, t.box.validity, uid), Folder: t.box.folder}
	what := t.after.Do
	if t.after.Folder != "" {
		what += " to " + t.after.Folder
	}
	says := said(err)
	if refused(err) {
		says = "the server refuses it: " + says
	}
	p := &wire.Problem{Says: what + ": " + says, Err: err}
	switch {
	case refused(err, imap.ResponseCodeOverQuota, imap.ResponseCodeLimit):
		p.Todo = "the mailbox is full: make room, or use after: delete"
	case refused(err, imap.ResponseCodeNoPerm):
		p.Todo = t.s.a.o.User + " may not do that in this folder: change its permissions, or use after: keep"
	}
	t.failed = append(t.failed, &poller.ItemError{Item: item, Err: p})
}

func (t *settling) do(uids []imap.UID) error {
	switch t.after.Do {
	case poller.Mark:
		return t.mark(uids, imap.FlagSeen)
	case poller.Delete:
		if err := t.mark(uids, imap.FlagDeleted); err != nil {
			return err
		}
		return t.expunge(uids)
	case poller.Move:
		return t.move(uids)
	}
	return fault.Errorf(fault.Invalid, "%q is nothing that can become of mail", t.after.Do)
}

func (t *settling) mark(uids []imap.UID, flag imap.Flag) error {
	return t.s.slowly(t.ctx, ordinary, func() error {
		return t.s.c.Store(imap.UIDSetNum(uids...), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}, nil).Close()
	})
}

// expunge removes these, and only these, where the server can (UIDPLUS, RFC 4315). Where it cannot they stay, marked as deleted, as a
// plain EXPUNGE would remove what other people have marked.
func (t *settling) expunge(uids []imap.UID) error {
	if !t.s.caps.Has(imap.CapUIDPlus) {
		return nil
	}
	return t.s.slowly(t.ctx, ordinary, func() error { return t.s.c.UIDExpunge(imap.UIDSetNum(uids...)).Close() })
}

// move moves to a folder, which is made when it is not there.
func (t *settling) move(uids []imap.UID) error {
	if t.s.names[t.after.Folder] == "" {
		if err := t.s.provide(t.ctx, t.after.Folder); err != nil {
			return err
		}
	}
	if to, from := t.s.names[t.after.Folder], t.s.names[t.box.folder]; to == from || strings.EqualFold(to, "INBOX") && strings.EqualFold(from, "INBOX") {
		return nil // by another name it is where it is to be: moved there it would be new mail, again and again
	}
	do := t.copy
	if t.s.caps.Has(imap.CapMove) {
		do = t.moveAtOnce
	}
	err := do(uids)
	if refused(err, imap.ResponseCodeTryCreate, imap.ResponseCodeNonExistent) { // somebody removed it meanwhile
		if err := t.s.provide(t.ctx, t.after.Folder); err != nil {
			return err
		}
		err = do(uids)
	}
	return err
}

// moveAtOnce moves by MOVE (RFC 6851). UIDs that are gone it does not mention.
func (t *settling) moveAtOnce(uids []imap.UID) error {
	var moved []imap.UID
	err := t.s.slowly(t.ctx, ordinary, func() error {
		if !t.s.c.Caps().Has(imap.CapMove) { // the library would then send COPY, STORE and EXPUNGE
			return errors.New("the server has MOVE no more")
		}
		d, err := t.s.c.Move(imap.UIDSetNum(uids...), t.s.names[t.after.Folder]).Wait()
		if err == nil {
			moved = among(uids, d.SourceUIDs)
		}
		return err
	})
	if err != nil || len(moved) >= len(uids) {
		return err
	}
	left, err := t.flags(slices.DeleteFunc(slices.Clone(uids), func(u imap.UID) bool { return slices.Contains(moved, u) }))
	for uid := range left {
		t.fail(uid, errors.New("the server said that it moved it, and it lies where it lay"))
	}
	return err
}

// copy moves by COPY, for servers without MOVE: what was copied for sure is marked as deleted, and expunged where that can be done to it
// alone. A message that is marked as deleted already, and not by us as far as we know, is left as it is: either it was copied before a
// crash, or somebody wants it gone. One that was copied and could not be marked is not copied again as long as this process lives.
// What remains: a crash between COPY and STORE leaves a second copy.
func (t *settling) copy(uids []imap.UID) error {
	there, err := t.flags(uids)
	if err != nil {
		return err
	}
	var fresh, safe []imap.UID // to be copied; copied
	for _, uid := range uids {
		flags, ok := there[uid]
		deleted := slices.Contains(flags, imap.FlagDeleted)
		switch before, known := t.s.a.copy(t.key(uid)); {
		case !ok, deleted && !known:
		case known && before:
			safe = append(safe, uid)
		case known:
			t.fail(uid, errDoubtful)
		default:
			fresh = append(fresh, uid)
		}
	}
	if len(fresh) > 0 {
		if t.box.flags != nil && !slices.Contains(t.box.flags, imap.FlagDeleted) { // PERMANENTFLAGS
			return &imap.Error{Type: imap.StatusResponseTypeNo, Code: imap.ResponseCodeNoPerm, Text: "messages here cannot be marked as deleted, and a copy alone is no move"}
		}
		copied, err := t.copyFresh(fresh)
		if err != nil {
			return err
		}
		safe = append(safe, copied...)
		slices.Sort(safe)
	}
	if len(safe) == 0 {
		return nil
	}
	if err := t.mark(safe, imap.FlagDeleted); err != nil {
		return err
	}
	if err := t.expunge(safe); err != nil {
		return err
	}
	for _, uid := range safe {
		t.s.a.forgetCopy(t.key(uid))
	}
	return nil
}

var errDoubtful = errors.New("the server does not say that it copied it, so it is not removed; nor is it copied again")

// copyFresh copies, and says what was copied for sure: what COPYUID names (RFC 4315), and without UIDPLUS all, as COPY does all or nothing
// (RFC 3501 section 6.4.7).
func (t *settling) copyFresh(uids []imap.UID) ([]imap.UID, error) {
	var d *imap.CopyData
	err := t.s.slowly(t.ctx, ordinary, func() (err error) {
		d, err = t.s.c.Copy(imap.UIDSetNum(uids...), t.s.names[t.after.Folder]).Wait()
		return err
	})
	if err != nil {
		return nil, err
	}
	if !t.s.caps.Has(imap.CapUIDPlus) {
		t.note(uids, true)
		return uids, nil
	}
	copied := among(uids, d.SourceUIDs)
	t.note(copied, true)
	if len(copied) < len(uids) {
		left, err := t.flags(slices.DeleteFunc(slices.Clone(uids), func(u imap.UID) bool { return slices.Contains(copied, u) }))
		if err != nil {
			return nil, err
		}
		for uid := range left {
			t.note([]imap.UID{uid}, false)
			t.fail(uid, errDoubtful)
		}
	}
	return copied, nil
}

// flags are those of the messages that are still there.
func (t *settling) flags(uids []imap.UID) (map[imap.UID][]imap.Flag, error) {
	there := map[imap.UID][]imap.Flag{}
	err := t.s.plainly(t.ctx, func() error {
		all, err := collect(t.s.c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, Flags: true}))
		for _, m := range all {
			there[m.uid] = append(m.flags, there[m.uid]...)
		}
		return err
	})
	return there, err
}

// among are those of uids that a set names. The set is the server's, and may name four billion.
func among(uids []imap.UID, set imap.NumSet) []imap.UID {
	named, _ := set.(imap.UIDSet)
	return slices.DeleteFunc(slices.Clone(uids), func(u imap.UID) bool { return !named.Contains(u) })
}

func (t *settling) key(uid imap.UID) string {
	return t.after.Folder + "\x00" + itemID(t.box.folder, t.box.validity, uid)
}

// maxCopied bounds what an account remembers.
const maxCopied = 100_000

// note remembers that a copy was made: for sure, or in doubt.
func (t *settling) note(uids []imap.UID, sure bool) {
	a := t.s.a
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, uid := range uids {
		if len(a.copied) < maxCopied {
			a.copied[t.key(uid)] = sure
		}
	}
}

func (a *Account) copy(key string) (sure, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	sure, known = a.copied[key]
	return sure, known
}

func (a *Account) forgetCopy(key string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.copied, key)
}
