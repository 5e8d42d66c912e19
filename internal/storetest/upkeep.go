package storetest

import (
	"bytes"
	"path/filepath"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

const day = 24 * time.Hour

func retention(w *world) {
	ctx := background()
	old := map[string]*issue.Commit{"committed": w.mail()}
	for _, v := range []string{"rejected", "discarded", "quarantined", "try later"} {
		old[v] = w.bare(v)
	}
	file := w.body([]byte("an attachment"))
	for _, v := range []string{"committed", "quarantined"} {
		c := old[v]
		c.Message.Attachments = []issue.Attachment{{Blob: issue.Blob{SHA256: file.SHA256(), Size: file.Size()}, Name: "a.txt", Type: "text/plain"}}
		c.Bodies = append(c.Bodies, file)
	}
	for _, c := range old {
		w.commit(c)
	}
	w.tick(10 * day)
	fresh, freshQuarantine := w.mail(), w.bare("quarantined")
	done := w.commit(fresh)
	w.commit(freshQuarantine)
	border := w.now().Add(-day)

	n, err := w.s.Retain(ctx, issue.Retention{})
	w.must(err, "retain nothing")
	if n != 0 {
		w.Errorf("retention without times: got %d taken, want none", n)
	}
	n, err = w.s.Retain(ctx, issue.Retention{Raw: border})
	w.must(err, "retain raw")
	if n < 4 {
		w.Errorf("raw: got %d taken, want 4 or more", n)
	}
	for v, c := range old {
		m := w.message(c.Message.ID)
		if gone := m.Raw == (issue.Blob{}); gone != (v != "quarantined") {
			w.Errorf("raw of a %s message: got %+v", v, m.Raw)
		}
		if m.Text == "" || len(m.Decision.Trace) == 0 {
			w.Errorf("%s: text or trace went with the raw", v)
		}
	}
	n, err = w.s.Retain(ctx, issue.Retention{Raw: border})
	w.must(err, "retain raw again")
	if n != 0 {
		w.Errorf("raw again: got %d taken, want none", n)
	}
	_, err = w.s.Retain(ctx, issue.Retention{Quarantine: border})
	w.must(err, "retain quarantine")
	q := w.message(old["quarantined"].Message.ID)
	if q.Raw != (issue.Blob{}) || q.Text != "" || len(q.Attachments) != 0 || q.Subject == "" || q.Slot == "" {
		w.Errorf("an old quarantined message: got raw %+v, text %q, %d attachments, slot %q", q.Raw, q.Text, len(q.Attachments), q.Slot)
	}
	_, err = w.s.Retain(ctx, issue.Retention{Trace: border})
	w.must(err, "retain traces")
	if m := w.message(old["committed"].Message.ID); len(m.Decision.Trace)+len(m.Decision.Facts) != 0 || m.Decision.Ruleset == "" {
		w.Errorf("trace: got %+v, want the rule set's version alone", m.Decision)
	}
	for _, v := range []string{"committed", "quarantined", "discarded"} { // so the same mail is known again, and a reply finds its issue
		c := old[v]
		held, err := w.s.Slots(ctx, c.Message.Slot[:len(c.Message.Slot)-2])
		w.must(err, "slots")
		if len(held) != 1 || held[0].ID != c.Message.ID {
			w.Errorf("slots of an old %s message: got %d", v, len(held))
		}
	}
	if links := w.links("support", old["committed"].Message.MessageID); len(links) != 1 {
		w.Errorf("links of an old message: got %v, want one", links)
	}
	_, err = w.s.Retain(ctx, issue.Retention{Ledger: border})
	w.must(err, "retain the ledger")
	if n := len(w.ledger()); n != 2 {
		w.Errorf("ledger: got %d lines, want the 2 fresh ones", n)
	}

	w.tick(2 * day)
	_, err = w.s.Sweep(ctx, day)
	w.must(err, "sweep")
	_, err = w.s.OpenBlob(ctx, old["rejected"].Message.Raw.SHA256)
	w.kind(err, fault.NotFound, "a raw that retention took")
	if got := w.blob(file.SHA256()); string(got) != "an attachment" {
		w.Errorf("a committed message's attachment: got %q", got)
	}
	w.same(w.message(done.Message), wantMessage(fresh, done), "a fresh message")
	if got := w.blob(fresh.Message.Raw.SHA256); len(got) == 0 {
		w.Errorf("a fresh message's raw is gone")
	}
	if got := w.blob(freshQuarantine.Message.Raw.SHA256); len(got) == 0 {
		w.Errorf("a fresh quarantined message's raw is gone")
	}
}

func sweep(w *world) {
	ctx := background()
	for _, size := range []int{1 << 10, 300 << 10} {
		keep, gone := w.bare("discarded"), w.bare("quarantined")
		both, own := w.body(append(fill(size), "both"...)), w.body(append(fill(size), "own"...))
		keep.Message.Raw, keep.Bodies = issue.Blob{SHA256: both.SHA256(), Size: both.Size()}, []*spool.Body{both}
		gone.Message.Raw, gone.Bodies = issue.Blob{SHA256: both.SHA256(), Size: both.Size()}, []*spool.Body{both, own}
		gone.Message.Attachments = []issue.Attachment{{Blob: issue.Blob{SHA256: own.SHA256(), Size: own.Size()}, Name: "x"}}
		w.commit(keep)
		w.commit(gone)
		w.must(both.Close(), "close")
		w.must(own.Close(), "close")
		w.must(w.s.DropMessage(ctx, gone.Message.ID, issue.Event{ID: issue.NewID(w.now()), At: w.now(), Action: "quarantine.delete"}), "drop")

		w.tick(time.Hour)
		_, err := w.s.Sweep(ctx, day)
		w.must(err, "sweep")
		if got := w.blob(own.SHA256()); int64(len(got)) != own.Size() {
			w.Errorf("%d bytes: got %d bytes of a blob that is not old enough to be swept", size, len(got))
		}
		w.tick(2 * day)
		n, err := w.s.Sweep(ctx, day)
		w.must(err, "sweep")
		if n != 1 {
			w.Errorf("%d bytes: swept %d, want 1", size, n)
		}
		_, err = w.s.OpenBlob(ctx, own.SHA256())
		w.kind(err, fault.NotFound, "a blob that nothing names")
		if got := w.blob(both.SHA256()); int64(len(got)) != both.Size() {
			w.Errorf("%d bytes: got %d bytes of a blob that is named", size, len(got))
		}
		n, err = w.s.Sweep(ctx, day)
		w.must(err, "sweep again")
		if n != 0 {
			w.Errorf("%d bytes: swept %d the second time, want none", size, n)
		}
	}
}

func dropMessage(w *world) {
	ctx := background()
	event := func() issue.Event {
		at := w.tick(time.Second)
		return issue.Event{ID: issue.NewID(at), At: at, Actor: "cli", Action: "quarantine.delete"}
	}
	committed := w.mail()
	w.commit(committed)
	w.kind(w.s.DropMessage(ctx, committed.Message.ID, event()), fault.Denied, "dropping a committed message")
	if m := w.message(committed.Message.ID); m.Raw.Size == 0 || m.DeletedAt != nil {
		w.Errorf("a committed message after a refused drop: got raw %+v, deleted %v", m.Raw, m.DeletedAt)
	}
	for _, v := range []string{"quarantined", "rejected", "discarded", "try later"} {
		c := w.bare(v)
		w.commit(c)
		ev := event()
		w.must(w.s.DropMessage(ctx, c.Message.ID, ev), "drop")
		m := w.message(c.Message.ID)
		if m.DeletedAt == nil || !m.DeletedAt.Equal(ev.At) || m.Raw != (issue.Blob{}) || m.Text != "" || m.Slot != c.Message.Slot ||
			m.Subject != c.Message.Subject || m.Verdict != v {
			w.Errorf("%s: got %+v, want it marked deleted, without raw and text", v, m)
		}
		w.must(w.s.DropMessage(ctx, c.Message.ID, event()), "drop again")
		if c.Message.Slot != "" {
			again := w.mail()
			again.Message.Slot = c.Message.Slot
			_, err := w.s.Commit(ctx, again)
			w.kind(err, fault.Conflict, "the slot of a dropped message")
			release := w.mail() // by somebody who read it before it was dropped
			release.Message.ID, release.Message.Slot, release.Replaces = c.Message.ID, c.Message.Slot, c.Message.Attempt
			_, err = w.s.Commit(ctx, release)
			w.kind(err, fault.Conflict, "deciding a dropped message again")
		}
	}
	evs, _, err := w.s.Events(ctx, issue.Page{})
	w.must(err, "events")
	if len(evs) != 4 {
		w.Errorf("events: got %d, want one for each that was dropped", len(evs))
	}
}

func backup(w *world) {
	ctx := background()
	big := fill(300 << 10)
	body := w.body(big)
	c := w.mail()
	c.Message.Attachments = []issue.Attachment{{Blob: issue.Blob{SHA256: body.SHA256(), Size: body.Size()}, Name: "x", Type: "text/plain"}}
	c.Bodies = append(c.Bodies, body)
	c.Users = []issue.User{{Email: "ann@example.org", Role: "agent", CreatedAt: epoch}}
	first := w.commit(c)
	second := w.commit(w.reply(first.Issue, "a nightingale"))
	w.commit(w.bare("quarantined"))
	w.must(w.s.AddToken(ctx, issue.Token{ID: "t", Name: "t", Hash: "hh", CreatedAt: epoch}), "token")
	_, err := w.s.PublishRuleset(ctx, issue.Ruleset{Version: "v", Files: map[string]string{"a": "b"}, PublishedAt: epoch}, 0)
	w.must(err, "rule set")
	_, err = w.s.Once(ctx, "id", "one")
	w.must(err, "once")
	raw := spool.Bytes([]byte("copy"))
	w.must(w.s.KeepCopy(ctx, first.Message, &issue.Copy{ReceivedAt: epoch, Raw: issue.Blob{SHA256: raw.SHA256(), Size: raw.Size()}}, raw), "copy")
	want := w.issue(first.Issue)
	wantFirst, wantSecond := w.message(first.Message), w.message(second.Message)

	dir := filepath.Join(w.TempDir(), "backup")
	w.must(w.s.Backup(ctx, dir), "backup")
	after := w.commit(w.mail()) // what came after the backup is not in it

	w.kind(w.s.Restore(ctx, dir), fault.Conflict, "restoring into a store that is not empty")
	other := &world{T: w.T, place: w.fresh(), clock: w.now()}
	other.open()
	defer other.close()
	w.kind(other.s.Restore(ctx, filepath.Join(w.TempDir(), "nowhere")), fault.NotFound, "restoring what is not there")
	other.must(other.s.Restore(ctx, dir), "restore")
	check := func(when string) {
		other.same(other.issue(first.Issue), want, when+": issue")
		other.same(other.message(first.Message), wantFirst, when+": first message")
		other.same(other.message(second.Message), wantSecond, when+": second message")
		other.same(other.notes(first.Issue), w.notes(first.Issue), when+": notes")
		if got := other.blob(body.SHA256()); !bytes.Equal(got, big) {
			w.Errorf("%s: big blob: got %d bytes", when, len(got))
		}
		if got := other.blob(raw.SHA256()); string(got) != "copy" {
			w.Errorf("%s: copy: got %q", when, got)
		}
		_, err := other.s.Issue(ctx, after.Issue)
		w.kind(err, fault.NotFound, when+": an issue from after the backup")
		if _, err := other.s.FindToken(ctx, "hh"); err != nil {
			w.Errorf("%s: token: %v", when, err)
		}
		if r, err := other.s.LatestRuleset(ctx); err != nil || r.Version != "v" {
			w.Errorf("%s: rule set: %v, %v", when, r, err)
		}
		if v, err := other.s.Once(ctx, "id", "two"); v != "one" || err != nil {
			w.Errorf("%s: once: got %q, %v", when, v, err)
		}
		if links := other.links("support", c.Message.MessageID); len(links) != 1 {
			w.Errorf("%s: got links %+v", when, links)
		}
	}
	check("restored")
	other.until("search finds what was restored", func() bool { return len(other.found("nightingale")) == 1 })
	other.n = 1000
	number := other.commit(other.mail()).Issue
	if number < first.Issue+issue.EpochJump || number <= after.Issue {
		w.Errorf("first number after the restore: got %d, want %d or more", number, first.Issue+issue.EpochJump)
	}
	other.restart()
	check("restored and opened again")
	if next := other.commit(other.mail()).Issue; next <= number {
		w.Errorf("number after opening again: got %d, want more than %d", next, number)
	}
}
