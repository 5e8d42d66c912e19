package dsl

import (
	"cmp"
	"strconv"
	"strings"
)

// A Hover is what there is to say of a word or text.
type Hover struct {
	Span    `json:"-"`
	Name    string `json:"name"`
	Kind    string `json:"kind"`           // as of a Completion
	Type    string `json:"type,omitempty"` // in words; of what is called, how it is written; of a list or define, its expression
	Doc     string `json:"doc,omitempty"`  // Markdown
	Example string `json:"example,omitempty"`

	at *Location // where it is said what it is
}

// Markdown is all of it, for people.
func (h *Hover) Markdown() string {
	var b strings.Builder
	code := h.Name
	switch h.Kind {
	case KindFunction, KindMethod, KindAction, KindList, KindDefine:
		code = cmp.Or(h.Type, h.Name)
	case KindValue, KindMailbox, KindFile:
		code = strconv.Quote(h.Name)
		fallthrough
	default:
		if h.Type != "" {
			code += ": " + h.Type
		}
	}
	b.WriteString("```rules\n" + strings.ReplaceAll(code, "```", "` ` `") + "\n```\n")
	if h.Doc != "" {
		b.WriteString("\n" + h.Doc + "\n")
	}
	if h.Example != "" {
		b.WriteString("\n```rules\n" + h.Example + "\n```\n")
	}
	return b.String()
}

// Hover says what the word or text at a byte of a file is; nil where there is nothing to say.
func (w *Workspace) Hover(file string, offset int) *Hover {
	c := w.caret(file, offset)
	if c == nil || c.start == c.end {
		return nil
	}
	h := c.named()
	if h == nil {
		return nil
	}
	h.Span = Span{c.start, c.end}
	return h
}

// Definition is where it is said what the word or text at a byte of a file is. Of a file that a list or a test names, it is the file.
func (w *Workspace) Definition(file string, offset int) (Location, bool) {
	h := w.Hover(file, offset)
	if h == nil || h.at == nil {
		return Location{}, false
	}
	return *h.at, true
}
