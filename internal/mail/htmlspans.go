package mail

import (
	"slices"
	"strings"
)

// htmlSpans finds in the HTML what spans cover of the text that was made from it. A span begins and ends at tags or in text, and
// holds no tag without its partner: with the spans cut out, what is left is as whole as it was before.
func (l *layout) htmlSpans(text string, spans []Span) []Span {
	var out []Span
	line, at := 0, 0 // the line that begins at a byte of the text
	next := func(to int) int {
		for at < to && line < len(l.lines) {
			i := strings.IndexByte(text[at:], '\n')
			if i < 0 {
				return len(l.lines)
			}
			at += i + 1
			line++
		}
		return min(line, len(l.lines))
	}
	for _, s := range spans {
		if s.End < len(text) && text[s.End-1] != '\n' {
			continue // inside of a line
		}
		from := next(s.Start)
		to := next(s.End)
		if s.End == len(text) {
			to = len(l.lines)
		}
		if from < to && len(out) < spanMax {
			out = l.cut(out, from, to, s)
		}
	}
	return out
}

// cut adds the pieces of HTML that lines [from, to) are.
func (l *layout) cut(out []Span, from, to int, s Span) []Span {
	for from+1 < to && l.lines[from].after == l.lines[from+1].after {
		from++ // blank lines
	}
	start, text := int(l.lines[from].after), int(l.lines[from].at)
	end, limit := len(l.src), len(l.src)
	for to+1 < len(l.lines) && l.lines[to].after == l.lines[to+1].after {
		to++ // blank lines
	}
	if to < len(l.lines) {
		end, limit = int(l.lines[to].after), int(l.lines[to].at)
	}
	var open openTags
	var barriers []int // tags without a partner in the span
	first, _ := slices.BinarySearchFunc(l.tags, start, func(t tagAt, at int) int { return int(t.start) - at })
	for i := first; i < len(l.tags) && int(l.tags[i].end) <= limit; i++ {
		t := &l.tags[i]
		if t.name == 0 {
			continue // <o:p>
		}
		after := int(t.start) >= end // behind the text of the span: only what closes its elements belongs to it
		if !t.closes {
			if after && !isVoid(t.name) {
				break
			}
			if !after {
				open.push(t.name, i)
			}
			continue
		}
		switch closed := open.pop(t.name, func(int) {}); {
		case after && !closed:
			limit = end
		case after:
			end = int(t.end)
		case !closed:
			barriers = append(barriers, i)
		}
	}
	for _, t := range open.stack {
		if !optionalEnd(t.name) {
			barriers = append(barriers, t.n)
		}
	}
	slices.Sort(barriers)
	for _, b := range barriers {
		out = l.piece(out, start, int(l.tags[b].start), text, s)
		start = int(l.tags[b].end)
	}
	return l.piece(out, start, end, text, s)
}

// piece adds a piece of a span, if it holds more than white space, and not only what stands before its text.
func (l *layout) piece(out []Span, start, end, text int, s Span) []Span {
	if end <= text || start >= end || blankText(l.src[start:end]) {
		return out
	}
	if n := len(out); n > 0 && out[n-1].End > start {
		if start = out[n-1].End; start >= end {
			return out
		}
	}
	if len(out) >= spanMax {
		return out
	}
	return append(out, Span{start, end, s.Kind, s.Reason})
}
