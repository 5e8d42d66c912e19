package storetest

import (
	"fmt"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

func participants(w *world) {
	c := w.mail()
	c.Participants = []string{"ann@example.org", "carl@example.org"}
	c.NewIssue.Watchers = []string{"watch@example.org"}
	done := w.commit(c)
	r := w.reply(done.Issue, "me too")
	r.Participants = []string{"dora@example.org", "carl@example.org"}
	r.Change.AddWatchers = []string{"late@example.org"}
	w.commit(r)
	got, err := w.s.Participants(background(), done.Issue, []string{
		"nobody@example.org", "ann@example.org", "carl@example.org", "dora@example.org", "watch@example.org", "late@example.org", "",
	})
	w.must(err, "participants")
	w.same(got, []string{"ann@example.org", "carl@example.org", "dora@example.org", "watch@example.org", "late@example.org"},
		"participants: requester, named, watching, in the order asked")
	got, err = w.s.Participants(background(), done.Issue, nil)
	w.must(err, "participants")
	w.same(got, []string{}, "nobody asked for")
}

func users(w *world) {
	ann := issue.User{Email: "ann@example.org", Name: "Ann", Role: "agent", Organization: "Example", CreatedAt: epoch}
	c := w.mail()
	c.Users = []issue.User{ann}
	w.commit(c)
	c = w.mail()
	c.Users = []issue.User{{Email: ann.Email, Name: "Another", CreatedAt: epoch}, {Email: "bob@example.org", CreatedAt: epoch}}
	w.commit(c)
	u, err := w.s.FindUser(background(), ann.Email)
	w.must(err, "find user")
	w.same(*u, ann, "a user that was known is left as it is")
	if _, err := w.s.FindUser(background(), "bob@example.org"); err != nil {
		w.Errorf("a new user beside a known one: %v", err)
	}
}

func recent(w *world) {
	start := w.now()
	for i := range 6 {
		if i%2 == 1 {
			w.commit(w.bare("rejected"))
		} else {
			w.commit(w.mail())
		}
	}
	other := w.mail()
	other.Message.Mailbox = "sales"
	w.commit(other)
	for _, tt := range []struct {
		name, mailbox, email string
		since                time.Time
		want                 int
	}{
		{"all", "support", "ann@example.org", start, 6},
		{"from the fourth on, that one too", "support", "ann@example.org", start.Add(4 * time.Second), 3},
		{"another mailbox", "sales", "ann@example.org", start, 1},
		{"another author", "support", "bob@example.org", start, 0},
		{"the future", "support", "ann@example.org", start.Add(time.Hour), 0},
	} {
		got, err := w.s.Recent(background(), tt.mailbox, tt.email, tt.since)
		w.must(err, tt.name)
		if got != tt.want {
			w.Errorf("%s: got %d, want %d", tt.name, got, tt.want)
		}
	}
}

func copies(w *world) {
	done := w.commit(w.mail())
	var mu sync.Mutex
	want := map[string]string{}
	together(issue.MaxCopies+5, func(i int) {
		raw := spool.Bytes(fmt.Appendf(nil, "copy %d", i))
		cp := &issue.Copy{
			ReceivedAt: epoch.Add(time.Duration(i) * time.Minute), Envelope: issue.Envelope{Source: "lmtp", To: "support@example.com"},
			Raw: issue.Blob{SHA256: raw.SHA256(), Size: raw.Size()}, Auth: []byte(`{"spf":"pass"}`),
		}
		if err := w.s.KeepCopy(background(), done.Message, cp, raw); err != nil {
			w.Errorf("keep copy: %v", err)
		}
		mu.Lock()
		want[raw.SHA256()] = fmt.Sprintf("copy %d", i)
		mu.Unlock()
	})
	list, err := w.s.Copies(background(), done.Message)
	w.must(err, "copies")
	if len(list) != issue.MaxCopies {
		w.Errorf("got %d copies, want %d", len(list), issue.MaxCopies)
	}
	for _, c := range list {
		if got := string(w.blob(c.Raw.SHA256)); got != want[c.Raw.SHA256] || string(c.Auth) == "" || c.Envelope.Source != "lmtp" {
			w.Errorf("copy: got %+v with raw %q, want %q", c, got, want[c.Raw.SHA256])
		}
	}
	if m := w.message(done.Message); m.Copies != issue.MaxCopies+5 {
		w.Errorf("message: got %d copies counted, want %d", m.Copies, issue.MaxCopies+5)
	}
}

func ledgerCounts(w *world) {
	line := issue.LedgerLine{ID: issue.NewID(epoch), At: epoch, Source: "smtp", Peer: "192.0.2.9", Verdict: "rejected", Reason: "unknown", Count: 1}
	second := issue.LedgerLine{ID: issue.NewID(epoch.Add(time.Second)), At: epoch.Add(time.Second), Verdict: "aborted", Count: 1}
	w.must(w.s.AppendLedger(background(), []issue.LedgerLine{line, second}), "append")
	again := line
	again.At, again.Count = epoch.Add(time.Hour), 41
	w.must(w.s.AppendLedger(background(), []issue.LedgerLine{again}), "append")
	together(8, func(int) {
		one := line
		one.Count = 1
		if err := w.s.AppendLedger(background(), []issue.LedgerLine{one}); err != nil {
			w.Errorf("append: %v", err)
		}
	})
	want := line
	want.Count = 50
	w.same(w.ledger(), []*issue.LedgerLine{&second, &want}, "a line that came again is counted, and stays in its place")
	w.must(w.s.AppendLedger(background(), nil), "append nothing")
}

func ledgerQuery(w *world) {
	for i, l := range []issue.LedgerLine{
		{From: "ann@example.org", To: "support@example.com, sales@example.com", Author: "ann@example.org", Subject: "Invoice ÜBER 100%", MessageID: "<1@a>", Peer: "192.0.2.1"},
		{From: "bounce+1@list.example.net", To: "support@example.com", Author: "bob@example.net", Subject: "Re: invoice_7", MessageID: "<2@b>", Peer: "2001:db8::7"},
		{From: "", To: "sales@example.com", Author: "", Subject: "", MessageID: "", Peer: "192.0.2.3", Verdict: "aborted"},
	} {
		l.ID, l.At, l.Count = issue.NewID(epoch.Add(time.Duration(i)*time.Second)), epoch.Add(time.Duration(i)*time.Minute), 1
		w.must(w.s.AppendLedger(background(), []issue.LedgerLine{l}), "append")
	}
	for _, tt := range []struct {
		name string
		q    issue.LedgerQuery
		want []string
	}{
		{"all", issue.LedgerQuery{}, []string{"192.0.2.3", "2001:db8::7", "192.0.2.1"}},
		{"a word in any case", issue.LedgerQuery{Words: []string{"INVOICE"}}, []string{"2001:db8::7", "192.0.2.1"}},
		{"more than ASCII in any case", issue.LedgerQuery{Words: []string{"über"}}, []string{"192.0.2.1"}},
		{"words in different places", issue.LedgerQuery{Words: []string{"invoice", "bob@"}}, []string{"2001:db8::7"}},
		{"a percent sign is itself", issue.LedgerQuery{Words: []string{"0%"}}, []string{"192.0.2.1"}},
		{"an underscore is itself", issue.LedgerQuery{Words: []string{"e_"}}, []string{"2001:db8::7"}},
		{"dots and stars are themselves", issue.LedgerQuery{Words: []string{".*"}}, nil},
		{"a bracket is itself", issue.LedgerQuery{Words: []string{"("}}, nil},
		{"a verdict is not searched", issue.LedgerQuery{Words: []string{"aborted"}}, nil},
		{"peer", issue.LedgerQuery{Words: []string{"192.0.2"}}, []string{"192.0.2.3", "192.0.2.1"}},
		{"Message-ID", issue.LedgerQuery{Words: []string{"<2@b>"}}, []string{"2001:db8::7"}},
		{"address as author", issue.LedgerQuery{Address: "bob@example.net"}, []string{"2001:db8::7"}},
		{"address as sender", issue.LedgerQuery{Address: "bounce+1@list.example.net"}, []string{"2001:db8::7"}},
		{"address among several recipients", issue.LedgerQuery{Address: "sales@example.com"}, []string{"192.0.2.3", "192.0.2.1"}},
		{"a part of an address", issue.LedgerQuery{Address: "ann@example"}, nil},
		{"since", issue.LedgerQuery{Since: epoch.Add(time.Minute)}, []string{"192.0.2.3", "2001:db8::7"}},
		{"all at once", issue.LedgerQuery{Since: epoch.Add(time.Minute), Words: []string{"invoice"}, Address: "support@example.com"}, []string{"2001:db8::7"}},
	} {
		var got []string
		lines, _, err := w.s.Ledger(background(), tt.q)
		w.must(err, tt.name)
		for _, l := range lines {
			got = append(got, l.Peer)
		}
		w.same(got, tt.want, tt.name)
	}
}

func events(w *world) {
	var want []*issue.Event
	for i := range 5 {
		e := issue.Event{
			ID: issue.NewID(epoch.Add(time.Duration(i) * time.Second)), At: epoch.Add(time.Duration(i) * time.Second),
			Actor: "token:x", Action: "a", Subject: "message:1", Detail: fmt.Sprint(i),
		}
		w.must(w.s.AppendEvent(background(), e), "append")
		want = append([]*issue.Event{&e}, want...)
	}
	first, next, err := w.s.Events(background(), issue.Page{Limit: 3})
	w.must(err, "events")
	rest, end, err := w.s.Events(background(), issue.Page{Limit: 3, After: next})
	w.must(err, "events")
	w.same(append(first, rest...), want, "events, newest first, in two pieces")
	if next == "" || end != "" {
		w.Errorf("cursors: got %q and %q, want one and none", next, end)
	}
}

func tokens(w *world) {
	expires := epoch.Add(time.Hour)
	a := issue.Token{ID: "a", Name: "one", Hash: "aa", Scopes: []string{"read", "write"}, CreatedAt: epoch, ExpiresAt: &expires}
	b := issue.Token{ID: "b", Name: "two", Hash: "bb", Scopes: []string{"read"}, CreatedAt: epoch.Add(time.Second)}
	w.must(w.s.AddToken(background(), a), "add")
	w.must(w.s.AddToken(background(), b), "add")
	w.kind(w.s.AddToken(background(), a), fault.Conflict, "adding it again")
	got, err := w.s.FindToken(background(), "aa")
	w.must(err, "find")
	w.same(*got, a, "token")
	list, err := w.s.Tokens(background())
	w.must(err, "list")
	w.same(list, []*issue.Token{&b, &a}, "tokens, newest first")

	w.tick(2 * time.Hour)
	_, err = w.s.FindToken(background(), "aa")
	w.kind(err, fault.NotFound, "a token that expired")
	w.must(w.s.RevokeToken(background(), "b"), "revoke")
	_, err = w.s.FindToken(background(), "bb")
	w.kind(err, fault.NotFound, "a token that was revoked")
	list, err = w.s.Tokens(background())
	w.must(err, "list")
	w.same(list, []*issue.Token{&a}, "an expired token is still listed")
}

func once(w *world) {
	got := make([]string, senders)
	together(senders, func(i int) {
		v, err := w.s.Once(background(), "store", fmt.Sprint("value ", i))
		if err != nil {
			w.Errorf("once: %v", err)
		}
		got[i] = v
	})
	for _, v := range got {
		if v != got[0] || v == "" {
			w.Fatalf("once: got %q, want one value for all", got)
		}
	}
	if v, err := w.s.Once(background(), "other", "x"); v != "x" || err != nil {
		w.Errorf("another key: got %q, %v, want x", v, err)
	}
}

func ping(w *world) {
	w.must(w.s.Ping(background()), "ping")
	if k := w.s.Kind(); k != "sqlite" && k != "mongodb" {
		w.Errorf("kind: got %q", k)
	}
}
