package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

const ttl = 30 * time.Second

// lease takes a source that must be free.
func (w *world) lease(source, holder string) *issue.Lease {
	w.Helper()
	l, err := w.s.LeaseSource(background(), source, holder, ttl)
	w.must(err, holder+" takes "+source)
	if l.Source != source || l.Holder != holder || !l.Until.Equal(w.now().Add(ttl)) {
		w.Errorf("lease: got %+v", l)
	}
	return l
}

func (w *world) source(name string) *issue.SourceRecord {
	w.Helper()
	r, err := w.s.Source(background(), name)
	w.must(err, "source "+name)
	return r
}

func leases(w *world) {
	ctx := background()
	for _, bad := range [][2]string{{"", "a"}, {"in", ""}} {
		_, err := w.s.LeaseSource(ctx, bad[0], bad[1], ttl)
		w.kind(err, fault.Invalid, "a lease without a source or a holder")
	}
	w.kind(w.s.SaveSource(ctx, &issue.Lease{Source: "in", Holder: "a"}, nil), fault.Conflict, "a state of a source that nobody had")

	a := w.lease("in", "a")
	if a.Fence != 1 || a.State != nil {
		w.Errorf("the first lease: got %+v", a)
	}
	w.lease("other", "b") // another source is nobody's business
	_, err := w.s.LeaseSource(ctx, "in", "b", ttl)
	w.kind(err, fault.Conflict, "a source that somebody has")
	if err == nil || !strings.Contains(err.Error(), "a has it until 2026-03-01T12:00:30Z") {
		w.Errorf("the conflict names nobody: %v", err)
	}
	state := json.RawMessage(`{"uid":7,"$odd.key":"ü\u0000"}`)
	w.must(w.s.SaveSource(ctx, a, state), "save")

	// Renewing takes its time from now; the state is there.
	w.tick(20 * time.Second)
	a2 := w.lease("in", "a")
	if a2.Fence != a.Fence || string(a2.State) != string(state) {
		w.Errorf("renewed: got %+v", a2)
	}
	w.tick(20 * time.Second) // the first end has passed
	_, err = w.s.LeaseSource(ctx, "in", "b", ttl)
	w.kind(err, fault.Conflict, "a lease that was renewed")

	// After its end it is anybody's, until then its last holder's.
	w.tick(ttl)
	w.must(w.s.SaveSource(ctx, a, state), "save after the end, with nobody else there")
	if late := w.lease("in", "a"); late.Fence != a.Fence {
		w.Errorf("renewed late: got fence %d", late.Fence)
	}
	w.tick(ttl) // to the millisecond
	b := w.lease("in", "b")
	if b.Fence != a.Fence+1 || string(b.State) != string(state) {
		w.Errorf("taken over: got %+v", b)
	}
	w.kind(w.s.SaveSource(ctx, a, json.RawMessage(`"late"`)), fault.Conflict, "a former holder's state")
	w.must(w.s.ReleaseSource(ctx, a), "a former holder's release")
	_, err = w.s.LeaseSource(ctx, "in", "a", ttl)
	w.kind(err, fault.Conflict, "what the former holder gave back was not his")
	w.must(w.s.SaveSource(ctx, b, json.RawMessage(`"b"`)), "save")

	// Given back it is free at once, and no longer the giver's.
	w.must(w.s.ReleaseSource(ctx, b), "release")
	w.must(w.s.ReleaseSource(ctx, b), "release again")
	w.kind(w.s.SaveSource(ctx, b, json.RawMessage(`"late"`)), fault.Conflict, "a state after the release")
	c := w.lease("in", "b")
	if c.Fence != b.Fence+1 || string(c.State) != `"b"` {
		w.Errorf("after a release: got %+v", c)
	}
	w.kind(w.s.SaveSource(ctx, b, json.RawMessage(`"late"`)), fault.Conflict, "a state of one's own former lease")

	w.restart()
	w.same(*w.source("in"), issue.SourceRecord{Name: "in", Holder: "b", Fence: 3, Until: c.Until, State: json.RawMessage(`"b"`)}, "opened again")
	big := json.RawMessage(`"` + strings.Repeat("u", 1<<20) + `"`)
	w.must(w.s.SaveSource(ctx, c, big), "a long state")
	if got := w.source("in").State; !bytes.Equal(got, big) {
		w.Errorf("a long state: got %d bytes", len(got))
	}
	w.kind(w.s.SaveSource(ctx, c, make(json.RawMessage, issue.MaxState+1)), fault.TooLarge, "a state without bounds")
	w.must(w.s.SaveSource(ctx, c, nil), "no state")
	if got := w.source("in").State; got != nil {
		w.Errorf("no state: got %q", got)
	}
}

