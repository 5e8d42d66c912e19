package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"postern/internal/issue"
)

// backupUnderLoad backs up while mail comes, is answered and is dropped. What was acknowledged before is in the backup, and what is in
// it hangs together: also what a source says that it has done, or else the mail would be lost that it does not fetch again.
func backupUnderLoad(w *world) {
	ctx, stop := context.WithCancel(background())
	var mu sync.Mutex
	var acked []*issue.Commit
	var wg sync.WaitGroup
	var leases []*issue.Lease
	for n := range 4 {
		leases = append(leases, w.lease(fmt.Sprint("in-", n), "a"))
	}
	for _, l := range leases {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				c := w.bigMail()
				done, err := w.s.Commit(background(), c)
				if err != nil {
					w.Errorf("commit during a backup: %v", err)
					return
				}
				r := w.reply(done.Issue, "answered")
				r.Threads = append(r.Threads, issue.ThreadName{ID: c.Message.MessageID, Kind: issue.Mentioned})
				if _, err := w.s.Commit(background(), r); err != nil {
					w.Errorf("commit during a backup: %v", err)
					return
				}
				q := w.bare("quarantined")
				_, err = w.s.Commit(background(), q)
				if err == nil && i%2 == 0 {
					err = w.s.DropMessage(background(), q.Message.ID, issue.Event{ID: issue.NewID(w.now()), At: w.now(), Action: "quarantine.delete"})
				}
				if err != nil {
					w.Errorf("quarantine during a backup: %v", err)
					return
				}
				if err := w.s.SaveSource(background(), l, json.RawMessage(`"`+r.Message.ID+`"`)); err != nil {
					w.Errorf("save a source during a backup: %v", err)
					return
				}
				mu.Lock()
				acked = append(acked, c, r)
				mu.Unlock()
			}
		})
	}
	taken := func() []*issue.Commit { mu.Lock(); defer mu.Unlock(); return acked[:len(acked):len(acked)] }
	w.until("mail before the backup", func() bool { return len(taken()) >= 16 })
	before := taken()
	dir := filepath.Join(w.TempDir(), "backup")
	err := w.s.Backup(background(), dir)
	w.until("mail after the backup", func() bool { return len(taken()) >= len(before)+8 })
	stop()
	wg.Wait()
	w.must(err, "backup")

	other := &world{T: w.T, place: w.fresh(), clock: w.tick(time.Hour)}
	other.open()
	defer other.close()
	other.must(other.s.Restore(background(), dir), "restore")
	other.must(other.s.Recover(background()), "recover")
	in := map[string]*issue.Message{}
	for _, m := range all(other, 100, func(p issue.Page) ([]*issue.Message, issue.Cursor, error) {
		return other.s.Messages(background(), issue.MessageQuery{Page: p})
	}) {
		in[m.ID] = m
		other.hangsTogether(m)
	}
	for _, c := range before {
		if in[c.Message.ID] == nil {
			w.Errorf("message %s was acknowledged before the backup and is not in it", c.Message.ID)
		}
	}
	for n := range 4 {
		var last string
		w.must(json.Unmarshal(other.source(fmt.Sprint("in-", n)).State, &last), "state")
		if in[last] == nil {
			w.Errorf("source %d has done message %s, which is not in the backup", n, last)
		}
	}
	for _, is := range all(other, 100, func(p issue.Page) ([]*issue.Issue, issue.Cursor, error) {
		return other.s.Issues(background(), issue.IssueQuery{Page: p})
	}) {
		if m := in[is.Message]; m == nil || m.Issue != is.Number {
			w.Errorf("issue %d of message %s, which says %+v", is.Number, is.Message, m)
		}
		for _, n := range other.notes(is.Number) {
			if m := in[n.Message]; m == nil || m.Note != n.ID || m.Issue != is.Number {
				w.Errorf("note %s on issue %d of message %s, which says %+v", n.ID, is.Number, n.Message, m)
			}
		}
	}
}

// hangsTogether checks that all that a message names is there.
func (w *world) hangsTogether(m *issue.Message) {
	w.Helper()
	if m.Raw.SHA256 != "" {
		if got := w.blob(m.Raw.SHA256); int64(len(got)) != m.Raw.Size {
			w.Errorf("raw of message %s: got %d bytes, want %d", m.ID, len(got), m.Raw.Size)
		}
	}
	for _, a := range m.Attachments {
		if got := w.blob(a.SHA256); int64(len(got)) != a.Size {
			w.Errorf("file of message %s: got %d bytes, want %d", m.ID, len(got), a.Size)
		}
	}
	if m.Issue == 0 {
		return
	}
	w.issue(m.Issue)
	if links := w.links(m.Mailbox, m.MessageID); len(links) != 1 || links[0].Issue != m.Issue {
		w.Errorf("links of message %s: got %+v, want issue %d", m.ID, links, m.Issue)
	}
	if in, err := w.s.Participants(background(), m.Issue, []string{"ann@example.org"}); err != nil || len(in) != 1 {
		w.Errorf("participants of issue %d: got %q, %v", m.Issue, in, err)
	}
	lines := 0
	for _, l := range w.ledger(m.MessageID) {
		if l.Message == m.ID {
			lines++
		}
	}
	if lines != 1 {
		w.Errorf("message %s has %d lines in the ledger, want 1", m.ID, lines)
	}
	if m.Note == "" {
		return
	}
	if len(w.notes(m.Issue)) == 0 {
		w.Errorf("issue %d has no notes, message %s says that it is one", m.Issue, m.ID)
	}
}
