package mail

import (
	"slices"
	"strings"
)

// People paste what begins with ">" itself: prompts, patches, Markdown. In a mail that answers none it is not history at all; in
// one that does, lines between a person's own words that nobody introduced and that no person would write may be theirs.

// pasted says why lines [i, j), all of which begin with ">", may be no history, "" where nothing speaks for that. first is
// the first line of the text that is not blank.
func (q *quotes) pasted(i, j, first int) string {
	if !q.reply && !q.fwd {
		return "might be quoted lines, but the mail answers none"
	}
	if q.prompts(i, j) {
		return "might be quoted lines, or a prompt"
	}
	if q.own(i) {
		return "might be quoted lines, but the sender marks them as none"
	}
	if i <= first || q.history {
		return "" // whoever answers between the lines goes on to
	}
	above := i - 1
	for above > first && q.line(above) == "" {
		above--
	}
	ln := q.line(above)
	if above == i-1 && (strings.HasPrefix(ln, "$ ") || strings.HasPrefix(ln, "< ") || ln == "---" || changeLine(ln)) {
		return "might be quoted lines, or a session or a difference"
	}
	asked := endsInColon(ln) // "This is what I did:"
	if !asked && q.skipBlank(j, q.count()) >= q.count() {
		return ""
	}
	if code, prose := q.codeLines(i, j, ">"); code > 0 && prose == 0 {
		return "might be quoted lines, or what somebody typed"
	}
	return ""
}

// prompts says whether all of lines [i, j) begin with ">>> ", as those of a Python session do: who quotes a quote
// of a quote shows whose it is.
func (q *quotes) prompts(i, j int) bool {
	if i > 0 && q.quoted(i-1) {
		return false
	}
	for ; i < j; i++ {
		if ln := q.line(i); ln != "" && ln != ">>>" && !strings.HasPrefix(ln, ">>> ") {
			return false
		}
	}
	return true
}

// own says whether the sender put a space before the ">" of a line: with format=flowed, who quotes does not
// (RFC 3676 section 4.4).
func (q *quotes) own(i int) bool {
	_, found := slices.BinarySearch(q.stuffed, int32(i))
	return found
}

// changeLine says whether a line is one that diff writes above a difference: 3c3, 10,12d9.
func changeLine(ln string) bool {
	return len(ln) >= 3 && len(ln) < 30 && digit(ln[0]) && digit(ln[len(ln)-1]) && strings.Trim(ln, "0123456789,acd") == "" && strings.Count(ln, "a")+strings.Count(ln, "c")+strings.Count(ln, "d") == 1
}

// pastedLines is how many lines are looked at. Nobody pastes more with ">" before each.
const pastedLines = 50

// codeLines counts, in lines [i, j), those that a machine reads and those that people write, without the mark before
// them. Some are neither.
func (q *quotes) codeLines(i, j int, mark string) (code, prose int) {
	for j = min(j, i+pastedLines); i < j; i++ {
		ln := strings.TrimSpace(strings.TrimPrefix(q.line(i), mark))
		switch {
		case strings.HasPrefix(ln, ">") || len(ln) > attributionMax:
			prose++ // a quote in a quote
		case readsAsCode(ln):
			code++
		case readsAsProse(ln):
			prose++
		}
	}
	return code, prose
}

// codeMarks stand in what people type for machines, and in no sentence.
var codeMarks = []string{"();", "()", "$(", "${", "&&", "||", " := ", "==", "!=", "+=", "</", "/>", "=\"", " <- ", "::", " | ", " --", " > /", "../", "@@ "}

func readsAsCode(ln string) bool {
	if ln == "" {
		return false
	}
	switch ln[len(ln)-1] {
	case ';', '{', '}', '\\':
		return true
	}
	for _, mark := range codeMarks {
		if i := strings.Index(ln, mark); i >= 0 && (mark != " --" || i+3 < len(ln) && asciiLetter(ln[i+3])) {
			return true
		}
	}
	words := strings.Fields(ln)
	if len(words) > 6 {
		return false
	}
	for k, w := range words {
		if k > 0 && len(w) >= 2 && len(w) <= 4 && w[0] == '-' && asciiLetter(w[1]) && asciiLetter(words[0][0]|0x20) && words[0] == strings.ToLower(words[0]) {
			return true // ls -la
		}
		if open := strings.IndexByte(w, '('); open > 0 && strings.HasSuffix(w, ")") && len(w)-open > 4 && k == 0 {
			return true // summary(data)
		}
	}
	return false
}

// readsAsProse says whether a line is part of a sentence: four words of letters, or two and the end of one.
func readsAsProse(ln string) bool {
	plain := 0
	for w := range strings.FieldsSeq(ln) {
		w = strings.Trim(w, ".,;:!?\"'()’“”«»")
		letters := w != ""
		for _, c := range []byte(w) {
			letters = letters && (asciiLetter(c) || c >= 0x80 || c == '\'')
		}
		plain += btoi(letters)
	}
	last := byte(0)
	if ln != "" {
		last = ln[len(ln)-1]
	}
	return plain >= 4 || plain >= 2 && (last == '.' || last == '?' || last == '!' || last == ',') || plain > 0 && last >= 0x80
}