// Of those who want a source at once one gets it, however it became free.
func leaseRace(w *world) {
	last := int64(0)
	for round := range 6 {
		var won atomic.Int64
		var has atomic.Pointer[issue.Lease]
		together(senders, func(i int) {
			l, err := w.s.LeaseSource(background(), "in", fmt.Sprintf("node-%d-%d", round, i), ttl)
			switch {
			case err == nil:
				won.Add(1)
				has.Store(l)
			case !fault.Is(err, fault.Conflict):
				w.Errorf("lease: %v", err)
			}
		})
		l := has.Load()
		if won.Load() != 1 || l.Fence != last+1 {
			w.Fatalf("round %d: %d of %d won; got %+v after fence %d", round, won.Load(), senders, l, last)
		}
		last = l.Fence
		w.must(w.s.SaveSource(background(), l, json.RawMessage(`1`)), "the winner's state")
		if round%2 == 0 {
			w.must(w.s.ReleaseSource(background(), l), "release")
		} else {
			w.tick(ttl + time.Second)
		}
	}

	// A holder whose lease has ended saves while another takes over: what was saved is what the other reads, else it was a conflict.
	for round := range 20 {
		w.tick(ttl)
		former := w.lease("race", fmt.Sprintf("former-%d", round))
		w.tick(ttl + time.Second)
		var saved error
		var next *issue.Lease
		together(2, func(i int) {
			if i == 0 {
				saved = w.s.SaveSource(background(), former, json.RawMessage(fmt.Sprint(round)))
				return
			}
			var err error
			if next, err = w.s.LeaseSource(background(), "race", fmt.Sprintf("next-%d", round), ttl); err != nil {
				w.Errorf("take over: %v", err)
			}
		})
		if next == nil {
			return
		}
		got := string(next.State) == fmt.Sprint(round)
		if saved == nil != got || saved != nil && !fault.Is(saved, fault.Conflict) {
			w.Errorf("round %d: saved: %v; the next holder reads %s", round, saved, next.State)
		}
		w.tick(ttl)
	}
}

