package poller

import (
	"errors"
	"fmt"
)

// maxFailing is how often in a row everything may fail before that is taken for the mails' fault, where the store still works.
const maxFailing = 3

// fewBlamed is how many mails may be to blame in one visit when nothing could be taken.
const fewBlamed = 10

// allFailed is an error where nothing of a group could be taken for reasons that are not in the mails: then the source waits, and its
// cursor stays where it is. Where that goes on each mail is asked for alone, and a few of them a visit are put off, so that some which can
// never be taken do not keep those behind them for ever.
func (v *visit) allFailed(g *group) error {
	asked, reason := 0, ""
	for _, t := range g.items {
		switch {
		case t.fate == done, t.fate == parked && t.came, t.fate == later && t.came && !t.ours:
			v.r.failing.Store(0)
			v.works = true
			return nil
		case t.came && t.ours:
			asked++
			reason = t.reason
		}
	}
	if asked == 0 || v.works && !g.new { // others were taken just now
		return nil
	}
	v.none = fmt.Errorf("no mail could be taken: %s", reason)
	if int(v.r.failing.Add(1)) > maxFailing && asked == 1 {
		v.blamed++
		return nil
	}
	v.cursor = v.st.Cursor
	v.r.newFirst = !g.new // what is new must not wait for what fails
	return v.none
}

// atOnce is how many of n may be asked for together: one while nothing can be taken, so that each is to blame for itself.
func (v *visit) atOnce(n int) int {
	if v.r.failing.Load() >= maxFailing {
		return 1
	}
	return n
}

// enough is an error once as many were put off as one visit may.
func (v *visit) enough() error {
	if v.blamed < fewBlamed {
		return nil
	}
	v.r.newFirst = true
	return v.none
}

// fewPending is how many items may each be to blame when none of them comes. When it is more, the server is.
const fewPending = 10

// nothingCame looks whether a group brought any mail at all. Where it did not, and the session ended, that was perhaps no mail's
// fault: once it is an error, and only then one mail is looked for that is to blame.
func (v *visit) nothingCame(g *group) error {
	asked := 0
	for _, t := range g.items {
		switch {
		case t.came, t.fate == gone:
			v.r.barren = 0
			return nil
		case t.fate != parked:
			asked++
		}
	}
	if asked == 0 {
		return nil
	}
	v.r.barren++
	if g.err != nil && (g.new && v.r.barren == 1 || errors.Is(g.err, errSpool)) {
		return g.err
	}
	return nil
}

// serverFails reports whether so many mails did not come, and none did, that it must be the server. Then their tries are not
// counted, and nothing new is asked for until one comes.
func (v *visit) serverFails() bool { return v.r.barren > maxFailing && len(v.st.Pending) > fewPending }
