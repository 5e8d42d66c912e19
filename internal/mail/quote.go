package mail

import "strings"

// findSpans finds what in a text is not new: quoted history, what was forwarded, signatures. fwd
// says that the subject calls the mail a forward, reply that it answers one: else there is nothing that
// lines with ">" could quote, and they are more likely a prompt or a patch. regions are what the HTML says that the text was
// made from, stuffed which lines that begin with ">" the sender does not mean to be quotes. It is one pass over the lines; each is looked at a
// bounded number of times, and only so much of it as an attribution line may be long.
//
// What is only likely to be quoted gets a span that is unsure and stays in the new text. forward says
// that a forwarded message was found.
func findSpans(text string, fwd, reply bool, regions []region, stuffed []int32) (spans []Span, forward bool) {
	if blankText(text) {
		return nil, false
	}
	q := quotes{text: text, starts: lineStarts(text), fwd: fwd, reply: reply, stuffed: stuffed, unsure: -1}
	for _, r := range regions {
		if r.mark.extent >= markSignature {
			q.footers = append(q.footers, r)
			continue
		}
		q.regions = append(q.regions, r)
		q.reply = q.reply || !fwd && !r.mark.drawn
	}
	q.scan()
	q.signatures()
	for _, s := range q.spans {
		forward = forward || s.Kind == SpanForward
	}
	q.answersInside()
	q.dashEscapes()
	q.keepSomething()
	return q.spans, forward
}

// spanMax is how many spans a text may have. Nobody quotes in more pieces.
const spanMax = 1000

// quotes is the state of findSpans.
type quotes struct {
	text       string
	starts     []int32 // where each line begins, and the end of the text
	fwd        bool
	reply      bool
	regions    []region // the history in the HTML that the text was made from, by its elements, in order
	footers    []region // and the signatures
	stuffed    []int32  // lines that begin with ">" and are marked as no quotes
	history    bool     // whether a span of history was found
	above      bool     // whether text stands above the piece in which footers are looked for
	signed     []int    // where the text between two pieces of armor begins and ends, by its lines
	spans      []Span
	stop       int  // the first line that is blank, too long, or ends in a colon, from where colonBelow was last asked
	colon      bool // which of these it is
	introduced int  // what lastIntroduced found, 0 when nobody asked
	unsure     int  // the line from which on the text might be quoted, -1 for none
	reason     string
}

func lineStarts(text string) []int32 {
	starts := make([]int32, 0, strings.Count(text, "\n")+2)
	starts = append(starts, 0)
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '\n')
		if i < 0 {
			break
		}
		at += i + 1
		starts = append(starts, int32(at))
	}
	if int(starts[len(starts)-1]) < len(text) {
		starts = append(starts, int32(len(text)))
	}
	return starts
}

func (q *quotes) count() int { return len(q.starts) - 1 }

// line returns a line, without white space at its ends.
func (q *quotes) line(i int) string { return strings.TrimSpace(q.text[q.starts[i]:q.starts[i+1]]) }

// cover adds a span over the lines from i up to, not with, j.
func (q *quotes) cover(i, j int, kind SpanKind, reason string) {
	if len(q.spans) >= spanMax {
		if q.unsure < 0 {
			q.unsure, q.reason = i, "too many pieces to tell apart"
		}
		return
	}
	if q.unsure >= 0 {
		if q.unsure < i {
			q.spans = append(q.spans, Span{int(q.starts[q.unsure]), int(q.starts[i]), SpanUnsure, q.reason})
		}
		q.unsure = -1
	}
	q.spans = append(q.spans, Span{int(q.starts[i]), int(q.starts[j]), kind, reason})
	q.history = q.history || kind == SpanQuote
}

// doubt says that the text from line i on might be quoted.
func (q *quotes) doubt(i int, reason string) {
	if q.unsure < 0 {
		q.unsure, q.reason = i, reason
	}
}

const attributionReason = "might be an attribution line"

