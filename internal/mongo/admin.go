package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

// AppendEvent records what somebody did.
func (s *Store) AppendEvent(ctx context.Context, ev issue.Event) error {
	return s.insert(ctx, s.events, eventDoc{ev.ID, ev})
}

// Events reads events, newest first.
func (s *Store) Events(ctx context.Context, p issue.Page) ([]*issue.Event, issue.Cursor, error) {
	limit, err := pageLimit(p)
	if err != nil {
		return nil, "", err
	}
	after, err := place('e', p.After)
	if err != nil {
		return nil, "", err
	}
	if err := s.deeds.awaitAll(ctx, false); err != nil {
		return nil, "", err
	}
	docs, err := find[eventDoc](ctx, s.events, all(before(nil, "_id", after)), options.Find().SetSort(keys("-_id")).SetLimit(int64(limit+1)))
	if err != nil {
		return nil, "", err
	}
	docs, next := cut(docs, limit, 'e', func(d *eventDoc) string { return d.ID })
	out := make([]*issue.Event, 0, len(docs))
	for _, d := range docs {
		out = append(out, &d.Event)
	}
	return out, next, nil
}

func (d *tokenDoc) token() *issue.Token {
	d.Token.Hash = d.Hash
	return &d.Token
}

// AddToken keeps a token; one of that id is a Conflict.
func (s *Store) AddToken(ctx context.Context, t issue.Token) error {
	if err := s.step("write token"); err != nil {
		return err
	}
	_, err := s.tokens.InsertOne(ctx, tokenDoc{ID: t.ID, Token: t, Hash: t.Hash})
	return failed("add token "+t.ID, err)
}

// FindToken reads the token with that hash, unless it has expired.
func (s *Store) FindToken(ctx context.Context, hash string) (*issue.Token, error) {
	var d tokenDoc
	if err := s.tokens.FindOne(ctx, bson.D{{Key: "hash", Value: hash}}).Decode(&d); err != nil {
		return nil, failed("find token", err)
	}
	t := d.token()
	if t.ExpiresAt != nil && !s.now().Before(*t.ExpiresAt) {
		return nil, fault.Errorf(fault.NotFound, "token %s has expired", t.ID)
	}
	return t, nil
}

// Tokens reads all tokens, newest first.
func (s *Store) Tokens(ctx context.Context) ([]*issue.Token, error) {
	docs, err := find[tokenDoc](ctx, s.tokens, bson.D{}, options.Find().SetSort(keys("-createdAt", "-_id")))
	if err != nil {
		return nil, err
	}
	out := make([]*issue.Token, 0, len(docs))
	for _, d := range docs {
		out = append(out, d.token())
	}
	return out, nil
}

// RevokeToken removes a token.
func (s *Store) RevokeToken(ctx context.Context, id string) error {
	if err := s.step("remove token"); err != nil {
		return err
	}
	res, err := s.tokens.DeleteOne(ctx, byID(id))
	if err != nil {
		return failed("revoke token", err)
	}
	if res.DeletedCount == 0 {
		return fault.Errorf(fault.NotFound, "no token %s", id)
	}
	return nil
}

// Once keeps the first value of a key.
func (s *Store) Once(ctx context.Context, key, value string) (string, error) {
	id := "once:" + key
	if err := s.step("write once"); err != nil {
		return "", err
	}
	err := persist(ctx, func() error {
		_, err := s.meta.InsertOne(ctx, bson.M{"_id": id, "value": value})
		return err
	})
	if err == nil {
		return value, nil
	}
	if !isDuplicate(err) {
		return "", failed("write "+key, err)
	}
	var have struct {
		Value string `bson:"value"`
	}
	err = s.meta.FindOne(ctx, byID(id)).Decode(&have)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", fault.Errorf(fault.Unavailable, "read %s: it was removed meanwhile", key)
	}
	return have.Value, failed("read "+key, err)
}
