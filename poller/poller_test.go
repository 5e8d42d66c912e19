package poller_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/issue"
	"postern/poller"
)

// What waits at the server becomes issues once, is settled as wanted, and what comes later comes too.
func TestEveryLetterIsOneIssue(t *testing.T) {
	t.Parallel()
	for _, brief := range []bool{false, true} {
		t.Run(fmt.Sprintf("brief=%v", brief), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := newServer(w.clock, 450)
			s.brief = brief
			src := s.source()
			if brief {
				src.Taken = poller.After{Do: poller.Delete}
			}
			n := w.node("one", []*poller.Source{src})
			w.until("all are settled", func() bool { return s.in("INBOX") == 0 })
			s.add(letter(450))
			w.until("the new one is settled", func() bool { return s.in("INBOX") == 0 })
			if !brief && s.in("Done") != 451 {
				t.Errorf("%d letters are in Done", s.in("Done"))
			}
			w.until("it waits", func() bool { return n.status().Doing == "waiting" })
			if u := n.status().Unsettled; u != 0 {
				t.Errorf("%d are said to be not settled", u)
			}
			w.exactlyOnce(451)
			w.until("the news is written", func() bool { return n.status().Mails == 451 })
			st := n.status()
			if st.Holder != "one" || st.Unsettled != 0 || len(st.Pending)+len(st.Parked) != 0 || st.Error != "" || st.Import.Done != 450 || st.Import.Ended.IsZero() {
				t.Errorf("%+v", st)
			}
			n.stop()
			for _, p := range s.letters {
				if p.fetched != 1 {
					t.Errorf("letter %d was fetched %d times", p.uid, p.fetched)
				}
			}
		})
	}
}

// Each letter that cannot be taken is left aside by itself, and all others are taken.
func TestOneBadLetterStopsNobody(t *testing.T) {
	t.Parallel()
	for _, does := range []string{"drop", "half", "missing", "error", "panic"} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := newServer(w.clock, 30)
			s.letters[0].does, s.letters[13].does = does, does
			n := w.node("one", []*poller.Source{s.source()})
			w.until("the others are settled", func() bool { return s.in("INBOX") == 2 })
			for i := range 5 {
				s.add(letter(30 + i))
			}
			w.until("new ones too", func() bool { return s.in("INBOX") == 2 })
			if got := w.issues(); got != 33 {
				t.Errorf("%d issues", got)
			}
			w.until("it is noted", func() bool {
				return len(n.status().Pending) == 2 && n.status().Pending[1].Tries > 0 && n.status().Pending[0].Tries > 0
			})
			// They are tried again for most of a day, then parked, told of once, and stay where they are.
			w.pace("they are parked", 2*time.Minute, func() bool { return len(n.status().Parked) == 2 })
			if s.in("INBOX") != 2 || len(n.status().Pending) != 0 || w.log.count("a mail was parked") != 2 {
				t.Errorf("%d letters in INBOX, %d pending, told %d times", s.in("INBOX"), len(n.status().Pending), w.log.count("a mail was parked"))
			}
			// Once mended, somebody has them tried again.
			for i := range s.letters {
				s.mu.Lock()
				s.letters[i].does = ""
				s.mu.Unlock()
			}
			for _, p := range n.status().Parked {
				retried := make(chan error, 1)
				go func() { retried <- n.m.Retry(t.Context(), "box", p.Item.ID) }()
				w.until("it is ordered", func() bool { return len(retried) == 1 })
				if err := <-retried; err != nil {
					t.Fatal(err)
				}
			}
			w.until("they are settled", func() bool { return s.in("INBOX") == 0 })
			n.stop()
			w.exactlyOnce(35)
		})
	}
}

// A server that gives no letter at all for days is to blame itself: none is parked for that, and all come when it is mended.
func TestServerGivesNothing(t *testing.T) {
	t.Parallel()
	for _, does := range []string{"drop", "missing", "error"} {
		t.Run(does, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := newServer(w.clock, 40)
			for _, p := range s.letters {
				p.does = does
			}
			n := w.node("one", []*poller.Source{s.source()})
			for range 3 * 24 * 20 {
				w.clock.advance(3 * time.Minute)
				time.Sleep(500 * time.Microsecond)
			}
			if st := n.status(); len(st.Parked) > 0 {
				t.Errorf("%d were parked", len(st.Parked))
			}
			s.mu.Lock()
			for _, p := range s.letters {
				p.does = ""
			}
			s.mu.Unlock()
			w.pace("all are settled", 2*time.Minute, func() bool { return s.in("INBOX") == 0 })
			w.exactlyOnce(40)
		})
	}
}

