package rules

import (
	"runtime"
	"time"
)

// A set of ten thousand rules takes half a second to compile. On two processors, of which one collects the garbage, the mail that comes
// meanwhile would wait for it: so it is worked on for a while, and rests.
const (
	stint = time.Millisecond
	rest  = time.Millisecond
)

// pause is what is called between two rules, files or tests.
func (o LoadOptions) pause() func() {
	if !o.Gently {
		return func() {}
	}
	began := time.Now()
	return func() {
		if time.Since(began) < stint {
			runtime.Gosched() // who comes back from the disk finds a place at once, and not after ten milliseconds
			return
		}
		time.Sleep(rest)
		began = time.Now()
	}
}
