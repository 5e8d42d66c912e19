package graph_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/graphtest"
	"postern/poller"
	"postern/poller/graph"
)

func TestListPages(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 7, 100, 5000} {
		for _, size := range []int{0, 3} {
			w := newWorld(t, nil)
			w.srv.PageSize = size
			want := w.fill("inbox", 40)
			s := w.open()
			items, c := w.list(s, nil, n)
			if d := cmp.Diff(sorted(want...), ids(items)); d != "" {
				t.Fatalf("n %d, pages of %d: %s", n, size, d)
			}
			if i := items[0]; i.Size != int64(len(raw(0))) && i.Size != int64(len(raw(10))) || i.Folder != "INBOX" || i.Arrived.IsZero() {
				t.Errorf("%+v", i)
			}
			if again, _ := w.list(s, c, n); len(again) != 0 {
				t.Errorf("listed twice: %v", ids(again))
			}
			more := w.fill("inbox", 2)
			items, _ = w.list(w.open(), c, n)
			if d := cmp.Diff(sorted(more...), ids(items)); d != "" {
				t.Errorf("n %d, what came later: %s", n, d)
			}
		}
	}
}

// What is marked, moved away or removed is no new mail; what is moved here is, and what is moved away and back is not again.
func TestListChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	old := w.fill("inbox", 5)
	s := w.open()
	_, c := w.list(s, nil, 10)
	w.box.Touch(old[0])
	w.box.Move(old[1], "archive")
	w.box.Remove(old[2])
	came := w.box.Put("archive", w.clock.Now().Add(-90*24*time.Hour), "x")
	w.box.Move(came, "inbox")
	items, c := w.list(s, c, 10)
	if d := cmp.Diff([]string{came}, ids(items)); d != "" {
		t.Error(d)
	}
	w.box.Move(old[1], "inbox")
	if items, _ = w.list(s, c, 10); len(items) != 0 {
		t.Errorf("moved back: %v", ids(items))
	}
}

// A link that the server does not know any more begins anew: nothing is left out, what came meanwhile among it.
func TestExpiredLinks(t *testing.T) {
	t.Parallel()
	for _, code := range []struct {
		status int
		code   string
	}{{410, "SyncStateNotFound"}, {410, "resyncRequired"}, {410, ""}, {400, "ErrorInvalidSyncStateData"}} {
		w := newWorld(t, nil)
		w.srv.PageSize = 4
		w.fill("inbox", 10)
		s := w.open()
		b, err := s.List(t.Context(), nil, 4) // in the middle of the first round
		if err != nil {
			t.Fatal(err)
		}
		w.box.Forget()
		w.srv.Break(graphtest.Fault{Match: "/delta", Times: 1, Status: code.status, Code: code.code})
		items, c := w.list(s, b.Next, 4)
		if got := len(b.Items) + len(items); got != 10 {
			t.Errorf("%v: %d items", code, got)
		}
		w.box.Forget()
		late := w.fill("inbox", 3)
		items, _ = w.list(s, c, 4)
		if d := cmp.Diff(sorted(late...), ids(items)); d != "" {
			t.Errorf("%v: %s", code, d)
		}
	}
}

// A link that expires again and again is an error, and no loop.
func TestAlwaysExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.fill("inbox", 2)
	s := w.open()
	_, c := w.list(s, nil, 10)
	w.srv.Break(graphtest.Fault{Match: "/delta", Times: 1000, Status: 410, Code: "SyncStateNotFound"})
	if _, err := s.List(t.Context(), c, 10); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
	if n := w.srv.Asked("/delta"); n > 10 {
		t.Errorf("%d requests", n)
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	at := func(w *world, folder string, ages ...time.Duration) (ids []string) {
		for _, a := range ages {
			ids = append(ids, w.box.Put(folder, w.clock.Now().Add(-a), "x"))
		}
		return ids
	}
	t.Run("new", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *graph.Options) { o.Start = "new" })
		w.srv.PageSize = 50
		old := at(w, "inbox", 100*time.Hour, time.Hour, 5*time.Minute)
		for range 3000 { // more than one List looks through
			at(w, "inbox", 1000*time.Hour)
		}
		s := w.open()
		items, c := w.list(s, nil, 10)
		if len(items) != 0 {
			t.Fatalf("%d items", len(items))
		}
		w.clock.forward(time.Hour)
		w.box.Touch(old[0]) // somebody reads old mail: it must not become an issue
		fresh := at(w, "inbox", time.Second)
		// A restart with the cursor, and a clock of ours that is wrong: the server's counts.
		w.o.Now = func() time.Time { return w.clock.Now().Add(48 * time.Hour) }
		w.a = graph.New(w.o)
		items, _ = w.list(w.open(), c, 10)
		if d := cmp.Diff(sorted(fresh...), ids(items)); d != "" {
			t.Error(d)
		}
	})
	t.Run("new, with a clock that is ahead", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *graph.Options) { o.Start = "new" })
		w.o.Now = func() time.Time { return w.clock.Now().Add(time.Hour) }
		w.a = graph.New(w.o)
		_, c := w.list(w.open(), nil, 10)
		fresh := at(w, "inbox", 0)
		if items, _ := w.list(w.open(), c, 10); !slices.Equal(ids(items), fresh) {
			t.Errorf("lost: %v", ids(items))
		}
	})
	t.Run("since", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(o *graph.Options) { o.Start, o.Since = "", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) })
		at(w, "inbox", 60*24*time.Hour)
		want := []string{w.box.Put("inbox", w.o.Since, "x"), w.box.Put("inbox", w.clock.Now(), "x")}
		if items, _ := w.list(w.open(), nil, 10); !slices.Equal(ids(items), sorted(want...)) {
			t.Errorf("%v", ids(items))
		}
	})
}

func TestFolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *graph.Options) {
		o.Folders = []string{"Inbox", "inbox/Kunden/O'Brien & Söhne", "Team", "JunkEmail"}
	})
	w.box.AddFolder("inbox/Andere")
	if _, err := w.a.Open(t.Context()); !fault.Is(err, fault.NotFound) || !strings.Contains(err.Error(), "called \"Kunden\" there, but Andere.") {
		t.Errorf("a folder that is not there: %v", err)
	}
	w.box.AddFolder("inbox/Kunden/O'Brien & Söhne")
	w.box.AddFolder("Team")
	a, b, c, d := w.fill("inbox", 5), w.fill("O'Brien & Söhne", 5), w.fill("Team", 5), w.fill("junkemail", 1)
	s := w.open()
	for _, n := range []int{1, 2, 3, 4, 100} {
		items, cur := w.list(s, nil, n)
		if diff := cmp.Diff(sorted(slices.Concat(a, b, c, d)...), ids(items)); diff != "" {
			t.Fatalf("n %d: %s", n, diff)
		}
		if items, _ = w.list(s, cur, n); len(items) != 0 {
			t.Errorf("n %d: again %v", n, ids(items))
		}
	}
	// A folder that fails holds up no other, and is told.
	_, cur := w.list(s, nil, 100)
	fresh := w.fill("inbox", 1)
	w.box.Put("Team", w.clock.Now(), "x")
	broken := s
	w.srv.Break(graphtest.Fault{Match: "AAMkFolder9==/messages/delta", Times: 1000, Status: 500, Code: "ErrorInternalServerError"}) // Team
	batch, err := broken.List(t.Context(), cur, 100)
	if err != nil || !slices.Equal(ids(batch.Items), fresh) || !batch.More {
		t.Fatalf("%+v, %v", batch, err)
	}
	if _, err = broken.List(t.Context(), batch.Next, 100); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the folder that fails: %v", err)
	}
}

// Names are found whatever their case, among many.
func TestFolderCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *graph.Options) { o.Folders = []string{"TEAM/ost"} })
	w.srv.Strict = true
	for _, name := range []string{"A", "B", "C", "Team", "Team/West", "Team/Süd", "Team/Ost"} {
		w.box.AddFolder(name)
	}
	want := w.fill("Ost", 1)
	if items, _ := w.list(w.open(), nil, 10); !slices.Equal(ids(items), want) {
		t.Errorf("%v", ids(items))
	}
}

// A server that does not give sizes gives mail all the same.
func TestNoSizes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.srv.NoExpand = true
	w.fill("inbox", 3)
	items, _ := w.list(w.open(), nil, 2)
	if len(items) != 3 || items[0].Size != -1 {
		t.Errorf("%+v", items)
	}
}

// A busy folder does not keep the others from their turn.
func TestTurns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *graph.Options) { o.Folders = []string{"inbox", "junkemail"} })
	w.fill("inbox", 10)
	junk := w.fill("junkemail", 1)
	s := w.open()
	var c json.RawMessage
	for range 20 {
		b, err := s.List(t.Context(), c, 5)
		if err != nil {
			t.Fatal(err)
		}
		c = b.Next
		if slices.ContainsFunc(b.Items, func(i poller.Item) bool { return i.ID == junk[0] }) {
			return
		}
		w.fill("inbox", 6)
	}
	t.Error("never its turn")
}

