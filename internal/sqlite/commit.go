package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postern/internal/fault"
	"postern/internal/issue"
)

// Commit writes a decided message. All that can be prepared is prepared here, by the sender's own
// goroutine: JSON, compression, files of large blobs. The writer only checks and inserts.
func (s *Store) Commit(ctx context.Context, c *issue.Commit) (issue.Committed, error) {
	p, err := s.plan(c)
	if err != nil {
		return issue.Committed{}, err
	}
	release, err := s.placeBodies(p.bodies)
	if err != nil {
		return issue.Committed{}, err
	}
	var done issue.Committed
	err = s.submit(&job{ctx: ctx, after: release, do: func(t *tx) (err error) {
		done, err = s.apply(t, p)
		return err
	}})
	if err != nil {
		return issue.Committed{}, err
	}
	return done, nil
}

// A plan is a commit made ready for the writer.
type plan struct {
	*issue.Commit
	m          *issue.Message // a copy, with times rounded
	doc, trace []byte
	bodies     map[string]*body // by hash, those that the message names
	blobs      []string         // all that the message names
}

// plan checks what the caller says and encodes it.
func (s *Store) plan(c *issue.Commit) (*plan, error) {
	switch m := c.Message; {
	case m == nil || m.ID == "":
		return nil, fault.Errorf(fault.Invalid, "commit: a message with an id is missing")
	case c.NewIssue != nil && c.Change != nil:
		return nil, fault.Errorf(fault.Invalid, "commit of message %s: a new issue and a change of another exclude each other", m.ID)
	case c.Revise != nil && (c.Replaces == 0 || c.NewIssue != nil || c.Change != nil):
		return nil, fault.Errorf(fault.Invalid, "commit of message %s: only what is decided again in place revises its issue, and does nothing else to one", m.ID)
	case len(c.Notes) > 0 && c.NewIssue == nil && c.Change == nil && c.Revise == nil:
		return nil, fault.Errorf(fault.Invalid, "commit of message %s: notes without an issue", m.ID)
	case m.Slot != "" && !strings.Contains(m.Slot, "/"):
		return nil, fault.Errorf(fault.Invalid, "commit of message %s: slot %q is not of the form key/n", m.ID, m.Slot)
	}
	m := *c.Message
	m.ReceivedAt = issue.Time(m.ReceivedAt)
	if m.Note == "" {
		for _, n := range c.Notes {
			if n.Kind == "mail" && n.Message == m.ID {
				m.Note = n.ID
				break
			}
		}
	}
	p := &plan{Commit: c, m: &m, blobs: named(&m)}
	var err error
	if p.doc, p.trace, err = encodeMessage(&m); err != nil {
		return nil, err
	}
	p.bodies, err = s.prepare(c.Bodies, p.blobs)
	return p, err
}