// A letter that is too large, by what the server says or by what comes, is parked without more than that of it being fetched.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newServer(w.clock, 3)
	s.letters[0].size = 2 << 20
	s.letters[1].raw += strings.Repeat("more\r\n", 200000)
	s.letters[1].size = 10
	n := w.node("one", []*poller.Source{s.source(func(s *poller.Source) { s.Taken = poller.After{Do: poller.Delete} })})
	w.until("two are parked", func() bool { return len(n.status().Parked) == 2 && s.in("INBOX") == 2 })
	if s.letters[0].fetched != 0 {
		t.Error("it was fetched")
	}
	if w.issues() != 1 {
		t.Errorf("%d issues", w.issues())
	}
	id := n.status().Parked[0].Item.ID
	retry := func() error {
		done := make(chan error, 1)
		go func() { done <- n.m.Retry(t.Context(), "box", id) }()
		w.until("an answer", func() bool { return len(done) == 1 })
		return <-done
	}
	if err := retry(); err == nil || !strings.Contains(err.Error(), "max-size") {
		t.Errorf("retry: %v", err)
	}
	n.m.Apply([]*poller.Source{s.source(func(s *poller.Source) { s.Taken, s.MaxSize, s.Revision = poller.After{Do: poller.Delete}, 4<<20, "2" })})
	w.until("it polls again", func() bool { return n.status().Doing == "waiting" && n.status().Holder == "one" })
	if err := retry(); err != nil {
		t.Fatal(err)
	}
	w.until("it is taken", func() bool { return s.in("INBOX") == 1 })
	dropped := make(chan error, 1)
	go func() { dropped <- n.m.Drop(t.Context(), "box", n.status().Parked[0].Item.ID) }()
	w.until("it is forgotten", func() bool { return len(n.status().Parked) == 0 })
	if err := <-dropped; err != nil {
		t.Fatal(err)
	}
	if s.in("INBOX") != 1 {
		t.Error("what was forgotten is not at the server any more")
	}
}

// A rule that puts a mail off each time has it held, raw, in the end.
func TestPutOffForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules = `rule "not now" { when mail.subject == "letter 1"
then { tryLater("busy") } }`
	s := newServer(w.clock, 3)
	n := w.node("one", []*poller.Source{s.source(func(s *poller.Source) { s.Quarantined = poller.After{Do: poller.Move, Folder: "Held"} })})
	w.until("two are settled", func() bool { return s.in("Done") == 2 })
	if p := n.status().Pending; len(p) != 1 || p[0].Reason != "busy" {
		t.Fatalf("pending: %+v", p)
	}
	w.pace("it is parked", 2*time.Minute, func() bool { return len(n.status().Parked) == 1 })
	p := n.status().Parked[0]
	m, err := w.store.Message(t.Context(), p.Message)
	if err != nil {
		t.Fatal(err)
	}
	if m.Verdict != "quarantined" || !strings.Contains(m.Reason, "busy") || m.Raw.Size != int64(len(letter(1))) {
		t.Errorf("%s: %s, %d bytes", m.Verdict, m.Reason, m.Raw.Size)
	}
	w.until("it is settled as what is held", func() bool { return s.in("Held") == 1 })
	if err := func() error {
		done := make(chan error, 1)
		go func() { done <- n.m.Retry(t.Context(), "box", p.Item.ID) }()
		w.until("an answer", func() bool { return len(done) == 1 })
		return <-done
	}(); err == nil || !strings.Contains(err.Error(), "quarantine release") {
		t.Errorf("retry: %v", err)
	}
}

// What becomes of a letter at the server follows its verdict.
func TestAfterEachVerdict(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules = `rule "no" { when mail.subject == "letter 0"
then { reject("no") } }
rule "hold" { when mail.subject == "letter 1"
then { quarantine("look") } }
rule "away" { when mail.subject == "letter 2"
then { discard("away") } }`
	s := newServer(w.clock, 4)
	w.node("one", []*poller.Source{s.source(func(s *poller.Source) {
		s.Quarantined = poller.After{Do: poller.Mark}
		s.Taken = poller.After{Do: poller.Delete}
	})})
	w.until("all are settled", func() bool { return s.in("INBOX") == 1 && s.in("Rejected") == 1 && s.in("") == 2 })
	w.until("it is marked", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.letters[1].seen })
}

// While the store is down nothing is acknowledged, the cursor stays, and afterwards all is there once.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	for _, brief := range []bool{false, true} {
		t.Run(fmt.Sprintf("brief=%v", brief), func(t *testing.T) {
			t.Parallel()
			storeDown(t, brief)
		})
	}
}

