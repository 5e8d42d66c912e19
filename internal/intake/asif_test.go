package intake_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/intake"
	"postern/internal/issue"
)

var (
	topics = []string{"alpha", "beta", "gamma", "delta"}
	deeds  = []string{`assign("%s")`, `priority("%s")`, `set("host", "%s")`, `status("%s")`, `tag("%s")`, `untag("%s")`, `watch("%s@example.com")`, `note("%s")`, `due("%dh")`}
)

// twoSets are random rules and wrong ones in their place. The wrong ones set each field that the others set, to whatever value, and more; so nothing
// is to be set that they did not set.
func twoSets(rnd *rand.Rand) (right, wrong string) {
	var r, w strings.Builder
	for _, topic := range topics {
		for _, deed := range deeds {
			value := func() string {
				switch {
				case strings.HasPrefix(deed, "status"):
					return fmt.Sprintf(deed, []string{"open", "closed", "pending"}[rnd.IntN(3)])
				case strings.HasPrefix(deed, "due"):
					return fmt.Sprintf(deed, 1+rnd.IntN(3))
				}
				return fmt.Sprintf(deed, []string{"one", "two", "three"}[rnd.IntN(3)])
			}
			rule := func(to *strings.Builder) {
				fmt.Fprintf(to, "rule \"%s %s\" { when mail.text contains %[1]q then { %[3]s } }\n", topic, deed[:3], value())
			}
			switch rnd.IntN(5) {
			case 0:
				begun := r.Len()
				rule(&r)
				if strings.HasPrefix(deed, "untag") {
					w.WriteString(r.String()[begun:]) // what others tagged stays where the decision before had not taken it away
				} else {
					rule(&w)
				}
			case 1:
				rule(&w)
			}
		}
	}
	if rnd.IntN(2) == 0 {
		w.WriteString("rule \"drop\" { when mail.text contains \"alpha\" then { discard(\"no\") } }\n")
	}
	return r.String(), w.String()
}

// Mail that wrong rules decided and a replay repaired is as if the right rules had decided it at first; undone, it is as it was.
func TestReplayIsAsIfDecidedSo(t *testing.T) {
	t.Parallel()
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		right, wrong := twoSets(rnd)
		good, bad := newRig(t, right), newRig(t, wrong)
		wrongSet := bad.set.Load()
		for i := range 15 {
			text := fmt.Sprint("text ", i)
			for _, topic := range topics {
				if rnd.IntN(3) == 0 && (topic != "alpha" || i >= 12) { // what is thrown away at first has no replies: they would begin issues of their own
					text += " " + topic
				}
			}
			var more []string
			if 3 <= i && i < 12 {
				more = []string{fmt.Sprintf("In-Reply-To: <%d@x.example>", i%3)}
			}
			for _, r := range []*rig{good, bad} {
				r.later(time.Minute)
				r.one(plain(fmt.Sprintf("<%d@x.example>", i), fmt.Sprintf("p%d@example.org", i%3), "Subject", text, more...))
			}
		}
		was := live(bad.seen())
		bad.rules(right)
		run := bad.run(intake.ReplayQuery{Since: ptr(start), Apply: true})
		if diff := cmp.Diff(whole(good), whole(bad), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d (-as if +repaired)\n%s\nwrong:\n%s\nright:\n%s", seed, diff, wrong, right)
		}
		if again := bad.run(intake.ReplayQuery{Since: ptr(start), Apply: true}); len(again.Changes) > 0 {
			t.Fatalf("seed %d, once more: %+v", seed, again.Changes[0])
		}
		if run.Run == "" {
			continue
		}
		bad.run(intake.ReplayQuery{Undo: run.Run, Apply: true})
		if diff := cmp.Diff(was, live(bad.seen()), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d, undone (-was +is)\n%s", seed, diff)
		}
		bad.set.Store(wrongSet)
		if again := bad.run(intake.ReplayQuery{Since: ptr(start), Apply: true}); len(again.Changes) > 0 {
			t.Fatalf("seed %d, undone and by the wrong rules again: %+v", seed, again.Changes[0])
		}
	}
}

// live is what is seen without the issues that were withdrawn, whose numbers are kept.
func live(s seen) seen {
	s.Notes, s.Withdrawn = s.Notes[:len(s.Issues)], nil
	for _, m := range s.Messages {
		if m.Verdict != "committed" {
			m.Issue = 0
		}
	}
	return s
}

// whole are the issues with the remarks on them, without what names this very store.
func whole(r *rig) (out []string) {
	for _, is := range r.issues() {
		slices.Sort(is.Tags)
		slices.Sort(is.Watchers)
		number := is.Number
		is.Number, is.Message, is.UpdatedAt = 0, "", time.Time{}
		var notes []string
		for _, n := range r.notes(number) {
			notes = append(notes, fmt.Sprintf("%s %s %q", n.Kind, n.Visibility, n.Text))
		}
		slices.Sort(notes)
		out = append(out, fmt.Sprintf("%+v due %v closed %v notes %v", shortOf(is), is.DueAt, is.ClosedAt, notes))
	}
	slices.Sort(out)
	return out
}

func shortOf(is *issue.Issue) issue.Issue {
	s := *is
	s.DueAt, s.ClosedAt = nil, nil
	return s
}
