package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

// A sourceHead is what all nodes know of a way in, without its state and its credential, which may be long. One that was forgotten keeps
// the numbers that it gave.
type sourceHead struct {
	ID     string     `bson:"_id,omitempty"`
	Rev    int64      `bson:"rev"`   // one more with each change
	Known  bool       `bson:"known"` // not forgotten
	Holder string     `bson:"holder"`
	Fence  int64      `bson:"fence"`
	Until  *time.Time `bson:"until"`

	HeardAt  *time.Time `bson:"heardAt"`
	MailAt   *time.Time `bson:"mailAt"`
	Mails    int64      `bson:"mails"`
	Gap      int64      `bson:"gap"`
	GapAt    *time.Time `bson:"gapAt"`
	Error    string     `bson:"error"`
	ErrorAt  *time.Time `bson:"errorAt"`
	Rejected int64      `bson:"rejected"`

	SealedVersion int64 `bson:"sealedVersion"` // of the credential; 0: there is none
	SealedLast    int64 `bson:"sealedLast"`    // the last version that was given
}

// A sourceDoc is a whole one. Its _id is the source's name.
type sourceDoc struct {
	Head   sourceHead      `bson:",inline"`
	State  json.RawMessage `bson:"state"`
	Sealed []byte          `bson:"sealed"`
}

// A usedDoc is something that may be used only once. Its _id is a hash of the key.
type usedDoc struct {
	ID    string    `bson:"_id"`
	Value []byte    `bson:"value"`
	Until time.Time `bson:"until"`
}

var withoutBody = bson.M{"state": 0, "sealed": 0}

