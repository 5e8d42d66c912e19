package mail

import (
	"strings"
	"unicode"
)

// separator says what a line begins when all below it is an older message: "-----Original
// Message-----", a forward's marker, or a block of From, Sent, To and Subject.
func (q *quotes) separator(i int, ln string) (SpanKind, string) {
	var kind markerKind
	if len(ln) <= attributionMax {
		kind = marker(ln)
	}
	switch {
	case kind&aboveMarker != 0:
		return SpanQuote, "line above which one should answer"
	case kind&(forwardMarker|beginMarker) != 0:
		return SpanForward, "forward marker"
	case kind != 0:
		return q.older(), "separator of the original message"
	}
	if found, sure := q.headerBlock(i, ln); sure {
		return q.older(), headerReason
	} else if found || q.foreignBlock(i, ln) {
		return q.older(), copiedReason
	}
	return "", ""
}

// The reasons of header blocks: one that a mail program wrote, and one that somebody may have copied.
const (
	headerReason = "header block of the original message"
	copiedReason = "header of a message"
)

// older is what an older message below is, where the marks of replies and forwards are the same.
func (q *quotes) older() SpanKind {
	if q.fwd {
		return SpanForward
	}
	return SpanQuote
}

// marker reads "-----Original Message-----", "---------- Forwarded message ---------", "Begin forwarded
// message:", "##- Please type your reply above this line -##".
func marker(ln string) markerKind {
	if c := ln[0]; !isRule(c) && c != longDashes[0] && ln[len(ln)-1] != ':' && !strings.HasSuffix(ln, "：") {
		return 0
	}
	inner := strings.TrimLeft(ln, ruleBytes+longDashes+" ")
	dashes := len(ln) - len(inner)
	if dashes < 2 && (dashes > 0 || len(ln) > 80) || inner == "" {
		return 0
	}
	inner = plainWords(strings.TrimSpace(strings.TrimRight(inner, ruleBytes+longDashes+":： \u00a0")))
	if dashes == 0 {
		return markers[inner] & beginMarker
	}
	if kind := markers[inner]; kind != 0 {
		return kind
	}
	if hasAddress(inner) && endsInVerb(inner) { // Notes: -----Ann <ann@example.org> wrote: -----
		return quoteMarker
	}
	if strings.HasPrefix(inner, "forwarded by ") || strings.HasPrefix(inner, "weitergeleitet von ") || strings.HasPrefix(inner, "forwarded message from ") {
		return forwardMarker
	}
	return 0
}

// longDashes are what some programs draw lines with instead, all of them beginning with the same byte.
const longDashes = "‐‑‒–—―─━"

// plainWords is s as the tables have it: in lower case, with plain apostrophes.
func plainWords(s string) string {
	if s = strings.ToLower(s); isASCII(s) {
		return s
	}
	return unfancy.Replace(s)
}

// unfancy makes of an apostrophe what the table has, and of the Turkish "İ" in lower case a plain "i".
var unfancy = strings.NewReplacer("’", "'", "i\u0307", "i")

// ruleBytes are what lines are drawn with.
const ruleBytes = "-=_*>#~"

func isRule(c byte) bool {
	switch c { // ruleBytes: this is asked of every line
	case '-', '=', '_', '*', '>', '#', '~':
		return true
	}
	return false
}

// headerKind is which field of a quoted header a label is, in whatever language; one label may be two.
type headerKind uint8

const (
	labelFrom headerKind = 1 << iota
	labelDate
	labelTo
	labelSubject
)

// headerLines is how far down a header block is looked for, nameLines how many lines a name may be wrapped over: a stranger
// chooses how long his is.
const (
	headerLines = 10
	nameLines   = 40
)

