package mail

import "golang.org/x/net/html/atom"

// A layout says where in the HTML the lines of the text made from it stand: with it, what is found in
// the text is found in the HTML too. It is written along with the text.
type layout struct {
	src   string
	lines []lineAt
	tags  []tagAt
	marks []mark

	at, next int // the token that is being read
	wrote    int // where the token ends that wrote the last text
	row      int // in a <pre>: where the line that is being read begins
}

// A lineAt is where a line of text begins in the HTML: after the text before it, and at its own.
// Between the two stand only tags.
type lineAt struct{ after, at int32 }

// A tagAt is one tag.
type tagAt struct {
	start, end int32
	name       atom.Atom
	closes     bool
}

// A mark is an element that a mail program marks as history or as a signature.
type mark struct {
	start, end int32 // of the element, its tags included
	kind       *elementMark
}

func (l *layout) reset(src string) {
	*l = layout{src: src, lines: l.lines[:0], tags: l.tags[:0], marks: l.marks[:0]}
}

// token moves on by a token of n bytes.
func (l *layout) token(n int) { l.at, l.next, l.row = l.next, l.next+n, l.next }

// tag notes the tag that is being read. raw is all of it.
func (l *layout) tag(name atom.Atom, closes bool, raw []byte) {
	if !closes && len(raw) > len("<div id=>") && bearsMarks(name) {
		if m := markOf(name, raw); m != nil {
			l.marks = append(l.marks, mark{int32(l.at), -1, m})
		}
	}
	l.tags = append(l.tags, tagAt{int32(l.at), int32(l.next), name, closes})
}

// line begins n lines of text, of which the last will be written to.
func (l *layout) line(n int) {
	for range n - 1 {
		l.lines = append(l.lines, lineAt{int32(l.wrote), int32(l.wrote)})
	}
	l.lines = append(l.lines, lineAt{int32(l.wrote), int32(l.row)})
}

// text says that the token wrote something into the last line.
func (l *layout) text() { l.wrote = l.next }

// feed goes to the next line of the source, in a <pre>.
func (l *layout) feed() {
	for l.row < l.next {
		l.row++
		if l.src[l.row-1] == '\n' {
			break
		}
	}
	if l.wrote == l.next { // the line that ends here was the last to be written
		l.wrote = l.row
	}
}

// release forgets the page, and what is too large to keep for the next.
func (l *layout) release() {
	const keep = 10_000
	l.reset("")
	if cap(l.tags) > keep {
		l.tags = nil
	}
	if cap(l.lines) > keep {
		l.lines = nil
	}
	if cap(l.marks) > keep {
		l.marks = nil
	}
}
