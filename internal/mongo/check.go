package mongo

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

// check says Conflict unless everything the decision relied on still holds.
func (s *Store) check(ctx context.Context, c *issue.Commit) error {
	if err := s.checkReliances(ctx, c.Relies); err != nil {
		return err
	}
	if n := (&todo{Change: c.Change, Revise: c.Revise}).touches(); n != 0 {
		// Earlier decisions about the issue come first, so that for one field the last commit wins.
		if err := s.applyPendingOf(ctx, n); err != nil {
			return err
		}
		var d issueDoc
		err := s.issues.FindOne(ctx, byID(n), options.FindOne().SetProjection(bson.M{"_id": 1, "message": 1, "sets": 1})).Decode(&d)
		if err != nil {
			return failed(fmt.Sprintf("issue %d", n), err)
		}
		if err := s.mayWithdraw(ctx, &issue.History{Issue: &d.Issue, Sets: d.Sets}, c.Revise); err != nil {
			return err
		}
	}
	if of := c.Message.ReplayOf; of != "" {
		old, err := s.findMessage(ctx, of)
		if err != nil {
			return err
		}
		if old.DeletedAt != nil {
			return fault.Errorf(fault.Conflict, "message %s was deleted meanwhile", of)
		}
		if old.ReplayedBy != "" && old.ReplayedBy != c.Message.ID {
			return fault.Errorf(fault.Conflict, "message %s was replayed meanwhile", of)
		}
	}
	return nil
}

// checkReliances looks again where the decision looked.
func (s *Store) checkReliances(ctx context.Context, relies []issue.Reliance) error {
	ids := map[string][]string{} // by mailbox
	for _, r := range relies {
		ids[r.Mailbox] = append(ids[r.Mailbox], r.ID)
	}
	for mailbox, list := range ids {
		links, err := s.linksOf(ctx, mailbox, list)
		if err != nil {
			return err
		}
		for _, r := range relies {
			if r.Mailbox == mailbox && !sameLinks(r, links) {
				return fault.Errorf(fault.Conflict, "where an id leads has changed meanwhile")
			}
		}
	}
	return nil
}

// sameLinks reports whether the id still leads where it led.
func sameLinks(r issue.Reliance, links []issue.Link) bool {
	type way struct {
		issue int64
		kind  issue.LinkKind
	}
	now, then := map[way]bool{}, map[way]bool{}
	for _, l := range links {
		if l.ID == r.ID {
			now[way{l.Issue, l.Kind}] = true
		}
	}
	for _, l := range r.Links {
		then[way{l.Issue, l.Kind}] = true
	}
	if len(now) != len(then) {
		return false
	}
	for w := range then {
		if !now[w] {
			return false
		}
	}
	return true
}