// amendSource changes what is known of a source: read, change, write where nobody wrote in between. body is what is written of state and
// credential with it.
func (s *Store) amendSource(ctx context.Context, name, step string, change func(d *sourceHead) (body bson.M, err error)) error {
	for try := 0; ; try++ {
		var d sourceHead
		err := s.sources.FindOne(ctx, byID(name), options.FindOne().SetProjection(withoutBody)).Decode(&d)
		missing := errors.Is(err, mongo.ErrNoDocuments)
		if err != nil && !missing {
			return failed("read", err)
		}
		rev := d.Rev
		body, err := change(&d)
		if err != nil {
			return err
		}
		d.ID, d.Rev = "", rev+1
		if err := s.step(step); err != nil {
			return err
		}
		done, err := s.putSource(ctx, name, rev, missing, d, body)
		if err != nil && !raced(err) && !isDuplicate(err) {
			return failed(step, err)
		}
		if done {
			return nil
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

func (s *Store) putSource(ctx context.Context, name string, rev int64, missing bool, d sourceHead, body bson.M) (done bool, err error) {
	set, err := marshal(d)
	if err != nil {
		return false, err
	}
	var fields bson.D
	if err := bson.Unmarshal(set, &fields); err != nil {
		return false, err
	}
	for k, v := range body {
		fields = append(fields, bson.E{Key: k, Value: v})
	}
	if missing {
		_, err := s.sources.InsertOne(ctx, append(byID(name), fields...))
		return err == nil, err
	}
	res, err := s.sources.UpdateOne(ctx, bson.D{{Key: "_id", Value: name}, {Key: "rev", Value: rev}}, bson.M{"$set": fields})
	return err == nil && res.MatchedCount == 1, err
}

// LeaseSource takes or renews a lease.
func (s *Store) LeaseSource(ctx context.Context, source, holder string, ttl time.Duration) (*issue.Lease, error) {
	if source == "" || holder == "" {
		return nil, fault.Errorf(fault.Invalid, "a lease needs a source and a holder")
	}
	l := &issue.Lease{Source: source, Holder: holder}
	err := s.amendSource(ctx, source, "write lease", func(d *sourceHead) (bson.M, error) {
		now := s.now()
		if d.Holder != holder {
			if d.Holder != "" && now.Before(moment(d.Until)) {
				return nil, fault.Errorf(fault.Conflict, "%s has it until %s", d.Holder, d.Until.Format(time.RFC3339))
			}
			d.Fence++
		}
		l.Fence, l.Until = d.Fence, issue.Time(now.Add(ttl))
		d.Known, d.Holder, d.Until = true, holder, &l.Until
		return nil, nil
	})
	if err != nil {
		return nil, failed("lease source "+source, err)
	}
	// Read now that no former holder can write it any more.
	var d sourceDoc
	if err := s.sources.FindOne(ctx, byID(source), options.FindOne().SetProjection(bson.M{"state": 1})).Decode(&d); err != nil {
		return nil, failed("read the state of source "+source, err)
	}
	l.State = d.State
	return l, nil
}

// lastLease is the source as its document is while a lease is the last one.
func lastLease(l *issue.Lease) bson.D {
	return bson.D{{Key: "_id", Value: l.Source}, {Key: "holder", Value: l.Holder}, {Key: "fence", Value: l.Fence}}
}

// SaveSource keeps a state, if the lease is still the last one.
func (s *Store) SaveSource(ctx context.Context, l *issue.Lease, state json.RawMessage) error {
	if len(state) > issue.MaxState {
		return fault.Errorf(fault.TooLarge, "the state of source %s has %d bytes, %d are the most", l.Source, len(state), issue.MaxState)
	}
	if err := s.step("write source state"); err != nil {
		return err
	}
	matched := int64(0)
	err := persist(ctx, func() error {
		res, err := s.sources.UpdateOne(ctx, lastLease(l), bson.M{"$set": bson.M{"state": state}})
		if err == nil {
			matched = res.MatchedCount
		}
		return err
	})
	if err != nil {
		return failed("save source "+l.Source, err)
	}
	if matched == 0 {
		return fault.Errorf(fault.Conflict, "save source %s: lease %d of %s is over", l.Source, l.Fence, l.Holder)
	}
	return nil
}

// ReleaseSource ends a lease.
func (s *Store) ReleaseSource(ctx context.Context, l *issue.Lease) error {
	if err := s.step("release source"); err != nil {
		return err
	}
	return failed("release source "+l.Source, persist(ctx, func() error {
		_, err := s.sources.UpdateOne(ctx, lastLease(l), bson.M{"$set": bson.M{"holder": "", "until": nil}, "$inc": bson.M{"rev": 1}})
		return err
	}))
}

func (d *sourceHead) record() *issue.SourceRecord {
	return &issue.SourceRecord{
		Name: d.ID, Holder: d.Holder, Fence: d.Fence, Until: moment(d.Until), HeardAt: moment(d.HeardAt), MailAt: moment(d.MailAt), Mails: d.Mails,
		Gap: time.Duration(d.Gap), GapAt: moment(d.GapAt), Error: d.Error, ErrorAt: moment(d.ErrorAt), Rejected: d.Rejected,
	}
}

func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// stamp is the opposite of moment.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// HeardSource adds news to what is known.
func (s *Store) HeardSource(ctx context.Context, source string, h issue.Heard) error {
	return failed("note what was heard of source "+source, s.amendSource(ctx, source, "write source", func(d *sourceHead) (bson.M, error) {
		r := d.record()
		r.Hear(h)
		d.Known, d.HeardAt, d.MailAt, d.Mails, d.Rejected = true, stamp(r.HeardAt), stamp(r.MailAt), r.Mails, r.Rejected
		d.Gap, d.GapAt, d.Error, d.ErrorAt = int64(r.Gap), stamp(r.GapAt), r.Error, stamp(r.ErrorAt)
		return nil, nil
	}))
}

// Source reads what is known of a source.
func (s *Store) Source(ctx context.Context, source string) (*issue.SourceRecord, error) {
	var d sourceDoc
	err := s.sources.FindOne(ctx, bson.D{{Key: "_id", Value: source}, {Key: "known", Value: true}},
		options.FindOne().SetProjection(bson.M{"sealed": 0})).Decode(&d)
	if err != nil {
		return nil, failed("read source "+source, err)
	}
	r := d.Head.record()
	r.State = d.State
	return r, nil
}

// Sources reads what is known of all.
func (s *Store) Sources(ctx context.Context) ([]*issue.SourceRecord, error) {
	docs, err := find[sourceDoc](ctx, s.sources, bson.D{{Key: "known", Value: true}}, options.Find().SetSort(keys("_id")).SetProjection(bson.M{"sealed": 0}))
	if err != nil {
		return nil, err
	}
	out := make([]*issue.SourceRecord, 0, len(docs))
	for _, d := range docs {
		r := d.Head.record()
		r.State = d.State
		out = append(out, r)
	}
	return out, nil
}

// ForgetSource removes all but the numbers that were given.
func (s *Store) ForgetSource(ctx context.Context, source string) error {
	err := s.amendSource(ctx, source, "forget source", func(d *sourceHead) (bson.M, error) {
		if d.Rev == 0 {
			return nil, fault.Errorf(fault.NotFound, "nothing is known of it")
		}
		*d = sourceHead{Fence: d.Fence, SealedLast: d.SealedLast}
		return bson.M{"state": "", "sealed": []byte{}}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return failed("forget source "+source, err)
}

// Credential reads what was sealed.
func (s *Store) Credential(ctx context.Context, source string) ([]byte, int64, error) {
	var d sourceDoc
	err := s.sources.FindOne(ctx, bson.D{{Key: "_id", Value: source}, {Key: "sealedVersion", Value: bson.M{"$gt": 0}}},
		options.FindOne().SetProjection(bson.M{"sealed": 1, "sealedVersion": 1})).Decode(&d)
	if err != nil {
		return nil, 0, failed("read the credential of source "+source, err)
	}
	return d.Sealed, d.Head.SealedVersion, nil
}

// PutCredential keeps what was sealed, if nobody else has meanwhile.
func (s *Store) PutCredential(ctx context.Context, source string, sealed []byte, before int64) (version int64, err error) {
	if sealed == nil {
		sealed = []byte{}
	}
	err = s.amendSource(ctx, source, "write credential", func(d *sourceHead) (bson.M, error) {
		if d.SealedVersion != before {
			return nil, fault.Errorf(fault.Conflict, "it has version %d, not %d", d.SealedVersion, before)
		}
		version = d.SealedLast + 1
		d.Known, d.SealedVersion, d.SealedLast = true, version, version
		return bson.M{"sealed": sealed}, nil
	})
	if err != nil {
		return 0, failed("keep the credential of source "+source, err)
	}
	return version, nil
}

// Claim keeps the first value of a key until its time has passed.
func (s *Store) Claim(ctx context.Context, key, value string, until time.Time) (string, error) {
	sum := sha256.Sum256([]byte(key))
	d := usedDoc{ID: hex.EncodeToString(sum[:]), Value: []byte(value), Until: issue.Time(until)}
	for try := 0; ; try++ {
		if err := s.step("write claim"); err != nil {
			return "", err
		}
		_, err := s.used.InsertOne(ctx, d)
		if err == nil {
			return value, nil
		}
		if isDuplicate(err) {
			var there usedDoc
			err = s.used.FindOneAndUpdate(ctx, byID(d.ID), bson.M{"$max": bson.M{"until": d.Until}}).Decode(&there)
			if err == nil {
				return string(there.Value), nil
			}
		}
		if !raced(err) && !errors.Is(err, mongo.ErrNoDocuments) || try == maxRaces { // it went between the two
			return "", failed("claim", err)
		}
		if err := pause(ctx, try); err != nil {
			return "", err
		}
	}
}

func (s *Store) retainUsed(ctx context.Context, before time.Time) (int, error) {
	total := 0
	for {
		batch, err := find[usedDoc](ctx, s.used, bson.M{"until": bson.M{"$lt": before}}, options.Find().SetLimit(1000).SetProjection(bson.M{"_id": 1}))
		if err != nil || len(batch) == 0 {
			return total, err
		}
		ids := make([]string, 0, len(batch))
		for _, d := range batch {
			ids = append(ids, d.ID)
		}
		if err := s.step("remove claims"); err != nil {
			return total, err
		}
		res, err := s.used.DeleteMany(ctx, bson.M{"_id": bson.M{"$in": ids}, "until": bson.M{"$lt": before}}) // claimed again meanwhile: it stays
		if err != nil {
			return total, failed("remove claims", err)
		}
		total += int(res.DeletedCount)
	}
}
