package dsl

import (
	"cmp"
	"slices"
	"strings"
)

func (c *caret) words(table []wordEntry, without []string) []Completion {
	var out []Completion
	if c.text != nil {
		return nil
	}
	for _, e := range table {
		if !slices.Contains(without, e.name) {
			out = append(out, Completion{Label: e.name, Kind: KindKeyword, Doc: e.doc, Insert: cmp.Or(e.snippet, e.name), Snippet: e.snippet != ""})
		}
	}
	return out
}

// blocks begin a line; disabled and shadow stand before rule and token.
func (c *caret) blocks() []Completion {
	line := strings.TrimSpace(c.lineBefore())
	switch line {
	case "":
		return c.words(fileWordTable, nil)
	case "disabled":
		return c.words(fileWordTable, []string{"list", "define", "test", "disabled"})
	case "shadow", "disabled shadow":
		return c.words(fileWordTable, []string{"list", "define", "test", "disabled", "shadow", "token"})
	}
	return nil
}

func (c *caret) lineBefore() string {
	before := c.file.src.text[:c.start]
	return before[strings.LastIndexByte(before, '\n')+1:]
}

// items are those that the block does not have yet.
func (c *caret) items() []Completion {
	b := c.spot.block
	switch c.spot.what {
	case "for":
		return c.words(testWordTable, []string{"for"})
	case "test":
		return c.words(testWordTable, nil)
	}
	var without []string
	for word := range b.seen {
		if word != "let" {
			without = append(without, word)
		}
	}
	if c.spot.what == "token" {
		without = append(without, "in", "on")
	}
	if !b.seen["then"] || !b.seen["when"] {
		without = append(without, "else")
	}
	if b.seen["then"] {
		without = append(without, "when")
	}
	if b.seen["when"] {
		without = append(without, "let")
	}
	return c.words(ruleWordTable, without)
}

func (c *caret) givenAlready() []string {
	var kinds []string
	if t := c.spot.block.test; t != nil {
		for _, g := range t.given {
			kinds = append(kinds, g.kind.text)
		}
	}
	return kinds
}
