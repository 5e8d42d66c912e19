package rules

import (
	"postern/dsl"
)

// A needKey tells needs apart: two rules with one of the same key are asked for the same messages.
type needKey struct {
	field *dsl.Field
	op    dsl.NeedOp
	text  string
	words *dsl.Words
	set   *dsl.Entries
	nets  *dsl.Networks
}

func keyOf(n *dsl.Need) needKey { return needKey{n.Field, n.Op, n.Text, n.Words, n.Set, n.Nets} }

// chosen picks for each rule the way to say what it needs that seems to rule it out most often; nil where none is known. What many rules
// need is what much of the mail has: of a thousand rules for one customer's subjects it is the subject that tells them apart.
func chosen(rules []*dsl.Rule) []*[]dsl.Need {
	out := make([]*[]dsl.Need, len(rules))
	seen := map[needKey]int{}
	for _, r := range rules {
		ways := r.Needs()
		if len(ways) < 2 {
			continue
		}
		for _, way := range ways {
			for i := range way {
				seen[keyOf(&way[i])]++
			}
		}
	}
	for i, r := range rules {
		ways := r.Needs()
		if len(ways) == 0 {
			continue
		}
		best, least := 0, 0.0
		for j, way := range ways {
			if len(ways) == 1 {
				break
			}
			share := 0.0
			for k := range way {
				share += way[k].Share() + float64(seen[keyOf(&way[k])]-1)/float64(len(rules))
			}
			if j == 0 || share < least {
				best, least = j, share
			}
		}
		out[i] = &ways[best]
	}
	return out
}
