package mongo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

const (
	defaultPage = 50
	maxPage     = 500
)

// pageLimit is how many items a piece has.
func pageLimit(p issue.Page) (int, error) {
	switch {
	case p.Limit == 0:
		return defaultPage, nil
	case p.Limit < 0 || p.Limit > maxPage:
		return 0, fault.Errorf(fault.Invalid, "a limit of %d: it must be from 1 to %d", p.Limit, maxPage)
	}
	return p.Limit, nil
}

// A cursor is a letter for the list, a dot, and the place of the last item.
func cursor(list byte, place string) issue.Cursor {
	return issue.Cursor(string(list) + "." + base64.RawURLEncoding.EncodeToString([]byte(place)))
}

// place reads a cursor of that list; "" for the first piece.
func place(list byte, c issue.Cursor) (string, error) {
	if c == "" {
		return "", nil
	}
	rest, ok := strings.CutPrefix(string(c), string(list)+".")
	b, err := base64.RawURLEncoding.Strict().DecodeString(rest)
	if !ok || err != nil || len(b) == 0 || len(b) > 200 {
		return "", fault.Errorf(fault.Invalid, "this cursor belongs to no such list")
	}
	return string(b), nil
}

// cut shortens a piece that was read with one item too many and makes the cursor behind it.
func cut[T any](items []T, limit int, list byte, at func(T) string) ([]T, issue.Cursor) {
	if len(items) <= limit {
		return items, ""
	}
	items = items[:limit]
	return items, cursor(list, at(items[limit-1]))
}

// Issue reads an issue, with all that was committed before, on whichever node.
func (s *Store) Issue(ctx context.Context, number int64) (*issue.Issue, error) {
	d, err := s.issueDoc(ctx, number)
	if err != nil {
		return nil, err
	}
	return &d.Issue, nil
}

func (s *Store) issueDoc(ctx context.Context, number int64) (*issueDoc, error) {
	if err := s.deeds.await(ctx, issueName(number)); err != nil {
		return nil, err
	}
	if err := s.applyPendingOf(ctx, number); err != nil {
		return nil, err
	}
	var d issueDoc
	err := s.issues.FindOne(ctx, byID(number)).Decode(&d)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, fault.Errorf(fault.NotFound, "no issue %d", number)
	}
	if err != nil {
		return nil, failed(fmt.Sprintf("read issue %d", number), err)
	}
	return &d, nil
}

// Notes reads an issue's notes, oldest first.
func (s *Store) Notes(ctx context.Context, number int64, p issue.Page) ([]*issue.Note, issue.Cursor, error) {
	limit, err := pageLimit(p)
	if err != nil {
		return nil, "", err
	}
	after, err := place('n', p.After)
	if err != nil {
		return nil, "", err
	}
	if after == "" {
		if _, err := s.Issue(ctx, number); err != nil {
			return nil, "", err
		}
	}
	docs, err := find[noteDoc](ctx, s.notes, bson.D{
		{Key: "issue", Value: number}, {Key: "place", Value: bson.M{"$gt": after}}, {Key: "withdrawnAt", Value: bson.M{"$exists": false}},
	},
		options.Find().SetSort(keys("place")).SetLimit(int64(limit+1)))
	if err != nil {
		return nil, "", err
	}
	docs, next := cut(docs, limit, 'n', func(d *noteDoc) string { return d.Place })
	out := make([]*issue.Note, 0, len(docs))
	for _, d := range docs {
		out = append(out, &d.Note)
	}
	return out, next, nil
}