func heard(w *world) {
	ctx := background()
	_, err := w.s.Source(ctx, "hook")
	w.kind(err, fault.NotFound, "nothing is known")
	if all, err := w.s.Sources(ctx); err != nil || all == nil || len(all) != 0 {
		w.Errorf("no sources: got %v, %v", all, err)
	}
	at := func(d time.Duration) time.Time { return epoch.Add(d) }
	want := issue.SourceRecord{Name: "hook"}
	hear := func(what string, h issue.Heard) {
		w.Helper()
		w.must(w.s.HeardSource(ctx, "hook", h), what)
		w.same(*w.source("hook"), want, what)
	}
	want.HeardAt, want.MailAt, want.Mails = at(time.Minute), at(time.Minute), 3
	hear("mail", issue.Heard{At: at(time.Minute + 999*time.Microsecond), Mail: at(time.Minute), Mails: 3})
	want.Mails, want.Rejected = 5, 4
	hear("older news of another node is only counted", issue.Heard{At: at(0), Mail: at(0), Mails: 2, Rejected: 4})
	hear("an error from before the last success says nothing", issue.Heard{Error: "refused", ErrorAt: at(time.Second)})
	want.Error, want.ErrorAt = "login failed: \uFFFD", at(2*time.Minute)
	hear("an error", issue.Heard{Error: "login failed: \xff", ErrorAt: at(2 * time.Minute)})
	hear("an older error", issue.Heard{Error: "refused", ErrorAt: at(time.Minute + time.Second)})
	want.HeardAt = at(time.Minute + time.Second)
	hear("a success before the error", issue.Heard{At: want.HeardAt})
	want.Error, want.ErrorAt = "timeout", at(3*time.Minute)
	hear("another error", issue.Heard{Error: "timeout", ErrorAt: at(3 * time.Minute)})
	want.Error, want.ErrorAt, want.HeardAt = "", time.Time{}, at(4*time.Minute)
	hear("a success after the error", issue.Heard{At: at(4 * time.Minute)})
	hear("nothing", issue.Heard{})

	want.MailAt, want.Mails, want.Gap, want.GapAt = at(time.Hour), 6, 59*time.Minute, at(time.Hour)
	hear("a silence", issue.Heard{Mail: at(time.Hour), Mails: 1, Gap: 59 * time.Minute})
	want.MailAt, want.Mails = at(2*time.Hour), 7
	hear("a shorter one", issue.Heard{Mail: at(2 * time.Hour), Mails: 1, Gap: 10 * time.Minute})
	want.MailAt, want.Mails, want.Gap, want.GapAt = at(20*day), 8, 40*time.Hour, at(20*day)
	hear("a longer one", issue.Heard{Mail: at(20 * day), Mails: 1, Gap: 40 * time.Hour})
	want.MailAt, want.Mails = at(20*day+issue.GapLife), 9
	hear("a shorter one, while the long one is remembered", issue.Heard{Mail: want.MailAt, Mails: 1, Gap: time.Hour})
	want.MailAt, want.Mails, want.Gap, want.GapAt = at(21*day+issue.GapLife), 10, time.Hour, at(21*day+issue.GapLife)
	hear("a shorter one, after that", issue.Heard{Mail: want.MailAt, Mails: 1, Gap: time.Hour})

	// News and leases leave each other alone.
	l := w.lease("hook", "a")
	w.must(w.s.SaveSource(ctx, l, json.RawMessage(`{}`)), "save")
	want.Holder, want.Fence, want.Until, want.State, want.Mails = "a", 1, l.Until, json.RawMessage(`{}`), 11
	hear("while somebody has it", issue.Heard{Mails: 1})
	w.restart()
	w.same(*w.source("hook"), want, "opened again")
	w.must(w.s.HeardSource(ctx, "gmail", issue.Heard{Error: strings.Repeat("ü", 100_000), ErrorAt: at(0)}), "a long error")
	all, err := w.s.Sources(ctx)
	w.must(err, "sources")
	if len(all) != 2 || all[0].Name != "gmail" || all[1].Mails != 11 || len(all[0].Error) > 3000 || !strings.HasSuffix(all[0].Error, "ü…") {
		w.Errorf("sources: got %+v", all)
	}

	// Nodes tell at once, and nothing is lost.
	together(senders, func(i int) {
		for n := range 3 {
			if err := w.s.HeardSource(ctx, "busy", issue.Heard{At: at(time.Duration(i*10+n) * time.Second), Mails: 1, Rejected: 2}); err != nil {
				w.Errorf("heard: %v", err)
			}
		}
	})
	w.same(*w.source("busy"), issue.SourceRecord{Name: "busy", HeardAt: at(time.Duration(senders*10-8) * time.Second), Mails: 3 * senders, Rejected: 6 * senders}, "told at once")
}