// headerBlock says whether the header of an older message begins at line i: From first, or a date and
// then From; with all four of its fields, or three and somebody's address. People write From, To and
// Date above each other too, of journeys, bookings and invoices. And they copy headers as they came, with
// fields that no program shows, or with the date behind the others: those are not sure.
func (q *quotes) headerBlock(i int, ln string) (found, sure bool) {
	seen := label(ln)
	switch {
	case seen&labelFrom != 0:
		seen = labelFrom // some words are two labels
	case seen&labelDate == 0 || i+1 >= q.count() || label(q.line(i+1))&labelFrom == 0:
		return false, false
	}
	address := hasAddress(ln)
	blanks := 0
	for j, end := i+1, i+headerLines; j < q.count() && j <= end; j++ {
		ln := q.line(j)
		if ln == "" {
			if blanks++; blanks > 1 && seen == labelFrom || blanks > 4 {
				break
			}
			continue
		}
		last := seen&(labelTo|labelSubject) == labelTo|labelSubject
		is := label(ln)
		if seen == labelFrom && is == 0 && blanks == 0 && end < i+headerLines+nameLines {
			end++ // of the name
		}
		seen |= is
		address = address || hasAddress(ln)
		if seen&(labelFrom|labelDate) != labelFrom|labelDate {
			continue
		}
		if to, subject := seen&labelTo != 0, seen&labelSubject != 0; to && subject || (to || subject) && address {
			return true, !last && !(i > 0 && traceField(q.line(i-1))) && !q.traceFields(j+1)
		}
	}
	return false, false
}

// foreignBlock says whether a header block in a language that nobody told us may begin at line i: four lines or more that begin
// with a word and a colon, an address in the first, a day and an hour in one of the others.
func (q *quotes) foreignBlock(i int, ln string) bool {
	if !hasAddress(ln) || !fieldLike(ln) {
		return false
	}
	dated, j := false, i+1
	for ; j < q.count() && j <= i+headerLines; j++ {
		ln := q.line(j)
		if !fieldLike(ln) {
			break
		}
		dated = dated || hasDay(ln) && hasHour(ln)
	}
	return dated && j-i >= 4
}

// fieldLike says whether a line begins with a word or two and a colon, and goes on.
func fieldLike(ln string) bool {
	i := colon(ln[:min(len(ln), labelMax)])
	return i > 0 && i+3 < len(ln) && !digit(ln[i-1])
}

// traceFields says whether one of the lines from i on is a field that no mail program shows, as far as header blocks go.
func (q *quotes) traceFields(i int) bool {
	for j := i; j < q.count() && j <= i+headerLines; j++ {
		if ln := q.line(j); ln == "" || traceField(ln) {
			return ln != ""
		}
	}
	return false
}

// traceField says whether a line is a header field that no mail program shows above a quote.
func traceField(ln string) bool {
	name, _, ok := strings.Cut(ln[:min(len(ln), labelMax)], ":")
	if !ok {
		return false
	}
	name = strings.ToLower(name)
	switch name {
	case "received", "return-path", "message-id", "mime-version", "content-type", "content-transfer-encoding", "dkim-signature", "authentication-results", "references", "in-reply-to", "delivered-to":
		return true
	}
	return strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "arc-")
}

// labelMax is how far into its line a label reaches, in bytes.
const labelMax = 40

// label reads the word before the colon of a header line, also *in bold*.
func label(ln string) headerKind {
	var buf [labelMax]byte
	i := colon(ln[:min(len(ln), labelMax)])
	if i <= 0 {
		return 0
	}
	word := strings.Trim(ln[:i], "* \t|")
	if isASCII(word) {
		return labels[string(appendLower(buf[:0], word))]
	}
	word = strings.ToLower(strings.Trim(word, "* \u00a0\u202f\t|"))
	if unspaced(word) {
		word = strings.Join(strings.FieldsFunc(word, unicode.IsSpace), "") // "主　题"
	}
	return labels[word]
}

// colon returns where the first colon of s is, also one of full width, or -1.
func colon(s string) int {
	i := strings.IndexByte(s, ':')
	if j := strings.Index(s, "："); j >= 0 && (i < 0 || j < i) {
		return j
	}
	return i
}

var labels = func() map[string]headerKind {
	m := map[string]headerKind{}
	for _, row := range table("headers") {
		for i, kind := range []headerKind{labelFrom, labelDate, labelTo, labelSubject} {
			for _, word := range several(row[i]) {
				if unspaced(word) {
					word = strings.ReplaceAll(word, " ", "")
				}
				m[word] |= kind
			}
		}
	}
	return m
}()

// A markerKind is what a line says of what stands below it; one may say two things.
type markerKind uint8

const (
	quoteMarker   markerKind = 1 << iota
	forwardMarker            // between dashes
	beginMarker              // with a colon, without dashes
	aboveMarker              // a help desk's "reply above this line"
)

var markers = func() map[string]markerKind {
	kinds := map[string]markerKind{"quote": quoteMarker, "forward": forwardMarker, "begin": beginMarker, "above": aboveMarker}
	m := map[string]markerKind{}
	for _, row := range table("markers") {
		m[row[1]] |= kinds[row[0]]
	}
	return m
}()