// Message reads a message with its facts and trace.
func (s *Store) Message(ctx context.Context, id string) (*issue.Message, error) {
	if err := s.deeds.await(ctx, messageName(id)); err != nil {
		return nil, err
	}
	m, err := s.findMessage(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.whole(ctx, m)
}

// whole is a message with what is long of its decisions read from its blobs.
func (s *Store) whole(ctx context.Context, m *messageDoc) (*issue.Message, error) {
	var former []byte
	for _, long := range []struct {
		blob string
		into *[]byte
	}{
		{m.FactsBlob, (*[]byte)(&m.Decision.Facts)}, {m.TraceBlob, (*[]byte)(&m.Decision.Trace)},
		{m.ChangesBlob, (*[]byte)(&m.Decision.Changes)}, {m.FormerBlob, &former},
	} {
		if long.blob == "" {
			continue
		}
		r, err := s.OpenBlob(ctx, long.blob)
		if err != nil {
			return nil, fmt.Errorf("read the decision of message %s: %w", m.ID, err)
		}
		*long.into, err = io.ReadAll(r)
		_ = r.Close()
		if err != nil {
			return nil, fmt.Errorf("read the decision of message %s: %w", m.ID, err)
		}
	}
	if former != nil {
		if err := json.Unmarshal(former, &m.Former); err != nil {
			return nil, fmt.Errorf("read the decision of message %s: %w", m.ID, err)
		}
	}
	return &m.Message, nil
}

// short leaves out of a list of messages what a list does not show.
var short = bson.M{"todo": 0, "decision.facts": 0, "decision.trace": 0, "decision.changes": 0, "former": 0, "blobs": 0, "keeps": 0}

// Messages reads messages, newest first.
func (s *Store) Messages(ctx context.Context, q issue.MessageQuery) ([]*issue.Message, issue.Cursor, error) {
	limit, err := pageLimit(q.Page)
	if err != nil {
		return nil, "", err
	}
	after, err := place('m', q.After)
	if err != nil {
		return nil, "", err
	}
	var f bson.D
	f = equal(f, "verdict", q.Verdict)
	f = equal(f, "mailbox", q.Mailbox)
	f = equal(f, "author", q.Author)
	f = equal(f, "messageId", q.MessageID)
	f = equal(f, "run", q.Run)
	if q.Issue != 0 {
		f = append(f, bson.E{Key: "issue", Value: q.Issue})
	}
	if !q.Since.IsZero() {
		f = append(f, bson.E{Key: "receivedAt", Value: bson.M{"$gte": q.Since}})
	}
	f = before(f, "id", after)
	docs, err := s.readDocs(ctx, all(f), options.Find().SetSort(keys("-id")).SetLimit(int64(limit+1)).SetProjection(short))
	if err != nil {
		return nil, "", err
	}
	docs, next := cut(docs, limit, 'm', func(m *messageDoc) string { return m.ID })
	out := make([]*issue.Message, 0, len(docs))
	for _, m := range docs {
		out = append(out, &m.Message)
	}
	return out, next, nil
}

// equal adds a condition, unless nothing is asked. The value is a string, so it can never be read as an operator.
func equal(f bson.D, field, value string) bson.D {
	if value == "" {
		return f
	}
	return append(f, bson.E{Key: field, Value: value})
}

// before adds the condition that pages: smaller than the last item's place.
func before(f bson.D, field, place string) bson.D {
	if place == "" {
		return f
	}
	return append(f, bson.E{Key: field, Value: bson.M{"$lt": place}})
}

// all is a filter even where nothing was asked: nil is none.
func all(f bson.D) bson.D {
	if f == nil {
		return bson.D{}
	}
	return f
}

// Copies reads a message's copies, newest first.
func (s *Store) Copies(ctx context.Context, message string) ([]*issue.Copy, error) {
	if _, err := s.findMessage(ctx, message); err != nil {
		return nil, err
	}
	docs, err := find[copyDoc](ctx, s.copies, bson.M{"message": message}, options.Find().SetSort(keys("-n")))
	if err != nil {
		return nil, err
	}
	out := make([]*issue.Copy, 0, len(docs))
	for _, d := range docs {
		out = append(out, &d.Copy)
	}
	return out, nil
}

// FindAttachment finds the latest message that has a file of that content.
func (s *Store) FindAttachment(ctx context.Context, sha256 string) (*issue.Message, *issue.Attachment, error) {
	none := fault.Errorf(fault.NotFound, "no attachment %s", sha256)
	if !isHash(sha256) {
		return nil, nil, none
	}
	var m messageDoc
	err := s.messages.FindOne(ctx, bson.D{{Key: "blobs", Value: sha256}, {Key: "attachments.sha256", Value: sha256}},
		options.FindOne().SetSort(keys("-id"))).Decode(&m)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil, none
	}
	if err != nil {
		return nil, nil, failed("find attachment", err)
	}
	for i := range m.Attachments {
		if m.Attachments[i].SHA256 == sha256 {
			msg, err := s.whole(ctx, &m)
			return msg, &m.Attachments[i], err
		}
	}
	return nil, nil, none
}

// Issues reads issues, newest first.
func (s *Store) Issues(ctx context.Context, q issue.IssueQuery) ([]*issue.Issue, issue.Cursor, error) {
	limit, err := pageLimit(q.Page)
	if err != nil {
		return nil, "", err
	}
	after, err := place('i', q.After)
	if err != nil {
		return nil, "", err
	}
	last := int64(0)
	if after != "" {
		if last, err = strconv.ParseInt(after, 10, 64); err != nil || last < 1 {
			return nil, "", fault.Errorf(fault.Invalid, "this cursor belongs to no such list")
		}
	}
	var f bson.D
	f = equal(f, "status", q.Status)
	f = equal(f, "mailbox", q.Mailbox)
	f = equal(f, "requester.email", q.Requester)
	f = equal(f, "assignee", q.Assignee)
	f = equal(f, "tags", q.Tag)
	f = append(f, bson.E{Key: "withdrawnAt", Value: bson.M{"$exists": q.Withdrawn}})

	words, err := searchWords(q.Words)
	if err != nil {
		return nil, "", err
	}
	if err := s.deeds.awaitAll(ctx, len(words) > 0); err != nil {
		return nil, "", err
	}
	var docs []*issueDoc
	if len(words) > 0 {
		docs, err = s.search(ctx, words, f, last, limit+1)
	} else {
		docs, err = s.listIssues(ctx, f, last, limit+1)
	}
	if err != nil {
		return nil, "", err
	}
	docs, next := cut(docs, limit, 'i', func(d *issueDoc) string { return strconv.FormatInt(d.ID, 10) })
	out := make([]*issue.Issue, 0, len(docs))
	for _, d := range docs {
		out = append(out, &d.Issue)
	}
	return out, next, nil
}

func (s *Store) listIssues(ctx context.Context, f bson.D, last int64, limit int) ([]*issueDoc, error) {
	if last > 0 {
		f = append(f, bson.E{Key: "_id", Value: bson.M{"$lt": last}})
	}
	return find[issueDoc](ctx, s.issues, all(f), options.Find().SetSort(keys("-_id")).SetLimit(int64(limit)).
		SetProjection(bson.M{"applied": 0, "sets": 0}))
}
