package poller_test

import (
	"testing"
	"time"

	"postern/internal/issue"
	"postern/poller"
)

// When silence is longer than usual.
func TestSilent(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		rec        issue.SourceRecord // its MailAt is now
		configured time.Duration
		after      time.Duration
		want       bool
	}{
		{"nothing is usual yet", issue.SourceRecord{Mails: 3, Gap: time.Minute}, 0, 100 * time.Hour, false},
		{"no gap is known", issue.SourceRecord{Mails: 100}, 0, 100 * time.Hour, false},
		{"an hour is never long", issue.SourceRecord{Mails: 100, Gap: time.Minute}, 0, 59 * time.Minute, false},
		{"an hour where mail comes each minute", issue.SourceRecord{Mails: 100, Gap: time.Minute}, 0, 61 * time.Minute, true},
		{"a weekend, after weekends", issue.SourceRecord{Mails: 100, Gap: 60 * time.Hour}, 0, 70 * time.Hour, false},
		{"twice a weekend", issue.SourceRecord{Mails: 100, Gap: 60 * time.Hour}, 0, 121 * time.Hour, true},
		{"as configured, not yet", issue.SourceRecord{Mails: 100, Gap: 60 * time.Hour}, 5 * time.Minute, 4 * time.Minute, false},
		{"as configured", issue.SourceRecord{Mails: 1}, 5 * time.Minute, 6 * time.Minute, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.rec.MailAt = start
			since, got := poller.Silent(&c.rec, c.configured, start.Add(c.after))
			if got != c.want || since != c.after {
				t.Errorf("%v after %s, want %v", got, since, c.want)
			}
		})
	}
	if since, yes := poller.Silent(&issue.SourceRecord{Mails: 100, Gap: time.Minute}, time.Minute, start); yes || since != 0 {
		t.Error("what never brought mail is silent")
	}
}
