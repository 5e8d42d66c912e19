package rules

import (
	"slices"

	"postern/dsl"
)

// Limits are the bounds that whoever writes rules may meet, by what they are of.
func Limits() []dsl.Limit {
	const message, set = "a message", "a set of rules"
	own := []dsl.Limit{
		{Of: message, What: "actions of all rules", Value: dsl.Count(maxSteps)},
		{Of: message, What: "tags that rules add; one of them", Value: dsl.Count(maxTags) + "; " + dsl.Size(maxTag)},
		{Of: message, What: "watchers, and fields, that rules add", Value: dsl.Count(maxWatchers) + ", " + dsl.Count(maxFields)},
		{Of: message, What: "notes that rules add; one of them", Value: dsl.Count(maxNotes) + "; " + dsl.Size(maxNote)},
		{Of: message, What: "a subject, the value of a field, a name", Value: dsl.Size(maxText)},
		{Of: message, What: "the reason of a refusal", Value: dsl.Size(maxReason)},
		{Of: message, What: "tokens that are obeyed; the value of one", Value: dsl.Count(maxTokens) + "; " + dsl.Size(maxTokenValue)},
		{Of: set, What: "one file of rules; all of them", Value: dsl.Size(MaxRulesFile) + "; " + dsl.Size(MaxRules)},
		{Of: set, What: "a file that a list names; all files", Value: dsl.Size(MaxListFile) + "; " + dsl.Size(MaxFiles)},
		{Of: set, What: "time of all tests, when it is published", Value: dsl.Time(longestTests)},
	}
	all := append(dsl.Limits(), own...)
	order := []string{message, "a rule", set, "a test"}
	slices.SortStableFunc(all, func(a, b dsl.Limit) int { return slices.Index(order, a.Of) - slices.Index(order, b.Of) })
	return all
}
