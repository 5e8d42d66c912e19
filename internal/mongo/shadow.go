package mongo

import (
	"context"
	"encoding/json"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"postern/internal/fault"
	"postern/internal/issue"
)

const theShadow = "shadow" // there is one at most

// PutShadow keeps the shadow that there is.
func (s *Store) PutShadow(ctx context.Context, sh issue.Shadow, before string) (err error) {
	d := shadowDoc{ID: theShadow, Shadow: sh}
	d.Shadow.Files = nil
	if d.Files, d.FileBlobs, err = s.putFiles(ctx, sh.Files); err != nil {
		return fmt.Errorf("keep a shadow: %w", err)
	}
	if err := s.step("write shadow"); err != nil {
		return err
	}
	matched := int64(1)
	err = persist(ctx, func() error {
		if before == "" {
			_, err := s.shadow.InsertOne(ctx, d)
			return err
		}
		res, err := s.shadow.ReplaceOne(ctx, bson.D{{Key: "_id", Value: d.ID}, {Key: "shadow.id", Value: before}}, d)
		if err == nil {
			matched = res.MatchedCount
		}
		return err
	})
	if err != nil {
		return failed("keep a shadow", err)
	}
	if matched == 0 {
		return fault.Errorf(fault.Conflict, "the shadow is no longer %q", before)
	}
	_, err = s.shadowReports.DeleteMany(ctx, bson.M{"shadow": bson.M{"$ne": sh.ID}})
	return failed("remove old reports", err)
}

// Shadow reads the shadow that there is.
func (s *Store) Shadow(ctx context.Context, files bool) (*issue.Shadow, error) {
	var d shadowDoc
	o := options.FindOne()
	if !files {
		o.SetProjection(bson.M{"files": 0})
	}
	if err := s.shadow.FindOne(ctx, byID(theShadow), o).Decode(&d); err != nil {
		return nil, failed("read the shadow", err)
	}
	if files {
		if err := s.readFiles(ctx, &d.Files, d.FileBlobs); err != nil {
			return nil, fmt.Errorf("read the shadow: %w", err)
		}
	}
	d.Shadow.Files = d.Files
	return &d.Shadow, nil
}

// PutShadowReport keeps what a node found. One of a shadow that is over by the time it is written goes with the next shadow.
func (s *Store) PutShadowReport(ctx context.Context, shadow, node string, report json.RawMessage) error {
	there, err := s.Shadow(ctx, false)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	if err != nil || there.ID != shadow {
		return fault.Errorf(fault.Conflict, "shadow %s is over", shadow)
	}
	if err := s.step("write shadow report"); err != nil {
		return err
	}
	d := shadowReportDoc{ID: shadow + " " + node, Shadow: shadow, Node: node, Report: report}
	return failed("keep a report", persist(ctx, func() error {
		_, err := s.shadowReports.ReplaceOne(ctx, byID(d.ID), d, options.Replace().SetUpsert(true))
		return err
	}))
}

// ShadowReports reads what the nodes found.
func (s *Store) ShadowReports(ctx context.Context, shadow string) (map[string]json.RawMessage, error) {
	docs, err := find[shadowReportDoc](ctx, s.shadowReports, bson.M{"shadow": shadow}, options.Find())
	if err != nil {
		return nil, err
	}
	out := map[string]json.RawMessage{}
	for _, d := range docs {
		out[d.Node] = d.Report
	}
	return out, nil
}
