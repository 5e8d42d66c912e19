package pop3_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/poller"
	"postern/poller/pop3"
)

func open(t *testing.T, a *pop3.Account) poller.Session {
	t.Helper()
	s, err := a.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func list(t *testing.T, s poller.Session, cursor json.RawMessage, n int) *poller.Batch {
	t.Helper()
	b, err := s.List(t.Context(), cursor, n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fetch gets mails, by their ids.
func fetch(t *testing.T, s poller.Session, items []poller.Item) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := s.Fetch(t.Context(), items, func(item poller.Item, r io.Reader, err error) error {
		if err != nil {
			got[item.ID] = "error: " + err.Error()
			return nil
		}
		b, err := io.ReadAll(r)
		got[item.ID] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func took(s poller.Session, items []poller.Item) { s.(poller.Brief).Took(items) }

func ids(items []poller.Item) (out []string) {
	for _, i := range items {
		out = append(out, i.ID)
	}
	return out
}

func deleting(items []poller.Item) (out []poller.Settled) {
	for _, i := range items {
		out = append(out, poller.Settled{Item: i, After: poller.After{Do: poller.Delete}})
	}
	return out
}

// poll takes all that is new, a few at a time, deletes it if it is to, and says QUIT.
func poll(t *testing.T, a *pop3.Account, cursor json.RawMessage, remove bool) (taken []string, next json.RawMessage) {
	t.Helper()
	s := open(t, a)
	for {
		b := list(t, s, cursor, 3)
		cursor = b.Next
		got := fetch(t, s, b.Items)
		for _, i := range b.Items {
			taken = append(taken, got[i.ID])
		}
		took(s, b.Items)
		if remove {
			if err := s.Settle(t.Context(), deleting(b.Items)); err != nil {
				t.Fatal(err)
			}
		}
		if !b.More {
			break
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return taken, cursor
}

func raws(mails []*lies) (out []string) {
	for _, m := range mails {
		out = append(out, m.raw)
	}
	return out
}

// Each mail is taken once, whatever the server can: with ids or without, with TOP or without, pipelined or not, kept or deleted.
func TestOnce(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*server){
		"modern":                   func(*server) {},
		"no pipelining":            func(s *server) { s.caps = []string{"TOP", "UIDL"} },
		"no CAPA":                  func(s *server) { s.caps = nil },
		"no CAPA, no UIDL":         func(s *server) { s.caps, s.uidl = nil, false },
		"no UIDL":                  func(s *server) { s.caps, s.uidl = []string{"TOP", "PIPELINING"}, false },
		"no UIDL, no TOP":          func(s *server) { s.caps, s.uidl, s.top = []string{"USER"}, false, false },
		"no TOP though it says so": func(s *server) { s.uidl, s.top = false, false },
	} {
		for _, remove := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, delete %v", name, remove), func(t *testing.T) {
				t.Parallel()
				s := modern()
				change(s)
				s.start(t)
				first, second := numbered(1, 10), numbered(11, 14)
				s.put(first...)
				taken, cursor := poll(t, s.account(), nil, remove)
				if !slices.Equal(taken, raws(first)) {
					t.Errorf("got %q", taken)
				}
				again, cursor := poll(t, s.account(), cursor, remove)
				if len(again) != 0 {
					t.Errorf("taken again: %q", again)
				}
				s.put(second...)
				later, cursor := poll(t, s.account(), cursor, remove)
				if !slices.Equal(later, raws(second)) {
					t.Errorf("of the new ones: got %q", later)
				}
				if left := len(s.left()); remove && left != 0 || !remove && left != 14 {
					t.Errorf("%d mails lie there", left)
				}
				// What lies there no more is in no cursor.
				s.mu.Lock()
				s.mails = nil
				s.mu.Unlock()
				if _, cursor = poll(t, s.account(), cursor, false); len(cursor) > 60 {
					t.Errorf("the cursor of nothing: %s", cursor)
				}
			})
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	s := modern().start(t)
	s.put(numbered(1, 7)...)
	x := open(t, s.account())
	one := list(t, x, nil, 3)
	if !slices.Equal(ids(one.Items), []string{"uid-1", "uid-2", "uid-3"}) || !one.More || one.Total != 7 || one.Items[0].Size != int64(len(numbered(1, 1)[0].raw)) {
		t.Errorf("got %+v", one)
	}
	if again := list(t, x, nil, 2); len(again.Items) != 2 || again.Total != 7 { // a cursor changes nothing before it is used
		t.Errorf("again: got %+v", again)
	}
	two := list(t, x, one.Next, 100)
	if len(two.Items) != 4 || two.More || two.Total != 4 {
		t.Errorf("then: got %+v", two)
	}
	if old := list(t, x, one.Next, 1); ids(old.Items)[0] != "uid-4" || old.Total != 4 {
		t.Errorf("by the older cursor: got %+v", old)
	}
	if end := list(t, x, two.Next, 10); len(end.Items) != 0 || end.Total != 0 || string(end.Next) != string(two.Next) {
		t.Errorf("at the end: got %+v", end)
	}
	for _, odd := range []string{"null", `{"v":2}`, `"x"`, `{"v":1,"salt":"AAAA","seen":"AA=="}`} {
		if b := list(t, x, json.RawMessage(odd), 100); len(b.Items) != 7 {
			t.Errorf("by the cursor %s: got %d items, want all", odd, len(b.Items))
		}
	}
	if n := s.count("UIDL"); n != 1 {
		t.Errorf("UIDL was asked %d times in one session", n)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	dated := func(uid, head string) *lies {
		return &lies{uid: uid, raw: head + "Subject: x\r\n\r\nDate: in the body\r\n"}
	}
	mails := []*lies{
		dated("old", "Received: from a by b;\r\n\tMon, 5 Jan 2026 10:00:00 +0100 (CET)\r\nReceived: from x; Fri, 1 May 2026 10:00:00 +0000\r\nDate: Fri, 1 May 2026 10:00:00 +0000\r\n"),
		dated("old by date", "Date: Mon, 5 Jan 2026 10:00:00 +0100\r\n"),
		dated("new", "Received: from a by b; Sun, 1 Feb 2026 00:00:00 +0000\r\nDate: Mon, 5 Jan 2026 10:00:00 +0100\r\n"),
		dated("new by date", "Received: nonsense\r\nDate: Mon, 2 Feb 2026 10:00:00 +0100\r\n"),
		dated("undated", "Date: yesterday\r\n"),
	}
	for name, tt := range map[string]struct {
		start pop3.Start
		want  []string
	}{
		"all":   {pop3.Start{}, []string{"old", "old by date", "new", "new by date", "undated"}},
		"since": {pop3.Start{Since: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}, []string{"new", "new by date", "undated"}},
		"new":   {pop3.Start{New: true}, nil},
	} {
		for _, top := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, TOP %v", name, top), func(t *testing.T) {
				t.Parallel()
				s := modern()
				if s.top = top; !top {
					s.caps = []string{"UIDL"}
				}
				s.start(t)
				for _, m := range mails {
					m := *m
					m.uid = strings.ReplaceAll(m.uid, " ", "-")
					s.put(&m)
				}
				var want []string
				for _, w := range tt.want {
					want = append(want, strings.ReplaceAll(w, " ", "-"))
				}
				x := open(t, s.account(func(o *pop3.Options) { o.Start = tt.start }))
				b := list(t, x, nil, 2)
				got := ids(b.Items)
				if rest := list(t, x, b.Next, 100); rest != nil {
					got = append(got, ids(rest.Items)...)
					b = rest
				}
				if !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				_ = x.Close()
				// What comes from now on is taken, however old it says that it is.
				s.put(&lies{uid: "late", raw: mails[0].raw})
				if b = list(t, open(t, s.account(func(o *pop3.Options) { o.Start = tt.start })), b.Next, 100); !slices.Equal(ids(b.Items), []string{"late"}) {
					t.Errorf("afterwards: got %+v", b)
				}
			})
		}
	}
}

// Ids that say nothing, or too little, lose no mail.
func TestOddIDs(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	s := modern().start(t)
	all := numbered(1, 9)
	for i, uid := range []string{"same", "same", "", "two words", "\xff\x01", long, long + "y", "ok", "same"} {
		all[i].uid = uid
	}
	all[8].raw = all[0].raw // a true copy
	s.put(all...)
	want := slices.Sorted(slices.Values(raws(all[:8])))
	taken, cursor := poll(t, s.account(), nil, false)
	if slices.Sort(taken); !slices.Equal(taken, want) {
		t.Errorf("got %q, want %q", taken, want)
	}
	if taken, _ = poll(t, s.account(), cursor, false); len(taken) != 0 {
		t.Errorf("taken again: %q", taken)
	}
	// The copy is deleted with what it is a copy of.
	if taken, _ = poll(t, s.account(), nil, true); len(taken) != 8 || len(s.left()) != 0 {
		t.Errorf("took %d and left %q", len(taken), s.left())
	}
	// An id that can be shown goes to JSON and back.
	s.put(&lies{uid: "\xff\xfe", raw: "a\r\n"})
	b := list(t, open(t, s.account()), nil, 1)
	raw, _ := json.Marshal(b.Items[0])
	var back poller.Item
	if err := json.Unmarshal(raw, &back); err != nil || back != b.Items[0] {
		t.Errorf("got %+v back, %v, want %+v", back, err, b.Items[0])
	}
}

// Without UIDL, mails that begin alike are told apart, and flags that a server writes into mails make none of them new.
func TestNamedByContent(t *testing.T) {
	t.Parallel()
	s := &server{caps: []string{"TOP"}, top: true}
	s.start(t)
	head := "Message-ID: <1@example.org>\r\n\r\n" + strings.Repeat("the same\r\n", 60)
	s.put(&lies{raw: head + "end a\r\n"}, &lies{raw: head + "end b\r\n"}, &lies{raw: "Subject: other\r\n\r\nx\r\n"})
	taken, cursor := poll(t, s.account(), nil, false)
	if len(taken) != 3 {
		t.Fatalf("got %q", taken)
	}
	s.mu.Lock()
	for i, m := range s.mails {
		s.mails[i] = &lies{raw: "Status: RO\r\nX-UIDL: 7\r\n folded\r\n" + m.raw, size: len(m.raw)}
	}
	s.mu.Unlock()
	if again, _ := poll(t, s.account(), cursor, false); len(again) != 0 {
		t.Errorf("taken again: %q", again)
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	s := modern()
	s.answers = map[string]string{"RETR 2": "-ERR [SYS/TEMP] it cannot be read\r\n"}
	s.start(t)
	s.put(numbered(1, 200)...)
	x := open(t, s.account())
	b := list(t, x, nil, 500)
	want := b.Items
	items := append([]poller.Item{{ID: "nobody"}}, want...)
	got := fetch(t, x, items)
	if len(got) != 201 || !strings.Contains(got["nobody"], "any more") || !strings.Contains(got["uid-2"], "SYS/TEMP") || got["uid-200"] != numbered(200, 200)[0].raw {
		t.Errorf("got %d, %q, %q, %q", len(got), got["nobody"], got["uid-2"], got["uid-200"])
	}
	s.mu.Lock()
	deepest := s.deepest
	s.mu.Unlock()
	if deepest < 16 || deepest > 64 {
		t.Errorf("%d commands were sent ahead", deepest)
	}
	var gone *poller.ItemError
	err := x.Fetch(t.Context(), items[:1], func(_ poller.Item, _ io.Reader, err error) error { return err })
	if !errors.As(err, &gone) || !gone.Gone {
		t.Errorf("gone: got %v", err)
	}

	// Who stops in the middle, or reads a part only, leaves the session in order.
	errEnough := errors.New("enough")
	n := 0
	err = x.Fetch(t.Context(), want, func(_ poller.Item, r io.Reader, err error) error {
		if n++; n > 5 {
			return errEnough
		}
		if r != nil {
			_, _ = r.Read(make([]byte, 3))
		}
		return nil
	})
	if !errors.Is(err, errEnough) || n != 6 {
		t.Errorf("stopped: got %v after %d", err, n)
	}
	if got := fetch(t, x, want[4:6]); got["uid-5"] != numbered(5, 5)[0].raw || got["uid-6"] != numbered(6, 6)[0].raw {
		t.Errorf("afterwards: got %q", got)
	}
	_ = x.Fetch(t.Context(), want, func(poller.Item, io.Reader, error) error { return errEnough })
	took(x, want[:1])
	if err := x.Settle(t.Context(), deleting(want[:3])); err != nil {
		t.Error(err)
	}
	_ = x.Fetch(t.Context(), want[10:], func(poller.Item, io.Reader, error) error { return errEnough })
	took(x, want)
	if err := x.Close(); err != nil || len(s.left()) != 197 {
		t.Errorf("close: %v, %d left", err, len(s.left()))
	}
}

func TestNoPipelining(t *testing.T) {
	t.Parallel()
	s := modern()
	s.caps = []string{"UIDL"}
	s.start(t)
	s.put(numbered(1, 100)...)
	x := open(t, s.account())
	b := list(t, x, nil, 500)
	fetch(t, x, b.Items)
	if err := x.Settle(t.Context(), deleting(b.Items)); err != nil {
		t.Error(err)
	}
	if s.mu.Lock(); s.deepest != 1 {
		t.Errorf("%d commands were sent ahead", s.deepest)
	}
	s.mu.Unlock()
}

// What was settled counts once Close returned nil, and not before.
func TestSettle(t *testing.T) {
	t.Parallel()
	begin := func(t *testing.T, s *server) (poller.Session, []poller.Item) {
		s.start(t)
		s.put(numbered(1, 5)...)
		x := open(t, s.account())
		return x, list(t, x, nil, 100).Items
	}
	t.Run("crash", func(t *testing.T) {
		t.Parallel()
		s := modern()
		x, items := begin(t, s)
		if err := x.Settle(t.Context(), deleting(items)); err != nil {
			t.Error(err)
		}
		if got := fetch(t, x, items[:1]); !strings.Contains(got["uid-1"], "any more") {
			t.Errorf("what is marked can be fetched: %q", got)
		}
		if len(s.left()) != 5 {
			t.Errorf("deleted before QUIT: %q", s.left())
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := x.Fetch(ctx, items[:1], func(poller.Item, io.Reader, error) error { return nil }); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	for name, tt := range map[string]struct {
		answers map[string]string
		left    int
		says    string
	}{
		"in order":                {nil, 0, ""},
		"QUIT is refused":         {map[string]string{"QUIT": "-ERR some deleted messages not removed\r\n"}, 5, "some deleted messages not removed"},
		"QUIT is not answered":    {map[string]string{"QUIT": ""}, 5, "ended the connection"},
		"QUIT is answered oddly":  {map[string]string{"QUIT": "bye\r\n"}, 5, "not POP3"},
		"one DELE is refused":     {map[string]string{"DELE 3": "-ERR locked\r\n"}, 1, ""},
		"a DELE ends the session": {map[string]string{"DELE 3": ""}, 5, "ended the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := modern()
			s.answers = tt.answers
			x, items := begin(t, s)
			err := x.Settle(t.Context(), deleting(items))
			var one *poller.ItemError
			switch {
			case name == "one DELE is refused":
				if !errors.As(err, &one) || one.Item.ID != "uid-3" || one.Gone {
					t.Errorf("got %v", err)
				}
			case name == "a DELE ends the session":
				if err == nil || errors.As(err, &one) {
					t.Errorf("got %v", err)
				}
			case err != nil:
				t.Error(err)
			}
			err = x.Close()
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("close: got %v, want %q", err, tt.says)
			}
			if left := len(s.left()); left != tt.left {
				t.Errorf("%d left, want %d", left, tt.left)
			}
		})
	}
	t.Run("other ways", func(t *testing.T) {
		t.Parallel()
		s := modern()
		x, items := begin(t, s)
		if err := x.Settle(t.Context(), []poller.Settled{{Item: items[0], After: poller.After{Do: poller.Keep}}, {Item: poller.Item{ID: "gone"}, After: poller.After{Do: poller.Delete}}}); err != nil {
			t.Error(err)
		}
		for range 2 { // twice is no error
			if err := x.Settle(t.Context(), deleting(items[:1])); err != nil {
				t.Error(err)
			}
		}
		var one *poller.ItemError
		if err := x.Settle(t.Context(), []poller.Settled{{Item: items[1], After: poller.After{Do: poller.Move, Folder: "Done"}}, deleting(items[2:3])[0]}); !errors.As(err, &one) || !strings.Contains(err.Error(), "keep or delete") {
			t.Errorf("move: got %v", err)
		}
		if err := x.Close(); err != nil || !slices.Equal(s.left(), []string{"uid-2", "uid-4", "uid-5"}) {
			t.Errorf("close: %v, left %q", err, s.left())
		}
		if err := x.Close(); err == nil {
			t.Error("a second Close says again that it deleted")
		}
		if _, err := x.List(t.Context(), nil, 1); err == nil {
			t.Error("a closed session lists")
		}
	})
}

// Some servers remove at QUIT what was fetched, whoever asked for it: a session that fetched what was not taken says none.
func TestTaken(t *testing.T) {
	t.Parallel()
	s := modern().start(t)
	s.put(numbered(1, 4)...)
	x := open(t, s.account())
	items := list(t, x, nil, 10).Items
	fetch(t, x, items)
	took(x, items[:3])
	if err := x.Settle(t.Context(), deleting(items[:2])); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err == nil || !strings.Contains(err.Error(), "fetched and not taken") || s.count("QUIT") != 0 {
		t.Errorf("got %v; it said %q", err, s.said)
	}
	x = open(t, s.account())
	fetch(t, x, items[2:])
	took(x, items[2:3])
	if err := x.Close(); err != nil || s.count("QUIT") != 0 { // nothing was to be deleted
		t.Errorf("got %v; it said %q", err, s.said)
	}
	x = open(t, s.account())
	fetch(t, x, items)
	took(x, items[1:])
	if err := x.Settle(t.Context(), deleting(items[:1])); err != nil { // what is deleted was taken
		t.Fatal(err)
	}
	if err := x.Close(); err != nil || s.count("QUIT") != 1 || len(s.left()) != 3 {
		t.Errorf("got %v; it said %q", err, s.said)
	}
	// The same for what had to be read to be known.
	poor := &server{}
	poor.start(t)
	poor.put(numbered(1, 4)...)
	x = open(t, poor.account())
	b := list(t, x, nil, 2)
	fetch(t, x, b.Items)
	took(x, b.Items)
	_ = x.Close()
	if poor.count("QUIT") != 0 {
		t.Errorf("it said %q", poor.said)
	}
	if taken, _ := poll(t, poor.account(), b.Next, false); len(taken) != 2 || poor.count("QUIT") != 1 {
		t.Errorf("took %q; it said %q", taken, poor.said)
	}
}

// A server may give the id of a mail that was deleted to the next one: RFC 1939 section 7.
func TestReusedIDs(t *testing.T) {
	t.Parallel()
	s := modern().start(t)
	a := s.account()
	mail := func(text string) *lies { return &lies{uid: "1", raw: "Subject: alert\r\n\r\n" + text + "\r\n"} }
	var cursor json.RawMessage
	var taken []string
	for _, text := range []string{"first", "other", "longer than those", "third"} { // two of one size
		s.put(mail(text))
		if taken, cursor = poll(t, a, cursor, true); len(taken) != 1 || taken[0] != mail(text).raw || len(s.left()) != 0 {
			t.Errorf("%s: took %q, left %q", text, taken, s.left())
		}
	}
	// One that a server says it deleted, and did not, is not taken again and again.
	s.put(mail("third"))
	if taken, _ = poll(t, a, cursor, true); len(taken) != 0 {
		t.Errorf("took %q", taken)
	}
	// What is to be deleted is the mail that was taken, not one that has got its id.
	x := open(t, a)
	old := poller.Item{ID: "1", Size: 5}
	if err := x.Settle(t.Context(), deleting([]poller.Item{old})); err != nil {
		t.Fatal(err)
	}
	if got := fetch(t, x, []poller.Item{old}); !strings.Contains(got["1"], "any more") {
		t.Errorf("got %q", got)
	}
	if err := x.Close(); err != nil || len(s.left()) != 1 {
		t.Errorf("%v, left %q", err, s.left())
	}
}

// Some servers refuse to list nothing.
func TestEmpty(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]map[string]string{
		"in order":     nil,
		"LIST refused": {"LIST": "-ERR Mailbox is empty\r\n"},
		"STAT refused": {"LIST": "-ERR no messages\r\n", "STAT": "-ERR mailbox empty\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := modern()
			s.answers = answers
			s.start(t)
			if b := list(t, open(t, s.account()), nil, 10); len(b.Items) != 0 || b.Total != 0 || b.More || b.Next == nil {
				t.Errorf("got %+v", b)
			}
		})
	}
	s := modern()
	s.answers = map[string]string{"LIST": "-ERR [SYS/TEMP] not now\r\n"}
	s.start(t)
	s.put(numbered(1, 1)...)
	if _, err := open(t, s.account()).List(t.Context(), nil, 10); err == nil || !strings.Contains(err.Error(), "not now") {
		t.Errorf("got %v", err)
	}
}
