package mongo

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

const (
	// maxLinks is how many links of one id are looked at, the strongest and then the oldest first; of a rule's key, which is asked for
	// within a time, the newest. An id that many issues have says little, and whoever writes it into more mail displaces nothing.
	maxLinks  = 20
	maxRecent = 10_000 // counted
	maxSlots  = 1000   // of one key
)

// Slots reads the messages that hold a key's slots. What is committed and waits to be applied is applied first: the caller is about
// to answer for it.
func (s *Store) Slots(ctx context.Context, key string) ([]*issue.Message, error) {
	// The _ids are "key/0", "key/1", …: a range, without a pattern.
	docs, err := s.readDocs(ctx, bson.D{{Key: "_id", Value: bson.M{"$gte": key + "/", "$lt": key + "0"}}}, options.Find().SetLimit(maxSlots))
	if err != nil {
		return nil, err
	}
	out := make([]*issue.Message, 0, len(docs))
	for _, m := range docs {
		if strings.ContainsRune(m.Doc[len(key)+1:], '/') {
			continue // another key's
		}
		if m.Todo != nil {
			if err := s.applyFirst(ctx, m); err != nil {
				return nil, err
			}
		}
		msg, err := s.whole(ctx, m)
		if err != nil {
			return nil, err
		}
		out = append(out, msg)
	}
	slices.SortFunc(out, func(a, b *issue.Message) int {
		if n := len(a.Slot) - len(b.Slot); n != 0 { // key/9 before key/10
			return n
		}
		return strings.Compare(a.Slot, b.Slot)
	})
	return out, nil
}

// FindThread reads where ids lead.
func (s *Store) FindThread(ctx context.Context, mailbox string, ids []string) ([]issue.Link, error) {
	if err := s.deeds.await(ctx, threadKeyList(mailbox, ids)...); err != nil {
		return nil, err
	}
	return s.linksOf(ctx, mailbox, ids)
}

func threadKeyList(mailbox string, ids []string) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		out = append(out, threadKey(mailbox, id))
	}
	return out
}

// ofRule reports whether a threadKey is that of a rule's key.
func ofRule(key string) bool {
	_, id, _ := strings.Cut(key, " ")
	return strings.HasPrefix(id, "key:")
}

// linksOf reads where ids lead. What one leads to does not depend on what is asked with it, so that what was read once is read again.
func (s *Store) linksOf(ctx context.Context, mailbox string, ids []string) ([]issue.Link, error) {
	docs, err := s.ledBy.find(ctx, threadKeyList(mailbox, ids)...)
	if err != nil {
		return nil, err
	}
	var out []issue.Link
	seen := map[string]bool{}
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, strongest(id, docs)...)
		}
	}
	return out, nil
}

// strongest chooses what is reported of an id: for each issue its strongest link, and no mentions where any issue owns the id. docs are the
// strongest first.
func strongest(id string, docs []*linkDoc) []issue.Link {
	var out []issue.Link
	owned := false
	for _, d := range docs {
		if d.Name != id || owned && d.Kind == issue.Mentioned ||
			slices.ContainsFunc(out, func(l issue.Link) bool { return l.Issue == d.Issue }) {
			continue
		}
		owned = owned || d.Kind == issue.Own
		out = append(out, issue.Link{ID: id, Issue: d.Issue, Kind: d.Kind, At: d.At})
	}
	slices.SortFunc(out, func(a, b issue.Link) int { // the newest first
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Issue, a.Issue))
	})
	return out
}

// Participants says which addresses take part in an issue.
func (s *Store) Participants(ctx context.Context, number int64, emails []string) ([]string, error) {
	if len(emails) == 0 {
		return nil, nil
	}
	if err := s.deeds.await(ctx, issueName(number)); err != nil {
		return nil, err
	}
	// A link may be there before the participants of its message, on its way to us from another node.
	if err := s.applyPendingOf(ctx, number); err != nil {
		return nil, err
	}
	var d issueDoc
	err := s.issues.FindOne(ctx, byID(number), options.FindOne().SetProjection(bson.M{"requester": 1, "watchers": 1})).Decode(&d)
	if err != nil && !errors.Is(err, mongo.ErrNoDocuments) {
		return nil, failed("read issue", err)
	}
	ids := make([]string, 0, len(emails))
	for _, e := range emails {
		ids = append(ids, participantID(number, e))
	}
	docs, err := find[participantDoc](ctx, s.participants, bson.M{"_id": bson.M{"$in": ids}}, options.Find())
	if err != nil {
		return nil, err
	}
	in := map[string]bool{d.Requester.Email: true}
	for _, w := range d.Watchers {
		in[w] = true
	}
	for _, p := range docs {
		in[p.Email] = true
	}
	var out []string
	for _, e := range emails {
		if e != "" && in[e] {
			out = append(out, e)
		}
	}
	return out, nil
}

// FindUser reads a user by address.
func (s *Store) FindUser(ctx context.Context, email string) (*issue.User, error) {
	if err := s.deeds.await(ctx, userName(email)); err != nil {
		return nil, err
	}
	docs, err := s.knownBy.find(ctx, email)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, fault.Errorf(fault.NotFound, "find user: not found")
	}
	u := docs[0].User // not the one that others read
	return &u, nil
}

// Recent counts an author's messages in a mailbox.
func (s *Store) Recent(ctx context.Context, mailbox, email string, since time.Time) (int, error) {
	n, err := s.messages.CountDocuments(ctx, bson.D{
		{Key: "author", Value: email}, {Key: "mailbox", Value: mailbox}, {Key: "receivedAt", Value: bson.M{"$gte": since}},
	}, options.Count().SetLimit(maxRecent))
	return int(n), failed("count recent messages", err)
}
