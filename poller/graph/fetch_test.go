package graph_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/graphtest"
	"postern/poller"
	"postern/poller/graph"
)

func TestFetch(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.fill("inbox", 25)
	big := bytes.Repeat([]byte("a line of text that is not empty\r\n"), 200_000) // 6.8 MB
	huge := w.box.Put("inbox", w.clock.Now(), string(big))
	s := w.open()
	items, _ := w.list(s, nil, 100)
	mails, bad, err := w.fetch(s, items)
	if err != nil || len(bad) != 0 || len(mails) != 26 {
		t.Fatalf("%d mails, %v, %v", len(mails), bad, err)
	}
	if mails[huge] != string(big) {
		t.Error("a large mail is not byte for byte the same")
	}
	if n := w.srv.Most(); n > 4 {
		t.Errorf("%d requests at once", n)
	}
}

// One bad mail is its own matter, whatever is wrong with it.
func TestBadItems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault graphtest.Fault
		gone  bool
		http2 bool
	}{
		{"gone", graphtest.Fault{Status: 404, Code: "ErrorItemNotFound", Says: "The specified object was not found in the store."}, true, true},
		{"an id that is none", graphtest.Fault{Status: 400, Code: "ErrorInvalidIdMalformed"}, false, true},
		{"a mail that cannot be converted", graphtest.Fault{Status: 500, Code: "ErrorMimeContentConversionFailed"}, false, true},
		{"cut, HTTP/2", graphtest.Fault{Cut: 20}, false, true},
		{"cut, HTTP/1", graphtest.Fault{Cut: 20}, false, false},
		{"nothing but a header", graphtest.Fault{Cut: 0}, false, true},
		{"an end that says nothing", graphtest.Fault{Cut: 20, Blind: true}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, tt.http2, nil)
			all := w.fill("inbox", 12)
			s := w.open()
			items, _ := w.list(s, nil, 100)
			tt.fault.Match = all[5] + "/$value"
			w.srv.Break(tt.fault)
			mails, bad, err := w.fetch(s, items)
			if err != nil || len(mails) != 11 || len(bad) != 1 || bad[all[5]] == nil || bad[all[5]].Gone != tt.gone {
				t.Fatalf("%d mails, %v, %v", len(mails), bad, err)
			}
			for i, id := range all {
				if i != 5 && mails[id] != raw(i) {
					t.Errorf("mail %d is %q", i, mails[id])
				}
			}
			if again, bad, err := w.fetch(s, items[5:7]); err != nil || len(bad) != 0 || len(again) != 2 {
				t.Errorf("asked again: %v, %v", bad, err)
			}
		})
	}
}

func TestFetchTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *graph.Options) { o.MaxSize = 1000 })
	big := w.box.Put("inbox", w.clock.Now(), strings.Repeat("x", 5000))
	small := w.box.Put("inbox", w.clock.Now(), strings.Repeat("x", 1000))
	s := w.open()
	items, _ := w.list(s, nil, 10)
	mails, bad, err := w.fetch(s, items)
	if err != nil || len(mails[small]) != 1000 || bad[big] == nil || !fault.Is(bad[big].Err, fault.TooLarge) {
		t.Errorf("%d mails, %v, %v", len(mails), bad, err)
	}
}

// What take returns ends Fetch; what was asked for ahead holds no place, and a mail that is not read to its end harms no other.
func TestFetchEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.box.Put("inbox", w.clock.Now(), strings.Repeat("x", 3<<20))
	w.fill("inbox", 20)
	s := w.open()
	items, _ := w.list(s, nil, 100)
	stop := errors.New("stop")
	for range 10 {
		n := 0
		err := s.Fetch(t.Context(), items, func(_ poller.Item, r io.Reader, bad error) error {
			if n++; n == 3 || bad != nil {
				return errors.Join(stop, bad)
			}
			_, err := io.CopyN(io.Discard, r, 3)
			return err
		})
		if !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Fetch(ctx, items, func(poller.Item, io.Reader, error) error { cancel(); return nil }); err == nil {
		t.Error("it went on without its context")
	}
	if mails, bad, err := w.fetch(s, items); len(mails) != 21 || len(bad) != 0 || err != nil {
		t.Errorf("afterwards: %d mails, %v, %v", len(mails), bad, err)
	}
}

func settled(items []poller.Item, do, folder string) (out []poller.Settled) {
	for _, i := range items {
		out = append(out, poller.Settled{Item: i, After: poller.After{Do: do, Folder: folder}})
	}
	return out
}

