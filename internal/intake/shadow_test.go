package intake_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/intake"
	"postern/rules"
)

// A watch collects what a candidate's comparisons found.
type watch struct {
	mu     sync.Mutex
	found  map[string][]rules.Difference
	missed int
}

func (w *watch) seen() (compared, missed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.found), w.missed
}

// shadow has a script asked beside the rig's rules.
func (r *rig) shadow(script string, share float64) *watch {
	r.t.Helper()
	set, diags := rules.FromFiles(map[string]string{"10-next.rules": script}, rules.LoadOptions{})
	if set == nil {
		r.t.Fatal(diags)
	}
	w := &watch{found: map[string][]rules.Difference{}}
	r.in.Shadow(&intake.Candidate{
		Set: set, Share: share, Until: r.now().Add(time.Hour),
		Result: func(message string, _ int64, found []rules.Difference) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.found[message] = found
		},
		Missed: func() { w.mu.Lock(); defer w.mu.Unlock(); w.missed++ },
	})
	return w
}

// of waits for what was found about a message.
func (w *watch) of(t *testing.T, message string) string {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		w.mu.Lock()
		found, ok := w.found[message]
		w.mu.Unlock()
		if ok {
			var out []string
			for _, d := range found {
				out = append(out, fmt.Sprintf("%s %s→%s by %s", d.Field, d.Was, d.Is, d.Rule.Name))
			}
			return strings.Join(out, "; ")
		}
	}
	t.Fatalf("message %s was not compared (%d missed)", message, w.missed)
	return ""
}

const decides = `
rule "key" { when mail.subject contains "host" then { thread("host", "7d") } }
rule "known" { when sender.known then { tag("known") } }
rule "often" { when sender.recent("1h") > 0 then { tag("often") } }
rule "vip" { when mail.subject contains "vip" then { priority("high") } }
rule "spam" { when mail.subject contains "spam" then { reject("no") } }
`

// The same rules decide the same, also where the answer of the world has changed by the commit: the sender is known by then, the
// key and the mail's own id lead to its issue, the issue has changed.
func TestShadowSeesTheWorldAsItWas(t *testing.T) {
	t.Parallel()
	r := newRig(t, decides)
	w := r.shadow(decides, 100)
	for i, subject := range []string{"vip", "host a", "host b", "spam", "Re: vip"} {
		m := plain(fmt.Sprintf("<%d@example.org>", i), "ann@example.org", subject, "Hi "+subject)
		if subject == "Re: vip" {
			m = strings.Replace(m, "Subject:", "In-Reply-To: <0@example.org>\nSubject:", 1)
		}
		if got := w.of(t, r.one(m).Message); got != "" {
			t.Errorf("%s: the same rules differ: %s", subject, got)
		}
	}
}

func TestShadowTellsWhatDiffers(t *testing.T) {
	t.Parallel()
	r := newRig(t, decides)
	w := r.shadow(`
rule "vip" { when mail.subject contains "vip" then { priority("urgent"); stop() } }
rule "tag" { then { tag("new") } }
rule "refuse" { when mail.subject contains "lottery" then { reject("never") } }
`, 100)
	for i, c := range []struct{ subject, want string }{
		{"vip", `priority "high"→"urgent" by vip`},
		{"plain", "tags +known +often→+new by tag"},
		{"lottery", "verdict committed→rejected: never by refuse"},
		{"spam", "verdict rejected: no→committed by spam"},
	} {
		o := r.one(plain(fmt.Sprintf("<%d@example.org>", i), "ann@example.org", c.subject, "Hi "+c.subject))
		got := w.of(t, o.Message)
		if !strings.Contains(got, c.want) || c.subject != "vip" && got != c.want {
			t.Errorf("%s: got %q, want %q", c.subject, got, c.want)
		}
		if want := map[bool]intake.Verdict{false: intake.Committed, true: intake.Rejected}[c.subject == "spam"]; o.Verdict != want {
			t.Errorf("the candidate decided: %+v", o)
		}
	}
	if is := r.issue(1); is.Priority != "high" || len(is.Tags) != 0 {
		t.Errorf("the candidate's actions were taken: %+v", is)
	}
}

// A candidate that runs for as long as it may delays nobody, and what it has no time for is left out and counted.
func TestShadowDelaysNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, `rule "r" { then { tag("r") } }`)
	w := r.shadow(`rule "slow" { when len(filter(1..900, let x = #; len(filter(1..900, # == x)) > 5)) > 0 then { tag("slow") } }`, 100)
	began := time.Now()
	const mails = 60
	for i := range mails {
		if o := r.one(plain(fmt.Sprintf("<%d@example.org>", i), "ann@example.org", "x", fmt.Sprint("Hi ", i))); o.Verdict != intake.Committed {
			t.Fatalf("got %+v", o)
		}
	}
	took := time.Since(began)
	compared, missed := w.seen()
	t.Logf("%d mails in %s; %d compared, %d left out", mails, took, compared, missed)
	if missed == 0 {
		t.Errorf("nothing was left out of %d mails, %d compared", mails, compared)
	}
	if compared+missed < mails-20 || took > 20*time.Second {
		t.Errorf("%d compared, %d left out, in %s", compared, missed, took)
	}
}

// A share is of the mails, the same ones on each node; none after the time.
func TestShadowShare(t *testing.T) {
	t.Parallel()
	r := newRig(t, `rule "r" { then { tag("r") } }`)
	send := func(from, n int) {
		for i := range n {
			r.one(plain(fmt.Sprintf("<%d@example.org>", from+i), "ann@example.org", "x", fmt.Sprint("Hi ", from+i)))
			time.Sleep(time.Millisecond)
		}
	}
	w := r.shadow(`rule "r" { then { tag("r") } }`, 25)
	send(0, 80)
	if c, m := w.seen(); c+m < 5 || c+m > 40 {
		t.Errorf("%d compared and %d left out of 80 with a share of 25%%", c, m)
	}
	w = r.shadow(`rule "r" { then { tag("r") } }`, 100)
	r.later(2 * time.Hour)
	send(100, 5)
	if c, m := w.seen(); c+m != 0 {
		t.Errorf("%d compared and %d left out after the time", c, m)
	}
	w = r.shadow(`rule "r" { then { tag("r") } }`, 100)
	r.in.Shadow(nil)
	send(200, 5)
	if c, m := w.seen(); c+m != 0 {
		t.Errorf("%d compared and %d left out after the end", c, m)
	}
}