// apply runs in the writer. Everything that can fail for the commit's own reasons is looked at before the
// first write, so that a conflict costs the others of the group nothing.
func (s *Store) apply(t *tx, p *plan) (issue.Committed, error) {
	m := p.m
	for _, r := range p.Relies {
		if err := holds(t.conn, r); err != nil {
			return issue.Committed{}, err
		}
	}
	old, err := s.standing(t.conn, p)
	if err != nil {
		return issue.Committed{}, err
	}
	var number int64
	notes := 0
	var h *issue.History
	var is *issue.Issue
	switch {
	case p.NewIssue != nil:
		s.number++ // one that is not used in the end is a gap
		number = s.number
	case p.Change != nil || p.Revise != nil:
		number = touches(p.Commit)
		if h, notes, err = readHistory(t.conn, number); err != nil {
			return issue.Committed{}, err
		}
		is = h.Issue
		if err := mayWithdraw(t.conn, h, p.Revise); err != nil {
			return issue.Committed{}, err
		}
	default:
		number = m.Issue
	}
	if notes+len(p.Notes) > maxNotes {
		return issue.Committed{}, fault.Errorf(fault.TooLarge, "issue %d has %d notes already", number, notes)
	}
	for _, sha := range p.blobs {
		if p.bodies[sha] == nil {
			if _, ok, err := t.one("SELECT 1 FROM blobs WHERE sha = ?", hash(sha)); err != nil {
				return issue.Committed{}, err
			} else if !ok {
				return issue.Committed{}, fault.Errorf(fault.Conflict, "commit of message %s: blob %s is not in the store and came with no body", m.ID, sha)
			}
		}
	}
	seq, err := s.putMessage(t, p, old, number)
	if err != nil {
		return issue.Committed{}, err
	}
	if err := s.name(t, p, seq, old); err != nil {
		return issue.Committed{}, err
	}
	switch {
	case p.NewIssue != nil:
		err = putIssue(t, p, number)
	case h != nil:
		err = changeIssue(t, p, h, notes+len(p.Notes))
	}
	if err != nil {
		return issue.Committed{}, err
	}
	if err := putNotes(t, p.Notes, number, notes); err != nil {
		return issue.Committed{}, err
	}
	if err := putLinks(t, p, number, is); err != nil {
		return issue.Committed{}, err
	}
	if p.Ledger != nil {
		line := *p.Ledger
		line.Issue = number
		if err := putLedger(t, &line); err != nil {
			return issue.Committed{}, err
		}
	}
	if p.Event != nil {
		if err := putEvent(t, p.Event); err != nil {
			return issue.Committed{}, err
		}
	}
	return issue.Committed{Message: m.ID, Issue: number, Note: m.Note}, nil
}

// A former is the message as it stood before it is decided again in place.
type former struct {
	seq   int64
	blobs []string
}

// standing looks at the message that this one replaces or replays.
func (s *Store) standing(c *conn, p *plan) (*former, error) {
	if of := p.m.ReplayOf; of != "" && p.Replaces == 0 {
		r, ok, err := c.one("SELECT replayed_by, deleted_at FROM messages WHERE id = ?", of)
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return nil, fault.Errorf(fault.NotFound, "no message %s to decide again", of)
		case r.text(0) != "" && r.text(0) != p.m.ID:
			return nil, fault.Errorf(fault.Conflict, "message %s has been decided again as %s", of, r.text(0))
		case r[1] != nil:
			return nil, fault.Errorf(fault.Conflict, "message %s has been deleted", of)
		}
	}
	if p.Replaces == 0 {
		return nil, nil
	}
	r, ok, err := c.one("SELECT "+messageColumns+" FROM messages WHERE id = ?", p.m.ID)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no message %s to decide again", p.m.ID)
	}
	was, err := decodeMessage(r)
	if err != nil {
		return nil, err
	}
	if was.Attempt != p.Replaces {
		return nil, fault.Errorf(fault.Conflict, "message %s has been decided %d times, not %d", was.ID, was.Attempt, p.Replaces)
	}
	if was.DeletedAt != nil {
		return nil, fault.Errorf(fault.Conflict, "message %s was deleted meanwhile", was.ID)
	}
	if p.m.Slot != "" && p.m.Slot != was.Slot {
		if _, taken, err := c.one("SELECT 1 FROM messages WHERE slot = ?", p.m.Slot); err != nil || taken {
			return nil, cmpErr(err, fault.Errorf(fault.Conflict, "slot %s is taken", p.m.Slot))
		}
	}
	return &former{seq: r.int(19), blobs: named(was)}, nil
}

