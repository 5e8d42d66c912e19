package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

// History reads an issue with what its fields were given, with all that was committed before, on whichever node.
func (s *Store) History(ctx context.Context, number int64) (*issue.History, error) {
	d, err := s.issueDoc(ctx, number)
	if err != nil {
		return nil, err
	}
	return &issue.History{Issue: &d.Issue, Sets: d.Sets}, nil
}

// MessageNotes reads the notes that a message made on an issue, oldest first.
func (s *Store) MessageNotes(ctx context.Context, number int64, message string) ([]*issue.Note, error) {
	if err := s.deeds.await(ctx, issueName(number)); err != nil {
		return nil, err
	}
	if err := s.applyPendingOf(ctx, number); err != nil {
		return nil, err
	}
	docs, err := find[noteDoc](ctx, s.notes, bson.D{{Key: "issue", Value: number}, {Key: "message", Value: message}},
		options.Find().SetSort(keys("place")))
	if err != nil {
		return nil, err
	}
	out := make([]*issue.Note, 0, len(docs))
	for _, d := range docs {
		out = append(out, &d.Note)
	}
	return out, nil
}

// mayWithdraw says Conflict where an issue is to be withdrawn that others have worked on.
func (s *Store) mayWithdraw(ctx context.Context, h *issue.History, r *issue.Revision) error {
	if r == nil || !r.Withdrawn || h.Issue.Message != r.By {
		return nil
	}
	worked := fault.Errorf(fault.Conflict, "issue %d is not message %s's alone any more", r.Number, r.By)
	if h.Others(r.By, func(string) bool { return true }) {
		return worked
	}
	err := s.notes.FindOne(ctx, bson.D{
		{Key: "issue", Value: r.Number}, {Key: "message", Value: bson.M{"$ne": r.By}}, {Key: "withdrawnAt", Value: bson.M{"$exists": false}},
	}, options.FindOne().SetProjection(bson.M{"_id": 1})).Err()
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return nil
	case err != nil:
		return failed(fmt.Sprintf("look who worked on issue %d", r.Number), err)
	}
	return worked
}

// reviseNotes writes what becomes of a message's notes, unless a later decision of the message did so.
func (s *Store) reviseNotes(ctx context.Context, m *messageDoc) error {
	for _, n := range m.Todo.Revise.Notes {
		set := bson.M{"text": n.Text, "visibility": n.Visibility, "attempt": m.Attempt}
		change := bson.M{"$set": set}
		if n.WithdrawnAt != nil {
			set["withdrawnAt"] = issue.Time(*n.WithdrawnAt)
		} else {
			change["$unset"] = bson.M{"withdrawnAt": ""}
		}
		if err := s.step("revise note"); err != nil {
			return err
		}
		err := persist(ctx, func() error {
			_, err := s.notes.UpdateOne(ctx, bson.D{{Key: "_id", Value: n.ID}, {Key: "attempt", Value: bson.M{"$not": bson.M{"$gte": m.Attempt}}}}, change)
			return err
		})
		if err != nil {
			return failed("revise note "+n.ID, err)
		}
	}
	return nil
}

// reindexNotes makes a message's notes findable by the words that they have now.
func (s *Store) reindexNotes(ctx context.Context, m *messageDoc) error {
	for _, n := range m.Todo.Revise.Notes {
		doc := wordsDoc{ID: "note " + n.ID, Issue: m.Todo.Revise.Number, Rev: int64(m.Attempt), By: m.By, Words: []string{}}
		if n.WithdrawnAt == nil {
			doc.Words = issue.Words(n.Text)
		}
		if err := s.putWords(ctx, doc); err != nil {
			return err
		}
	}
	return nil
}