func TestSettle(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ do, folder, in string }{
		{poller.Keep, "", "inbox"}, {poller.Mark, "", "inbox"}, {poller.Move, "archive", "archive"}, {poller.Move, "Inbox/Postern/Done", "Done"}, {poller.Delete, "", "deleteditems"},
	} {
		t.Run(tt.do+" "+tt.folder, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			all := w.fill("inbox", 9)
			s := w.open()
			items, c := w.list(s, nil, 100)
			w.box.Remove(all[4]) // gone is done
			for range 3 {        // asked more than once, as after a crash
				if err := s.Settle(t.Context(), settled(items, tt.do, tt.folder)); err != nil {
					t.Fatal(err)
				}
			}
			want := append(append([]string{}, all[:4]...), all[5:]...)
			if d := cmp.Diff(want, w.box.In(tt.in)); d != "" {
				t.Error(d)
			}
			if read := w.box.Read(); (tt.do == poller.Mark) != (len(read) == 8) {
				t.Errorf("read: %v", read)
			}
			if n := w.srv.Most(); n > 4 {
				t.Errorf("%d requests at once", n)
			}
			// What we did there is no new mail.
			if items, _ := w.list(s, c, 100); len(items) != 0 {
				t.Errorf("listed again: %v", ids(items))
			}
		})
	}
}

func TestSettleFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	all := w.fill("inbox", 8)
	s := w.open()
	items, _ := w.list(s, nil, 100)
	w.srv.Break(graphtest.Fault{Match: "POST /v1.0/users/" + address + "/messages/" + all[3], Status: 400, Code: "ErrorMoveCopyFailed", Says: "It failed."})
	err := s.Settle(t.Context(), settled(items, poller.Move, "archive"))
	var one *poller.ItemError
	if !errors.As(err, &one) || one.Item.ID != all[3] || len(w.box.In("archive")) != 7 {
		t.Fatalf("%v, %d moved", err, len(w.box.In("archive")))
	}
	// A path that is none concerns those that were to go there.
	both := append(settled(items[:1], poller.Move, "a//b"), settled(items[1:2], poller.Delete, "")...)
	if err := s.Settle(t.Context(), both); !errors.As(err, &one) || one.Item.ID != items[0].ID || len(w.box.In("deleteditems")) != 1 {
		t.Errorf("%v, %v", err, w.box.In("deleteditems"))
	}
	w.srv.ReadOnly = true
	if err := s.Settle(t.Context(), settled(items, poller.Mark, "")); !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "Mail.ReadWrite") || errors.As(err, &one) {
		t.Errorf("%v", err)
	}
}

// With mutable ids a moved mail would be another; the server gives both kinds.
func TestImmutableIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.fill("inbox", 1)
	s := w.open()
	items, _ := w.list(s, nil, 10)
	w.box.Move(items[0].ID, "archive")
	if mails, bad, err := w.fetch(s, items); len(mails) != 1 || err != nil {
		t.Errorf("a mail that was moved before it was fetched: %v, %v", bad, err)
	}
	if err := s.Settle(t.Context(), settled(items, poller.Mark, "")); err != nil || len(w.box.Read()) != 1 {
		t.Errorf("%v", err)
	}
}

func TestThrottling(t *testing.T) {
	t.Parallel()
	after := func(text string) map[string]string {
		if text == "" {
			return nil
		}
		return map[string]string{"Retry-After": text}
	}
	tests := []struct {
		status int
		after  string
		want   []time.Duration // one refusal after the other
	}{
		{429, "7", []time.Duration{7 * time.Second, 7 * time.Second}},
		{503, "120", []time.Duration{2 * time.Minute}},
		{504, "", []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 320 * time.Second, 10 * time.Minute, 10 * time.Minute}},
		{509, "nonsense", []time.Duration{5 * time.Second, 10 * time.Second}},
		{429, "Fri, 27 Nov 2026 08:01:30 GMT", []time.Duration{90 * time.Second, time.Second}},
		{429, "999999999999", []time.Duration{time.Hour}},
		{429, "-5", []time.Duration{5 * time.Second}},
		{429, "0", []time.Duration{time.Second}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, " ", tt.after), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.fill("inbox", 8)
			s := w.open()
			items, c := w.list(s, nil, 100)
			for _, want := range tt.want {
				w.srv.Break(graphtest.Fault{Match: "/delta", Status: tt.status, Header: after(tt.after), Code: "ApplicationThrottled"})
				_, err := s.List(t.Context(), c, 10)
				var later poller.Throttled
				if !errors.As(err, &later) || !fault.Is(err, fault.Unavailable) || later.RetryAfter() != want {
					t.Fatalf("%v, want %s", err, want)
				}
				asked := w.srv.Asked("")
				_, _, err = w.fetch(s, items)
				if !errors.As(err, &later) || w.srv.Asked("") != asked {
					t.Errorf("it was asked meanwhile: %v", err)
				}
				w.clock.forward(want)
			}
			if mails, _, err := w.fetch(s, items); len(mails) != 8 || err != nil {
				t.Errorf("afterwards: %v", err)
			}
			w.srv.Break(graphtest.Fault{Match: "/delta", Status: 429})
			var later poller.Throttled
			if _, err := s.List(t.Context(), c, 10); !errors.As(err, &later) || later.RetryAfter() != 5*time.Second {
				t.Errorf("it does not begin anew after an answer: %v", err)
			}
		})
	}
}

