package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

const upkeepStep = 200 // documents of one step of retention and sweep

// amend changes a message's document: read, change, write where nobody wrote in between. change returns false to leave it.
func (s *Store) amend(ctx context.Context, id, step string, change func(*messageDoc) (bool, error)) (*messageDoc, error) {
	for try := 0; ; try++ {
		m, err := s.findMessage(ctx, id)
		if err != nil {
			return nil, err
		}
		if m.Todo != nil {
			if err := s.apply(ctx, m); err != nil {
				return nil, err
			}
			continue
		}
		ok, err := change(m)
		if err != nil || !ok {
			return nil, err
		}
		rev := m.Rev
		m.Rev++
		m.Blobs = m.names()
		raw, err := encode(m)
		if err != nil {
			return nil, err
		}
		if err := s.step(step); err != nil {
			return nil, err
		}
		res, err := s.messages.ReplaceOne(ctx, bson.D{{Key: "_id", Value: m.Doc}, {Key: "rev", Value: rev}}, raw)
		if err == nil && res.MatchedCount == 1 {
			return m, nil
		}
		if err != nil && !raced(err) {
			return nil, failed(step, err)
		}
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
	}
}

// strip takes the bytes of a mail: what came, its text and its files.
func (m *messageDoc) strip() {
	m.Raw, m.Text, m.TextBlob, m.HTMLBlob = issue.Blob{}, "", issue.Blob{}, issue.Blob{}
	m.Spans, m.HTMLSpans = nil, nil
	m.Attachments = nil
	m.keep("raw", "quarantine")
}

// keep notes that retention has nothing more to take of these kinds.
func (m *messageDoc) keep(not ...string) {
	m.Keeps = slices.DeleteFunc(m.Keeps, func(k string) bool { return slices.Contains(not, k) })
}

// DropMessage takes a message's bytes on somebody's word. The event is written with it, as a todo of the message.
func (s *Store) DropMessage(ctx context.Context, id string, ev issue.Event) error {
	m, err := s.amend(ctx, id, "drop message", func(m *messageDoc) (bool, error) {
		if m.Verdict == verdictCommitted {
			return false, fault.Errorf(fault.Denied, "message %s belongs to issue %d: it cannot be dropped", id, m.Issue)
		}
		if m.DeletedAt != nil {
			return false, nil
		}
		at, now := issue.Time(ev.At), s.now()
		m.strip()
		m.DeletedAt, m.Pending, m.Todo = &at, &now, &todo{Event: &ev}
		return true, nil
	})
	if err != nil {
		return err
	}
	if m != nil {
		s.finish(m, func() {}, func() {})
	}
	if err := s.emptyWithdrawn(ctx, id); err != nil {
		return err
	}
	return s.stripCopiesOf(ctx, id) // also when it is done again: the first time may have failed here
}

// emptyWithdrawn takes a message's text from the issue or the notes that it made and that were withdrawn.
func (s *Store) emptyWithdrawn(ctx context.Context, id string) error {
	m, err := s.findMessage(ctx, id)
	if err != nil || m.Issue == 0 || m.Verdict == verdictCommitted {
		return err
	}
	gone := bson.E{Key: "withdrawnAt", Value: bson.M{"$exists": true}}
	if err := s.step("empty what was withdrawn"); err != nil {
		return err
	}
	res, err := s.issues.UpdateOne(ctx, bson.D{{Key: "_id", Value: m.Issue}, {Key: "message", Value: id}, gone},
		bson.M{"$set": bson.M{"description": ""}, "$inc": bson.M{"rev": 1}})
	if err != nil {
		return failed("empty a withdrawn issue", err)
	}
	if res.MatchedCount > 0 {
		if err := s.reindex(ctx, m.Issue); err != nil {
			return err
		}
	}
	_, err = s.notes.UpdateMany(ctx, bson.D{{Key: "issue", Value: m.Issue}, {Key: "message", Value: id}, gone}, bson.M{"$set": bson.M{"text": ""}})
	return failed("empty withdrawn notes", err)
}

// stripCopiesOf takes the raw of a message's copies.
func (s *Store) stripCopiesOf(ctx context.Context, id string) error {
	return s.stripCopies(ctx, bson.M{"message": id, "blob": bson.M{"$gt": ""}})
}

// stripCopies takes the raw of the copies that a filter chooses.
func (s *Store) stripCopies(ctx context.Context, filter any) error {
	for {
		batch, err := find[copyDoc](ctx, s.copies, filter, options.Find().SetLimit(upkeepStep))
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, c := range batch {
			if err := s.step("strip copy"); err != nil {
				return err
			}
			_, err := s.copies.UpdateOne(ctx, byID(c.ID), bson.M{"$set": bson.M{"blob": "", "raw": issue.Blob{}}})
			if err != nil {
				return failed("strip copy", err)
			}
		}
	}
}

