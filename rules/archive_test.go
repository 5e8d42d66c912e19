package rules_test

import (
	"context"
	"maps"
	"sync"

	"postern/internal/fault"
	"postern/rules"
)

// A shelf is an archive in memory, as several nodes share it.
type shelf struct {
	mu   sync.Mutex
	pubs []rules.Publication
	down error        // what is answered instead, where not nil
	hook func() error // called before each publication is kept
	puts int          // how often it was tried
}

func (s *shelf) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = err
}

func (s *shelf) all() []rules.Publication {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]rules.Publication{}, s.pubs...)
}

// put keeps a set as another program would.
func (s *shelf) put(by string, files map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	version := "broken"
	if set, _ := rules.FromFiles(files, rules.LoadOptions{}); set != nil {
		version = set.Version()
	}
	s.pubs = append(s.pubs, rules.Publication{Number: int64(len(s.pubs) + 1), Version: version, Files: maps.Clone(files), By: by})
}

// A node is one node's side of a shelf.
type node struct {
	*shelf
	mu      sync.Mutex
	seen    string
	refused string
	after   int64
}

func (s *shelf) Latest(_ context.Context, known int64) (rules.Publication, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil || len(s.pubs) == 0 {
		return rules.Publication{}, s.down
	}
	p := s.pubs[len(s.pubs)-1]
	if p.Number == known {
		p.Files = nil
	}
	return p, nil
}

func (s *shelf) Get(_ context.Context, number int64) (rules.Publication, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down != nil || number < 1 || number > int64(len(s.pubs)) {
		return rules.Publication{}, fault.Errorf(fault.NotFound, "number %d", number)
	}
	return s.pubs[number-1], nil
}

func (s *shelf) Has(_ context.Context, version string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pubs {
		if p.Version == version {
			return true, s.down
		}
	}
	return false, s.down
}

func (s *shelf) Publish(_ context.Context, p rules.Publication, after int64) (int64, error) {
	s.mu.Lock()
	hook := s.hook
	s.puts++
	s.mu.Unlock()
	if hook != nil {
		if err := hook(); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down != nil:
		return 0, s.down
	case after != int64(len(s.pubs)):
		return 0, fault.Errorf(fault.Conflict, "the latest is %d", len(s.pubs))
	}
	p.Number = after + 1
	s.pubs = append(s.pubs, p)
	return p.Number, nil
}

func (n *node) Seen(context.Context) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen, nil
}

func (n *node) See(_ context.Context, version string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.seen, n.refused = version, ""
	return nil
}

func (n *node) Refused(context.Context) (string, int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.refused, n.after, nil
}

func (n *node) Refuse(_ context.Context, version string, latest int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refused, n.after = version, latest
	return nil
}
