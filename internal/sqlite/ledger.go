package sqlite

import (
	"context"
	"slices"
	"strings"

	"postern/internal/issue"
)

// AppendLedger writes lines that belong to no commit.
func (s *Store) AppendLedger(ctx context.Context, lines []issue.LedgerLine) error {
	if len(lines) == 0 {
		return nil
	}
	return wrap(s.update(ctx, func(t *tx) error {
		for i := range lines {
			if err := putLedger(t, &lines[i]); err != nil {
				return err
			}
		}
		return nil
	}), "append to the ledger")
}

const ledgerColumns = `id, at, source, peer, sender, recipient, author, subject, message_id, verdict, reason, message, mailbox, issue, count`

// putLedger writes a line, or raises the count of the one that has its id.
func putLedger(t *tx, l *issue.LedgerLine) error {
	_, err := t.write("ledger", "INSERT INTO ledger ("+ledgerColumns+`, words) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET count = count + excluded.count`,
		l.ID, issue.Time(l.At), l.Source, l.Peer, l.From, l.To, l.Author, l.Subject, l.MessageID, l.Verdict, l.Reason,
		l.Message, l.Mailbox, l.Issue, l.Count, ledgerWords(l))
	return err
}

// ledgerWords is what a line is searched by. A word has no line break in it, so none is found across two fields.
func ledgerWords(l *issue.LedgerLine) string {
	fields := []string{l.Peer, l.From, l.To, l.Subject, l.MessageID}
	if l.Author != l.From {
		fields = append(fields, l.Author)
	}
	return strings.ToLower(strings.Join(fields, "\n"))
}

// Ledger lists by time. Words and addresses are looked for line by line, along the index of times.
func (s *Store) Ledger(ctx context.Context, q issue.LedgerQuery) ([]*issue.LedgerLine, issue.Cursor, error) {
	after, limit, err := window(q.Page, ofLedger, 2)
	if err != nil {
		return nil, "", err
	}
	var f filter
	if !q.Since.IsZero() {
		f.add("at >= ?", q.Since)
	}
	if after != nil {
		f.add("(at, seq) < (?, ?)", after[0], after[1])
	}
	for _, w := range q.Words {
		if w != "" {
			f.add("instr(words, ?) > 0", strings.ToLower(w))
		}
	}
	if q.Address != "" {
		// The first condition is the cheap one that almost every line fails.
		f.add("instr(words, ?) > 0 AND (sender = ? OR author = ? OR instr(', ' || recipient || ', ', ?) > 0)",
			strings.ToLower(q.Address), q.Address, q.Address, ", "+q.Address+", ")
	}
	var out []*issue.LedgerLine
	var seqs []int64
	err = s.read(ctx, func(c *conn) error {
		out, seqs = make([]*issue.LedgerLine, 0, 8), nil
		return c.query(ctx, "SELECT "+ledgerColumns+", seq FROM ledger"+f.String()+" ORDER BY at DESC, seq DESC LIMIT ?",
			append(slices.Clip(f.args), limit+1), func(r row) error {
				out = append(out, &issue.LedgerLine{
					ID: r.text(0), At: r.time(1), Source: r.text(2), Peer: r.text(3), From: r.text(4), To: r.text(5), Author: r.text(6),
					Subject: r.text(7), MessageID: r.text(8), Verdict: r.text(9), Reason: r.text(10), Message: r.text(11),
					Mailbox: r.text(12), Issue: r.int(13), Count: int(r.int(14)),
				})
				seqs = append(seqs, r.int(15))
				return nil
			})
	})
	out, more := cut(out, limit)
	if err != nil || !more {
		return out, "", wrap(err, "list the ledger")
	}
	return out, cursor(ofLedger, out[limit-1].At.UnixMilli(), seqs[limit-1]), nil
}

// AppendEvent records what somebody did.
func (s *Store) AppendEvent(ctx context.Context, ev issue.Event) error {
	return wrap(s.update(ctx, func(t *tx) error { return putEvent(t, &ev) }), "append an event")
}

func putEvent(t *tx, ev *issue.Event) error {
	_, err := t.write("event", "INSERT OR IGNORE INTO events (id, at, actor, action, subject, detail) VALUES (?, ?, ?, ?, ?, ?)",
		ev.ID, issue.Time(ev.At), ev.Actor, ev.Action, ev.Subject, ev.Detail)
	return err
}

// Events lists in the order they were written, the last first.
func (s *Store) Events(ctx context.Context, p issue.Page) ([]*issue.Event, issue.Cursor, error) {
	after, limit, err := window(p, ofEvents, 1)
	if err != nil {
		return nil, "", err
	}
	var f filter
	if after != nil {
		f.add("seq < ?", after[0])
	}
	var out []*issue.Event
	var seqs []int64
	err = s.read(ctx, func(c *conn) error {
		out, seqs = make([]*issue.Event, 0, 8), nil
		return c.query(ctx, "SELECT id, at, actor, action, subject, detail, seq FROM events"+f.String()+" ORDER BY seq DESC LIMIT ?",
			append(slices.Clip(f.args), limit+1), func(r row) error {
				out = append(out, &issue.Event{ID: r.text(0), At: r.time(1), Actor: r.text(2), Action: r.text(3), Subject: r.text(4), Detail: r.text(5)})
				seqs = append(seqs, r.int(6))
				return nil
			})
	})
	out, more := cut(out, limit)
	if err != nil || !more {
		return out, "", wrap(err, "list events")
	}
	return out, cursor(ofEvents, seqs[limit-1]), nil
}
