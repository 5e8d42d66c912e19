package dsl

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Limit is a bound that whoever writes rules may meet.
type Limit struct {
	Of    string // "a message", "a rule", "a set of rules", "a test"
	What  string
	Value string // as the documentation shows it
}

// Limits are those of the language; package rules has more.
func Limits() []Limit {
	return []Limit{
		{"a message", "steps of all its rules: turns of `any`, `map`, …, and elements looked at", Count(DefaultBudget.Steps)},
		{"a message", "text and lists that expressions make", Size(DefaultBudget.Bytes)},
		{"a message", "time, without what is waited for the store", Time(DefaultBudget.Time)},
		{"a message", "different times that `recent` is asked about", Count(mostRecents)},
		{"a rule", "of the message's steps and bytes", Share(ruleShare)},
		{"a rule", "of the message's time", Share(ruleTimeShare)},
		{"a rule", "actions of a statement", Count(mostActions)},
		{"a rule", "text of an action, but a note's", Size(longestArgument)},
		{"a rule", "elements of a list that a function makes", Count(mostElements)},
		{"a rule", "brackets open at once", Count(deepest)},
		{"a rule", "`let`s", Count(mostLetsOfRule)},
		{"a rule", "of a text that `language` reads", Size(mostLanguage)},
		{"a rule", "characters of a text that `similar` reads", Count(longestCompared)},
		{"a rule", "instructions of a regular expression of `redact`", Count(slowestRedact)},
		{"a set of rules", "entries of a list, steps and time of all lists together", Count(mostListed) + ", " + Count(listBudget.Steps) + ", " + Time(listBudget.Time)},
		{"a set of rules", "an entry of a file that a list names", Size(longestEntry)},
		{"a set of rules", "a YAML file that a list names; keys of a mapping there", Size(largestYAML) + "; " + Count(mostKeys)},
		{"a set of rules", "columns of a row of a CSV file", Count(mostColumns)},
		{"a set of rules", "memory for the files of all lists", Size(mostHeld)},
		{"a set of rules", "conditions, statements, `let`s and expectations", Count(mostExpressions)},
		{"a set of rules", "defines that need each other in turn", Count(deepestDefines)},
		{"a set of rules", "instructions of all regular expressions; of one; of one times its groups", Count(mostInstructions) + "; " + Count(largestPattern) + "; " + Count(mostGrouped)},
		{"a set of rules", "errors and warnings that are told", Count(mostDiagnostics)},
		{"a test", "cases of a table", Count(mostCases)},
		{"a test", "mails that all tables make together", Size(mostFilled)},
	}
}

// Count is a number as the documentation shows it: 2,000,000.
func Count(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Size is a number of bytes: 64 KiB.
func Size(n int) string {
	for _, unit := range []struct {
		size int
		name string
	}{{1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= unit.size && n%unit.size == 0 {
			return Count(n/unit.size) + " " + unit.name
		}
	}
	return Count(n) + " bytes"
}

// Time is a duration: 2 s.
func Time(d time.Duration) string {
	if d%time.Minute == 0 && d >= time.Minute {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + " s"
}

// Share is one part of so many.
func Share(n int) string {
	if n == 2 {
		return "half"
	}
	return fmt.Sprintf("1/%d", n)
}
