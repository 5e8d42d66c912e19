package poller

import (
	"time"

	"postern/internal/issue"
)

// Patience is how long a way in may be silent before that is told: what is configured, else twice the longest silence of the last
// weeks, an hour at least. 0: nothing is usual yet.
func Patience(r *issue.SourceRecord, configured time.Duration) time.Duration {
	switch {
	case configured > 0:
		return configured
	case r.Gap <= 0:
		return time.Hour
	}
	return max(time.Hour, 2*r.Gap)
}

// Silent is for how long a way in has brought no mail, and whether that is longer than usual.
func Silent(r *issue.SourceRecord, configured time.Duration, now time.Time) (time.Duration, bool) {
	if r.MailAt.IsZero() {
		return 0, false
	}
	since := max(0, now.Sub(r.MailAt))
	usual := configured > 0 || r.Gap > 0 && r.Mails >= enoughMails
	return since, usual && since > Patience(r, configured)
}

// enoughMails is how many must have come before there is a usual silence.
const enoughMails = 10
