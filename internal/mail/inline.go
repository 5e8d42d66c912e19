package mail

import "strings"

// inlinePhrases are what people write when their answers stand in what they quote.
var inlinePhrases = func() (phrases []string) {
	for _, row := range table("inline") {
		phrases = append(phrases, row[0])
	}
	return phrases
}()

// inlineMax is how long a text may be that only points to the answers below it, in bytes.
const inlineMax = 400

// answersInside makes a quote unsure that has no marks and reaches to the end, where the text above it says that the answers
// stand in it: better history among the words of a person than words lost in the history.
func (q *quotes) answersInside() {
	n := len(q.spans)
	if n == 0 || q.fwd {
		return
	}
	last := &q.spans[n-1]
	if last.Kind != SpanQuote || last.End != len(q.text) || last.Start > inlineMax || strings.Contains(q.text[last.Start:], "\n>") {
		return
	}
	if saysOf(plainWords(strings.Join(strings.Fields(q.text[:last.Start]), " ")), inlinePhrases, 1) {
		last.Kind = SpanUnsure
		last.Reason += "; the answers may stand in it"
	}
}
