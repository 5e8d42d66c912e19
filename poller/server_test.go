package poller_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"postern/poller"
)

// A server is a peer that does as its script says: it keeps letters in an INBOX and other folders, and misbehaves where it is told to.
type server struct {
	mu      sync.Mutex
	letters []*post
	epoch   int  // UIDVALIDITY
	brief   bool // as POP3
	locked  bool
	down    error
	opened  int
	settles int
	arrived chan struct{}

	step  func(what string) error // before everything; an error is the end of the session
	clock *clock
}

// A post is a letter at a server.
type post struct {
	uid     int
	raw     string
	folder  string // "" once it was deleted
	seen    bool
	arrived time.Time
	size    int64  // as the server says
	does    string // "drop": the session ends; "missing"; "error"; "panic"; "half": it ends in the middle
	fetched int
}

func newServer(c *clock, n int) *server {
	s := &server{epoch: 1, clock: c, arrived: make(chan struct{}, 1)}
	for i := range n {
		s.add(letter(i))
	}
	return s
}

func (s *server) add(raw string) *post {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := &post{uid: len(s.letters) + 1, raw: raw, folder: "INBOX", arrived: s.clock.Now(), size: int64(len(raw))}
	s.letters = append(s.letters, p)
	select {
	case s.arrived <- struct{}{}:
	default:
	}
	return p
}

// in counts the letters of a folder.
func (s *server) in(folder string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, p := range s.letters {
		if p.folder == folder {
			n++
		}
	}
	return n
}

func (s *server) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

func (s *server) source(change ...func(*poller.Source)) *poller.Source {
	src := &poller.Source{
		Name: "box", Account: s, Protocol: "imap", Identity: "imap://ann@mail.example.com", Mailboxes: []string{"support"}, Every: time.Minute, MaxSize: 1 << 20,
		Taken: poller.After{Do: poller.Move, Folder: "Done"}, Rejected: poller.After{Do: poller.Move, Folder: "Rejected"},
		Quarantined: poller.After{Do: poller.Move, Folder: "Done"},
	}
	for _, f := range change {
		f(src)
	}
	return src
}

func (s *server) at(what string) error {
	if s.step == nil {
		return nil
	}
	return s.step(what)
}

func (s *server) Open(context.Context) (poller.Session, error) {
	if err := s.at("open"); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened++
	if s.down != nil {
		return nil, s.down
	}
	if s.brief && s.locked {
		return nil, errors.New("[IN-USE] the mailbox is locked")
	}
	s.locked = true
	if s.brief {
		return briefSession{&session{s: s, got: map[*post]bool{}}}, nil
	}
	return &session{s: s}, nil
}

func (s *server) Check(_ context.Context, tell func(poller.Step)) {
	tell(poller.Step{Name: "connect", OK: s.down == nil, Says: fmt.Sprint(s.down)})
}

type session struct {
	s    *server
	dele []*post
	got  map[*post]bool // fetched, and whether it was taken; nil where nothing comes of that
}

// A briefSession is of a server like Gmail's POP3: what was fetched is gone once the session has ended in order.
type briefSession struct{ *session }

func (x briefSession) Took(items []poller.Item) {
	for _, i := range items {
		x.got[x.find(i.ID)] = true
	}
}

type cursor struct{ Epoch, UID int }

func (x *session) List(_ context.Context, raw json.RawMessage, n int) (*poller.Batch, error) {
	if err := x.s.at("list"); err != nil {
		return nil, err
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if x.s.down != nil {
		return nil, x.s.down
	}
	var c cursor
	_ = json.Unmarshal(raw, &c)
	if c.Epoch != x.s.epoch {
		c = cursor{Epoch: x.s.epoch}
	}
	b := &poller.Batch{}
	for _, p := range x.s.letters {
		if p.uid <= c.UID || p.folder != "INBOX" {
			continue
		}
		if b.Total++; len(b.Items) == n {
			b.More = true
			continue
		}
		b.Items = append(b.Items, poller.Item{ID: fmt.Sprintf("INBOX/%d/%d", x.s.epoch, p.uid), Folder: "INBOX", Size: p.size, Arrived: p.arrived})
		c.UID = p.uid
	}
	b.Next, _ = json.Marshal(c)
	return b, nil
}

// find is a letter by its item's id.
func (x *session) find(id string) *post {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	var epoch, uid int
	_, _ = fmt.Sscanf(strings.TrimPrefix(id, "INBOX/"), "%d/%d", &epoch, &uid)
	if epoch != x.s.epoch || uid < 1 || uid > len(x.s.letters) || x.s.letters[uid-1].folder != "INBOX" || slices.Contains(x.dele, x.s.letters[uid-1]) {
		return nil
	}
	return x.s.letters[uid-1]
}

func (x *session) Fetch(ctx context.Context, items []poller.Item, take func(poller.Item, io.Reader, error) error) error {
	if err := x.s.at("fetch"); err != nil {
		return err
	}
	for _, item := range items {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := x.find(item.ID)
		if p == nil {
			if err := take(item, nil, &poller.ItemError{Item: item, Err: errors.New("it is gone"), Gone: true}); err != nil {
				return err
			}
			continue
		}
		x.s.mu.Lock()
		p.fetched++
		does, raw := p.does, p.raw
		x.s.mu.Unlock()
		var r io.Reader = strings.NewReader(raw)
		switch does {
		case "drop":
			return errors.New("connection reset by peer")
		case "half":
			r = io.MultiReader(bytes.NewReader([]byte(raw[:10])), broken{})
		case "missing":
			continue
		case "panic":
			panic("a bug of the protocol's")
		case "error":
			if err := take(item, nil, &poller.ItemError{Item: item, Err: errors.New("NO [SERVERBUG] cannot read it")}); err != nil {
				return err
			}
			continue
		}
		if err := x.s.at("mail"); err != nil {
			return err
		}
		if x.got != nil {
			x.got[p] = false
		}
		if err := take(item, r, nil); err != nil {
			return err
		}
	}
	return nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (x *session) Settle(_ context.Context, done []poller.Settled) error {
	if err := x.s.at("settle"); err != nil {
		return err
	}
	for _, d := range done {
		p := x.find(d.Item.ID)
		if p == nil {
			continue
		}
		if err := x.s.at("settle one"); err != nil {
			return err
		}
		x.s.mu.Lock()
		x.s.settles++
		switch {
		case d.After.Do == poller.Mark:
			p.seen = true
		case d.After.Do == poller.Move:
			p.folder = d.After.Folder
		case x.s.brief:
			x.dele = append(x.dele, p)
		default:
			p.folder = ""
		}
		x.s.mu.Unlock()
	}
	return nil
}

func (x *session) Wait(ctx context.Context, d time.Duration) (bool, error) {
	if err := x.s.at("wait"); err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	came := make(chan struct{})
	go func() {
		select {
		case <-x.s.arrived:
			close(came)
			cancel()
		case <-ctx.Done():
		}
	}()
	err := x.s.clock.Sleep(ctx, d)
	select {
	case <-came:
		return true, nil
	default:
		return false, err
	}
}

func (x *session) Close() error {
	x.s.mu.Lock()
	x.s.locked = false
	x.s.mu.Unlock()
	if err := x.s.at("close"); err != nil {
		return err
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	for _, taken := range x.got {
		if taken {
			continue
		}
		if len(x.dele) > 0 {
			return errors.New("not all that was fetched was taken: the session did not end in order")
		}
		return nil
	}
	for _, p := range x.dele {
		p.folder = ""
	}
	for p := range x.got {
		p.folder = ""
	}
	return nil
}
