package dsl

import (
	"slices"
	"strings"
)

// A Completion is one thing that could stand at a place.
type Completion struct {
	Label   string `json:"label"`
	Kind    string `json:"kind"`           // see the constants
	Type    string `json:"type,omitempty"` // in words; of what is called, how it is written
	Doc     string `json:"doc,omitempty"`  // Markdown
	Example string `json:"example,omitempty"`
	Insert  string `json:"insert"`            // instead of what was typed
	Snippet bool   `json:"snippet,omitempty"` // Insert has places to fill, as the Language Server Protocol writes them: $1, ${2:name}, $0
}

// What a completion is.
const (
	KindKeyword  = "keyword"
	KindOperator = "operator"
	KindConstant = "constant"
	KindName     = "name" // of what a rule sees: mail, sender, …
	KindMember   = "member"
	KindMethod   = "method"
	KindFunction = "function"
	KindAction   = "action"
	KindList     = "list"
	KindDefine   = "define"
	KindLet      = "let"
	KindValue    = "value" // a text, such as the name of a priority
	KindMailbox  = "mailbox"
	KindFile     = "file"
	KindRule     = "rule"
	KindToken    = "token"
	KindTest     = "test"
)

// Completions are what could stand at a place, instead of the piece that is there.
type Completions struct {
	Span
	Items []Completion
	More  bool // there are more: ask again when more is typed
}

// mostCompletions are given at once; of more only those that begin with what was typed.
const mostCompletions = 500

// Complete says what could stand at a byte of a file.
func (w *Workspace) Complete(file string, offset int) Completions {
	c := w.caret(file, offset)
	if c == nil {
		offset = max(0, min(offset, len(w.Text(file))))
		return Completions{Span: Span{offset, offset}}
	}
	out := Completions{Span: Span{c.start, c.end}, Items: c.completions()}
	if len(out.Items) > mostCompletions {
		typed := strings.ToLower(c.typed())
		out.Items = slices.DeleteFunc(out.Items, func(i Completion) bool { return !strings.HasPrefix(strings.ToLower(i.Label), typed) })
		out.More = true
		out.Items = out.Items[:min(len(out.Items), mostCompletions)]
	}
	return out
}

func (c *caret) completions() []Completion {
	switch c.spot.kind {
	case spotFile:
		return c.blocks()
	case spotItem:
		return c.items()
	case spotMailbox:
		return values(KindMailbox, c.w.opts.Vocabulary.Mailboxes, "a mailbox of the configuration")
	case spotStage:
		return c.words(stageWordTable, nil)
	case spotGiven:
		return c.words(givenWordTable, c.givenAlready())
	case spotMail:
		return []Completion{
			{Label: `"""`, Kind: KindKeyword, Doc: "the mail as a text", Insert: "\"\"\"\n    From: ${1:ann@example.org}\n    To: ${2:support@example.com}\n    Subject: $3\n\n    ${4:Hello}\n\"\"\"", Snippet: true},
			{Label: "file", Kind: KindKeyword, Type: `file("x.eml")`, Doc: "the mail in a file below the rules folder", Insert: `file("$1")`, Snippet: true},
		}
	case spotMailFile:
		return c.fileNames(false)
	case spotExpression:
		return c.typer().complete()
	}
	return nil
}

func (c *caret) fileNames(lists bool) []Completion {
	if c.w.names == nil || c.text == nil {
		return nil
	}
	names := c.w.names()
	if !lists {
		names = slices.DeleteFunc(slices.Clone(names), func(s string) bool { return !strings.HasSuffix(s, ".eml") })
	}
	return values(KindFile, names, "")
}

func values(kind string, names []string, what string) []Completion {
	var out []Completion
	for _, n := range names {
		out = append(out, Completion{Label: n, Kind: kind, Type: what, Insert: n})
	}
	return out
}
