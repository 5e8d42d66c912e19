//go:build !race

package rules_test

const slower = 1
