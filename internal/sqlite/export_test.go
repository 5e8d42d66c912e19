package sqlite

// Abandon ends the store as the end of its process would as far as one process can: nothing that waits is
// written, and the folder is free.
func (s *Store) Abandon() {
	s.closing.Do(func() {
		s.w.stop()
		close(s.done)
		s.closed = s.shut()
	})
}
