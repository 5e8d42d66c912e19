package sqlite

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"postern/internal/fault"
	"postern/internal/issue"
)

// pack compresses. Mail is text: this halves what is written to the log and to the database. S2 takes a fifth of
// the time of zstd at its fastest, which was most of what a commit cost. It is given room for the worst case, and only
// what came of it is kept.
func pack(b []byte) []byte {
	room, _ := packing.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	if need := s2.MaxEncodedLen(len(b)); need > cap(*room) {
		*room = make([]byte, need)
	}
	packed := s2.Encode((*room)[:cap(*room)], b)
	out := bytes.Clone(packed)
	packing.Put(room)
	return out
}

var packing sync.Pool

func unpack(b []byte) ([]byte, error) {
	out, err := s2.Decode(nil, b)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return out, nil
}

// trace is what a message's trace column holds.
type trace struct {
	Facts   json.RawMessage `json:"facts,omitempty"`
	Trace   json.RawMessage `json:"trace,omitempty"`
	Changes json.RawMessage `json:"changes,omitempty"`
	Former  *issue.Former   `json:"former,omitempty"`
}

// with appends members to a JSON object, each a value that is JSON already. encoding/json would read and copy each of them
// once more.
func with(object []byte, members ...member) []byte {
	for _, m := range members {
		if len(m.value) == 0 {
			continue
		}
		object = object[:len(object)-1]
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(append(append(append(object, '"'), m.name...), `":`...), m.value...)
		object = append(object, '}')
	}
	return object
}

type member struct {
	name  string
	value json.RawMessage
}

// encodeMessage makes the doc and trace columns. What has a column of its own is not in the doc.
func encodeMessage(m *issue.Message) (doc, tr []byte, err error) {
	d := *m
	d.Decision.Facts, d.Decision.Trace, d.Decision.Changes, d.Former, d.Run = nil, nil, nil, nil, ""
	d.ID, d.Slot, d.Mailbox, d.Subject, d.MessageID, d.Verdict, d.Reason, d.Note = "", "", "", "", "", "", "", ""
	d.ReplayOf, d.ReplayedBy, d.Issue, d.Copies, d.DeletedAt, d.Raw = "", "", 0, 0, nil, issue.Blob{}
	d.ReceivedAt = time.Time{}
	d.Date = stamp(m.Date)
	d.Spans, d.HTMLSpans, d.Warnings = nil, nil, nil
	b, err := json.Marshal(&d)
	if err != nil {
		return nil, nil, fault.As(fault.Invalid, fmt.Errorf("encode message: %w", err))
	}
	doc = pack(with(b, member{"spans", m.Spans}, member{"htmlSpans", m.HTMLSpans}, member{"warnings", m.Warnings}))
	var former []byte
	if m.Former != nil {
		if former, err = json.Marshal(m.Former); err != nil {
			return nil, nil, fault.As(fault.Invalid, fmt.Errorf("encode message: %w", err))
		}
	}
	if len(m.Decision.Facts)+len(m.Decision.Trace)+len(m.Decision.Changes)+len(former) > 0 {
		tr = pack(with([]byte("{}"), member{"facts", m.Decision.Facts}, member{"trace", m.Decision.Trace},
			member{"changes", m.Decision.Changes}, member{"former", former}))
	}
	return doc, tr, nil
}

// messageColumns are read in this order by decodeMessage; the trace comes last and may be left out.
const messageColumns = `id, slot, mailbox, received_at, subject, message_id, verdict, reason, issue, note, attempt,
	replay_of, replayed_by, marked, copies, deleted_at, raw, raw_size, doc, seq, run`

