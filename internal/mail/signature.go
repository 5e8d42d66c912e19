package mail

import (
	"slices"
	"strings"
)

// What follows "-- " is a signature as long as it is short (RFC 3676 section 4.3 gives the line and
// no length): a long text below a line of dashes is more likely a text.
const (
	signatureLines = 30 // below "-- "
	dashesLines    = 12 // below "--", which people also draw
)

// signatures covers the signatures at the end of each piece that is not quoted.
func (q *quotes) signatures() {
	spans := q.spans
	q.spans = make([]Span, 0, len(spans)+2)
	from := 0 // the first line of the piece
	line := 0
	q.above = false
	doubted := -1 // an unsure span in the piece
	for i, s := range spans {
		if s.Kind == SpanUnsure && s.Reason == attributionReason && i+1 < len(spans) {
			doubted = i // a signature may stand in it, above the quote
			continue
		}
		for int(q.starts[line]) < s.Start {
			line++
		}
		at := len(q.spans)
		q.signature(from, line)
		if doubted >= 0 {
			d := spans[doubted]
			if at < len(q.spans) {
				d.End = min(d.End, q.spans[at].Start)
			}
			if d.Start < d.End {
				q.spans = slices.Insert(q.spans, at, d)
			}
			doubted = -1
		}
		q.spans = append(q.spans, s)
		for int(q.starts[line]) < s.End {
			line++
		}
		from = line
	}
	q.signature(from, q.count())
	if len(q.spans) == 0 {
		q.spans = nil
	}
}

// signature covers what stands below the text of the piece from line i up to, not with, j: signatures, and the notices of
// firms, scanners and lists. They come in any order.
func (q *quotes) signature(i, j int) {
	at := len(q.spans)
	for range 4 {
		from, kind, reason := q.footer(i, j)
		if from == j {
			break
		}
		q.spans = append(q.spans, Span{int(q.starts[from]), int(q.starts[j]), kind, reason})
		j = from
	}
	slices.Reverse(q.spans[at:])
	for ; i < j && !q.above; i++ {
		q.above = q.line(i) != ""
	}
}

// footer returns the line from which on the piece from line i up to, not with, j is a signature or a notice, or j.
func (q *quotes) footer(i, j int) (from int, kind SpanKind, reason string) {
	end := j
	for end > i && q.line(end-1) == "" {
		end--
	}
	if end == i {
		return j, "", ""
	}
	if from, whose := q.markedFooter(i, end); from < end {
		return from, SpanSignature, markedBy + whose
	}
	if from, reason := q.disclaimer(i, end); from < end {
		return from, SpanDisclaimer, reason
	}
	at := end
	for k := end - 1; k >= i && k >= end-1-signatureLines; k-- {
		if c := q.text[q.starts[k]]; c != '-' && c < 0x80 {
			continue
		}
		switch raw := q.undashed(k); raw {
		case "-- ", "--\u00a0":
			at = k
		case "--":
			if end-1-k <= dashesLines {
				at = k
			}
		case "—", "–", "---": // people draw lines with these
			if q.looksSigned(k+1, end) {
				at = k
			}
		}
	}
	if at == end-1 {
		at = end // a line with nothing below it
	}
	if at < end {
		return at, SpanSignature, "signature line"
	}
	last := q.line(end - 1)
	if last == tracked {
		return end - 1, SpanSignature, "mark of a tracking add-on"
	}
	if isMobile(last) {
		for from = end - 1; from > i && isMobile(q.line(from-1)); {
			from--
		}
		return from, SpanSignature, "line that a phone adds"
	}
	return j, "", ""
}

// looksSigned says whether lines [i, j) are few and short, and no sentences.
func (q *quotes) looksSigned(i, j int) bool {
	if j-i > 6 {
		return false
	}
	for ; i < j; i++ {
		if ln := q.line(i); len(ln) > 60 || ln == "" || strings.HasSuffix(ln, "?") || strings.HasSuffix(ln, "!") || strings.Count(ln, " ") > 4 && strings.HasSuffix(ln, ".") {
			return false
		}
	}
	return true
}

// markedFooter returns the line where an element begins that is a signature and ends with line end, or end. People write
// into such elements too, so one is believed only when it is short and stands below something.
func (q *quotes) markedFooter(i, end int) (from int, whose string) {
	for k := len(q.footers) - 1; k >= 0; k-- {
		r := q.footers[k]
		if r.from >= end {
			continue
		}
		if r.to < end || r.from < i || end-r.from > signatureLines || q.skipBlank(i, end) >= r.from {
			break
		}
		from = r.from
		for from > i && strings.Trim(q.line(from-1), "-–— ") == "" { // also the dashes above it
			from--
		}
		if q.skipBlank(i, end) >= from {
			from = r.from
		}
		return from, r.mark.whose
	}
	return end, ""
}

// tracked is what Streak and other add-ons of Gmail put below a text, to hold the picture that tells when it is read.
const tracked = "ᐧ"

// isMobile says whether a line is one that phones and apps add: "Sent from my iPhone".
func isMobile(ln string) bool {
	if len(ln) > 200 {
		return false
	}
	if strings.HasPrefix(ln, "<") {
		ln = strings.Trim(ln, "<>")
	}
	for strings.HasSuffix(ln, ">") || strings.Contains(ln, "> ") { // without the addresses of links
		before, rest, ok := strings.Cut(ln, "<")
		_, after, closed := strings.Cut(rest, ">")
		if !ok || !closed {
			break
		}
		ln = strings.TrimSpace(before) + " " + strings.TrimSpace(after)
	}
	if i := strings.IndexByte(ln, '['); i >= 0 { // without the addresses of links in Markdown
		if label, rest, ok := strings.Cut(ln[i+1:], "]("); ok {
			_, rest, _ = strings.Cut(rest, ")")
			ln = ln[:i] + label + rest
		}
	}
	s := strings.ToLower(strings.Trim(ln, "*_-–—<>[]() \u00a0"))
	if s == "" {
		return false
	}
	for _, m := range mobileForms[s[0]] {
		if rest, ok := strings.CutPrefix(s, m.opens); ok {
			if m.has == "" && len(strings.Fields(rest)) <= 8 || m.has != "" && strings.Contains(rest, m.has) {
				return true
			}
		}
	}
	return false
}

// A mobileForm is how a line of a phone begins, and what it must have after that.
type mobileForm struct{ opens, has string }

// mobileForms are the forms by their first byte.
var mobileForms = func() (byFirst [256][]mobileForm) {
	for _, row := range table("mobile") {
		byFirst[row[0][0]] = append(byFirst[row[0][0]], mobileForm{row[0], row[1]})
	}
	return byFirst
}()
