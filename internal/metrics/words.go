package metrics

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	other    = "other"
	none     = "none"
	maxValue = 100 // bytes of a label's value
)

// words are the values that one label has taken, at most max of them: each series stays in memory for ever.
type words struct {
	mu   sync.RWMutex
	max  int
	seen map[string]struct{}
}

func newWords(max int) *words { return &words{max: max, seen: make(map[string]struct{})} }

// bound returns the value to use for s: itself in a clean form, or "other" when there are too many.
func (w *words) bound(s string) string {
	s = clean(s)
	w.mu.RLock()
	_, ok := w.seen[s]
	full := len(w.seen) >= w.max
	w.mu.RUnlock()
	if ok {
		return s
	}
	if full {
		return other
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, ok := w.seen[s]; !ok && len(w.seen) >= w.max {
		return other
	}
	w.seen[s] = struct{}{}
	return s
}

// clean makes s a label's value: UTF-8 without control characters, not longer than maxValue, not empty.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxValue {
		cut := maxValue
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	if s == "" {
		return none
	}
	return s
}
