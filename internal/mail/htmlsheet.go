package mail

import (
	"strings"

	"golang.org/x/net/html/atom"

	"postern/internal/css"
)

// A sheet knows which elements a page's style sheets hide. In doubt an element is seen.
type sheet struct {
	rules map[string]bool // selector, in lower case → hides, or shows again
	read  int             // bytes so far
}

const (
	sheetMax = 128 << 10 // bytes of a page's style sheets that are read
	ruleMax  = 500
	classMax = 1000 // bytes of an id or a list of classes
)

// add reads a style sheet.
func (s *sheet) add(text []byte) {
	text = text[:min(len(text), sheetMax-s.read)]
	s.read += len(text)
	var e effect
	var last string
	css.Rules(string(text), func(sel, body string) bool {
		if body != last { // not once for each selector of a rule
			e, last = effect{}, body
			e.read([]byte(body))
		}
		if hides := e.gone || e.on&unseen != 0; hides || e.display {
			if s.rules == nil {
				s.rules = map[string]bool{}
			}
			s.rules[sel] = hides
		}
		return len(s.rules) < ruleMax
	})
}

// name is an id or a class list as the rules have them; "" where there are none.
func (s *sheet) name(v []byte) string {
	if len(s.rules) == 0 {
		return ""
	}
	return strings.ToLower(string(v[:min(len(v), classMax)]))
}

// hides looks an element up. One rule that shows it is enough.
func (s *sheet) hides(tag atom.Atom, id, class string) (hidden bool) {
	css.Selectors(tag.String(), class, id, func(sel string) bool {
		hides, ok := s.rules[sel]
		shows := ok && !hides
		hidden = (hidden || hides) && !shows
		return !shows
	})
	return hidden
}