func decodeMessage(r row) (*issue.Message, error) {
	b, err := unpack(r.bytes(18))
	if err != nil {
		return nil, err
	}
	m := &issue.Message{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("decode message %s: %w", r.text(0), err)
	}
	m.ID, m.Slot, m.Mailbox, m.ReceivedAt, m.Subject = r.text(0), r.text(1), r.text(2), r.time(3), r.text(4)
	m.MessageID, m.Verdict, m.Reason, m.Issue, m.Note = r.text(5), r.text(6), r.text(7), r.int(8), r.text(9)
	m.Attempt, m.ReplayOf, m.ReplayedBy, m.Marked = int(r.int(10)), r.text(11), r.text(12), r.int(13) != 0
	m.Copies, m.DeletedAt, m.Run = int(r.int(14)), r.maybe(15), r.text(20)
	m.Raw = issue.Blob{SHA256: hex.EncodeToString(r.bytes(16)), Size: r.int(17)}
	if m.Date != nil {
		*m.Date = m.Date.UTC()
	}
	if len(r) > 21 && r.bytes(21) != nil {
		b, err := unpack(r.bytes(21))
		if err != nil {
			return nil, err
		}
		var tr trace
		if err := json.Unmarshal(b, &tr); err != nil {
			return nil, fmt.Errorf("decode the decision of message %s: %w", m.ID, err)
		}
		m.Decision.Facts, m.Decision.Trace, m.Decision.Changes, m.Former = tr.Facts, tr.Trace, tr.Changes, tr.Former
	}
	return m, nil
}

// issueColumns are read in this order by decodeIssue and written in this order by the issue's insert.
const issueColumns = `number, mailbox, subject, description, type, class, priority, status, assignee, team, template, visibility,
	requester, requester_name, watchers, tags, fields, suspected, due_at, created_at, updated_at, closed_at, message, notes, withdrawn_at`

// issueValues are an issue's columns.
func issueValues(is *issue.Issue, notes int) []any {
	return []any{
		is.Number, is.Mailbox, is.Subject, is.Description, is.Type, is.Class, is.Priority, is.Status, is.Assignee, is.Team,
		is.Template, is.Visibility, is.Requester.Email, is.Requester.Name, list(is.Watchers), list(is.Tags), object(is.Fields),
		list(is.Suspected), stamp(is.DueAt), is.CreatedAt, is.UpdatedAt, stamp(is.ClosedAt), is.Message, notes,
		stamp(is.WithdrawnAt),
	}
}

func decodeIssue(r row) (*issue.Issue, int, error) {
	is := &issue.Issue{
		Number: r.int(0), Mailbox: r.text(1), Subject: r.text(2), Description: r.text(3), Type: r.text(4), Class: r.text(5),
		Priority: r.text(6), Status: r.text(7), Assignee: r.text(8), Team: r.text(9), Template: r.text(10), Visibility: r.text(11),
		Requester: issue.Person{Email: r.text(12), Name: r.text(13)},
		DueAt:     r.maybe(18), CreatedAt: r.time(19), UpdatedAt: r.time(20), ClosedAt: r.maybe(21), Message: r.text(22),
		WithdrawnAt: r.maybe(24),
	}
	for i, to := range map[int]any{14: &is.Watchers, 15: &is.Tags, 16: &is.Fields, 17: &is.Suspected} {
		if err := json.Unmarshal([]byte(r.text(i)), to); err != nil {
			return nil, 0, fmt.Errorf("decode issue %d: %w", is.Number, err)
		}
	}
	return is, int(r.int(23)), nil
}

// list is a JSON array, never null.
func list[T string | int64](l []T) string {
	if len(l) == 0 {
		return "[]"
	}
	b, _ := json.Marshal(l) // strings and numbers always can be
	return string(b)
}

func object(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	b, _ := json.Marshal(m)
	return string(b)
}

// stamp rounds a time that may be missing.
func stamp(t *time.Time) *time.Time {
	if t == nil || t.IsZero() {
		return nil
	}
	r := issue.Time(*t)
	return &r
}

// hash is the 32 bytes of a SHA-256 in hex; nil when it is not one.
func hash(hexed string) []byte {
	b, err := hex.DecodeString(hexed)
	if err != nil || len(b) != 32 {
		return nil
	}
	return b
}

// named are the hashes of all blobs that a message names, each once.
func named(m *issue.Message) []string {
	var out []string
	add := func(sha string) {
		if sha != "" && !slices.Contains(out, sha) {
			out = append(out, sha)
		}
	}
	add(m.Raw.SHA256)
	add(m.TextBlob.SHA256)
	add(m.HTMLBlob.SHA256)
	for _, a := range m.Attachments {
		add(a.SHA256)
	}
	return out
}
