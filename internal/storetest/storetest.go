// Package storetest holds the promises of issue.Store. Both stores run it, so a promise is written once
// and neither store can drift away from the other.
//
// Run opens each promise a place of its own. A place outlives the store that is open on it: a promise may
// close the store and open it again, or let it crash. A crash is made with Options.Fault, which the
// store calls before each durable write: once it has returned an error it goes on doing so, so that
// nothing more reaches the disk, and the store is dropped without a Close.
package storetest

import (
	"context"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// Options are what a promise asks of a store that is opened for it.
type Options struct {
	Now func() time.Time // never nil

	// Fault, where not nil, is called before each durable write (a row, a document, a file, a commit)
	// with a name for that write. When it returns an error the write must not happen, and the call that
	// wanted it fails with fault.Unavailable unless it was already committed. It may be called by several
	// goroutines at once.
	Fault func(step string) error
}

// A Place is where one store's data lies.
type Place interface {
	// Open opens the store on what is there, which is nothing at first. One at a time is open.
	Open(t *testing.T, o Options) issue.Store
	// Crash drops a store as the end of its process would: nothing is flushed, finished or closed in
	// order, and the place can be opened again. A store that goes on writing behind its answers may be given time
	// for it: the fault keeps all that from happening that was not to happen.
	Crash(t *testing.T, s issue.Store)
}

// A Factory makes an empty place; t.Cleanup removes it.
type Factory func(t *testing.T) Place

// Run holds a store to all promises.
func Run(t *testing.T, factory Factory) {
	for _, p := range promises {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			w := &world{T: t, fresh: func() Place { return factory(t) }, clock: epoch}
			w.place = w.fresh()
			w.open()
			defer func() { w.close() }()
			p.check(w)
		})
	}
}

var promises = []struct {
	name  string
	check func(*world)
}{
	{"a new issue is there whole", newIssue},
	{"a note on an issue is there whole", noteOnIssue},
	{"a message without an issue", noIssue},
	{"text is kept as it is", unicodeText},
	{"times are whole milliseconds in UTC", wholeMilliseconds},
	{"what is not there is NotFound", notFound},
	{"what is open stays after closing", reopening},

	{"each slot is won once", slotRace},
	{"slots come in order", slotOrder},
	{"numbers are given once", numberRace},
	{"a mail and its reply arriving together are one issue", replyRace},
	{"a reliance that no longer holds is a conflict", reliances},
	{"threads lead where they should", threads},
	{"a message is decided again in place once", replaces},
	{"a message without a slot is replayed once", replays},
	{"no change of an issue is lost", lostUpdates},
	{"an issue changes as asked", issueChange},

	{"a message decided again in place mends its issue", revises},
	{"notes change, go and come back", revisedNotes},
	{"a withdrawn issue keeps its number", withdrawn},
	{"what is deleted or too old is gone from replays, too", emptied},
	{"replays while mail comes", reviseRace},
	{"a reply while its issue is withdrawn", withdrawRace},

	{"a crash at any write of a revision", crashRevision},
	{"a crash at any write of a new issue", crashNewIssue},
	{"a crash at any write of a note", crashNote},
	{"a failure at any write is over with it", failureAtWrites},

	{"participants", participants},
	{"users", users},
	{"recent messages are counted", recent},
	{"copies are bounded", copies},
	{"the ledger counts repeats", ledgerCounts},
	{"the ledger is searched", ledgerQuery},
	{"events", events},
	{"tokens", tokens},
	{"rule sets", rulesets},
	{"of rule sets published at once one wins", rulesetRace},
	{"a crash at any write of a rule set", crashRuleset},
	{"a shadow and its reports", shadows},
	{"of shadows begun at once one wins", shadowRace},
	{"what rules did is added up", ruleCounts},
	{"once", once},
	{"leases", leases},
	{"of those who want a source at once one gets it", leaseRace},
	{"what was heard of a source", heard},
	{"credentials, and what is forgotten", credentials},
	{"claims", claims},
	{"backup and restore of sources", sourcesBackup},
	{"a crash at any write of a source", crashSources},

	{"lists page newest first", paging},
	{"a list is stable while it grows", pagingWhileGrowing},
	{"filters of issues", issueFilters},
	{"filters of messages", messageFilters},
	{"a cursor that makes no sense is Invalid", badCursors},
	{"search finds words", search},
	{"search reads no syntax", searchSyntax},

	{"blobs of all sizes", blobs},
	{"one raw for two messages", sharedRaw},
	{"attachments are found by content", attachments},
	{"retention", retention},
	{"the sweep takes what nothing names", sweep},
	{"the sweep never takes what a commit names again", sweepRace},
	{"dropping a message", dropMessage},
	{"backup and restore", backup},
	{"a backup under load is whole", backupUnderLoad},
	{"ping and kind", ping},
}

// epoch is when each promise's clock starts.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func background() context.Context { return context.Background() }

// kind fails the test unless err is of that kind.
func (w *world) kind(err error, want fault.Kind, what string) {
	w.Helper()
	if !fault.Is(err, want) {
		w.Errorf("%s: got error %v, want one of kind %q", what, err, want)
	}
}

// must ends the test at an error.
func (w *world) must(err error, what string) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}
