package poller

import (
	"time"

	"postern/internal/intake"
)

// A Source is an account with what is wanted of it.
type Source struct {
	Name    string
	Account Account
	// Fresh makes the same account again, but such that what lies there now is old: for a test. nil: Account is such a one.
	Fresh    func() (Account, error)
	Protocol string // "imap", "pop3" or "graph", for the Received line and the status
	// Identity names the account at its server, as far as a cursor depends on it: protocol, host, user, folders. What was saved for
	// another identity is not looked at.
	Identity string
	User     string // who logs in, where that is an address: the account's own
	Revision string // of all its settings: a source with another one is started anew by Apply

	Mailboxes  []string // that it feeds; the first takes what names none of them
	Every      time.Duration
	ImportRate int   // mails a second while what lay there at first is fetched; 0: as fast as possible
	MaxSize    int64 // larger mail is not fetched; 0: no bound
	DryRun     bool

	Taken, Rejected, Quarantined After // what becomes of mail at the server

	FallbackFor []string      // what brings the same mail: while all of these do, it is polled each Slow only
	Slow        time.Duration // 0: ten times Every
	SilentAfter time.Duration // 0: by what is usual, see issue.SourceRecord
}

// after is what becomes of a mail at the server.
func (s *Source) after(v intake.Verdict) After {
	a := s.Taken
	switch v {
	case intake.Rejected:
		a = s.Rejected
	case intake.Quarantined:
		a = s.Quarantined
	}
	if a.Do == "" {
		a.Do = Keep
	}
	return a
}

func (s *Source) slow() time.Duration {
	if s.Slow > 0 {
		return max(s.Slow, s.Every)
	}
	return 10 * s.Every
}