// In the middle of fetching and settling, several under way are one refusal.
func TestThrottledInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	all := w.fill("inbox", 20)
	s := w.open()
	items, _ := w.list(s, nil, 100)
	w.srv.Break(graphtest.Fault{Match: all[9] + "/$value", Status: 429})
	mails, bad, err := w.fetch(s, items)
	var later poller.Throttled
	if !errors.As(err, &later) || len(bad) != 0 || len(mails) == 0 || len(mails) == 20 {
		t.Fatalf("%d mails, %v, %v", len(mails), bad, err)
	}
	w.clock.forward(time.Minute)
	w.srv.Break(graphtest.Fault{Match: "/move", Times: 4, Status: 429})
	err = s.Settle(t.Context(), settled(items, poller.Move, "archive"))
	if !errors.As(err, &later) {
		t.Fatalf("%v", err)
	}
	if _, err = s.List(t.Context(), nil, 1); !errors.As(err, &later) || later.RetryAfter() != 5*time.Second {
		t.Errorf("%v", err)
	}
	w.clock.forward(time.Minute)
	w.srv.Lock()
	w.srv.Faults = nil
	w.srv.Unlock()
	if err = s.Settle(t.Context(), settled(items, poller.Move, "archive")); err != nil || len(w.box.In("archive")) != 20 {
		t.Errorf("%v", err)
	}
}

func TestTokenRenewedOnce(t *testing.T) {
	t.Parallel()
	var refused atomic.Int32
	w := newWorld(t, func(o *graph.Options) {
		o.Token = func(context.Context) (string, error) { return fmt.Sprintf("token-%d", refused.Load()), nil }
		o.Refused = func(string) { refused.Add(1) }
	})
	w.srv.Valid = func(token string) bool { return token == "token-1" }
	s := w.open()
	if refused.Load() != 1 {
		t.Errorf("refused %d times", refused.Load())
	}
	w.srv.Lock()
	w.srv.Valid = func(string) bool { return false }
	w.srv.Unlock()
	asked := w.srv.Asked("")
	_, err := s.List(t.Context(), nil, 1)
	if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), "does not take the token") || w.srv.Asked("") != asked+2 {
		t.Errorf("%v, asked %d times", err, w.srv.Asked("")-asked)
	}
	if strings.Contains(err.Error(), "token-") {
		t.Errorf("a token is in %q", err)
	}
}

// The whole mailbox's problems end the session, in words that say what to do, and are no mail's.
func TestMailboxProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		fault graphtest.Fault
		want  string
	}{
		{graphtest.Fault{Status: 404, Code: "MailboxNotEnabledForRESTAPI", Says: "The mailbox is either inactive, soft-deleted, or is hosted on-premise."}, "licence"},
		{graphtest.Fault{Status: 404, Code: "ErrorItemNotFound", Says: "Default folder Root not found."}, "Read and manage"},
		{graphtest.Fault{Status: 404, Code: "ErrorInvalidUser", Says: "The requested user 'x' is invalid."}, "no user or shared mailbox " + address},
		{graphtest.Fault{Status: 403, Code: "ErrorAccessDenied", Says: "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings."}, "Test-ApplicationAccessPolicy"},
		{graphtest.Fault{Status: 403, Code: "ErrorAccessDenied", Says: "Access is denied."}, "Mail.ReadWrite"},
		{graphtest.Fault{Status: 302, Header: map[string]string{"Location": "https://evil.example.net/"}}, "points elsewhere"},
	}
	for _, tt := range tests {
		t.Run(tt.fault.Code+tt.fault.Says, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.fill("inbox", 3)
			s := w.open()
			items, _ := w.list(s, nil, 10)
			asked := w.srv.Asked("")
			w.srv.Lock()
			w.box.Broken = &tt.fault
			w.srv.Unlock()
			_, openErr := w.a.Open(t.Context())
			_, listErr := s.List(t.Context(), nil, 1)
			for _, err := range []error{openErr, listErr} {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%v, want %q", err, tt.want)
				}
			}
			if tt.fault.Status != 302 {
				if mails, bad, err := w.fetch(s, items); err == nil || len(bad)+len(mails) != 0 {
					t.Errorf("taken for the mails' problem: %v, %v", bad, err)
				}
				if err := s.Settle(t.Context(), settled(items, poller.Mark, "")); err == nil {
					t.Error("settled in a mailbox that is not there")
				}
			}
			if n := w.srv.Asked("") - asked; n > 12 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	s := newWorld(t, nil).open()
	if came, err := s.Wait(t.Context(), time.Millisecond); came || err != nil {
		t.Errorf("%v, %v", came, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Wait(ctx, time.Hour); err == nil {
		t.Error("it waited without its context")
	}
}

// A folder that mail is moved to is by another name the one that it is fetched from: it stays there, and nothing is asked of the server.
func TestMoveWhereItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *graph.Options) { o.Folders = []string{"Inbox"} })
	w.fill("inbox", 2)
	s := w.open()
	items, c := w.list(s, nil, 10)
	before := w.srv.Asked("move")
	if err := s.Settle(t.Context(), settled(items, poller.Move, "inbox/")); err != nil {
		t.Fatal(err)
	}
	if after := w.srv.Asked("move"); after != before {
		t.Errorf("%d moves", after-before)
	}
	if items, _ := w.list(s, c, 10); len(items) != 0 {
		t.Errorf("%v came again", ids(items))
	}
}
