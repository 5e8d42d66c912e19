package mongo

import (
	"context"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"postern/internal/logkey"
)

const (
	makeLinger  = 20 * time.Millisecond  // how long an application waits for others, unless somebody waits for it
	makeAtOnce  = 64                     // messages
	makeApart   = 3                      // such batches
	endLinger   = 100 * time.Millisecond // the same for the last steps
	endAtOnce   = 256
	makeRetries = 3
	closeWaits  = 5 * time.Second // for what is committed to be applied
)

// finish applies what was just committed, behind the sender's answer. The commit stands whatever happens here: what cannot be
// applied now is applied soon. then is called when later commits of the same thread may go on, after when all is done.
func (s *Store) finish(m *messageDoc, then, after func()) {
	d := newDeed(m)
	d.then, d.after = then, after
	s.deeds.begin(d)
	s.making.add(d)
}

// makeAll applies a batch, but for its last steps.
func (s *Store) makeAll(ctx context.Context, batch []*deed) {
	left := batch
	var errs []error
	for try := range makeRetries {
		var failed []*deed
		errs = nil
		for i, err := range s.make(ctx, docsOf(left)...) {
			if err != nil {
				failed, errs = append(failed, left[i]), append(errs, err)
			}
		}
		if left = failed; len(left) == 0 || s.isClosing() || pause(ctx, try) != nil {
			break
		}
	}
	for i, d := range left {
		s.giveUp(d, errs[i])
	}
	made := slices.DeleteFunc(slices.Clone(batch), func(d *deed) bool { return slices.Contains(left, d) })
	for _, d := range made {
		s.deeds.half(d)
	}
	// Claims that stay are found to be those of an applied message.
	_ = s.unclaim(ctx, docsOf(made)...)
	for _, d := range made {
		d.then()
	}
	s.ending.add(made...)
}

func docsOf(batch []*deed) []*messageDoc {
	out := make([]*messageDoc, 0, len(batch))
	for _, d := range batch {
		out = append(out, d.m)
	}
	return out
}

func (s *Store) giveUp(d *deed, err error) {
	s.owed.add(d.m.Doc)
	s.deeds.end(d, err)
	s.log.WarnContext(s.life, "a committed message waits to be applied", logkey.Message, d.m.ID, logkey.Error, err)
}

// endAll makes the words of a batch of messages findable, which costs most of a message's indexing, and takes their todos away.
func (s *Store) endAll(ctx context.Context, batch []*deed) {
	errs := s.index(ctx, batch)
	var docs, by []string
	var since []time.Time // a message that is changed later has another todo
	for i, d := range batch {
		if errs[i] == nil {
			docs, by, since = append(docs, d.m.Doc), append(by, d.m.By), append(since, *d.m.Pending)
		}
	}
	slices.Sort(docs)
	err := s.step("end messages")
	if err == nil && len(docs) > 0 {
		// Each of these decisions is applied, so it does not matter whose document holds which.
		err = persist(ctx, func() error {
			_, err := s.messages.UpdateMany(ctx, bson.D{
				{Key: "_id", Value: bson.M{"$in": docs}}, {Key: "by", Value: bson.M{"$in": by}}, {Key: "pending", Value: bson.M{"$in": since}},
			}, bson.M{"$unset": bson.M{"pending": "", "todo": ""}, "$inc": bson.M{"rev": 1}})
			return failed("end messages", err)
		})
	}
	for i, d := range batch {
		if errs[i] == nil {
			errs[i] = err
		}
		if errs[i] != nil {
			s.giveUp(d, errs[i])
			continue
		}
		s.deeds.end(d, nil)
	}
}
