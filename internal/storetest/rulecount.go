package storetest

import (
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/issue"
)

func ruleCounts(w *world) {
	none, err := w.s.RuleCounts(background(), "")
	w.must(err, "no counts")
	if none == nil || len(none) != 0 {
		w.Errorf("at first: %v", none)
	}
	at := func(d time.Duration) *time.Time { t := epoch.Add(d); return &t }
	add := func(list ...issue.RuleCount) { w.Helper(); w.must(w.s.CountRules(background(), list), "count") }
	add()
	add(
		issue.RuleCount{Version: "aa", Stage: "mail", Rule: "vip", Matches: 2, Took: time.Second, LastMatch: at(time.Hour + 999*time.Microsecond)},
		issue.RuleCount{Version: "aa", Stage: "token", Rule: "vip", Matches: 1, LastMatch: at(0)},
		issue.RuleCount{Version: "aa", Stage: "mail", Rule: "broken \"$x\".\x00", Errors: 3},
	)
	add(issue.RuleCount{Version: "aa", Stage: "mail", Rule: "vip", Matches: 1, Errors: 1, Took: time.Second, LastMatch: at(time.Minute)})
	add(issue.RuleCount{Version: "bb", Stage: "mail", Rule: "vip", Matches: 5, Took: time.Second, LastMatch: at(2 * time.Hour)})

	broken := issue.RuleCount{Stage: "mail", Rule: "broken \"$x\".\x00", Errors: 3}
	read := func(version string, want ...issue.RuleCount) {
		w.Helper()
		got, err := w.s.RuleCounts(background(), version)
		w.must(err, "read counts")
		for i := range want {
			want[i].Version = version
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.Errorf("counts of %q (-want +got)\n%s", version, diff)
		}
	}
	token := issue.RuleCount{Stage: "token", Rule: "vip", Matches: 1, LastMatch: at(0)}
	read("aa", broken, issue.RuleCount{Stage: "mail", Rule: "vip", Matches: 3, Errors: 1, Took: 2 * time.Second, LastMatch: at(time.Hour)}, token)
	read("bb", issue.RuleCount{Stage: "mail", Rule: "vip", Matches: 5, Took: time.Second, LastMatch: at(2 * time.Hour)})
	read("", broken, issue.RuleCount{Stage: "mail", Rule: "vip", Matches: 8, Errors: 1, Took: 3 * time.Second, LastMatch: at(2 * time.Hour)}, token)

	// What has not matched for long goes, what never matched says nothing of when.
	n, err := w.s.Retain(background(), issue.Retention{RuleCounts: *at(time.Hour + time.Second)})
	w.must(err, "retention")
	if n != 2 {
		w.Errorf("retention took %d counts, want 2", n)
	}
	read("aa", broken)
	read("bb", issue.RuleCount{Stage: "mail", Rule: "vip", Matches: 5, Took: time.Second, LastMatch: at(2 * time.Hour)})

	// Nodes count at once, and nothing is lost.
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if err := w.s.CountRules(background(), []issue.RuleCount{{Version: "cc", Stage: "mail", Rule: "busy", Matches: 1}}); err != nil {
					w.Errorf("count: %v", err)
				}
			}
		})
	}
	wg.Wait()
	read("cc", issue.RuleCount{Stage: "mail", Rule: "busy", Matches: 40})
}
