package mail

import (
	"bytes"
	"strings"
)

// The notices of firms are paragraphs of some length; people who write about them write less, or ask.
const (
	disclaimerMin   = 60   // bytes, for a notice that says two of its phrases
	disclaimerLong  = 160  // for one that says one
	disclaimerMax   = 3000 // bytes of a paragraph that are read
	ruleMin         = 10   // bytes of the line above the footer of a list
	disclaimerLines = 60   // how far up from the end notices begin
)

// disclaimerForms are the words of notices: those that paragraphs begin with by their first byte, the others in lists.
var disclaimerForms = func() (f struct {
	opens             [256][]disclaimerForm
	says, legal, list []string
	banner            []string
}) {
	for _, row := range table("disclaimers") {
		switch word := row[1]; row[0] {
		case "says":
			f.says = append(f.says, word)
		case "legal":
			f.legal = append(f.legal, word)
		case "banner":
			f.banner = append(f.banner, word)
		case "list":
			f.list = append(f.list, word)
		default:
			f.opens[word[0]] = append(f.opens[word[0]], disclaimerForm{word, row[0] == "alone"})
		}
	}
	return f
}()

// A disclaimerForm is how a notice begins; some are told by that alone.
type disclaimerForm struct {
	opens string
	alone bool
}

// disclaimer returns the line from which on the text from line i up to, not with, end is notices, or end. Something must stand
// above them, in this piece or one further up.
func (q *quotes) disclaimer(i, end int) (from int, reason string) {
	from = end
	for at := end; at > i && end-at < disclaimerLines; {
		top := at - 1
		for top > i && q.line(top-1) != "" && at-top < disclaimerLines {
			top--
		}
		why := q.isDisclaimer(top, at)
		if why == "" && from < end && at-top == 1 && at > i+1 && len(q.line(top)) <= 40 && opensDisclaimer(q.line(top)) != nil {
			why = reason // a heading
		}
		if why == "" {
			break
		}
		for top > i && strings.Trim(q.line(top-1), ruleBytes+" ") == "" { // blank lines, and a rule above it
			top--
		}
		if top == i && !q.above {
			break
		}
		from, at, reason = top, top, why
	}
	return from, reason
}

// isDisclaimer says why the paragraph from line i up to, not with, j is a notice, "" when it is none.
func (q *quotes) isDisclaimer(i, j int) string {
	first := strings.TrimLeft(q.line(i), ruleBytes+"[(\"“„« ")
	if first == "" && j-i > 1 && len(q.line(i)) >= ruleMin {
		if first = q.line(i + 1); saysOf(q.paragraph(i, j), disclaimerForms.list, 1) {
			return "footer of a mailing list"
		}
		first = strings.TrimLeft(first, ruleBytes+"[(\"“„« ")
	}
	if first == "" {
		return ""
	}
	if form := opensDisclaimer(first); form != nil {
		if form.alone {
			return "notice of a firm or a scanner"
		}
		s := q.paragraph(i, j)
		n := 2
		if len(s) >= disclaimerLong {
			n = 1
		}
		if len(s) >= disclaimerMin && strings.IndexByte(s, '?') < 0 && saysOf(s[len(form.opens):], disclaimerForms.says, n) {
			return "notice of a firm or a scanner"
		}
	}
	if j-i <= 12 && strings.ContainsAny(first, ":0123456789") && saysOf(q.paragraph(i, j), disclaimerForms.legal, 2) {
		return "what the law makes firms write"
	}
	return ""
}

// opensDisclaimer returns how the notice begins that begins with a line, nil when it begins none.
func opensDisclaimer(ln string) *disclaimerForm {
	var buf [96]byte
	start := appendLower(buf[:0], ln[:min(len(ln), len(buf))])
	if !isASCII(start) {
		start = bytes.ToLower(start)
	}
	for i := range disclaimerForms.opens[start[0]] {
		if form := &disclaimerForms.opens[start[0]][i]; len(start) >= len(form.opens) && string(start[:len(form.opens)]) == form.opens {
			return form
		}
	}
	return nil
}

// paragraph is the text of lines [i, j) in lower case, its white space folded, as far as it is read.
func (q *quotes) paragraph(i, j int) string {
	start := int(q.starts[i])
	s := strings.ToValidUTF8(q.text[start:min(int(q.starts[j]), start+disclaimerMax)], "")
	return strings.ToLower(strings.Join(strings.Fields(s), " "))
}

// saysOf says whether s holds n at least of some phrases, none of them inside another.
func saysOf(s string, phrases []string, n int) bool {
	var found [4][2]int
	k := 0
next:
	for _, phrase := range phrases {
		i := strings.Index(s, phrase)
		if i < 0 {
			continue
		}
		for _, f := range found[:k] {
			if i < f[1] && i+len(phrase) > f[0] {
				continue next
			}
		}
		if found[k] = [2]int{i, i + len(phrase)}; k+1 >= n {
			return true
		}
		k++
	}
	return false
}

// bannerLines is how many lines a gateway puts above a text.
const bannerLines = 6

// banner returns the line below the paragraph that a gateway put above the text, or i. Something must stand below it.
func (q *quotes) banner(i int) int {
	first := strings.TrimLeft(q.line(i), ruleBytes+"[(⚠️ ")
	if first == "" || len(first) > noticeBanner || first[0]|0x20 < 'a' || first[0]|0x20 > 'z' {
		return i
	}
	start := plainWords(first[:min(len(first), 100)])
	for _, words := range disclaimerForms.banner {
		if !strings.HasPrefix(start, words) {
			continue
		}
		end := i
		for end < q.count() && end <= i+bannerLines && q.line(end) != "" {
			end++
		}
		if next := q.skipBlank(end, 3); end <= i+bannerLines && next < q.count() {
			return next
		}
	}
	return i
}

// noticeBanner is how long the first line of a banner may be, in bytes.
const noticeBanner = 1000
