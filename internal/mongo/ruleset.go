package mongo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

const inlineRuleset = 1 << 20 // bytes of rule files that stand in the document itself

// PublishRuleset keeps a set as the latest. Its _id is the number, so of two who publish at once one finds it taken.
func (s *Store) PublishRuleset(ctx context.Context, r issue.Ruleset, after int64) (int64, error) {
	d := rulesetDoc{ID: strconv.FormatInt(after+1, 10), Ruleset: r, Seq: after + 1}
	d.Number = 0 // Seq is
	last, err := s.lastRuleset(ctx)
	if err != nil {
		return 0, err
	}
	if last != after {
		return 0, fault.Errorf(fault.Conflict, "the latest publication is number %d, not %d", last, after)
	}
	if d.Files, d.FilesBlob, err = s.putFiles(ctx, r.Files); err != nil {
		return 0, fmt.Errorf("publish rule set %s: %w", r.Version, err)
	}
	if err := s.step("write rule set"); err != nil {
		return 0, err
	}
	err = persist(ctx, func() error {
		_, err := s.rulesets.InsertOne(ctx, d)
		return err
	})
	if err != nil {
		return 0, failed("publish rule set "+r.Version, err)
	}
	return d.Seq, nil
}

func (s *Store) lastRuleset(ctx context.Context) (int64, error) {
	docs, err := find[rulesetDoc](ctx, s.rulesets, bson.D{}, options.Find().SetSort(keys("-seq")).SetLimit(1).SetProjection(bson.M{"seq": 1}))
	if err != nil || len(docs) == 0 {
		return 0, err
	}
	return docs[0].Seq, nil
}

// Ruleset reads a publication by its number.
func (s *Store) Ruleset(ctx context.Context, number int64) (*issue.Ruleset, error) {
	return s.ruleset(ctx, bson.D{{Key: "seq", Value: number}})
}

// LatestRuleset reads the set that was published last.
func (s *Store) LatestRuleset(ctx context.Context) (*issue.Ruleset, error) {
	return s.ruleset(ctx, bson.D{})
}

func (s *Store) ruleset(ctx context.Context, which bson.D) (*issue.Ruleset, error) {
	var d rulesetDoc
	if err := s.rulesets.FindOne(ctx, which, options.FindOne().SetSort(keys("-seq"))).Decode(&d); err != nil {
		return nil, failed("read a rule set", err)
	}
	if err := s.readFiles(ctx, &d.Files, d.FilesBlob); err != nil {
		return nil, fmt.Errorf("read rule set %s: %w", d.Version, err)
	}
	return d.ruleset(), nil
}

// putFiles keeps a set's files as a blob, where they are long; else they go into the document.
func (s *Store) putFiles(ctx context.Context, files map[string]string) (inline map[string]string, blob string, err error) {
	text, err := json.Marshal(files)
	if err != nil {
		return nil, "", err
	}
	if len(text) <= inlineRuleset {
		return files, "", nil
	}
	b := spool.Bytes(text)
	return nil, b.SHA256(), s.putBlob(ctx, b)
}

// readFiles reads what putFiles made a blob of; "" is none.
func (s *Store) readFiles(ctx context.Context, files *map[string]string, blob string) error {
	if blob == "" {
		return nil
	}
	r, err := s.OpenBlob(ctx, blob)
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, files)
}

func (d *rulesetDoc) ruleset() *issue.Ruleset {
	d.Number = d.Seq
	return &d.Ruleset
}

// Rulesets lists publications without their files, newest first.
func (s *Store) Rulesets(ctx context.Context, q issue.RulesetQuery) ([]*issue.Ruleset, issue.Cursor, error) {
	limit, err := pageLimit(q.Page)
	if err != nil {
		return nil, "", err
	}
	after, err := place('r', q.After)
	if err != nil {
		return nil, "", err
	}
	f := bson.D{}
	if q.By != "" {
		f = append(f, bson.E{Key: "by", Value: q.By})
	}
	if q.Version != "" {
		f = append(f, bson.E{Key: "version", Value: bson.M{"$gte": q.Version, "$lt": q.Version + "g"}}) // a version is hex
	}
	if after != "" {
		n, err := strconv.ParseInt(after, 10, 64)
		if err != nil {
			return nil, "", fault.Errorf(fault.Invalid, "this cursor belongs to no such list")
		}
		f = append(f, bson.E{Key: "seq", Value: bson.M{"$lt": n}})
	}
	docs, err := find[rulesetDoc](ctx, s.rulesets, f, options.Find().SetSort(keys("-seq")).SetLimit(int64(limit+1)).SetProjection(bson.M{"files": 0}))
	if err != nil {
		return nil, "", err
	}
	docs, next := cut(docs, limit, 'r', func(d *rulesetDoc) string { return strconv.FormatInt(d.Seq, 10) })
	out := make([]*issue.Ruleset, 0, len(docs))
	for _, d := range docs {
		out = append(out, d.ruleset())
	}
	return out, next, nil
}
