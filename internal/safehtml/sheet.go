package safehtml

import (
	"strings"

	"golang.org/x/net/html/atom"

	"postern/internal/css"
)

// A sheet has what a page's style sheets say of single elements: it is written into them, and the sheets are left out. So mail looks nearly as it was
// meant to, what a sheet hides stays hidden, and nothing styles what is around the mail.
type sheet struct {
	rules map[string]string // selector → clean declarations
	size  int
}

const (
	maxSheet      = 64 << 10 // bytes of clean declarations, with their selectors
	maxFromSheet  = 1 << 10  // bytes of them for one element
	maxWithSheets = 1 << 20  // bytes of a page from which on sheets are no longer written into it
)

// add reads a style sheet.
func (s *sheet) add(text string) {
	var clean, last string
	css.Rules(text, func(sel, body string) bool {
		if body != last { // not once for each selector of a rule
			clean, last = cleanStyle(body), body
		}
		if clean == "" || len(clean) > maxFromSheet {
			return true
		}
		if s.rules == nil {
			s.rules = map[string]string{}
		}
		if s.rules[sel] != "" {
			clean := s.rules[sel] + "; " + clean
			if len(clean) > maxFromSheet {
				return true
			}
			s.rules[sel] = clean
		} else {
			s.rules[sel] = clean
		}
		s.size += len(sel) + len(clean)
		return s.size < maxSheet
	})
}

// of returns the declarations for an element, the weightiest last.
func (s *sheet) of(a atom.Atom, class, id string) string {
	if len(s.rules) == 0 {
		return ""
	}
	var b strings.Builder
	css.Selectors(a.String(), strings.ToLower(class), strings.ToLower(id), func(sel string) bool {
		if decls := s.rules[sel]; decls != "" && b.Len()+len(decls) <= maxFromSheet {
			b.WriteString(decls + "; ")
		}
		return true
	})
	return b.String()
}
