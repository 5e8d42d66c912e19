package mongo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sync/errgroup"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

const (
	chunkSize  = 255 << 10 // as GridFS has it
	inlineBlob = chunkSize // a blob up to this size is in its head
	chunksAt   = 4         // chunks of one write
	maxUploads = 4         // such writes of this node at once: each is several times in memory on its way
)

// putBlobs makes sure that every named blob is there and is not swept before the message that names it is. One whose body is not given
// must be there already.
func (s *Store) putBlobs(ctx context.Context, names []string, bodies []*spool.Body) error {
	given := make(map[string]*spool.Body, len(bodies))
	for _, b := range bodies {
		given[b.SHA256()] = b
	}
	var g errgroup.Group
	g.SetLimit(maxUploads)
	if s.fault != nil {
		g.SetLimit(1) // a test of crashes wants to know which write it stops
	}
	for _, sha := range names {
		g.Go(func() error {
			if b := given[sha]; b != nil {
				return s.putBlob(ctx, b)
			}
			ok, err := s.touch(ctx, sha, "")
			if err == nil && !ok {
				err = fault.Errorf(fault.Conflict, "blob %s is gone meanwhile", sha)
			}
			return err
		})
	}
	return g.Wait()
}

// putBlob stores a body under its hash. Several may store the same one at once: the ids of its chunks follow from the head, so
// they write the same documents.
func (s *Store) putBlob(ctx context.Context, b *spool.Body) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("store blob %s: %w", b.SHA256(), err)
		}
	}()
	for try := 0; try < maxRaces; try++ {
		head, fresh, err := s.putHead(ctx, b)
		if err != nil {
			return err
		}
		if head.Gone {
			if err := s.bury(ctx, head); err != nil {
				return err
			}
			continue
		}
		if fresh && head.Whole {
			return nil
		}
		if !head.Whole {
			if err := s.putChunks(ctx, head, b); err != nil {
				return err
			}
		}
		ok, err := s.touch(ctx, head.ID, head.Gen)
		if err != nil || ok {
			return err
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
	return fault.Errorf(fault.Unavailable, "others keep removing it")
}

// putHead makes the blob's head, or finds the one that is there.
func (s *Store) putHead(ctx context.Context, b *spool.Body) (head *blobDoc, fresh bool, err error) {
	now := s.now()
	head = &blobDoc{
		ID: b.SHA256(), Length: b.Size(), ChunkSize: chunkSize, UploadDate: now, Touched: now, Gen: issue.NewID(s.nowFn()),
	}
	if head.Length <= inlineBlob {
		data, err := readBody(b)
		if err != nil {
			return nil, false, err
		}
		head.Data, head.Whole = data, true
	}
	o := s.order(s.files, mongo.NewInsertOneModel().SetDocument(head))
	o.weigh(len(head.Data))
	s.send(o)
	err = s.heard(ctx, o)[0]
	if err == nil || !errors.Is(err, errDuplicate) {
		return head, true, err
	}
	var have blobDoc
	err = s.files.FindOne(ctx, byID(head.ID), options.FindOne().SetProjection(bson.M{"data": 0})).Decode(&have)
	if errors.Is(err, mongo.ErrNoDocuments) { // swept between the two
		return &blobDoc{ID: head.ID, Gone: true}, false, nil
	}
	return &have, false, failed("read blob", err)
}

func readBody(b *spool.Body) ([]byte, error) {
	if data, ok := b.Mem(); ok {
		return data, nil
	}
	r, err := b.Open()
	if err != nil {
		return nil, fmt.Errorf("read spooled body: %w", err)
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, inlineBlob+1))
}

func chunkID(head *blobDoc, n int32) string { return fmt.Sprintf("%s/%s/%d", head.ID, head.Gen, n) }