// The token goes to the API only, whatever a link says.
func TestForeignLinks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.srv.PageSize = 1
	w.fill("inbox", 3)
	s := w.open()
	b, err := s.List(t.Context(), nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.srv.Foreign = "evil.example.net"
	if _, err := s.List(t.Context(), b.Next, 1); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "evil.example.net") {
		t.Errorf("%v", err)
	}
	// In a cursor of the store as well: from a server of before, or tampered with.
	for _, to := range []string{"https://evil.example.net/v1.0/", "http://graph.microsoft.com/v1.0/", "https://graph.microsoft.com@evil.example.net/v1.0/", "https://graph.microsoft.com:444/v1.0/", "https://graph.microsoft.com/beta/"} {
		c := json.RawMessage(strings.ReplaceAll(string(b.Next), "https://graph.microsoft.com/v1.0/", to))
		asked := w.srv.Asked("")
		if _, err := s.List(t.Context(), c, 1); !fault.Is(err, fault.Denied) {
			t.Errorf("%s: %v", to, err)
		}
		if w.srv.Asked("") != asked {
			t.Errorf("%s: a request was made", to)
		}
	}
}

func TestPagesWithoutEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, body := range []string{`{"value":[]}`, `{`, `[]`, `null`} {
		w.srv.Break(graphtest.Fault{Match: "/delta", Status: 200, Code: "", Says: body})
		if _, err := w.open().List(t.Context(), nil, 1); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// Whatever another client does between the lists, and however cursors are lost, nothing that stays is left out.
func TestListProperty(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t, func(o *graph.Options) { o.Folders = []string{"inbox", "archive"} })
		w.srv.PageSize = 1 + r.IntN(5)
		s := w.open()
		got := map[string]int{}
		all := []string{}
		var c json.RawMessage
		for range 60 {
			switch r.IntN(6) {
			case 0, 1:
				all = append(all, w.fill([]string{"inbox", "archive", "junkemail"}[r.IntN(3)], 1+r.IntN(4))...)
			case 2:
				if len(all) > 0 {
					w.box.Touch(all[r.IntN(len(all))])
				}
			case 3:
				if len(all) > 0 {
					w.box.Move(all[r.IntN(len(all))], []string{"inbox", "archive"}[r.IntN(2)])
				}
			case 4:
				if r.IntN(4) == 0 {
					w.box.Forget()
				}
			}
			b, err := s.List(t.Context(), c, 1+r.IntN(6))
			if err != nil {
				t.Fatal(seed, err)
			}
			if r.IntN(5) == 0 {
				continue // a crash before it was saved
			}
			c = b.Next
			for _, i := range b.Items {
				got[i.ID]++
			}
		}
		rest, _ := w.list(s, c, 100)
		for _, i := range rest {
			got[i.ID]++
		}
		for _, id := range append(w.box.In("inbox"), w.box.In("archive")...) {
			if got[id] == 0 {
				t.Errorf("seed %d: %s was never listed", seed, id)
			}
		}
		for id, n := range got {
			if n > 2 { // one folder each
				t.Errorf("seed %d: %s was listed %d times", seed, id, n)
			}
		}
	}
}

func TestBacklog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.fill("inbox", 30)
	s := w.open()
	var c json.RawMessage
	for want := 30; want > 0; want -= 10 {
		b, err := s.List(t.Context(), c, 10)
		if err != nil || b.Total != want {
			t.Errorf("%d items before us, want %d (%v)", b.Total, want, err)
		}
		c = b.Next
	}
	if len(c) > 2000 {
		t.Errorf("a cursor of %d bytes", len(c))
	}
}

func FuzzCursor(f *testing.F) {
	w := newWorld(f, nil)
	w.fill("inbox", 2)
	s := w.open()
	b, err := s.List(f.Context(), nil, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(b.Next))
	f.Add([]byte(`{"began":"2026-01-01T00:00:00Z","folders":{"INBOX":{"id":"x","seen":"AAAA"}}}`))
	f.Add([]byte(fmt.Sprintf(`{"began":"2026-01-01T00:00:00Z","folders":{"INBOX":{"id":"AAMkFolder2==","link":%q}}}`, "https://evil.example.net")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := s.List(t.Context(), raw, 3)
		if err == nil && len(b.Items) > 3 {
			t.Errorf("%d items", len(b.Items))
		}
	})
}

// An account that was known by another name begins with what came since a time, instead of what is new.
func TestSince(t *testing.T) {
	t.Parallel()
	for start, want := range map[string]int{"new": 3, "all": 9} {
		w := newWorld(t, func(o *graph.Options) { o.Start = start })
		w.fill("inbox", 9) // the last a minute ago
		w.a = w.a.Since(w.clock.Now().Add(-3 * time.Minute)).(*graph.Account)
		s := w.open()
		items, c := w.list(s, nil, 2)
		if len(items) != want {
			t.Errorf("%s: %d came, want %d", start, len(items), want)
		}
		w.fill("inbox", 1)
		if items, _ := w.list(s, c, 2); len(items) != 1 {
			t.Errorf("%s: %d came later", start, len(items))
		}
	}
}