func credentials(w *world) {
	ctx := background()
	_, _, err := w.s.Credential(ctx, "m365")
	w.kind(err, fault.NotFound, "no credential")
	_, err = w.s.PutCredential(ctx, "m365", []byte("x"), 1)
	w.kind(err, fault.Conflict, "in place of none")
	sealed := []byte("\x00\xff sealed")
	v1, err := w.s.PutCredential(ctx, "m365", sealed, 0)
	w.must(err, "put")
	check := func(want []byte, version int64, what string) {
		w.Helper()
		got, v, err := w.s.Credential(ctx, "m365")
		if err != nil || !bytes.Equal(got, want) || v != version || v < 1 {
			w.Errorf("%s: got %q, version %d, %v; want %q, %d", what, got, v, err, want, version)
		}
	}
	check(sealed, v1, "put")
	_, err = w.s.PutCredential(ctx, "m365", []byte("late"), 0)
	w.kind(err, fault.Conflict, "a second first one")
	v2, err := w.s.PutCredential(ctx, "m365", []byte("two"), v1)
	w.must(err, "replace")
	if v2 <= v1 {
		w.Errorf("version %d after %d", v2, v1)
	}
	_, err = w.s.PutCredential(ctx, "m365", []byte("late"), v1)
	w.kind(err, fault.Conflict, "in place of what is gone")
	w.restart()
	check([]byte("two"), v2, "opened again")
	if r := w.source("m365"); r.Name != "m365" || r.Holder != "" || r.State != nil {
		w.Errorf("a source that was never polled: got %+v", r)
	}

	var won atomic.Int64
	together(senders, func(i int) {
		_, err := w.s.PutCredential(ctx, "m365", fmt.Appendf(nil, "%d", i), v2)
		switch {
		case err == nil:
			won.Add(1)
		case !fault.Is(err, fault.Conflict):
			w.Errorf("put: %v", err)
		}
	})
	if won.Load() != 1 {
		w.Errorf("%d of %d replaced one version", won.Load(), senders)
	}

	// What is forgotten is gone; numbers are not given again, so that nobody who remembers it takes the next for it.
	l := w.lease("m365", "a")
	w.must(w.s.SaveSource(ctx, l, json.RawMessage(`1`)), "save")
	w.must(w.s.HeardSource(ctx, "m365", issue.Heard{At: epoch, Mails: 1, Error: "x", ErrorAt: epoch, Gap: time.Hour, Rejected: 1}), "heard")
	_, last, err := w.s.Credential(ctx, "m365")
	w.must(err, "credential")
	w.must(w.s.ForgetSource(ctx, "m365"), "forget")
	w.must(w.s.ForgetSource(ctx, "m365"), "forget again")
	w.must(w.s.ForgetSource(ctx, "nobody"), "forget what never was")
	_, err = w.s.Source(ctx, "m365")
	w.kind(err, fault.NotFound, "a forgotten source")
	_, _, err = w.s.Credential(ctx, "m365")
	w.kind(err, fault.NotFound, "a forgotten credential")
	if all, err := w.s.Sources(ctx); err != nil || len(all) != 0 {
		w.Errorf("sources: got %+v, %v", all, err)
	}
	w.kind(w.s.SaveSource(ctx, l, json.RawMessage(`2`)), fault.Conflict, "a state of a forgotten source")
	again := w.lease("m365", "a")
	if again.Fence <= l.Fence || again.State != nil {
		w.Errorf("taken again: got %+v", again)
	}
	w.same(*w.source("m365"), issue.SourceRecord{Name: "m365", Holder: "a", Fence: again.Fence, Until: again.Until}, "known again")
	_, err = w.s.PutCredential(ctx, "m365", []byte("late"), last)
	w.kind(err, fault.Conflict, "in place of what was forgotten")
	v, err := w.s.PutCredential(ctx, "m365", nil, 0)
	w.must(err, "put again")
	if v <= last {
		w.Errorf("version %d after %d", v, last)
	}
	check(nil, v, "put again")
}

func claims(w *world) {
	ctx := background()
	claim := func(key, value string, until time.Time, want string) {
		w.Helper()
		got, err := w.s.Claim(ctx, key, value, until)
		w.must(err, "claim")
		if got != want {
			w.Errorf("claim of %q by %q: got %q, want %q", key, value, got, want)
		}
	}
	retain := func(want int) {
		w.Helper()
		n, err := w.s.Retain(ctx, issue.Retention{})
		w.must(err, "retention")
		if n != want {
			w.Errorf("retention took %d, want %d", n, want)
		}
	}
	end := w.now().Add(time.Hour)
	odd := "\x00\xff$." + strings.Repeat("k", 100_000)
	claim("token", "one", end, "one")
	claim("token", "two", end, "one")
	claim(odd, "odd", end, "odd")
	claim(odd+"x", "another", end, "another")
	claim("", "", end, "")
	claim("late", "one", end, "one")
	claim("late", "two", end.Add(time.Hour), "one") // nobody is told sooner than he asked
	claim("late", "two", end.Add(-time.Hour), "one")
	w.restart()
	claim("token", "three", end, "one")
	w.tick(time.Hour)
	retain(0) // not before its time has passed
	claim("token", "three", end, "one")
	w.tick(time.Millisecond)
	claim("token", "three", end, "one") // nor before retention comes
	retain(4)
	claim("token", "three", w.now().Add(time.Hour), "three")
	claim("late", "three", end, "one")
	w.tick(2 * time.Hour)
	retain(2)
	retain(0)

	for round := range 6 {
		var won atomic.Int64
		key := fmt.Sprint("race-", round)
		var first atomic.Value
		together(senders, func(i int) {
			me := fmt.Sprint(i)
			got, err := w.s.Claim(ctx, key, me, w.now())
			if err != nil {
				w.Errorf("claim: %v", err)
				return
			}
			if got == me {
				won.Add(1)
			}
			if old := first.Swap(got); old != nil && old != got {
				w.Errorf("claim: one was told %q, another %q", old, got)
			}
		})
		if won.Load() != 1 {
			w.Errorf("%d of %d won", won.Load(), senders)
		}
	}
	// Retention between claims of a key that is over: everybody still hears of somebody.
	w.tick(time.Hour)
	together(senders, func(i int) {
		if i%4 == 0 {
			if _, err := w.s.Retain(ctx, issue.Retention{}); err != nil {
				w.Errorf("retention: %v", err)
			}
			return
		}
		if got, err := w.s.Claim(ctx, "race-0", fmt.Sprint(i), w.now().Add(time.Hour)); err != nil || got == "" {
			w.Errorf("claim beside retention: got %q, %v", got, err)
		}
	})
}

