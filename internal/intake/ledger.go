package intake

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"postern/internal/issue"
	"postern/internal/logkey"
)

// The ledger's lines for attempts that end without a message: refused recipients, senders that left, connections that
// gave up. Lines that are alike within a window become one line with a count, and beyond maxLines
// different ones in a window the rest share one line a source, so an attack costs a bounded number of writes.
type ledger struct {
	store ledgerStore
	now   func() time.Time
	log   *slog.Logger

	mu     sync.Mutex
	window time.Time
	seen   map[lineKey]*issue.LedgerLine // of this window
	due    map[lineKey]bool              // have a count not yet written
	spare  []*issue.LedgerLine           // of closed windows, not yet written
}

type ledgerStore interface {
	AppendLedger(ctx context.Context, lines []issue.LedgerLine) error
}

// lineKey is what lines that are alike have in common. Different mails, where the mail is known, are never alike.
type lineKey struct{ source, peer, from, to, verdict, reason, messageID, message string }

const (
	ledgerWindow = time.Minute
	ledgerFlush  = time.Second
	maxLines     = 2000
)

func newLedger(store ledgerStore, now func() time.Time, log *slog.Logger) *ledger {
	return &ledger{store: store, now: now, log: log, seen: map[lineKey]*issue.LedgerLine{}, due: map[lineKey]bool{}}
}

// add notes one attempt. It never blocks on the store.
func (l *ledger) add(line issue.LedgerLine) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now.Sub(l.window) >= ledgerWindow {
		l.turn(now)
	}
	k := lineKey{line.Source, line.Peer, line.From, line.To, line.Verdict, line.Reason, line.MessageID, line.Message}
	if l.seen[k] == nil && len(l.seen) >= maxLines {
		k = lineKey{source: line.Source, verdict: line.Verdict, reason: "many more, not listed one by one"}
		line = issue.LedgerLine{Source: k.source, Verdict: k.verdict, Reason: k.reason}
	}
	if have := l.seen[k]; have != nil {
		have.Count++
	} else {
		line.ID, line.At, line.Count = issue.NewID(now), issue.Time(now), 1
		l.seen[k] = &line
	}
	l.due[k] = true
}

// turn begins a new window; what the old one still owes is kept for the next flush.
func (l *ledger) turn(now time.Time) {
	for k := range l.due {
		l.spare = append(l.spare, l.seen[k])
	}
	clear(l.seen)
	clear(l.due)
	l.window = now
}

// flush writes what is owed. A line that was written before is written again with the count since then, which the store adds.
func (l *ledger) flush(ctx context.Context) {
	l.mu.Lock()
	lines := make([]issue.LedgerLine, 0, len(l.spare)+len(l.due))
	for _, s := range l.spare {
		lines = append(lines, *s)
	}
	l.spare = nil
	for k := range l.due {
		lines = append(lines, *l.seen[k])
		l.seen[k].Count = 0
	}
	clear(l.due)
	l.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	if err := l.store.AppendLedger(ctx, lines); err != nil {
		l.log.WarnContext(ctx, "ledger lines were not written", logkey.Error, err, "lines", len(lines))
		l.mu.Lock() // tried again at the next flush, within bounds
		if len(l.spare) < maxLines {
			for i := range lines {
				l.spare = append(l.spare, &lines[i])
			}
		}
		l.mu.Unlock()
	}
}

// run flushes each second until ctx ends, then once more.
func (l *ledger) run(ctx context.Context) {
	tick := time.NewTicker(ledgerFlush)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			l.flush(last)
			cancel()
			return
		}
	}
}