// KeepCopy adds a copy. Its place is claimed by its id; then it is counted. One of a message that was deleted is only counted.
func (s *Store) KeepCopy(ctx context.Context, message string, c *issue.Copy, raw *spool.Body) error {
	m, err := s.findMessage(ctx, message)
	if err != nil {
		return err
	}
	keeps := m.DeletedAt == nil && m.Copies < issue.MaxCopies
	if raw != nil && keeps {
		if err := s.putBlob(ctx, raw); err != nil {
			return fmt.Errorf("keep copy of message %s: %w", message, err)
		}
	}
	for n := m.Copies + 1; keeps && n <= issue.MaxCopies; n++ {
		if err := s.step("write copy"); err != nil {
			return err
		}
		_, err := s.copies.InsertOne(ctx, copyDoc{ID: fmt.Sprintf("%s/%d", message, n), Copy: *c, Message: message, N: n, Blob: c.Raw.SHA256})
		if err == nil {
			break
		}
		if !isDuplicate(err) {
			return failed("write copy", err)
		}
	}
	if err := s.step("count copy"); err != nil {
		return err
	}
	var now messageDoc
	err = persist(ctx, func() error {
		return s.messages.FindOneAndUpdate(ctx, byID(m.Doc), bson.M{"$inc": bson.M{"copies": 1, "rev": 1}},
			options.FindOneAndUpdate().SetProjection(bson.M{"deletedAt": 1})).Decode(&now)
	})
	if err != nil {
		return failed("count copy", err)
	}
	if keeps && now.DeletedAt != nil { // deleted meanwhile, maybe before the copy was there
		return s.stripCopiesOf(ctx, message)
	}
	return nil
}

// Retain takes what is older than its time, a few documents at a time.
func (s *Store) Retain(ctx context.Context, r issue.Retention) (int, error) {
	total := 0
	for _, k := range []struct {
		kind   string
		before time.Time
		take   func(*messageDoc)
	}{
		{"raw", r.Raw, func(m *messageDoc) { m.Raw = issue.Blob{} }},
		{"quarantine", r.Quarantine, (*messageDoc).strip},
		{"trace", r.Trace, func(m *messageDoc) {
			m.Decision.Facts, m.Decision.Trace, m.Decision.Changes, m.Former = nil, nil, nil, nil
			m.FactsBlob, m.TraceBlob, m.ChangesBlob, m.FormerBlob = "", "", "", ""
		}},
	} {
		n, err := s.retain(ctx, k.kind, k.before, k.take)
		total += n
		if err != nil {
			return total, err
		}
	}
	if !r.Raw.IsZero() {
		if err := s.stripCopies(ctx, bson.M{"receivedAt": bson.M{"$lt": r.Raw}, "blob": bson.M{"$gt": ""}}); err != nil {
			return total, err
		}
	}
	n, err := s.retainLedger(ctx, r.Ledger)
	if total += n; err != nil {
		return total, err
	}
	n, err = s.retainRuleCounts(ctx, r.RuleCounts)
	if total += n; err != nil {
		return total, err
	}
	n, err = s.retainUsed(ctx, s.now())
	return total + n, err
}

func (s *Store) retainRuleCounts(ctx context.Context, before time.Time) (int, error) {
	if before.IsZero() {
		return 0, nil
	}
	if err := s.step("remove rule counts"); err != nil {
		return 0, err
	}
	res, err := s.ruleCounts.DeleteMany(ctx, bson.M{"lastMatch": bson.M{"$lt": before}})
	if err != nil {
		return 0, failed("remove rule counts", err)
	}
	return int(res.DeletedCount), nil
}

func (s *Store) retain(ctx context.Context, kind string, before time.Time, take func(*messageDoc)) (int, error) {
	if before.IsZero() {
		return 0, nil
	}
	total := 0
	var trouble []error
	stay := []string{} // those of the troubles
	for {
		filter := bson.D{
			{Key: "keeps", Value: kind}, {Key: "receivedAt", Value: bson.M{"$lt": before}}, {Key: "_id", Value: bson.M{"$nin": stay}},
		}
		if kind == "quarantine" { // from when a message came into it, which may be a replay's doing
			filter = append(filter, bson.E{Key: "run", Value: bson.M{"$not": bson.M{"$gte": issue.FirstID(before)}}})
		}
		batch, err := s.readDocs(ctx, filter, options.Find().SetLimit(upkeepStep).SetProjection(bson.M{"id": 1}))
		if err != nil || len(batch) == 0 {
			return total, errors.Join(append(trouble, err)...)
		}
		for _, one := range batch {
			done, err := s.retainOne(ctx, one.ID, kind, take)
			if err != nil {
				stay, trouble = append(stay, one.Doc), append(trouble, err)
				if len(trouble) == maxTrouble || ctx.Err() != nil {
					return total, errors.Join(trouble...)
				}
			}
			if done {
				total++
			}
		}
	}
}

// retainOne takes what is due of one message, and reports whether it did.
func (s *Store) retainOne(ctx context.Context, id, kind string, take func(*messageDoc)) (bool, error) {
	if kind == "quarantine" { // the copies first: while the message keeps its own they are found again
		if err := s.stripCopiesOf(ctx, id); err != nil {
			return false, err
		}
		if err := s.emptyWithdrawn(ctx, id); err != nil {
			return false, err
		}
	}
	m, err := s.amend(ctx, id, "take "+kind, func(m *messageDoc) (bool, error) {
		if !slices.Contains(m.Keeps, kind) { // decided again meanwhile
			return false, nil
		}
		take(m)
		m.keep(kind)
		return true, nil
	})
	return m != nil, err
}

func (s *Store) retainLedger(ctx context.Context, before time.Time) (int, error) {
	if before.IsZero() {
		return 0, nil
	}
	total := 0
	for {
		batch, err := find[ledgerDoc](ctx, s.ledger, bson.M{"at": bson.M{"$lt": before}},
			options.Find().SetLimit(1000).SetProjection(bson.M{"_id": 1}))
		if err != nil || len(batch) == 0 {
			return total, err
		}
		ids := make([]string, 0, len(batch))
		for _, l := range batch {
			ids = append(ids, l.ID)
		}
		if err := s.step("remove ledger lines"); err != nil {
			return total, err
		}
		if _, err := s.ledger.DeleteMany(ctx, bson.M{"_id": bson.M{"$in": ids}}); err != nil {
			return total, failed("remove ledger lines", err)
		}
		total += len(ids)
	}
}
