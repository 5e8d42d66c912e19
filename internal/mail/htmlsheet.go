package mail

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// A sheet knows which elements a page's style sheets hide, by selectors of one tag, class or id: ".preheader", "#x", "td.mobile".
// Others, and what depends on the screen, are for browsers: in doubt an element is seen.
type sheet struct {
	rules map[string]bool // selector, in lower case → hides, or shows again
	read  int             // bytes so far
}

const (
	sheetMax    = 128 << 10 // bytes of a page's style sheets that are read
	ruleMax     = 500
	selectorMax = 80
	classMax    = 20 // of one element that are looked up
)

// add reads a style sheet.
func (s *sheet) add(css []byte) {
	css = css[:min(len(css), sheetMax-s.read)]
	s.read += len(css)
	text := strings.ToLower(dropComments(string(css)))
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			return
		}
		head := strings.TrimSpace(text[:open])
		if i := strings.LastIndexAny(head, ";>"); i >= 0 { // @import …; and <!--
			head = strings.TrimSpace(head[i+1:])
		}
		if strings.HasPrefix(head, "<!--") {
			head = strings.TrimSpace(head[4:])
		}
		text = text[open+1:]
		end := strings.IndexByte(text, '}')
		if strings.HasPrefix(head, "@") {
			end = blockEnd(text)
		}
		if end < 0 {
			return
		}
		if !strings.HasPrefix(head, "@") {
			s.rule(head, text[:end])
		}
		text = text[end+1:]
	}
}

func (s *sheet) rule(selectors, body string) {
	var e effect
	e.read([]byte(body))
	hides := e.gone || e.on&unseen != 0
	if !hides && !e.display {
		return
	}
	for sel := range strings.SplitSeq(selectors, ",") {
		sel = strings.TrimSpace(sel)
		if sel == "" || len(sel) > selectorMax || len(s.rules) >= ruleMax || strings.ContainsAny(sel, " \t\n>+~:[*") || strings.Count(sel, ".")+strings.Count(sel, "#") > 1 {
			continue
		}
		if s.rules == nil {
			s.rules = map[string]bool{}
		}
		s.rules[sel] = hides
	}
}

// name is an id or a class list as the rules have them; "" where there are none.
func (s *sheet) name(v []byte) string {
	if len(s.rules) == 0 {
		return ""
	}
	return strings.ToLower(string(v[:min(len(v), classMax*selectorMax)]))
}

// hides looks an element up. One rule that shows it is enough.
func (s *sheet) hides(tag atom.Atom, id, class string) bool {
	hidden := false
	look := func(sel string) bool {
		h, ok := s.rules[sel]
		hidden = hidden || h
		return ok && !h
	}
	name := tag.String()
	if look(name) || id != "" && (look("#"+id) || look(name+"#"+id)) {
		return false
	}
	n := 0
	for c := range strings.FieldsSeq(class) {
		if n++; n > classMax || len(c) > selectorMax {
			break
		}
		if look("."+c) || look(name+"."+c) {
			return false
		}
	}
	return hidden
}

// blockEnd returns where the block ends in which text begins, or -1.
func blockEnd(text string) int {
	deep := 1
	for i := range len(text) {
		switch text[i] {
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
		_, s, ok = strings.Cut(rest, "*/")
		if !ok {
			return b.String()
		}
	}
}
