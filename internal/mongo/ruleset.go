package mongo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

const (
	inlineRuleset = 1 << 20  // bytes of short files that stand in the document itself
	shortFile     = 64 << 10 // bytes
)

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
	if d.Files, d.FileBlobs, err = s.putFiles(ctx, r.Files); err != nil {
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
	if err := s.readFiles(ctx, &d.Files, d.FileBlobs); err != nil {
		return nil, fmt.Errorf("read rule set %s: %w", d.Version, err)
	}
	return d.ruleset(), nil
}

// putFiles keeps a set's long files as blobs, each once however many sets hold it, and all others in the document, or as one blob where they
// are long together.
func (s *Store) putFiles(ctx context.Context, files map[string]string) (inline map[string]string, blobs FileBlobs, err error) {
	inline = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if len(files[name]) <= shortFile {
			inline[name] = files[name]
			continue
		}
		b := spool.Bytes([]byte(files[name]))
		if err := s.putBlob(ctx, b); err != nil {
			return nil, blobs, err
		}
		blobs.Large = append(blobs.Large, largeFile{name, b.SHA256()})
	}
	text, err := json.Marshal(inline)
	if err != nil || len(text) <= inlineRuleset {
		return inline, blobs, err
	}
	b := spool.Bytes(text)
	blobs.FilesBlob = b.SHA256()
	return nil, blobs, s.putBlob(ctx, b)
}

// readFiles reads what putFiles made blobs of.
func (s *Store) readFiles(ctx context.Context, files *map[string]string, blobs FileBlobs) error {
	if blobs.FilesBlob != "" {
		text, err := s.readBlob(ctx, blobs.FilesBlob)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, files); err != nil {
			return err
		}
	}
	for _, l := range blobs.Large {
		text, err := s.readBlob(ctx, l.Blob)
		if err != nil {
			return fmt.Errorf("file %s: %w", l.Name, err)
		}
		if *files == nil {
			*files = map[string]string{}
		}
		(*files)[l.Name] = string(text)
	}
	return nil
}

func (s *Store) readBlob(ctx context.Context, sha string) ([]byte, error) {
	r, err := s.OpenBlob(ctx, sha)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
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
