package mail

import "bytes"

// unflow appends s to dst with the lines joined that format=flowed broke (RFC 3676). Quoted lines are joined with
// those of the same depth only; the signature line never. It works on bytes of any character set that keeps ASCII. stuffed
// are the lines that begin with ">" and are no quotes, by their number; of a text with very many only the first.
func unflow(dst, s []byte, delSp bool) (out []byte, stuffed []int32) {
	lines := int32(0)
	depth := -1 // of the line that was left open; -1 for none
	for len(s) > 0 {
		ln, rest, more := bytes.Cut(s, []byte{'\n'})
		s = rest
		n := 0
		for n < len(ln) && ln[n] == '>' {
			n++
		}
		body := ln[n:]
		if len(body) > 0 && body[0] == ' ' {
			body = body[1:] // section 4.4: stuffed
		}
		own := n == 0 && len(body) > 0 && body[0] == '>'
		sign := string(body) == "-- "
		if depth >= 0 && (depth != n || sign) {
			dst = append(dst, '\n') // section 4.5: improperly flowed
			lines++
			depth = -1
		}
		if depth < 0 {
			if own && len(stuffed) < spanMax {
				stuffed = append(stuffed, lines)
			}
			dst = append(dst, ln[:n]...)
			if n > 0 && len(body) > 0 {
				dst = append(dst, ' ')
			}
		}
		if depth = -1; more && len(body) > 0 && body[len(body)-1] == ' ' && !sign {
			if delSp {
				body = body[:len(body)-1]
			}
			dst = append(dst, body...)
			depth = n
			continue
		}
		dst = append(dst, body...)
		if more {
			dst = append(dst, '\n')
			lines++
		}
	}
	if depth >= 0 { // the text ends in a line that would go on
		dst = append(dst, '\n')
	}
	return dst, stuffed
}
