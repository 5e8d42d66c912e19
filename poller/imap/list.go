package imap

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"

	"postern/internal/logkey"
	"postern/poller"
)

// found is what a SEARCH found behind a position, as far as it was not given yet.
type found struct {
	folder string
	at     position // what was given before
	uids   []imap.UID
}

// List gives the oldest of each folder in turn. A folder that cannot be read keeps the others from nothing: it is told of once they have
// nothing more to give.
func (s *session) List(ctx context.Context, raw json.RawMessage, n int) (*poller.Batch, error) {
	cur := parseCursor(raw, &s.a.o)
	s.reopened = 0
	if s.heard != nil {
		s.heard.forget()
	}
	batch := &poller.Batch{}
	at := map[string]position{}
	var failed error
	folders := s.a.o.Folders
	for i, folder := range folders {
		f, err := s.search(ctx, folder, cur)
		if err != nil {
			if s.c == nil || ctx.Err() != nil {
				return nil, err
			}
			failed = err
			continue
		}
		batch.Total += len(f.uids)
		share := min(len(f.uids), (n-len(batch.Items)+len(folders)-i-1)/(len(folders)-i))
		if err := s.overlooked(ctx, f, share); err != nil {
			return nil, err
		}
		items, err := s.describe(ctx, folder, f.at.Validity, f.uids[:share])
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			if p, _ := parseID(item); uint32(p.uid) <= f.at.Old && !item.Arrived.IsZero() && item.Arrived.Before(cur.Since) {
				continue // SINCE goes by days, and in the server's own time zone
			}
			batch.Items = append(batch.Items, item)
		}
		if share > 0 {
			f.at.Last = uint32(f.uids[share-1])
			f.uids = f.uids[share:]
		}
		at[folder] = f.at
		batch.More = batch.More || len(f.uids) > 0
	}
	if failed != nil && len(batch.Items) == 0 && !batch.More {
		return nil, failed
	}
	batch.Next = cur.next(folders, at)
	return batch, nil
}

// search finds what lies behind the cursor in a folder. What an earlier search found and was not given yet is not asked for again.
func (s *session) search(ctx context.Context, folder string, cur *cursor) (*found, error) {
	p, known := cur.Folders[folder]
	if f := s.found[folder]; f != nil && known && f.at == p && len(f.uids) > 0 {
		if box, err := s.open(ctx, folder); err != nil || box.validity == p.Validity {
			return f, err
		}
	}
	if s.selected != nil && s.selected.folder == folder {
		// What came since is told before a command ends, after its answer.
		if err := s.plainly(ctx, func() error { return s.c.Noop().Wait() }); err != nil {
			return nil, err
		}
	}
	box, err := s.open(ctx, folder)
	if err != nil {
		return nil, err
	}
	if folder == s.a.o.Folders[0] {
		s.next = box.next
	}
	anew := ""
	if known && p.Validity != box.validity {
		anew = "UIDVALIDITY"
	} else if known {
		back, err := s.wentBack(ctx, box, max(p.Last, p.Old))
		if err != nil {
			return nil, err
		}
		if back {
			anew = "UIDNEXT went back"
		}
	}
	box.fresh = false
	if !known || anew != "" {
		last, err := s.last(ctx, box)
		if err != nil {
			return nil, err
		}
		if known {
			s.a.o.Log.WarnContext(ctx, "the server numbers a folder anew: its mail is looked through again", logkey.Reason, anew, "folder", folder)
		}
		p = position{Validity: box.validity}
		switch {
		case !known && s.a.o.Start.New:
			p.Last = last
		case !cur.Since.IsZero():
			p.Old = last
		}
	}
	f := &found{folder: folder, at: p}
	if p.Last < p.Old {
		if err := s.uids(ctx, f, p.Last+1, p.Old, cur.Since); err != nil {
			return nil, err
		}
	}
	if behind := max(p.Last, p.Old); behind < math.MaxUint32 {
		if err := s.uids(ctx, f, behind+1, 0, time.Time{}); err != nil {
			return nil, err
		}
	}
	slices.Sort(f.uids)
	f.uids = slices.Compact(f.uids)
	s.found[folder] = f
	return f, nil
}

// uids adds those from first to last (0: all after) that there are, since a day where that is not zero. No CHARSET is named: the
// words are ASCII, and Exchange refuses it.
func (s *session) uids(ctx context.Context, f *found, first, last uint32, since time.Time) error {
	set := imap.UIDSet{}
	set.AddRange(imap.UID(first), imap.UID(last))
	criteria := &imap.SearchCriteria{UID: []imap.UIDSet{set}}
	if !since.IsZero() {
		criteria.Since = since.AddDate(0, 0, -1)
	}
	s.heard.mu.Lock()
	exists := min(int64(s.heard.exists), maxFolder)
	s.heard.mu.Unlock()
	return s.slowly(ctx, ordinary+16*exists, func() error {
		d, err := s.c.UIDSearch(criteria, nil).Wait()
		if err != nil {
			return err
		}
		all, err := expand(d.All, exists+10_000)
		for _, uid := range all {
			// n:* names the last message even where its UID is below n: RFC 9051 section 6.4.9.
			if uint32(uid) >= first && (last == 0 || uint32(uid) <= last) {
				f.uids = append(f.uids, uid)
			}
		}
		return err
	})
}

// maxFolder is how many messages a folder may have behind the cursor: 4 bytes each.
const maxFolder = 10_000_000