// scan finds quotes and forwards from the top down.
func (q *quotes) scan() {
	n := q.count()
	top := q.skipBlank(0, n)
	free := 0 // the first line that no span covers
	if top < n {
		if free = q.banner(top); free > top {
			q.cover(0, free, SpanDisclaimer, "banner of a gateway")
		} else {
			free = 0
		}
	}
	first := q.skipBlank(free, n)
	for i := free; i < n; {
		ln := q.line(i)
		if ln == "" {
			for k := 0; k < len(q.regions) && q.regions[k].from == i; k++ {
				q.regions[k].from++
			}
			i++
			continue
		}
		if j := q.region(i, free); j > i {
			i, free = j, j
			continue
		}
		if q.quoted(i) {
			if groupWise(ln) {
				q.cover(i, n, SpanQuote, "line above an older message")
				return
			}
			j := q.quoteEnd(i)
			if why := q.pasted(i, j, first); why == "" {
				q.doubtAbove(i, free)
				q.cover(i, j, SpanQuote, "quoted lines")
				free = j
			} else {
				q.doubt(i, why)
			}
			i = j
			continue
		}
		if j := q.armor(i, ln); j > i {
			q.aside(i, j, "armor of a signed text")
			i, free = j, j
			continue
		}
		if kind, reason := q.separator(i, ln); kind != "" {
			above := q.ruleAbove(i, free)
			copied := reason == copiedReason || reason == headerReason && !q.reply && !q.fwd
			if !copied || above < i {
				q.cover(above, n, kind, reason)
				return
			}
			if q.unsure < 0 { // people copy headers into mails of their own
				q.unsure, q.reason = i, "might be the header of an older message, or copied from one"
			}
			i++
			continue
		}
		if j, sure := q.initials(i); j > i {
			if sure {
				q.cover(i, j, SpanQuote, "lines quoted with initials")
				free = j
			} else {
				q.doubt(i, "might be lines quoted with initials, or a prompt")
			}
			i = j
			continue
		}
		k, sure := q.attribution(i)
		if k == 0 {
			if (i == free || q.line(i-1) == "") && q.mayIntroduce(i) {
				q.doubt(i, attributionReason)
			}
			i++
			continue
		}
		next := q.skipBlank(i+k, 3)
		switch {
		case next < n && q.marked(next):
			j := q.markedEnd(next)
			q.doubtWrapped(i, k, free)
			q.cover(i, j, SpanQuote, "attribution line and quoted lines")
			i, free = j, j
		case next == n:
			q.doubt(i, attributionReason) // its quote was deleted, or it is a person's: no command of a name in it counts
			i += k
		case sure && (q.reply || q.fwd):
			q.doubtWrapped(i, k, free)
			q.cover(i, n, SpanQuote, "attribution line")
			return
		default:
			q.doubt(i, attributionReason)
			i += k
		}
	}
	if q.unsure >= 0 {
		q.spans = append(q.spans, Span{int(q.starts[q.unsure]), len(q.text), SpanUnsure, q.reason})
	}
}

// quoted says whether a line begins with ">". ">From " alone is what mbox files make of "From ".
func (q *quotes) quoted(i int) bool {
	s := q.text[q.starts[i]:q.starts[i+1]]
	for n := 0; n < 3 && s != "" && isSpace(s[0]); n++ {
		s = s[1:]
	}
	if s == "" || s[0] != '>' {
		return false
	}
	if strings.HasPrefix(s, ">From ") {
		return i > 0 && strings.HasPrefix(q.text[q.starts[i-1]:], ">")
	}
	return true
}

// groupWise says whether a line is GroupWise's ">>> Ann Lee <ann@example.org> 1/5/2026 2:04 PM >>>". It marks no quotes.
func groupWise(ln string) bool {
	return strings.HasPrefix(ln, ">>> ") && strings.HasSuffix(ln, " >>>") && len(ln) <= attributionMax && hasHour(ln)
}

// quoteEnd returns the line after a run of quoted lines. Blank lines between them belong to it.
func (q *quotes) quoteEnd(i int) int {
	end, own := i+1, q.own(i)
	for j := end; j < q.count(); j++ {
		switch {
		case q.quoted(j):
			if q.own(j) != own {
				return end
			}
			end = j + 1
		case q.line(j) != "":
			return end
		}
	}
	return end
}

// lastIntroduced is the last line of all that belongs to an attribution above quoted lines, -1 without one. Where
// a program marks its quotes, what looks like an attribution above them and has no marks below it is a person's.
func (q *quotes) lastIntroduced() int {
	if q.introduced != 0 {
		return q.introduced
	}
	q.introduced = -1
	for j := q.count() - 1; j > 0; j-- {
		if !q.quoted(j) || q.quoted(j-1) {
			continue
		}
		k := j - 1
		for k > 0 && k > j-3 && q.line(k) == "" {
			k--
		}
		if ln := q.line(k); ln != "" && !q.quoted(k) && len(ln) <= attributionMax && endsInColon(ln) && names(q.sentence(k, k+1)) {
			q.introduced = k
			break
		}
	}
	return q.introduced
}

// skipBlank returns the first line at or after i that is not blank, or i when more than limit are.
func (q *quotes) skipBlank(i, limit int) int {
	for j := i; j < q.count() && j <= i+limit; j++ {
		if q.line(j) != "" {
			return j
		}
	}
	if i+limit >= q.count() {
		return q.count()
	}
	return i
}

// ruleAbove includes the line of dashes or underscores above a header block, whatever stands between the dashes.
func (q *quotes) ruleAbove(i, free int) int {
	for j := i - 1; j >= free && j >= i-3; j-- {
		ln := q.line(j)
		if ln == "" {
			continue
		}
		if inner := strings.Trim(ln, ruleBytes); len(ln)-len(inner) >= 4 && len(inner) <= ruleWords && isRule(ln[0]) && isRule(ln[len(ln)-1]) && (inner != "" || len(ln) >= 5) {
			return j
		}
		return i
	}
	return i
}

// ruleWords is how much may stand between dashes, in bytes.
const ruleWords = 100