// What the sources did, what was sealed and what is used up comes back; who was about it does not.
func sourcesBackup(w *world) {
	ctx := background()
	l := w.lease("in", "a")
	w.must(w.s.SaveSource(ctx, l, json.RawMessage(`{"uid":9}`)), "save")
	w.must(w.s.HeardSource(ctx, "in", issue.Heard{At: epoch, Mails: 4}), "heard")
	v, err := w.s.PutCredential(ctx, "in", []byte("sealed"), 0)
	w.must(err, "put")
	_, err = w.s.Claim(ctx, "token", "one", w.now().Add(time.Hour))
	w.must(err, "claim")
	dir := filepath.Join(w.TempDir(), "backup")
	w.must(w.s.Backup(ctx, dir), "backup")

	other := &world{T: w.T, place: w.fresh(), clock: w.now()}
	other.open()
	defer func() { other.close() }()
	other.must(other.s.Restore(ctx, dir), "restore")
	for range 2 {
		other.same(*other.source("in"), issue.SourceRecord{Name: "in", Fence: 1, State: json.RawMessage(`{"uid":9}`), HeardAt: epoch, Mails: 4}, "restored")
		if sealed, got, err := other.s.Credential(ctx, "in"); string(sealed) != "sealed" || got != v || err != nil {
			w.Errorf("credential: got %q, %d, %v", sealed, got, err)
		}
		if got, err := other.s.Claim(ctx, "token", "two", w.now().Add(time.Hour)); got != "one" || err != nil {
			w.Errorf("claim: got %q, %v", got, err)
		}
		other.restart()
	}
	if got := other.lease("in", "b"); got.Fence != 2 {
		w.Errorf("the first lease after a restore: got %+v", got)
	}
}

// crashSources ends the process at one write after another. What was answered is there afterwards, and what was not is there or not.
func crashSources(w *world) {
	ctx := background()
	w.arm()
	for n := int32(1); n <= maxSteps; n++ {
		name := fmt.Sprint("in-", n)
		var count atomic.Int32
		w.failing(func(string) error {
			if count.Add(1) >= n {
				return errFault
			}
			return nil
		})
		l, leased := w.s.LeaseSource(ctx, name, "a", ttl)
		saved, put := errFault, errFault
		if leased == nil {
			saved = w.s.SaveSource(ctx, l, json.RawMessage(`1`))
			_, put = w.s.PutCredential(ctx, name, []byte("x"), 0)
		}
		_, claimed := w.s.Claim(ctx, name, "one", w.now())
		if count.Load() < n {
			w.failing(nil)
			for _, err := range []error{leased, saved, put, claimed} {
				w.must(err, "without a crash")
			}
			return
		}
		w.crash()
		if leased == nil {
			_, err := w.s.LeaseSource(ctx, name, "b", ttl)
			w.kind(err, fault.Conflict, "a lease from before the crash")
		}
		if saved == nil && string(w.source(name).State) != "1" {
			w.Errorf("crash %d: a state is lost", n)
		}
		if _, _, err := w.s.Credential(ctx, name); put == nil && err != nil {
			w.Errorf("crash %d: a credential is lost: %v", n, err)
		}
		if got, err := w.s.Claim(ctx, name, "two", w.now()); err != nil || claimed == nil && got != "one" {
			w.Errorf("crash %d: a claim is lost: got %q, %v", n, got, err)
		}
	}
	w.Fatalf("more than %d writes", maxSteps)
}
