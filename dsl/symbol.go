package dsl

import (
	"cmp"
	"slices"
)

// A Symbol is a block of a file, or a let of one.
type Symbol struct {
	Name   string
	Kind   string // KindList, KindDefine, KindRule, KindToken, KindTest, KindLet
	Detail string // "shadow rule", "disabled token", …
	Whole  Span
	At     Span // the name
	In     []Symbol
}

// Symbols are the blocks of a file, in order.
func (w *Workspace) Symbols(file string) []Symbol {
	f := w.file(file)
	if f == nil {
		return nil
	}
	var out []Symbol
	for _, b := range f.Lists {
		out = append(out, Symbol{Name: b.Name, Kind: KindList, Detail: KindList, Whole: Span{b.start, b.value.end}, At: Span{b.offset, b.offset + len(b.Name)}})
	}
	for _, b := range f.Defines {
		out = append(out, Symbol{Name: b.Name, Kind: KindDefine, Detail: KindDefine, Whole: Span{b.start, b.value.end}, At: Span{b.offset, b.offset + len(b.Name)}})
	}
	for _, b := range f.Rules {
		s := Symbol{Name: b.Name, Kind: kindOf(b), Detail: kindOf(b), Whole: Span{b.start, b.end}, At: w.quotedAt(f, b.offset)}
		if b.Shadow {
			s.Detail = "shadow " + s.Detail
		}
		if b.Disabled {
			s.Detail = "disabled " + s.Detail
		}
		for _, l := range b.lets {
			at := Span{l.name.offset, l.name.offset + len(l.name.text)}
			s.In = append(s.In, Symbol{Name: l.name.text, Kind: KindLet, Detail: KindLet, Whole: Span{at.Start, l.value.end}, At: at})
		}
		out = append(out, s)
	}
	for _, b := range f.Tests {
		out = append(out, Symbol{Name: b.Name, Kind: KindTest, Detail: KindTest, Whole: Span{b.start, b.end}, At: w.quotedAt(f, b.offset)})
	}
	slices.SortStableFunc(out, func(a, b Symbol) int { return cmp.Compare(a.Whole.Start, b.Whole.Start) })
	return out
}

// quotedAt is the text that begins at a byte, with its quotes.
func (w *Workspace) quotedAt(f *File, at int) Span {
	tokens := w.lex(f).tokens
	if i, ok := tokenAt(tokens, at); ok {
		return Span{at, tokens[i].end}
	}
	return Span{at, at}
}
