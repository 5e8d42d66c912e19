package mail

import "strings"

// unflow joins the lines that format=flowed broke (RFC 3676). Quoted lines are joined with those of
// the same depth only; the signature line never.
func unflow(s string, delSp bool) string {
	var b strings.Builder
	b.Grow(len(s))
	depth := -1 // of the line that was left open; -1 for none
	for s != "" {
		ln, rest, more := strings.Cut(s, "\n")
		s = rest
		n := 0
		for n < len(ln) && ln[n] == '>' {
			n++
		}
		body := strings.TrimPrefix(ln[n:], " ") // section 4.4: stuffed
		sign := body == "-- "
		if depth >= 0 && (depth != n || sign) {
			b.WriteByte('\n') // section 4.5: improperly flowed
			depth = -1
		}
		if depth < 0 {
			b.WriteString(ln[:n])
			if n > 0 && body != "" {
				b.WriteByte(' ')
			}
		}
		if more && strings.HasSuffix(body, " ") && !sign {
			if delSp {
				body = body[:len(body)-1]
			}
			b.WriteString(body)
			depth = n
			continue
		}
		b.WriteString(body)
		if more {
			b.WriteByte('\n')
		}
		depth = -1
	}
	return b.String()
}
