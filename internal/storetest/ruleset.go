package storetest

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

func set(version string) issue.Ruleset {
	return issue.Ruleset{Version: version, Files: map[string]string{"a.rules": version}, PublishedAt: epoch, By: "cli", Note: "why " + version}
}

// publish puts a set after number after, and returns it as it is to be read.
func (w *world) publish(r issue.Ruleset, after int64) issue.Ruleset {
	w.Helper()
	n, err := w.s.PublishRuleset(background(), r, after)
	w.must(err, "publish")
	if n != after+1 {
		w.Errorf("publish after %d: got number %d", after, n)
	}
	r.Number = n
	return r
}

func rulesets(w *world) {
	one := issue.Ruleset{Version: "aa1", Files: map[string]string{"10-a.rules": "rule \"a\" {}", "lists/x.$y.txt": "ü\n"}, PublishedAt: epoch, By: "cli", Note: "first"}
	two := issue.Ruleset{Version: "aa2", PublishedAt: epoch.Add(time.Second), By: "token:x"}
	big := issue.Ruleset{Version: "bb3", Files: map[string]string{"big.txt": strings.Repeat("0123456789abcde\n", 200_000)}, PublishedAt: epoch.Add(time.Minute), By: "cli"}
	back := one
	back.PublishedAt, back.Note = epoch.Add(time.Hour), "back to number 1"
	var all []issue.Ruleset
	for i, r := range []issue.Ruleset{one, two, big, back} {
		all = append(all, w.publish(r, int64(i)))
		got, err := w.s.LatestRuleset(background())
		w.must(err, "latest")
		w.same(got.Files, all[i].Files, "files of the latest")
		got.Files = all[i].Files // none is nil or empty
		w.same(*got, all[i], "latest")
	}
	w.sameSets(issue.RulesetQuery{}, all[3], all[2], all[1], all[0])
	w.sameSets(issue.RulesetQuery{Version: "aa"}, all[3], all[1], all[0])
	w.sameSets(issue.RulesetQuery{Version: "aa1", By: "cli"}, all[3], all[0])
	w.sameSets(issue.RulesetQuery{By: "token:x"}, all[1])
	w.sameSets(issue.RulesetQuery{By: "token:%"})
	w.sameSets(issue.RulesetQuery{Version: "aa1b"})
	_, next, err := w.s.Rulesets(background(), issue.RulesetQuery{Page: issue.Page{Limit: 2}})
	w.must(err, "first piece")
	w.sameSets(issue.RulesetQuery{Page: issue.Page{After: next}}, all[1], all[0])
	_, _, err = w.s.Rulesets(background(), issue.RulesetQuery{Page: issue.Page{After: "r.x"}})
	w.kind(err, fault.Invalid, "a cursor that makes no sense")

	// A long file that several sets hold is theirs whole.
	shared := big
	shared.Version, shared.Files = "cc4", map[string]string{"big.txt": big.Files["big.txt"], "same.txt": big.Files["big.txt"], "1.rules": "rule", "odd.txt": strings.Repeat("ü", 50_000)}
	all = append(all, w.publish(shared, 4))

	w.restart()
	for _, want := range all {
		got, err := w.s.Ruleset(background(), want.Number)
		w.must(err, "read")
		w.same(got.Files, want.Files, "files")
		got.Files = want.Files
		w.same(*got, want, "a publication that was not the last")
	}
	_, err = w.s.Ruleset(background(), 6)
	w.kind(err, fault.NotFound, "a number that was not given")
	if _, err := w.s.Sweep(background(), -time.Hour); err != nil {
		w.Errorf("sweep: %v", err)
	}
	got, err := w.s.Ruleset(background(), 3)
	w.must(err, "read after the sweep")
	w.same(got.Files, big.Files, "the sweep took the files of a set")
	got, err = w.s.LatestRuleset(background())
	w.must(err, "read the other after the sweep")
	w.same(got.Files, shared.Files, "the sweep took the files of a set")
}

// sameSets compares what a query finds, which has no files.
func (w *world) sameSets(q issue.RulesetQuery, want ...issue.Ruleset) {
	w.Helper()
	got, next, err := w.s.Rulesets(background(), q)
	w.must(err, "list")
	list := []issue.Ruleset{}
	for _, r := range got {
		list = append(list, *r)
	}
	bare := []issue.Ruleset{}
	for _, r := range want {
		r.Files = nil
		bare = append(bare, r)
	}
	w.same(list, bare, fmt.Sprintf("rule sets of %+v", q))
	if next != "" {
		w.Errorf("a whole list has a next piece: %q", next)
	}
}

// Of those who publish on top of the same set at once one wins, and nobody's set is lost or put over one that its publisher did not know.
func rulesetRace(w *world) {
	w.publish(set("a0"), 0)
	for after := int64(1); after < 6; after++ {
		var won atomic.Int64
		together(senders, func(i int) {
			n, err := w.s.PublishRuleset(background(), set(fmt.Sprintf("a%d%d", after, i)), after)
			switch {
			case err == nil && n == after+1:
				won.Add(1)
			case !fault.Is(err, fault.Conflict):
				w.Errorf("publish: got number %d, %v, want %d or a conflict", n, err, after+1)
			}
		})
		if won.Load() != 1 {
			w.Fatalf("%d of %d published number %d, want one", won.Load(), senders, after+1)
		}
	}
	for _, after := range []int64{0, 3, 7, -1} {
		_, err := w.s.PublishRuleset(background(), set("c"), after)
		w.kind(err, fault.Conflict, fmt.Sprint("publishing after ", after, " of 6"))
	}
	if got, err := w.s.LatestRuleset(background()); err != nil || got.Number != 6 {
		w.Errorf("the latest is %+v, %v, want number 6", got, err)
	}
}

// A publication that is cut off is there whole or not at all, and can be made again.
func crashRuleset(w *world) {
	w.arm()
	after := int64(0)
	for n := int32(1); n <= maxSteps; n++ {
		r := set(fmt.Sprintf("a%d", n))
		r.Files["big.txt"] = strings.Repeat(fmt.Sprintf("%015d\n", n), 200_000)
		var count atomic.Int32
		var at atomic.Value
		w.failing(func(step string) error {
			if count.Add(1) < n {
				return nil
			}
			at.CompareAndSwap(nil, step)
			return errFault
		})
		_, err := w.s.PublishRuleset(background(), r, after)
		w.crash()
		step := fmt.Sprintf("crash %d, before %q", n, at.Load())
		got, missing := w.s.LatestRuleset(background())
		there := missing == nil && got.Number == after+1
		if there {
			after++
			w.same(got.Files, r.Files, step+": files")
		}
		if at.Load() == nil {
			w.must(err, "publish without a crash")
			if !there {
				w.Errorf("a publication is lost: %v", missing)
			}
			return
		}
		if err == nil && !there {
			w.Errorf("%s: it was acknowledged and is lost: %v", step, missing)
		}
		if err != nil {
			w.kind(err, fault.Unavailable, step)
		}
		if !there {
			w.publish(r, after)
			after++
		}
	}
	w.Fatalf("more than %d writes a publication", maxSteps)
}
