package mongo_test

import (
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"postern/internal/issue"
	"postern/internal/mongo"
	"postern/internal/peers"
)

// The first Posterns kept each version once, under its hash: such sets are read, listed and built upon.
func TestOldRulesets(t *testing.T) {
	t.Parallel()
	uri := peers.MongoDatabase(t)
	s := open(t, uri, mongo.Options{})
	for i, version := range []string{"aa", "bb"} {
		_, err := database(t, uri).Collection("rulesets").InsertOne(t.Context(), bson.D{
			{Key: "_id", Value: version}, {Key: "version", Value: version}, {Key: "by", Value: "files"}, {Key: "seq", Value: int64(i + 3)},
			{Key: "files", Value: bson.A{bson.M{"name": "a.rules", "value": version}}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.PublishRuleset(t.Context(), issue.Ruleset{Version: "aa", Files: map[string]string{"a.rules": "aa"}}, 4)
	if n != 5 || err != nil {
		t.Fatalf("published number %d, %v, want 5", n, err)
	}
	list, _, err := s.Rulesets(t.Context(), issue.RulesetQuery{})
	if err != nil || len(list) != 3 || list[0].Number != 5 || list[1].Version != "bb" || list[2].Number != 3 {
		t.Errorf("got %+v, %v", list, err)
	}
	old, err := s.Ruleset(t.Context(), 4)
	if err != nil || old.Number != 4 || old.Files["a.rules"] != "bb" {
		t.Errorf("got %+v, %v, want the old set", old, err)
	}
	dir := t.TempDir() + "/backup"
	if err := s.Backup(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	other := open(t, peers.MongoDatabase(t), mongo.Options{})
	if err := other.Restore(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if list, _, err := other.Rulesets(t.Context(), issue.RulesetQuery{}); err != nil || len(list) != 3 {
		t.Errorf("restored %+v, %v", list, err)
	}
}