func storeDown(t *testing.T, brief bool) {
	w := newWorld(t)
	s := newServer(w.clock, 0)
	s.brief = brief
	src := s.source()
	if brief {
		src.Taken = poller.After{Do: poller.Keep}
	}
	n := w.node("one", []*poller.Source{src})
	w.until("it waits", func() bool { return n.status().Doing == "waiting" })
	w.failing(func(string) error { return errors.New("no space left on device") })
	for i := range 20 {
		s.add(letter(i))
	}
	for range 200 { // about three hours
		w.clock.advance(time.Minute)
		time.Sleep(time.Millisecond)
	}
	if s.in("INBOX") != 20 || s.settles != 0 {
		t.Errorf("%d letters were settled", s.settles)
	}
	w.crash() // SQLite does not go on after such a failure
	n.kill()
	s.mu.Lock()
	s.locked = false
	s.mu.Unlock()
	n = w.node("one", []*poller.Source{src})
	w.until("all are settled", func() bool { return s.in("INBOX") == 0 })
	w.exactlyOnce(20)
	if st := n.status(); len(st.Parked)+len(st.Pending) != 0 {
		t.Errorf("%+v", st)
	}
}

// A server that fails is asked ever more rarely, and others go on; what it says is in the status until it works again.
func TestBackoff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bad, good := newServer(w.clock, 1), newServer(w.clock, 0)
	bad.fail(errors.New("NO [AUTHENTICATIONFAILED] wrong password"))
	n := w.node("one", []*poller.Source{bad.source(), good.source(func(s *poller.Source) { s.Name = "good" })})
	for i := range 120 {
		if i%10 == 0 {
			good.add(letter(100 + i))
			w.until("the good one goes on", func() bool { return good.in("INBOX") == 0 })
		}
		w.clock.advance(time.Minute)
		time.Sleep(2 * time.Millisecond)
	}
	bad.mu.Lock()
	opened := bad.opened
	bad.mu.Unlock()
	if opened < 8 || opened > 40 {
		t.Errorf("the bad one was asked %d times in two hours", opened)
	}
	w.until("it backs off", func() bool { st := n.status(); return st.Doing == "backing off" && !st.Next.IsZero() })
	if st := n.status(); !strings.Contains(st.Error, "wrong password") {
		t.Errorf("%+v", st)
	}
	bad.fail(nil)
	w.until("it is taken", func() bool { return bad.in("INBOX") == 0 })
	w.until("the error is gone", func() bool { return n.status().Error == "" })
}

// A session that lasted for long and ends is no trouble; one that ends soon is.
func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lasts time.Duration
		told  bool
	}{{50 * time.Minute, false}, {2 * time.Minute, true}} {
		w := newWorld(t)
		s := newServer(w.clock, 0)
		var mu sync.Mutex
		var opened time.Time
		ended := 0
		s.step = func(what string) error {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case what == "open":
				opened = w.clock.Now()
			case what == "wait" && w.clock.Now().Sub(opened) > c.lasts:
				ended++
				return errors.New("BYE session expired")
			}
			return nil
		}
		n := w.node("one", []*poller.Source{s.source()})
		told := false
		for i := range 8 {
			s.add(letter(i))
			w.until("it goes on", func() bool { told = told || n.status().Error != ""; return s.in("INBOX") == 0 })
			for range 20 {
				w.clock.advance(time.Minute)
				time.Sleep(time.Millisecond)
				told = told || n.status().Error != ""
			}
		}
		mu.Lock()
		if ended == 0 {
			t.Errorf("%v: no session ended", c.lasts)
		}
		mu.Unlock()
		if told != c.told {
			t.Errorf("%v: told = %v", c.lasts, told)
		}
	}
}

type throttled struct{}

func (throttled) Error() string             { return "429 too many requests" }
func (throttled) RetryAfter() time.Duration { return 40 * time.Minute }

// A server that says when it wants to be asked again is not asked before.
func TestThrottled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newServer(w.clock, 1)
	s.fail(fmt.Errorf("list: %w", throttled{}))
	n := w.node("one", []*poller.Source{s.source()})
	w.until("it failed", func() bool { return n.status().Error != "" })
	w.until("it backs off", func() bool { return n.status().Doing == "backing off" })
	if left := n.status().Next.Sub(w.clock.Now()); left < 38*time.Minute {
		t.Errorf("it is asked again in %s", left)
	}
}

// New UIDs for all that lies there are met as duplicates.
func TestNewEpoch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newServer(w.clock, 50)
	n := w.node("one", []*poller.Source{s.source(func(s *poller.Source) { s.Taken = poller.After{Do: poller.Keep} })})
	w.until("all came", func() bool { return w.issues() == 50 && n.status().Doing == "waiting" })
	s.mu.Lock()
	s.epoch++
	s.mu.Unlock()
	s.add(letter(50))
	w.until("all were seen again", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.letters[49].fetched == 2 && s.letters[50].fetched == 1
	})
	w.until("it waits", func() bool { return n.status().Doing == "waiting" })
	w.exactlyOnce(51)
}

