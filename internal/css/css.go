// Package css reads of style sheets in mail what can be said of an element by itself: rules whose selectors are one tag, class or id.
// What depends on other elements, on the screen or on the mouse is for browsers.
package css

import "strings"

const (
	maxSelector = 80 // bytes of a selector; longer ones are left out
	maxSheet    = 256 << 10
)

// Rules calls f for each selector of one tag, class or id, "p", ".x", "p.x", "#x" or "p#x", with its rule's declarations, both in lower case and in their
// order, until f returns false. It takes time in proportion to the sheet's length, of which it reads 256 KiB.
func Rules(sheet string, f func(selector, declarations string) bool) {
	sheet = strings.ToLower(dropComments(sheet[:min(len(sheet), maxSheet)]))
	for {
		head, rest, ok := strings.Cut(sheet, "{")
		if !ok {
			return
		}
		head = strings.TrimSpace(head[strings.LastIndexByte(head, ';')+1:]) // behind @import …;
		head = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(head, "-->"), "<!--"))
		at := strings.HasPrefix(head, "@")
		end := strings.IndexByte(rest, '}')
		if at {
			end = blockEnd(rest)
		}
		if end < 0 {
			return
		}
		if !at {
			for sel := range strings.SplitSeq(head, ",") {
				if sel = strings.TrimSpace(sel); simple(sel) && !f(sel, rest[:end]) {
					return
				}
			}
		}
		sheet = rest[end+1:]
	}
}

// simple says whether a selector is one tag, class or id, or a tag with a class or an id.
func simple(sel string) bool {
	marks := 0
	for i := range len(sel) {
		switch c := sel[i]; {
		case c == '.' || c == '#':
			marks++
		case c < 0x80 && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z'):
			return false
		}
	}
	return sel != "" && len(sel) <= maxSelector && marks <= 1
}

// Selectors calls f for each selector of those kinds that an element has, in the order of their weight: tag, classes, id; until f returns false.
// Names are in lower case; of the classes 20 count.
func Selectors(tag, class, id string, f func(selector string) bool) {
	if !f(tag) {
		return
	}
	n := 0
	for c := range strings.FieldsSeq(class) {
		if n++; n > 20 || len(c) > maxSelector {
			break
		}
		if !f("."+c) || !f(tag+"."+c) {
			return
		}
	}
	if id != "" && len(id) <= maxSelector {
		_ = f("#"+id) && f(tag+"#"+id)
	}
}

// blockEnd returns where the block ends in which s begins, or -1.
func blockEnd(s string) int {
	deep := 1
	for i := range len(s) {
		switch s[i] {
		case '{':
			deep++
		case '}':
			if deep--; deep == 0 {
				return i
			}
		}
	}
	return -1
}

func dropComments(s string) string {
	if !strings.Contains(s, "/*") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "/*")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		if _, s, ok = strings.Cut(rest, "*/"); !ok {
			return b.String()
		}
	}
}
