package mongo

import (
	"context"

	"postern/internal/fault"
)

func (s *Store) Backup(ctx context.Context, dir string) error {
	return fault.Errorf(fault.Internal, "soon")
}
func (s *Store) Restore(ctx context.Context, dir string) error {
	return fault.Errorf(fault.Internal, "soon")
}
