package mongo

import (
	"context"
	"slices"
	"sync"

	"postern/internal/fault"
)

// A keylock lets one goroutine of this node at a time work on a key. It keeps a node's own commits from
// racing each other in the database; between nodes claims and revisions decide. The zero value is ready.
type keylock struct {
	waits func() // called when one begins to wait; nil: nothing

	mu   sync.Mutex
	held map[string]*held
}

type held struct {
	turn chan struct{} // holds one token while nobody works on the key
	refs int
}

// lock waits for all keys, in order, so that no two wait for each other, and returns how to give them back.
func (k *keylock) lock(ctx context.Context, keys []string) (unlock func(), err error) {
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	var got []string
	unlock = func() {
		for _, key := range got {
			k.release(key, true)
		}
	}
	for _, key := range keys {
		h := k.reach(key)
		select {
		case <-h.turn:
			got = append(got, key)
			continue
		default:
			if k.waits != nil {
				k.waits()
			}
		}
		select {
		case <-h.turn:
			got = append(got, key)
		case <-ctx.Done():
			k.release(key, false)
			unlock()
			return nil, fault.Errorf(fault.Unavailable, "wait for another commit of the same thread: %w", ctx.Err())
		}
	}
	return unlock, nil
}

func (k *keylock) reach(key string) *held {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held == nil {
		k.held = map[string]*held{}
	}
	h := k.held[key]
	if h == nil {
		h = &held{turn: make(chan struct{}, 1)}
		h.turn <- struct{}{}
		k.held[key] = h
	}
	h.refs++
	return h
}

func (k *keylock) release(key string, had bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	h := k.held[key]
	if had {
		h.turn <- struct{}{}
	}
	if h.refs--; h.refs == 0 {
		delete(k.held, key)
	}
}
