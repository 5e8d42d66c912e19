package mail

import (
	"strings"
	"unicode/utf8"
)

// attributionMax is the longest line of an attribution, and attributionLines how many it is wrapped over.
const (
	attributionMax   = 300
	attributionLines = 4
)

// attribution says how many lines from i on introduce a quote ("On …, Ann wrote:"), 0 for none. It is
// sure when the line names a day and an hour or an address, as mail programs write and people do not.
func (q *quotes) attribution(i int) (lines int, sure bool) {
	k := q.colonBelow(i)
	if k < 0 {
		return q.uncoloned(i)
	}
	if len(q.regions) > 0 && q.regions[0].from > i && q.regions[0].from <= i+k {
		return 0, false
	}
	s := q.sentence(i, i+k+1)
	found, usual := introduces(s)
	if !usual && k > 0 && q.introducedBelow(i, i+k+1) {
		return 0, false // an answer of a line or two, and below it an attribution
	}
	if !found {
		// Without the first word of the sentence only right above a quote, in one or two lines.
		next := q.skipBlank(i+k+1, 2)
		if k <= 1 && next < q.count() && q.marked(next) && names(s) || k == 0 && hasAddress(s) && hasDay(s) && hasHour(s) {
			return k + 1, stamped(s)
		}
		return 0, false
	}
	return k + 1, hasAddress(s) && hasDigit(s) || usual && hasDay(s) && hasHour(s) && i >= q.lastIntroduced()
}

// doubtAbove makes the paragraph unsure that ends above line i, where a quote begins, when it may introduce that. An attribution
// holds a name that a stranger chose: it may be so long that it is none to us, and it may hold a command.
func (q *quotes) doubtAbove(i, free int) {
	end := i
	for end > free && end > i-3 && q.line(end-1) == "" {
		end--
	}
	start := end
	for start > free && q.line(start-1) != "" {
		start--
	}
	if start == end || q.unsure >= 0 {
		return
	}
	if s := q.text[q.starts[start]:q.starts[end]]; endsInColon(q.line(end-1)) || hasAddress(s) || hasDay(s) && hasHour(s) {
		q.doubt(start, attributionReason)
	}
}

// doubtWrapped does so for an attribution of k lines from line i on, when it may have begun further up.
func (q *quotes) doubtWrapped(i, k, free int) {
	if i == free || q.line(i-1) == "" {
		return
	}
	if _, usual := introduces(q.sentence(i, i+k)); !usual && k == attributionLines || q.wrapped(i) {
		start := i
		for start > free && q.line(start-1) != "" {
			start--
		}
		q.doubt(start, attributionReason)
	}
}

// wrapped says whether line i may be the rest of the one above it: its first word had no room there.
func (q *quotes) wrapped(i int) bool {
	word, _, _ := strings.Cut(q.line(i), " ")
	return len(q.line(i-1))+len(word) >= wrapWidth
}

// wrapWidth is less than what any program wraps at, in bytes.
const wrapWidth = 60

// mayIntroduce says whether the paragraph from line i on ends in a colon, and tells an address, a day and an hour; or its first line is
// too long for an attribution otherwise, and has an address.
func (q *quotes) mayIntroduce(i int) bool {
	if ln := q.line(i); len(ln) > attributionMax {
		return hasAddress(ln) && (endsInColon(ln) || isRule(ln[0]) && isRule(ln[len(ln)-1]))
	}
	if q.colonBelow(i); !q.colon || q.stop < i {
		return false
	}
	for j := max(i+1, q.stop+1-attributionLines); j <= q.stop; j++ {
		if _, usual := introduces(q.sentence(j, q.stop+1)); usual && !q.wrapped(j) {
			return false // somebody's words, and the attribution below them
		}
	}
	s := q.text[q.starts[i]:q.starts[q.stop+1]]
	return hasAddress(s) && hasDay(s) && hasHour(s)
}

// colonBelow says how many lines below line i, which is not blank, one ends in a colon, or -1 when none of the next does.
func (q *quotes) colonBelow(i int) int {
	if i > q.stop || q.stop == 0 {
		q.stop, q.colon = i, false
		for ; q.stop < q.count() && q.starts[q.stop+1]-q.starts[q.stop] <= attributionMax; q.stop++ {
			ln := q.line(q.stop)
			if ln == "" {
				break
			}
			if q.colon = endsInColon(ln); q.colon {
				break
			}
		}
	}
	if !q.colon || q.stop-i >= attributionLines {
		return -1
	}
	return q.stop - i
}

