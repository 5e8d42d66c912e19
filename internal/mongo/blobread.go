package mongo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"postern/internal/fault"
)

// OpenBlob reads a blob. The reader is for one goroutine and lives no longer than ctx.
func (s *Store) OpenBlob(ctx context.Context, sha256 string) (io.ReadSeekCloser, error) {
	if !isHash(sha256) {
		return nil, fault.Errorf(fault.NotFound, "no blob of that name")
	}
	var head blobDoc
	err := s.files.FindOne(ctx, byID(sha256)).Decode(&head)
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && (!head.Whole || head.Gone) {
		return nil, fault.Errorf(fault.NotFound, "no blob %s", sha256)
	}
	if err != nil {
		return nil, failed("open blob", err)
	}
	if int64(len(head.Data)) == head.Length {
		return inMemory{bytes.NewReader(head.Data)}, nil
	}
	return &blobReader{ctx: ctx, store: s, head: &head, at: -1}, nil
}

func isHash(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// A blobReader reads a large blob, one chunk in memory at a time.
type blobReader struct {
	ctx   context.Context // of the one who opened it, as with a request's body
	store *Store
	head  *blobDoc
	pos   int64
	at    int32 // which chunk data is, -1 for none
	data  []byte
}

func (r *blobReader) Read(p []byte) (int, error) {
	if r.pos >= r.head.Length {
		return 0, io.EOF
	}
	n := int32(r.pos / int64(r.head.ChunkSize))
	if n != r.at {
		var c chunkDoc
		if err := r.store.chunks.FindOne(r.ctx, byID(chunkID(r.head, n))).Decode(&c); err != nil {
			return 0, failed("read blob "+r.head.ID, err)
		}
		r.at, r.data = n, c.Data
	}
	off := r.pos % int64(r.head.ChunkSize)
	if off >= int64(len(r.data)) {
		return 0, fmt.Errorf("read blob %s: %w", r.head.ID, io.ErrUnexpectedEOF)
	}
	k := copy(p, r.data[off:])
	r.pos += int64(k)
	return k, nil
}

func (r *blobReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.head.Length
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning of a blob")
	}
	r.pos = offset
	return offset, nil
}

func (r *blobReader) Close() error {
	r.data = nil
	return nil
}