// A first import takes no more mails a second than it may, goes on where it was after a restart, and says how far it is.
func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newServer(w.clock, 1000)
	src := s.source(func(s *poller.Source) { s.ImportRate = 10 })
	n := w.node("one", []*poller.Source{src})
	began := w.clock.Now()
	w.pace("half of it is there", 500*time.Millisecond, func() bool { return s.in("Done") >= 500 })
	if took := w.clock.Now().Sub(began); took < 45*time.Second {
		t.Errorf("500 letters in %s, at 10 a second", took)
	}
	if i := n.status().Import; i == nil || i.Total != 1000 || i.Done < 400 || !i.Ended.IsZero() {
		t.Errorf("%+v", i)
	}
	n.kill()
	n = w.node("one", []*poller.Source{src})
	w.pace("all of it is there", 500*time.Millisecond, func() bool { return s.in("Done") == 1000 })
	w.until("it is over", func() bool { return !n.status().Import.Ended.IsZero() })
	w.exactlyOnce(1000)
	if i := n.status().Import; i.Done != 1000 {
		t.Errorf("%d were imported", i.Done)
	}
}

// A dry run says what would become of each letter, and leaves everything as it was.
func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.rules = `rule "no" { when mail.subject == "letter 0"
then { reject("no thanks") } }`
	s := newServer(w.clock, 3)
	s.add(letter(3)).size = 2 << 20 // too large
	w.failing(func(step string) error { t.Errorf("the store was written: %s", step); return nil })
	n := w.node("one", []*poller.Source{s.source(func(s *poller.Source) { s.DryRun = true })})
	w.until("all were decided", func() bool { return w.log.count("dry run: what would become of a mail") == 3 })
	if w.log.count(`verdict=rejected reason="no thanks"`) != 1 || w.log.count(`becomes="a new issue"`) != 2 {
		t.Error(w.log.text.String())
	}
	w.until("one is parked", func() bool { return len(n.status().Parked) == 1 })
	n.stop()
	if lines, _, err := w.store.Ledger(t.Context(), issue.LedgerQuery{Page: issue.Page{Limit: 10}}); err != nil || len(lines) != 0 {
		t.Errorf("the ledger has %d lines; %v", len(lines), err)
	}
	if s.in("INBOX") != 4 || s.settles != 0 || len(w.messages()) != 0 {
		t.Error("something was changed")
	}
}

// A source that is the fallback of a hook is polled slowly while that brings mail, and by itself faster once it is silent.
func TestFallback(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := newServer(w.clock, 0)
	src := s.source(func(s *poller.Source) {
		s.FallbackFor, s.Every, s.Slow, s.SilentAfter = []string{"push"}, time.Minute, 30*time.Minute, 20*time.Minute
	})
	hear := func() {
		if err := w.store.HeardSource(t.Context(), "push", heardAt(w.clock.Now())); err != nil {
			t.Fatal(err)
		}
	}
	hear()
	n := w.node("one", []*poller.Source{src})
	w.until("it is slow", func() bool { return n.status().Slow && n.status().Doing == "waiting" })
	if left := n.status().Next.Sub(w.clock.Now()); left < 25*time.Minute {
		t.Errorf("the next poll is in %s", left)
	}
	s.add(letter(0))
	w.clock.advance(10 * time.Minute)
	time.Sleep(20 * time.Millisecond)
	if s.in("INBOX") != 1 {
		t.Error("it was polled though push works")
	}
	began := w.clock.Now()
	w.until("push is silent, and it is polled", func() bool { return s.in("INBOX") == 0 })
	if took := w.clock.Now().Sub(began); took > 13*time.Minute {
		t.Errorf("that took %s", took)
	}
	w.until("it waits", func() bool { return n.status().Doing == "waiting" })
	if st := n.status(); st.Slow || st.Next.Sub(w.clock.Now()) > time.Minute {
		t.Errorf("%+v", st)
	}
	hear()
	w.until("it is slow again", func() bool { return n.status().Slow })
}

// A source that changes is begun anew with what it is now, one that goes ends, and a broken letter of one stops no other.
func TestApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := newServer(w.clock, 5), newServer(w.clock, 0)
	n := w.node("one", []*poller.Source{a.source()})
	w.until("five came", func() bool { return a.in("Done") == 5 })
	other := a.source(func(s *poller.Source) { s.Revision, s.Taken = "2", poller.After{Do: poller.Delete} })
	n.m.Apply([]*poller.Source{other, b.source(func(s *poller.Source) { s.Name = "b" })})
	a.add(letter(5))
	b.add(letter(6))
	w.until("both go on", func() bool { return a.in("") == 1 && b.in("Done") == 1 })
	n.m.Apply(nil)
	w.until("the lease is given back", func() bool {
		rec, err := w.store.Source(t.Context(), "box")
		return err == nil && !rec.Until.After(w.clock.Now())
	})
	w.exactlyOnce(7)
}
