package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/issue"
)

// A ruleCountDoc is what one rule of one set did. Its _id is a hash of set, stage and name.
type ruleCountDoc struct {
	ID        string     `bson:"_id"`
	Version   string     `bson:"version"`
	Stage     string     `bson:"stage"`
	Rule      string     `bson:"rule"`
	Matches   int64      `bson:"matches"`
	Errors    int64      `bson:"errors"`
	Took      int64      `bson:"took"`
	LastMatch *time.Time `bson:"lastMatch,omitempty"`
}

// CountRules adds to what rules did.
func (s *Store) CountRules(ctx context.Context, counts []issue.RuleCount) error {
	var models []mongo.WriteModel
	for _, c := range counts {
		sum := sha256.Sum256([]byte(c.Version + "\x00" + c.Stage + "\x00" + c.Rule))
		update := bson.M{
			"$setOnInsert": bson.M{"version": c.Version, "stage": c.Stage, "rule": strings.ToValidUTF8(c.Rule, "\uFFFD")},
			"$inc":         bson.M{"matches": c.Matches, "errors": c.Errors, "took": int64(c.Took)},
		}
		if c.LastMatch != nil {
			update["$max"] = bson.M{"lastMatch": issue.Time(*c.LastMatch)}
		}
		models = append(models, mongo.NewUpdateOneModel().SetFilter(byID(hex.EncodeToString(sum[:]))).SetUpdate(update).SetUpsert(true))
	}
	if len(models) == 0 {
		return nil
	}
	if err := s.step("write rule counts"); err != nil {
		return err
	}
	_, err := s.ruleCounts.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	return failed("count rules", err)
}

// RuleCounts reads what rules did.
func (s *Store) RuleCounts(ctx context.Context, version string) ([]issue.RuleCount, error) {
	f := bson.D{}
	if version != "" {
		f = append(f, bson.E{Key: "version", Value: version})
	}
	docs, err := find[ruleCountDoc](ctx, s.ruleCounts, f, options.Find().SetSort(keys("stage", "rule")))
	if err != nil {
		return nil, err
	}
	out := []issue.RuleCount{}
	for _, d := range docs {
		n := len(out) - 1
		if n < 0 || version != "" || out[n].Stage != d.Stage || out[n].Rule != d.Rule {
			out = append(out, issue.RuleCount{Version: version, Stage: d.Stage, Rule: d.Rule})
			n++
		}
		c := &out[n]
		c.Matches, c.Errors, c.Took = c.Matches+d.Matches, c.Errors+d.Errors, c.Took+time.Duration(d.Took)
		if d.LastMatch != nil && (c.LastMatch == nil || c.LastMatch.Before(*d.LastMatch)) {
			at := d.LastMatch.UTC()
			c.LastMatch = &at
		}
	}
	return out, nil
}
