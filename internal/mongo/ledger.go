package mongo

import (
	"context"
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/issue"
)

func newLedgerDoc(l issue.LedgerLine) ledgerDoc {
	d := ledgerDoc{ID: l.ID, LedgerLine: l, Hay: hay(l.Peer, l.From, l.To, l.Author, l.Subject, l.MessageID)}
	for _, a := range append(strings.Split(l.To, ", "), l.From, l.Author) {
		if a = strings.ToLower(a); a != "" {
			d.Addresses = with(d.Addresses, []string{a})
		}
	}
	return d
}

// hay is what words are looked for in: lower case, without NUL.
func hay(fields ...string) string {
	return strings.ToLower(strings.ReplaceAll(strings.Join(fields, "\n"), "\x00", " "))
}

// AppendLedger writes lines; one that is there is counted.
func (s *Store) AppendLedger(ctx context.Context, lines []issue.LedgerLine) error {
	if len(lines) == 0 {
		return nil
	}
	var again []mongo.WriteModel
	docs := list(lines, func(_ int, l issue.LedgerLine) any { return newLedgerDoc(l) })
	for i, err := range s.write(ctx, s.ledger, inserts(docs)...) {
		switch {
		case errors.Is(err, errDuplicate):
			again = append(again, mongo.NewUpdateOneModel().SetFilter(byID(lines[i].ID)).
				SetUpdate(bson.M{"$inc": bson.M{"count": lines[i].Count}}))
		case err != nil:
			return err
		}
	}
	if len(again) == 0 {
		return nil
	}
	return errors.Join(s.write(ctx, s.ledger, again...)...)
}

// Ledger reads lines, newest first.
func (s *Store) Ledger(ctx context.Context, q issue.LedgerQuery) ([]*issue.LedgerLine, issue.Cursor, error) {
	limit, err := pageLimit(q.Page)
	if err != nil {
		return nil, "", err
	}
	after, err := place('l', q.After)
	if err != nil {
		return nil, "", err
	}
	var f bson.D
	f = equal(f, "addresses", strings.ToLower(q.Address))
	f = before(f, "_id", after)
	if !q.Since.IsZero() {
		f = append(f, bson.E{Key: "at", Value: bson.M{"$gte": q.Since}})
	}
	var has bson.A
	for _, w := range q.Words {
		// $literal and a search for bytes: a word is never an operator, a field or a pattern.
		if w = hay(w); w != "" {
			has = append(has, bson.M{"$gte": bson.A{bson.M{"$indexOfBytes": bson.A{"$hay", bson.M{"$literal": w}}}, 0}})
		}
	}
	if len(has) > 0 {
		f = append(f, bson.E{Key: "$expr", Value: bson.M{"$and": has}})
	}
	if err := s.deeds.awaitAll(ctx, false); err != nil {
		return nil, "", err
	}
	docs, err := find[ledgerDoc](ctx, s.ledger, all(f), options.Find().SetSort(keys("-_id")).SetLimit(int64(limit+1)).
		SetProjection(bson.M{"hay": 0, "addresses": 0}))
	if err != nil {
		return nil, "", err
	}
	docs, next := cut(docs, limit, 'l', func(d *ledgerDoc) string { return d.ID })
	out := make([]*issue.LedgerLine, 0, len(docs))
	for _, d := range docs {
		out = append(out, &d.LedgerLine)
	}
	return out, next, nil
}
