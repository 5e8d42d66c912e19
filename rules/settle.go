package rules

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// No file system tells what is half written from what is whole: an editor that writes in place empties the file first, and what is
// there then may still make sense, and be a set without the rules that refuse. So a folder is read when it has been quiet for
// LiveOptions.Settle. That is longer where what was read last has become less: files are rarely shortened, and every one that
// is written in place is for a while. What is written beside and renamed, or published by command, needs no such luck.
const (
	shorter  = 10 // times Settle where a file has become shorter, or is gone
	emptied  = 20 // where nothing is left of it
	patience = 10 // times as long we wait for a folder in which something changes all the time
)

// A print of a folder changes when a file below it is added, removed or written.
type print struct {
	hash   string           // of names, sizes and times
	rules  string           // the same, of rules files alone
	latest time.Time        // when a file was written last
	sizes  map[string]int64 // of the files
}

// fingerprint takes the print of dir. It follows links where they lead inside.
func fingerprint(dir string) print {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return print{hash: "none"}
	}
	defer root.Close()
	p, h, n := print{sizes: map[string]int64{}}, sha256.New(), 0
	ofRules := sha256.New()
	_ = fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		n++
		switch {
		case n > maxWatched:
			return fs.SkipAll
		case err != nil:
			fmt.Fprintln(h, name, "unreadable")
			return nil
		case e.IsDir() && name != "." && strings.HasPrefix(e.Name(), "."):
			return fs.SkipDir
		case e.IsDir():
			return nil
		}
		info, err := root.Stat(name)
		if err != nil {
			return nil
		}
		fmt.Fprintln(h, name, info.Size(), info.ModTime().UnixNano())
		if isRulesFile(name) {
			fmt.Fprintln(ofRules, name, info.Size(), info.ModTime().UnixNano())
		}
		if info.ModTime().After(p.latest) {
			p.latest = info.ModTime()
		}
		p.sizes[name] = info.Size()
		return nil
	})
	p.hash, p.rules = hex.EncodeToString(h.Sum(nil)), hex.EncodeToString(ofRules.Sum(nil))
	return p
}

// settles is how long the folder has to be quiet as it is now, after it was read as it was before.
func (p print) settles(before print, settle time.Duration) time.Duration {
	times := time.Duration(1)
	for name, size := range p.sizes {
		if old, known := before.sizes[name]; size == 0 && isRulesFile(name) && (old > 0 || !known) {
			return emptied * settle
		} else if size < old {
			times = shorter
		}
	}
	for name := range before.sizes {
		if _, there := p.sizes[name]; !there {
			times = shorter
		}
	}
	return times * settle
}

// age is how long ago a file was written last, by its own time, which may be of another machine's clock.
func (p print) age() time.Duration {
	if age := time.Since(p.latest); age >= 0 {
		return age
	}
	return time.Hour
}

// A quiet knows for how long nothing has changed in a folder.
type quiet struct {
	read   print     // as it was read last
	told   time.Time // a change was told of, or found
	hash   string    // as it was looked at last …
	looked time.Time // … and when
}

// look says how long the folder has been as it is. A change that nobody told of begins when it is found.
func (q *quiet) look(p print) time.Duration {
	now := time.Now()
	if p.hash != q.hash && !q.told.After(q.looked) {
		q.told = now
	}
	q.hash, q.looked = p.hash, now
	return min(now.Sub(q.told), p.age())
}

// settle waits, before a start, until the folder seems to be whole.
func (l *Live) settle(ctx context.Context) {
	if l.o.Dir == "" {
		return
	}
	defer func() { l.started = fingerprint(l.dir) }()
	for began := time.Now(); ; {
		p := fingerprint(l.dir)
		need := p.settles(print{}, l.o.Settle)
		if left := need - p.age(); left > 0 && time.Since(began) < patience*need {
			select {
			case <-time.After(min(left, need)):
				continue
			case <-ctx.Done():
			}
		}
		return
	}
}
