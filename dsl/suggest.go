package dsl

import "strings"

// didYouMean is "; did you mean X?" for the known name nearest to a misspelt one, or "".
func didYouMean(name string, known []string) string {
	if s := nearest(name, known); s != "" {
		return "; did you mean " + s + "?"
	}
	return ""
}

// nearest is the known name with the fewest edits, when they are few for the name's length.
func nearest(name string, known []string) string {
	if name == "" || len(name) > 64 {
		return ""
	}
	best, bestDistance := "", max(1, len(name)/3)+1
	for _, k := range known {
		if k == "" || len(k) > 64 || k == name { // known, but not here
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(k))
		if d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance counts insertions, deletions, changes and swaps of neighbours (Damerau's, restricted).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, previous, current := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(x); i++ {
		current[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
		before, previous, current = previous, current, before
	}
	return previous[len(y)]
}
