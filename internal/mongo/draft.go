package mongo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

const maxDoc = 4 << 20 // bytes of a message's document

// draft makes the message's document, complete but for an issue's number.
func (s *Store) draft(c *issue.Commit) (*messageDoc, error) {
	if c.Message == nil || c.Message.ID == "" {
		return nil, fault.Errorf(fault.Invalid, "a commit without a message")
	}
	if c.Revise != nil && (c.Replaces == 0 || c.NewIssue != nil || c.Change != nil) {
		return nil, fault.Errorf(fault.Invalid, "only what is decided again in place revises its issue, and does nothing else to one")
	}
	m := &messageDoc{Message: *c.Message}
	m.ReceivedAt = issue.Time(m.ReceivedAt)
	m.Attempt = max(m.Attempt, 1)
	if c.Replaces > 0 {
		m.Attempt = c.Replaces + 1
	}
	m.Doc, m.By, m.Rev = docID(&m.Message), decisionName(m.ID, m.Attempt), 1
	if len(m.From) > 0 {
		m.Author = m.From[0].Email
	}
	now := s.now()
	m.Pending = &now
	m.Todo = &todo{
		Change: c.Change, Revise: c.Revise, Users: c.Users, Threads: c.Threads, Participants: c.Participants,
		Ledger: c.Ledger, Event: c.Event, Claims: claimed(c),
	}
	if c.Ledger != nil {
		l := *c.Ledger
		m.Todo.Ledger = &l
	}
	if c.NewIssue != nil {
		is := *c.NewIssue
		m.Todo.NewIssue = &is
		if m.Todo.AsText = is.Description == m.Text; m.Todo.AsText {
			is.Description = ""
		}
	}
	if n := m.Todo.touches(); n != 0 {
		m.Issue = n
	}
	for _, n := range c.Notes {
		n := *n
		if n.ID == "" {
			n.ID = issue.NewID(s.nowFn())
		}
		if n.Issue == 0 {
			n.Issue = m.Issue
		}
		if m.Note == "" && n.Kind == "mail" {
			m.Note = n.ID
		}
		m.Todo.Notes = append(m.Todo.Notes, &n)
	}
	if m.Todo.Ledger != nil && m.Todo.Ledger.Issue == 0 {
		m.Todo.Ledger.Issue = m.Issue
	}
	m.Keeps = []string{"raw", "trace"}
	if m.Verdict == verdictQuarantined {
		m.Keeps = []string{"quarantine", "trace"}
	}
	return m, nil
}

const (
	verdictCommitted   = "committed"
	verdictQuarantined = "quarantined"
)

// number fills in the number of a new issue wherever it belongs.
func (m *messageDoc) number(n int64) {
	m.Issue, m.Todo.NewIssue.Number = n, n
	for _, note := range m.Todo.Notes {
		note.Issue = n
	}
	if m.Todo.Ledger != nil {
		m.Todo.Ledger.Issue = n
	}
}

// names lists the blobs that the document names, each once.
func (m *messageDoc) names() []string {
	out := []string{m.Raw.SHA256, m.TextBlob.SHA256, m.HTMLBlob.SHA256, m.FactsBlob, m.TraceBlob, m.ChangesBlob, m.FormerBlob}
	for _, a := range m.Attachments {
		out = append(out, a.SHA256)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(sha string) bool { return sha == "" })
}

// keepBodies makes every blob that the message names be there, what is long of its decisions among them, and fills in m.Blobs.
func (s *Store) keepBodies(ctx context.Context, m *messageDoc, bodies []*spool.Body) error {
	spill := func(raw *json.RawMessage, name *string) {
		if len(*raw) > issue.InlineText {
			b := spool.Bytes(*raw)
			bodies = append(slices.Clone(bodies), b)
			*raw, *name = nil, b.SHA256()
		}
	}
	spill(&m.Decision.Facts, &m.FactsBlob)
	spill(&m.Decision.Trace, &m.TraceBlob)
	spill(&m.Decision.Changes, &m.ChangesBlob)
	if m.Former != nil {
		raw, err := json.Marshal(m.Former)
		if err != nil {
			return fault.As(fault.Invalid, fmt.Errorf("encode message: %w", err))
		}
		short := json.RawMessage(raw)
		if spill(&short, &m.FormerBlob); short == nil {
			m.Former = nil
		}
	}
	m.Blobs = m.names()
	return s.putBlobs(ctx, m.Blobs, bodies)
}

// size is about how many bytes a message takes in memory until it is applied.
func (m *messageDoc) size() int {
	n := len(m.Text) + len(m.Decision.Facts) + len(m.Decision.Trace)
	if is := m.Todo.NewIssue; is != nil {
		n += len(is.Description)
	}
	for _, note := range m.Todo.Notes {
		n += len(note.Text)
	}
	return n
}

// encode makes the document's bytes, within bounds.
func encode(m *messageDoc) (bson.Raw, error) {
	raw, err := marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w: %w", errNotSent, err)
	}
	if len(raw) > maxDoc {
		return nil, fault.Errorf(fault.TooLarge, "the message's own data is %d bytes, more than %d: %w", len(raw), maxDoc, errNotSent)
	}
	return raw, nil
}