func cmpErr(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// putMessage inserts the message, or writes it over the one that it replaces.
func (s *Store) putMessage(t *tx, p *plan, old *former, number int64) (seq int64, err error) {
	m := p.m
	author := ""
	if len(m.From) > 0 {
		author = m.From[0].Email
	}
	attempt := max(m.Attempt, 1)
	if old != nil {
		attempt = p.Replaces + 1
	}
	var slot any
	if m.Slot != "" {
		slot = m.Slot
	}
	values := []any{
		m.ID, slot, m.Mailbox, m.ReceivedAt, author, m.Subject, m.MessageID, m.Verdict, m.Reason, number, m.Note, attempt,
		m.ReplayOf, m.ReplayedBy, m.Marked, stamp(m.DeletedAt), hash(m.Raw.SHA256), m.Raw.Size, p.trace != nil, p.doc, p.trace, m.Run,
	}
	if old != nil {
		_, err := t.write("message", `UPDATE messages SET id = ?, slot = ?, mailbox = ?, received_at = ?, author = ?, subject = ?, message_id = ?,
			verdict = ?, reason = ?, issue = ?, note = ?, attempt = ?, replay_of = ?, replayed_by = ?, marked = ?, deleted_at = ?,
			raw = ?, raw_size = ?, traced = ?, doc = ?, trace = ?, run = ? WHERE seq = ?`, append(values, old.seq)...)
		return old.seq, err
	}
	s.message++
	n, err := t.write("message", `INSERT INTO messages (seq, id, slot, mailbox, received_at, author, subject, message_id, verdict, reason, issue,
		note, attempt, replay_of, replayed_by, marked, copies, deleted_at, raw, raw_size, traced, doc, trace, run)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		append([]any{s.message}, values...)...)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, fault.Errorf(fault.Conflict, "slot %s is taken", m.Slot)
	}
	if m.ReplayOf != "" {
		_, err = t.write("replayed", "UPDATE messages SET replayed_by = ? WHERE id = ?", m.ID, m.ReplayOf)
	}
	return s.message, err
}

func putIssue(t *tx, p *plan, number int64) error {
	is := *p.NewIssue
	is.Number = number
	is.CreatedAt, is.UpdatedAt = issue.Time(is.CreatedAt), issue.Time(is.UpdatedAt)
	if is.Message == "" {
		is.Message = p.m.ID
	}
	is.Tags = unique(is.Tags)
	if _, err := t.write("issue", "INSERT INTO issues ("+issueColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		issueValues(&is, len(p.Notes))...); err != nil {
		return err
	}
	if err := tag(t, number, is.Tags, nil); err != nil {
		return err
	}
	return enqueue(t, number, 0)
}

// touches is the number of the issue that a commit changes.
func touches(c *issue.Commit) int64 {
	if c.Revise != nil {
		return c.Revise.Number
	}
	return c.Change.Number
}

// changeIssue applies a change to the issue as it is now: this is the only writer, so none is lost.
func changeIssue(t *tx, p *plan, h *issue.History, notes int) error {
	is := h.Issue
	before := *is
	if p.Change != nil {
		h.Change(p.Change, p.m.ID)
	} else {
		h.Revise(p.Revise)
	}
	v := issueValues(is, notes)
	// Requester, creation and message never change.
	if _, err := t.write("issue", `UPDATE issues SET subject = ?, description = ?, type = ?, class = ?, priority = ?, status = ?, assignee = ?, team = ?,
		template = ?, visibility = ?, watchers = ?, tags = ?, fields = ?, due_at = ?, updated_at = ?, closed_at = ?, notes = ?,
		withdrawn_at = ?, sets = ? WHERE number = ?`,
		v[2], v[3], v[4], v[5], v[6], v[7], v[8], v[9], v[10], v[11], v[14], v[15], v[16], v[18], v[20], v[21], v[23], v[24],
		setList(h.Sets), is.Number); err != nil {
		return err
	}
	if err := tag(t, is.Number, without(is.Tags, before.Tags), without(before.Tags, is.Tags)); err != nil {
		return err
	}
	if is.Subject != before.Subject || is.Description != before.Description || p.Change != nil && p.Change.Subject != nil {
		if err := enqueue(t, is.Number, 0); err != nil {
			return err
		}
	}
	return reviseNotes(t, p.Revise)
}

func tag(t *tx, number int64, add, remove []string) error {
	for _, one := range add {
		if _, err := t.write("tag", "INSERT OR IGNORE INTO issue_tags (tag, issue) VALUES (?, ?)", one, number); err != nil {
			return err
		}
	}
	for _, one := range remove {
		if _, err := t.write("tag", "DELETE FROM issue_tags WHERE tag = ? AND issue = ?", one, number); err != nil {
			return err
		}
	}
	return nil
}

// unique is a list with each entry once.
func unique(list []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func without(list, remove []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(remove, s) })
}

const (
	noteBits = 20
	maxNotes = 1<<noteBits - 1
)

// putNotes appends notes to an issue that has some already.
func putNotes(t *tx, notes []*issue.Note, number int64, have int) error {
	for i, n := range notes {
		place := number<<noteBits | int64(have+i+1)
		if _, err := t.write("note", `INSERT INTO notes (place, id, kind, author, author_name, text, visibility, message, created_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			place, n.ID, n.Kind, n.Author.Email, n.Author.Name, n.Text, n.Visibility, n.Message, issue.Time(n.CreatedAt)); err != nil {
			return err
		}
		if err := enqueue(t, number, have+i+1); err != nil {
			return err
		}
	}
	return nil
}

// enqueue asks for a text to be put into the search index; note 0 is the issue's own text.
func enqueue(t *tx, number int64, note int) error {
	t.texts++
	_, err := t.write("search queue", "INSERT OR IGNORE INTO search_queue (place) VALUES (?)", number<<noteBits|int64(note))
	return err
}

// putLinks writes how later mail finds the issue, and who takes part in it. The requester and the watchers are in
// the issue's own row.
func putLinks(t *tx, p *plan, number int64, is *issue.Issue) error {
	if number > 0 {
		if is == nil {
			is = p.NewIssue
		}
		for _, name := range p.Threads {
			mailbox, id := name.Leads(p.m.Mailbox, number)
			if _, err := t.write("thread", `INSERT INTO threads (mailbox, id, kind, issue, at) VALUES (?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`,
				mailbox, id, kindNumber(name.Kind), number, p.m.ReceivedAt); err != nil {
				return err
			}
		}
		for _, email := range p.Participants {
			if is != nil && email == is.Requester.Email {
				continue
			}
			if _, err := t.write("participant", "INSERT OR IGNORE INTO participants (issue, email) VALUES (?, ?)", number, email); err != nil {
				return err
			}
		}
	}
	for _, u := range p.Users {
		n, err := t.write("user", "INSERT OR IGNORE INTO users (email, name, role, organization, created_at) VALUES (?, ?, ?, ?, ?)",
			u.Email, u.Name, u.Role, u.Organization, issue.Time(u.CreatedAt))
		if err != nil {
			return err
		}
		if n > 0 {
			t.users = append(t.users, u.Email)
		}
	}
	return nil
}

// readIssue reads an issue and how many notes it has.
func readIssue(c *conn, number int64) (*issue.Issue, int, error) {
	r, err := issueRow(c, issueColumns, number)
	if err != nil {
		return nil, 0, err
	}
	return decodeIssue(r)
}

// readHistory reads an issue with what its fields were given, and how many notes it has.
func readHistory(c *conn, number int64) (*issue.History, int, error) {
	r, err := issueRow(c, issueColumns+", sets", number)
	if err != nil {
		return nil, 0, err
	}
	is, notes, err := decodeIssue(r)
	if err != nil {
		return nil, 0, err
	}
	h := &issue.History{Issue: is}
	if h.Sets, err = decodeSets(r.text(25)); err != nil {
		return nil, 0, fmt.Errorf("decode issue %d: %w", number, err)
	}
	return h, notes, nil
}

func issueRow(c *conn, columns string, number int64) (row, error) {
	r, ok, err := c.one("SELECT "+columns+" FROM issues WHERE number = ?", number)
	if err != nil {
		return nil, fmt.Errorf("read issue %d: %w", number, err)
	}
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no issue %d", number)
	}
	return r, nil
}
