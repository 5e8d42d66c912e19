package graph

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"postern/internal/fault"
	"postern/internal/logkey"
	"postern/poller"
)

// A cursor is how far each folder was read.
type cursor struct {
	Began   time.Time         `json:"began"`          // at first, by the server's clock: what "new" means
	Turn    string            `json:"turn,omitempty"` // the folder to go on with
	Folders map[string]*place `json:"folders"`
}

// A place is how far one folder was read.
type place struct {
	ID     string        `json:"id"`             // of the folder
	Link   string        `json:"link,omitempty"` // the next page, or what comes after all of them
	Whole  bool          `json:"whole"`          // all of what lay there was listed once
	Listed int           `json:"listed,omitempty"`
	Rest   []poller.Item `json:"rest,omitempty"` // of the last page, not given yet
	Seen   recent        `json:"seen,omitempty"`
}

const (
	maxPage  = 500 // rows; the server may give fewer
	maxPages = 40  // in one List: a large box whose mail is all too old is passed in pieces
	margin   = time.Minute
)

// row is a message in a delta page.
type row struct {
	ID       string    `json:"id"`
	Received time.Time `json:"receivedDateTime"`
	Removed  any       `json:"@removed"`
	Extended []struct {
		ID    string `json:"id"`
		Value string `json:"value"`
	} `json:"singleValueExtendedProperties"`
}

// messageSize is PidTagMessageSize ([MS-OXPROPS] section 2.797): about what the raw mail has. A message of Graph has no size of its own.
const messageSize = "Integer 0x0E08"

// List reads delta pages: learn.microsoft.com/graph/api/message-delta. Rows come for new mail, mail moved here, and mail of which something changed; the
// last kind was listed before. Nothing is filtered by the server: with a filter it gives 5,000 messages at most, and by kind it is not said where moved mail counts.
func (s *session) List(ctx context.Context, raw json.RawMessage, n int) (*poller.Batch, error) {
	n = max(n, 1)
	c := s.cursor(raw)
	start := max(0, slices.IndexFunc(s.folders, func(f *folder) bool { return f.name == c.Turn }))
	b := &poller.Batch{}
	pages := 0
	for i := range s.folders {
		f := s.folders[(start+i)%len(s.folders)]
		turn := s.folders[(start+i+1)%len(s.folders)] // so that a busy folder does not keep the others waiting
		more, err := s.listFolder(ctx, c, f, b, n, &pages)
		if err != nil && len(b.Items) == 0 {
			return nil, err
		}
		if err != nil {
			// What the folders before it gave is not held up by this one, which is asked again at once and first.
			s.a.o.Log.WarnContext(ctx, "a folder could not be listed, others could", "folder", f.name, logkey.Error, err)
			more, turn = true, f
		}
		if more {
			b.More, c.Turn = true, turn.name
			break
		}
	}
	if !b.More {
		c.Turn = ""
	}
	var err error
	if b.Next, err = json.Marshal(c); err != nil {
		return nil, fmt.Errorf("keep how far %s was read: %w", s.a.o.Mailbox, err)
	}
	b.Total = len(b.Items) + s.left(c)
	return b, nil
}

// cursor reads one, or begins anew.
func (s *session) cursor(raw json.RawMessage) *cursor {
	c := &cursor{}
	if len(raw) == 0 || json.Unmarshal(raw, c) != nil || c.Began.IsZero() {
		// A minute earlier: what is being delivered in this moment has been received already.
		c = &cursor{Began: s.a.serverTime().Add(-margin).Truncate(time.Second)}
		if !s.a.began.IsZero() {
			c.Began = s.a.began
		}
	}
	if c.Folders == nil {
		c.Folders = map[string]*place{}
	}
	for _, f := range s.folders {
		if p := c.Folders[f.name]; p == nil || p.ID != f.ID {
			c.Folders[f.name] = &place{ID: f.ID}
		}
	}
	for name := range c.Folders {
		if !slices.ContainsFunc(s.folders, func(f *folder) bool { return f.name == name }) {
			delete(c.Folders, name)
		}
	}
	return c
}

// since is when mail must have come to be taken.
func (s *session) since(c *cursor) time.Time {
	if s.a.o.Start == "new" {
		return c.Began
	}
	return s.a.o.Since
}

