//go:build race

package rules_test

// slower is how much more time the race detector takes.
const slower = 15