// putChunks writes a large blob's pieces; one that is there already is the same.
func (s *Store) putChunks(ctx context.Context, head *blobDoc, b *spool.Body) error {
	r, err := b.Open()
	if err != nil {
		return fmt.Errorf("read spooled body: %w", err)
	}
	defer r.Close()
	for n := int32(0); int64(n)*int64(head.ChunkSize) < head.Length; n += chunksAt {
		if err := s.putSome(ctx, head, n, r); err != nil {
			return err
		}
	}
	return nil
}

// putSome writes the next few pieces, from the nth. A piece is in memory several times on its way, so few are under way at once.
func (s *Store) putSome(ctx context.Context, head *blobDoc, n int32, r io.Reader) error {
	var buf []byte
	select {
	case buf = <-s.uploads:
	case <-ctx.Done():
		return fault.Errorf(fault.Unavailable, "write blob: wait for other large mails: %w", ctx.Err())
	}
	defer func() { s.uploads <- buf }()
	size := int64(head.ChunkSize)
	if int64(len(buf)) < chunksAt*size {
		buf = make([]byte, chunksAt*size)
	}
	some := buf[:min(chunksAt*size, head.Length-int64(n)*size)]
	if _, err := io.ReadFull(r, some); err != nil {
		return fmt.Errorf("read spooled body: %w", err)
	}
	var docs []any
	for data := range slices.Chunk(some, int(size)) {
		docs = append(docs, chunkDoc{ID: chunkID(head, n), FilesID: head.ID, N: n, Data: data})
		n++
	}
	if err := s.step("write blob chunks"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	return failed("write blob", persist(ctx, func() error {
		_, err := s.chunks.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
		return onlyDuplicates(err)
	}))
}

// onlyDuplicates forgives a bulk insert whose every error is that the document is there.
func onlyDuplicates(err error) error {
	var bulk mongo.BulkWriteException
	if !errors.As(err, &bulk) || bulk.WriteConcernError != nil {
		return err
	}
	for _, we := range bulk.WriteErrors {
		one := mongo.WriteException{WriteErrors: mongo.WriteErrors{we.WriteError}}
		if !mongo.IsDuplicateKeyError(one) {
			return one
		}
	}
	return nil
}

// touch notes that a blob is named now and reports whether it is there. With a gen, that life of it is also marked whole.
func (s *Store) touch(ctx context.Context, sha, gen string) (bool, error) {
	if err := s.step("touch blob"); err != nil {
		return false, err
	}
	filter := bson.D{{Key: "_id", Value: sha}, {Key: "gone", Value: bson.M{"$exists": false}}}
	update := bson.M{"$max": bson.M{"touched": s.now()}}
	if gen == "" {
		filter = append(filter, bson.E{Key: "whole", Value: true})
	} else {
		filter = append(filter, bson.E{Key: "gen", Value: gen})
		update["$set"] = bson.M{"whole": true}
	}
	var matched int64
	err := persist(ctx, func() error {
		res, err := s.files.UpdateOne(ctx, filter, update)
		if err == nil {
			matched = res.MatchedCount
		}
		return err
	})
	return matched == 1, failed("touch blob", err)
}

// bury finishes the removal of a blob that is marked gone. It names one life of the blob only, so a slow one harms no later life.
func (s *Store) bury(ctx context.Context, head *blobDoc) error {
	if head.Gen == "" {
		return nil
	}
	var ids []string
	for n := int32(0); head.ChunkSize > 0 && head.Length > inlineBlob && int64(n)*int64(head.ChunkSize) < head.Length; n++ {
		ids = append(ids, chunkID(head, n))
	}
	if len(ids) > 0 {
		if err := s.step("remove blob chunks"); err != nil {
			return err
		}
		err := persist(ctx, func() error {
			_, err := s.chunks.DeleteMany(ctx, bson.M{"_id": bson.M{"$in": ids}})
			return err
		})
		if err != nil {
			return failed("remove blob", err)
		}
	}
	if err := s.step("remove blob"); err != nil {
		return err
	}
	_, err := s.files.DeleteOne(ctx, bson.D{{Key: "_id", Value: head.ID}, {Key: "gen", Value: head.Gen}})
	return failed("remove blob", err)
}
