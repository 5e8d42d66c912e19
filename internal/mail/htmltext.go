package mail

import (
	"bytes"
	"strings"
	"unicode"
)

// breakLine asks for at least n line ends before the next text.
func (r *renderer) breakLine(n int) {
	r.space = false
	if r.wrote && !r.inRow {
		r.lines = max(r.lines, n)
	}
}

// text writes text, its white space folded outside of <pre>.
func (r *renderer) text(s []byte) {
	if r.pre > 0 || r.look&asTyped != 0 {
		for {
			ln, rest, more := bytes.Cut(s, []byte{'\n'})
			if len(ln) > 0 {
				r.raw(visible(ln))
			}
			if !more {
				return
			}
			r.lines++
			r.layout.feed()
			s = rest
		}
	}
	for len(s) > 0 {
		n := 0
		for n < len(s) && s[n] <= ' ' {
			n++
		}
		r.space = r.space || n > 0
		s = s[n:]
		n = 0
		for n < len(s) && s[n] > ' ' {
			n++
		}
		if n == 0 {
			return
		}
		if w := visible(s[:n]); len(bytes.Trim(w, " ")) > 0 {
			r.raw(w)
		} else if len(w) > 0 {
			r.space = true // &nbsp; alone
		}
		s = s[n:]
	}
}

// visible takes out what HTML mail uses as invisible filling, and makes spaces of its fixed ones.
func visible(s []byte) []byte {
	if printable(s) {
		return s
	}
	var before rune
	return bytes.Map(func(r rune) rune {
		last := before
		before = r
		switch {
		case r == 0x200c && last >= 0x0600 && last < 0x1000: // it keeps letters of Arabic and Indic scripts apart; elsewhere it fills previews
			return r
		case r == 0x200b, r == 0x200c, r == 0x2060, r == 0xfeff, r == 0x034f, r == 0xad, r == 0x2800, r == 0x3164, r == 0x115f, r == 0x180e:
			return -1
		case r == 0xa0, r == 0x2007, r == 0x202f:
			return ' '
		case unicode.IsControl(r) && r != '\t':
			return -1
		}
		return r
	}, s)
}

// printable says whether s is nothing but ASCII that can be seen, and tabs and blanks.
func printable(s []byte) bool {
	for _, c := range s {
		if (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}

// raw writes s with what was held back before it: line ends, the marks of quotes and items, a space.
func (r *renderer) raw(s []byte) {
	switch {
	case !r.wrote:
		r.layout.line(1)
		r.b.WriteString(quoteMarks(r.quotes) + r.prefix)
	case r.lines > 0:
		r.layout.line(r.lines)
		between := strings.TrimRight(quoteMarks(min(r.quotes, r.quoted)), " ")
		for range r.lines - 1 {
			r.b.WriteByte('\n')
			r.b.WriteString(between)
		}
		r.b.WriteByte('\n')
		r.b.WriteString(quoteMarks(r.quotes))
		r.b.WriteString(r.prefix)
	case r.prefix != "": // an item that begins where another was empty
		r.b.WriteString(r.prefix)
	case r.tabs > 0:
		r.b.WriteString("\t\t\t\t\t\t\t\t"[:min(r.tabs, 8)])
	case r.space:
		r.b.WriteByte(' ')
	}
	r.breaks += r.lines
	if n := len(r.rows); n > 0 && r.rows[n-1].empty {
		r.rows[n-1].empty, r.rows[n-1].breaks = false, r.breaks
	}
	r.tabs, r.inRow = 0, false
	r.lines, r.space, r.prefix, r.wrote, r.quoted = 0, false, "", true, r.quotes
	r.b.Write(s)
	r.layout.text()
}

func quoteMarks(n int) string { return "> > > > > > > > > > "[:2*min(n, quoteMax)] }