// sentence is lines [i, j) in lower case, as one. Programs wrap lines inside addresses too, and between any two characters
// of a script that has no spaces.
func (q *quotes) sentence(i, j int) string {
	var b strings.Builder
	for ; i < j; i++ {
		s := strings.ToLower(strings.Join(strings.Fields(strings.Trim(q.line(i), bidiMarks)), " "))
		if b.Len() > 0 && !joins(b.String(), s) {
			b.WriteByte(' ')
		}
		b.WriteString(s)
	}
	s := b.String()
	if strings.IndexByte(s, "٠"[0]) >= 0 || strings.IndexByte(s, "۰"[0]) >= 0 {
		s = easternDigits.Replace(s)
	}
	return s
}

var easternDigits = func() *strings.Replacer {
	var pairs []string
	for i := range 10 {
		pairs = append(pairs, string(rune('٠'+i)), string(rune('0'+i)), string(rune('۰'+i)), string(rune('0'+i)))
	}
	return strings.NewReplacer(pairs...)
}()

// bidiMarks are put around lines of Hebrew and Arabic, and mean nothing here.
const bidiMarks = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"

// joins says whether two lines were one without a space between them.
func joins(above, below string) bool {
	c := above[len(above)-1]
	return c == '<' || c == '@' || below == "" || below[0] == '>' || below[0] == '@' || c >= 0x80 && unspacedEnd(above) && unspaced(below)
}

func unspacedEnd(s string) bool {
	_, n := utf8.DecodeLastRuneInString(s)
	return unspaced(s[len(s)-n:])
}

// stamped says whether a line with a day, an hour and an address is nothing else, as some programs write it without a verb:
// a date or a day of the week first, the address last.
func stamped(s string) bool {
	day, rest, ok := strings.Cut(s, ",")
	if rest = strings.TrimSpace(rest); ok && !hasDigit(day) && !strings.Contains(day, " ") {
		s = rest
	}
	end := strings.TrimRight(s, ":： ")
	return s != "" && digit(s[0]) && (strings.HasSuffix(end, ">") || hasAddress(end[strings.LastIndexByte(end, ' ')+1:]))
}

// uncoloned is attribution where no colon follows: "Ann wrote" and "2013/7/20 Ann <ann@example.org>" right above a quote.
func (q *quotes) uncoloned(i int) (lines int, sure bool) {
	ln := q.line(i)
	if gmtStamp(ln) {
		return 1, false
	}
	next := q.skipBlank(i+1, 2)
	if len(ln) > attributionMax || next >= q.count() {
		return 0, false
	}
	if q.text[q.starts[next]] == '<' {
		if n := q.linkedBelow(i); n > 0 {
			return n, true
		}
	}
	if !q.marked(next) {
		return 0, false
	}
	s := q.sentence(i, i+1)
	return btoi(next == i+1 && endsInVerb(s) || hasAddress(s) && hasDay(s) && stamped(s)), false
}

// gmtStamp says whether a line is a date, an hour, a zone and a name: "2016-03-03 17:21 GMT+01:00 Ann Lee", as Gmail
// wrote it for some years, and others write in their logs.
func gmtStamp(ln string) bool {
	const form = "2006-01-02 15:04 GMT+01:00 "
	if !digit(ln[0]) || len(ln) <= len(form) || len(ln) > 100 || ln[16:20] != " GMT" || ln[4] != '-' || ln[7] != '-' || ln[10] != ' ' || ln[13] != ':' {
		return false
	}
	return digit(ln[22]) && ln[23] == ':' && ln[26] == ' '
}

// introducedBelow says whether the last of lines [i, j) are an attribution without those above them. A day and an hour alone
// are the end of one whose verb stands above.
func (q *quotes) introducedBelow(i, j int) bool {
	above, _ := introduces(q.sentence(i, i+1))
	for i++; i < j; i++ {
		s := q.sentence(i, j)
		found, usual := introduces(s)
		if usual || found && (hasDay(s) || hasHour(s)) || names(s) && (hasDay(s) || hasHour(s)) && (!above || hasAddress(s)) {
			return true
		}
	}
	return false
}

// linkedBelow says how many lines from i on are an attribution whose address a program made into a link of four lines, as
// "On …, Ann", "", "<", "mailto:Ann <ann@example.org>", "> wrote:"; 0 for none.
func (q *quotes) linkedBelow(i int) int {
	at := q.skipBlank(i+1, 1)
	if at+2 >= q.count() || q.line(at) != "<" || len(q.line(i))+len(q.line(at+1))+len(q.line(at+2)) > attributionMax {
		return 0
	}
	if end := q.line(at + 2); !strings.HasPrefix(end, ">") || !endsInColon(end) || !hasAddress(q.line(at+1)) {
		return 0
	}
	if s := q.sentence(i, i+1) + " " + q.sentence(at, at+3); hasDay(s) && hasHour(s) {
		if _, usual := introduces(s); usual {
			return at + 3 - i
		}
	}
	return 0
}