// expand lists a set, which the server may have written as 1:4294967295.
func expand(set imap.NumSet, most int64) ([]imap.UID, error) {
	uids, _ := set.(imap.UIDSet)
	n := int64(0)
	for _, r := range uids {
		if n += int64(r.Stop) - int64(r.Start) + 1; r.Stop < r.Start || n > most {
			return nil, errors.New("it finds more messages than the folder has")
		}
	}
	all, _ := uids.Nums()
	return all, nil
}

// again makes a new connection in place of one that ended, with the folder open as it was.
func (s *session) again(ctx context.Context, folder string, validity uint32) error {
	if err := s.reopen(ctx); err != nil {
		return err
	}
	box, err := s.open(ctx, folder)
	if err == nil && box.validity != validity {
		return &gone{err: errRenumbered}
	}
	return err
}

// overlooked asks FETCH, too, what lies where the next share was found: behind it the cursor never looks again, and a SEARCH that
// leaves a mail out would have lost it.
func (s *session) overlooked(ctx context.Context, f *found, share int) error {
	if share == 0 || f.at.Last < f.at.Old { // what is older than Since is left out on purpose
		return nil
	}
	set, upto := imap.UIDSet{}, f.uids[share-1]
	set.AddRange(imap.UID(f.at.Last+1), upto)
	var all []about
	err := s.plainly(ctx, func() (err error) {
		all, err = collect(s.c.Fetch(set, &imap.FetchOptions{UID: true}))
		return err
	})
	switch lost := (*gone)(nil); {
	case errors.As(err, &lost):
		return s.again(ctx, f.folder, f.at.Validity) // what it was is found out one by one
	case err != nil && !refused(err):
		return err
	}
	before := len(f.uids)
	for _, m := range all {
		if uint32(m.uid) > f.at.Last && m.uid < upto {
			f.uids = append(f.uids, m.uid)
		}
	}
	slices.Sort(f.uids)
	f.uids = slices.Compact(f.uids)
	if n := len(f.uids) - before; n > 0 {
		s.a.o.Log.WarnContext(ctx, "the server's SEARCH leaves out mail that is there", "mails", n)
	}
	return nil
}

// last is the highest UID that a folder has, or had.
func (s *session) last(ctx context.Context, box *selected) (uint32, error) {
	if box.next > 0 {
		return box.next - 1, nil
	}
	return s.highest(ctx, box)
}

// highest is the highest UID that a folder has.
func (s *session) highest(ctx context.Context, box *selected) (uint32, error) {
	var last uint32
	if box.exists == 0 {
		return 0, nil
	}
	set := imap.SeqSet{{Start: 0, Stop: 0}} // "*"
	err := s.plainly(ctx, func() error {
		all, err := collect(s.c.Fetch(set, &imap.FetchOptions{UID: true}))
		for _, m := range all {
			last = max(last, uint32(m.uid))
		}
		return err
	})
	return last, err
}

// wentBack reports whether a folder gives UIDs again that it gave before, under the same UIDVALIDITY: a backup was restored, or the server
// counts from what lies there. It must not (RFC 9051 section 2.3.1.1), and whoever looks only behind the last UID would never see what comes.
// A server that is merely wrong about UIDNEXT has a UID beyond it.
func (s *session) wentBack(ctx context.Context, box *selected, last uint32) (bool, error) {
	if !box.fresh || box.next == 0 || box.next > last {
		return false, nil
	}
	highest, err := s.highest(ctx, box)
	return err == nil && highest < box.next, err
}

// describe asks for size and time. What the server does not tell is left open, and the mail is listed all the same: a mail that the
// server cannot even describe is asked for like any other, and is found out by Fetch.
func (s *session) describe(ctx context.Context, folder string, validity uint32, uids []imap.UID) ([]poller.Item, error) {
	if len(uids) == 0 {
		return nil, nil
	}
	told := map[imap.UID]poller.Item{}
	for _, part := range sets(uids, 1000) {
		if err := s.describeSome(ctx, folder, validity, part, told); err != nil {
			return nil, err
		}
	}
	// News of a flag may have stood in an answer's place: what lacks is asked for once more.
	lacks := slices.DeleteFunc(slices.Clone(uids), func(u imap.UID) bool { i, ok := told[u]; return ok && i.Size >= 0 })
	for _, part := range sets(lacks, 1000) {
		if err := s.describeSome(ctx, folder, validity, part, told); err != nil {
			return nil, err
		}
	}
	items := make([]poller.Item, 0, len(uids))
	for _, uid := range uids {
		item, ok := told[uid]
		if !ok {
			item = poller.Item{Size: -1}
		}
		item.ID, item.Folder = itemID(folder, validity, uid), folder
		items = append(items, item)
	}
	return items, nil
}

// describeSome describes some; an answer that ends the connection costs what stands after it its description, not its place.
func (s *session) describeSome(ctx context.Context, folder string, validity uint32, uids []imap.UID, told map[imap.UID]poller.Item) error {
	err := s.command(ctx, ordinary+1024*int64(len(uids)), 4*s.patience(), func() error {
		all, err := collect(s.c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, RFC822Size: true, InternalDate: true}))
		for _, m := range all {
			if _, twice := told[m.uid]; !twice || m.size >= 0 {
				told[m.uid] = poller.Item{Size: m.size, Arrived: m.arrived.UTC()}
			}
		}
		return err
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	if refused(err) {
		return nil
	}
	if err := s.again(ctx, folder, validity); err != nil {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(uids), func(u imap.UID) bool { _, ok := told[u]; return ok })
	switch len(rest) {
	case 0, 1:
		return nil
	}
	half := len(rest) / 2
	if err := s.describeSome(ctx, folder, validity, rest[:half], told); err != nil {
		return err
	}
	return s.describeSome(ctx, folder, validity, rest[half:], told)
}