// listFolder adds a folder's items to a batch. more: there may be more of them.
func (s *session) listFolder(ctx context.Context, c *cursor, f *folder, b *poller.Batch, n int, pages *int) (more bool, err error) {
	p := c.Folders[f.name]
	anew := false
	for end := false; ; {
		k := min(len(p.Rest), n-len(b.Items))
		b.Items = append(b.Items, p.Rest[:k]...)
		p.Rest = slices.Clone(p.Rest[k:])
		switch {
		case len(p.Rest) > 0 || len(b.Items) >= n:
			return true, nil
		case end:
			return false, nil
		case *pages >= maxPages:
			return true, nil
		}
		*pages++
		end, err = s.page(ctx, f, p, s.since(c), n)
		if expired(err) && !anew && p.Link != "" {
			s.a.o.Log.InfoContext(ctx, "the server does not know any more how far a folder was read: it is read anew", "folder", f.name, logkey.Error, err)
			*p = place{ID: f.ID, Seen: p.Seen}
			anew, err = true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// page reads one page. end: it was the last one.
func (s *session) page(ctx context.Context, f *folder, p *place, since time.Time, n int) (end bool, err error) {
	size := min(max(n, 1), maxPage)
	if !p.Whole && !since.IsZero() {
		size = maxPage // much of it is too old
	}
	var page struct {
		Value []row  `json:"value"`
		Next  string `json:"@odata.nextLink"`
		Delta string `json:"@odata.deltaLink"`
	}
	address, q := p.Link, url.Values(nil)
	if address == "" {
		address = s.a.user("mailFolders", f.ID, "messages", "delta")
		q = url.Values{"$select": {"id,receivedDateTime"}, "$expand": {"singleValueExtendedProperties($filter=id eq '" + messageSize + "')"}}
	}
	err = s.a.get(ctx, address, q, size, &page)
	if p.Link == "" && unsupported(err) { // better without sizes than without mail
		q.Del("$expand")
		err = s.a.get(ctx, address, q, size, &page)
	}
	if err != nil {
		return false, err
	}
	link := page.Next
	if link == "" {
		link = page.Delta
	}
	if link == "" || page.Next == p.Link && page.Next != "" {
		return false, fault.Errorf(fault.Unavailable, "Microsoft Graph gave a page of folder %q that does not say where the next is", f.name)
	}
	if _, err := s.a.own(link); err != nil {
		return false, err // before it is kept
	}
	for i := range page.Value {
		r := &page.Value[i]
		p.Listed++
		if r.Removed != nil || r.ID == "" || !r.Received.IsZero() && r.Received.Before(since) || !p.Seen.add(r.ID) {
			continue
		}
		p.Rest = append(p.Rest, poller.Item{ID: r.ID, Folder: f.name, Size: r.size(), Arrived: r.Received})
	}
	// A page has no order that is documented.
	slices.SortStableFunc(p.Rest, func(a, b poller.Item) int { return a.Arrived.Compare(b.Arrived) })
	p.Link = link
	if page.Next == "" {
		p.Whole, p.Listed = true, 0
		return true, nil
	}
	return false, nil
}

// unsupported reports whether a request was refused for how it asks.
func unsupported(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == http.StatusBadRequest
}

func (r *row) size() int64 {
	for _, e := range r.Extended {
		if n, err := strconv.ParseInt(e.Value, 10, 64); err == nil && n >= 0 {
			return n
		}
	}
	return -1
}

// left is how many items lie behind a cursor, as far as we know.
func (s *session) left(c *cursor) int {
	n := 0
	for _, f := range s.folders {
		p := c.Folders[f.name]
		n += len(p.Rest)
		if !p.Whole {
			n += max(0, f.Total-p.Listed)
		}
	}
	return n
}

// recent are the ids that were listed last, as hashes. A mail that somebody reads, or that we mark, is a changed row: it must not be
// fetched again to be met as a duplicate.
type recent []uint64

const maxRecent = 2048

// add reports whether an id is not among them, and adds it.
func (r *recent) add(id string) bool {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	sum := h.Sum64()
	if i := slices.Index(*r, sum); i >= 0 {
		*r = append(slices.Delete(*r, i, i+1), sum)
		return false
	}
	*r = append(*r, sum)
	if over := len(*r) - maxRecent; over > 0 {
		*r = slices.Delete(*r, 0, over)
	}
	return true
}

// MarshalText writes them as base64.
func (r recent) MarshalText() ([]byte, error) {
	b := make([]byte, 0, 8*len(r))
	for _, sum := range r {
		b = binary.BigEndian.AppendUint64(b, sum)
	}
	return base64.RawStdEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText reads what MarshalText wrote.
func (r *recent) UnmarshalText(text []byte) error {
	b, err := base64.RawStdEncoding.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("read which mail was listed: %w", err)
	}
	*r = nil
	for ; len(b) >= 8 && len(*r) < maxRecent; b = b[8:] {
		*r = append(*r, binary.BigEndian.Uint64(b))
	}
	return nil
}
