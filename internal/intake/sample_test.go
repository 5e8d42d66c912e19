package intake_test

import (
	"fmt"
	"slices"
	"testing"
)

// Two nodes, or a replay on another day, sample the same mail, whatever way it came.
func TestSampledAlikeEverywhere(t *testing.T) {
	t.Parallel()
	const rules = `rule "half" { sample 50% then { tag("asked") } }`
	a, b := newRig(t, rules), newRig(t, rules)
	b.later(1e9 * 3600 * 24)
	asked := 0
	for i := range 40 {
		m := plain(fmt.Sprintf("<%d@example.org>", i), "Ann <ann@example.org>", "Printer", "It burns.")
		one := slices.Contains(a.issue(a.one(m).Issue).Tags, "asked")
		two := slices.Contains(b.issue(b.one("Received: from elsewhere\n"+m).Issue).Tags, "asked")
		if one != two {
			t.Errorf("mail %d: %v here and %v there", i, one, two)
		}
		if one {
			asked++
		}
	}
	if asked < 8 || asked > 32 {
		t.Errorf("%d of 40 were asked", asked)
	}
}
