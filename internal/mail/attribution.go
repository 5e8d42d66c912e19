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
		if !q.marked(i+1) || !endsInVerb(q.sentence(i, i+1)) {
			return 0, false
		}
		k = 0 // "Ann wrote"
	}
	if len(q.regions) > 0 && q.regions[0].from > i && q.regions[0].from <= i+k {
		return 0, false
	}
	s := q.sentence(i, i+k+1)
	found, usual := introduces(s)
	if !usual && k > 0 && q.introducedBelow(i+1, i+k+1) {
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

// introducedBelow says whether the last of lines [i, j) are an attribution without those above them.
func (q *quotes) introducedBelow(i, j int) bool {
	for ; i < j; i++ {
		s := q.sentence(i, j)
		if found, usual := introduces(s); usual || (found || names(s)) && (hasDay(s) || hasHour(s)) {
			return true
		}
	}
	return false
}

// endsInColon says whether a line ends in a colon, of whatever width; the marks of a link or of bold print may follow.
func endsInColon(ln string) bool {
	c := ln[len(ln)-1]
	if c == ':' {
		return true
	}
	if c == '*' || c == '_' || c >= 0x80 {
		ln = strings.TrimRight(ln, "*_"+bidiMarks)
		return strings.HasSuffix(ln, ":") || strings.HasSuffix(ln, "：")
	}
	return false
}

// introduces says whether s, in lower case, is a sentence of the table, and whether it also opens as
// those of mail programs usually do.
func introduces(s string) (found, usual bool) {
	if s == "" {
		return false, false // nothing but marks of writing direction
	}
	for i := range attributions.opened {
		a := &attributions.opened[i]
		if a.opens[0] == s[0] {
			if rest, ok := cutWord(s, a.opens); ok && a.verb(rest) > 0 {
				return true, true
			}
		}
	}
	for i := range attributions.bare {
		if attributions.bare[i].verb(s) > 0 {
			return true, false
		}
	}
	return false, false
}

// verb returns where in s a verb of the form ends, or 0.
func (a *attributionForm) verb(s string) int {
	for _, verb := range a.verbs {
		for from := 0; ; {
			i := strings.Index(s[from:], verb)
			if i < 0 {
				break
			}
			i += from
			from = i + len(verb)
			if i > 0 && beginsWord(s, i) {
				return from
			}
		}
	}
	return 0
}

// cutWord cuts a word off the beginning of s.
func cutWord(s, word string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(s, word)
	return rest, ok && (rest == "" || !asciiLetter(rest[0]) && rest[0] < 0x80 || unspaced(word))
}

// beginsWord says whether a word may begin at i.
func beginsWord(s string, i int) bool {
	c := s[i-1]
	return c < 0x80 && !asciiLetter(c) || c >= 0x80 && (unspaced(s[i:]) || strings.HasSuffix(s[:i], "\u00a0") || strings.HasSuffix(s[:i], "\u202f"))
}

// unspaced says whether s begins in a script that leaves no spaces between words: Thai, Chinese, Japanese, Korean.
func unspaced(s string) bool {
	return len(s) > 0 && (s[0] >= 0xe3 && s[0] < 0xf0 || strings.HasPrefix(s, "\xe0\xb8") || strings.HasPrefix(s, "\xe0\xb9"))
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// names says whether a line above a quote tells whose it is: by a verb of the table at its end or with a date, by
// an address and a date, or by a day and an hour: programs write both.
func names(s string) bool {
	if hasAddress(s) && (hasDigit(s) || strings.HasPrefix(s, "quoting ") || strings.HasPrefix(s, "zitat von ")) {
		return true
	}
	day, hour := hasDay(s), hasHour(s)
	if day && hour {
		return true // in a language that nobody told us
	}
	dated := day || hour
	end := len(strings.TrimRight(s, " :："))
	for i := range attributions.all {
		if at := attributions.all[i].verb(s); at > 0 && (dated || at == end) {
			return true
		}
	}
	return false
}

// endsInVerb says whether s, in lower case, ends in a verb of the table.
func endsInVerb(s string) bool {
	end := len(strings.TrimRight(s, " :："))
	for i := range attributions.all {
		if attributions.all[i].verb(s) == end {
			return true
		}
	}
	return false
}

func hasAddress(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && at+1 < len(s) && s[at-1] > ' ' && s[at+1] > ' '
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

// hasDay says whether s has a year of four digits, or a date in numbers.
func hasDay(s string) bool {
	run, groups := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] >= '0' && s[i] <= '9' {
			run++
			continue
		}
		if run == 4 {
			return true
		}
		if run == 1 || run == 2 {
			if i < len(s) && (s[i] == '.' || s[i] == '/' || s[i] == '-') {
				groups++
			}
			if groups >= 2 {
				return true
			}
		}
		run = 0
	}
	return false
}

// hasHour says whether s has a time like 15:04 or 15h04.
func hasHour(s string) bool {
	for i := 1; i+2 < len(s); i++ {
		if (s[i] == ':' || s[i] == 'h' || s[i] == '.') && digit(s[i-1]) && digit(s[i+1]) && digit(s[i+2]) {
			return true
		}
	}
	return false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// An attributionForm is how the sentence above a quote begins in a language, and the verbs that may follow.
type attributionForm struct {
	opens string
	verbs []string
}

// attributions are the rows of the table, apart where nothing opens the sentence.
var attributions = func() (forms struct{ opened, bare, all []attributionForm }) {
	for _, row := range table("attributions") {
		form := attributionForm{row[0], several(row[1])}
		if forms.all = append(forms.all, form); form.opens == "" {
			forms.bare = append(forms.bare, form)
		} else {
			forms.opened = append(forms.opened, form)
		}
	}
	return forms
}()
