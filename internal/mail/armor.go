package mail

import "strings"

// The armor of a signed text (RFC 9580 sections 6.2 and 7) is what a program wrote around it.
const (
	armorSigned    = "-----BEGIN PGP SIGNED MESSAGE-----"
	armorSignature = "-----BEGIN PGP SIGNATURE-----"
	armorEnd       = "-----END PGP SIGNATURE-----"
	armorLines     = 300 // of a signature, the longest ones that there are
)

// armor returns the line below the armor that begins at line i: the header above a signed text, or the signature below it; i for none.
func (q *quotes) armor(i int, ln string) int {
	if ln = strings.TrimPrefix(ln, "- "); !strings.HasPrefix(ln, "-----BEGIN PGP S") { // signed twice
		return i
	}
	switch {
	case ln == armorSigned:
		j := i + 1
		for j < q.count() && j < i+10 && armorField(q.line(j)) {
			j++
		}
		if j < q.count() && q.line(j) != "" {
			return i
		}
		q.signed = append(q.signed[:0], min(j+1, q.count()))
		return q.signed[0]
	case ln == armorSignature:
		for j := i + 1; j < q.count() && j < i+armorLines; j++ {
			switch ln := strings.TrimPrefix(q.line(j), "- "); {
			case ln == armorEnd:
				if len(q.signed) == 1 {
					q.signed = append(q.signed, i)
				}
				return j + 1
			case ln != "" && !armorField(ln) && !radix64(ln):
				return i
			}
		}
	}
	return i
}

// armorField says whether a line is a header of armor: "Hash: SHA256".
func armorField(ln string) bool {
	name, _, ok := strings.Cut(ln, ": ")
	if !ok {
		return false
	}
	switch name {
	case "Hash", "Version", "Comment", "Charset", "MessageID":
		return true
	}
	return false
}

// radix64 says whether a line may be one of the bytes of a signature or its checksum.
func radix64(ln string) bool {
	for i := range len(ln) {
		if c := ln[i]; !asciiLetter(c) && !digit(c) && c != '+' && c != '/' && c != '=' {
			return false
		}
	}
	return len(ln) <= 80
}

// aside covers lines that say nothing of what is around them: what was unsure above them is so below.
func (q *quotes) aside(i, j int, reason string) {
	unsure, why := q.unsure >= 0, q.reason
	q.cover(i, j, SpanSignature, reason)
	if unsure && q.unsure < 0 && j < q.count() {
		q.unsure, q.reason = j, why
	}
}

// dashEscapes covers what a program put before the lines of a signed text that begin with a dash.
func (q *quotes) dashEscapes() {
	if len(q.signed) < 2 {
		return
	}
	spans := make([]Span, 0, len(q.spans)+2)
	old, at := q.spans, 0
	for i := q.signed[0]; i < q.signed[1] && len(spans)+len(old) < spanMax; i++ {
		start := int(q.starts[i])
		for len(old) > 0 && old[0].Start <= start {
			at = old[0].End
			spans, old = append(spans, old[0]), old[1:]
		}
		if start >= at && strings.HasPrefix(q.text[start:], "- -") {
			spans = append(spans, Span{start, start + 2, SpanSignature, "dash escape of a signed text"})
		}
	}
	q.spans = append(spans, old...)
}

// undashed is a line as its writer wrote it.
func (q *quotes) undashed(i int) string {
	ln := strings.TrimRight(q.text[q.starts[i]:q.starts[i+1]], "\r\n")
	if len(q.signed) == 2 && i >= q.signed[0] && i < q.signed[1] {
		ln = strings.TrimPrefix(ln, "- ")
	}
	return ln
}
