package dsl

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// termsOf is what is known of what our functions say, by their names, from their arguments without the run.
var termsOf map[string]func(u *unit, args []ast.Node) term

func init() { // some of them ask for the terms of their arguments
	part := func(u *unit, args []ast.Node) term { return term{text: u.term(args[0]).text.part()} }
	each := func(u *unit, args []ast.Node) term { return elementsOf(u.term(args[0])) }
	termsOf = map[string]func(u *unit, args []ast.Node) term{
		"lower":          lowerTerm,
		"upper":          part,
		"trim":           part,
		"trimPrefix":     part,
		"trimSuffix":     part,
		"lines":          part,
		"split":          splitTerm,
		"splitAfter":     splitTerm,
		"plusTag":        part,
		"join":           joinTerm,
		"concat":         concatTerm,
		"uniq":           each,
		"sort":           each,
		"find":           findTerm,
		"$group":         func(u *unit, args []ast.Node) term { return term{text: u.term(args[0]).found} },
		"pairs":          func(u *unit, args []ast.Node) term { return term{pairs: u.term(args[0]).text.part()} },
		"jsonValue":      jsonTerm,
		"has":            hasTerm,
		"hasAll":         hasAllTerm,
		"glob":           globTerm,
		"under":          underTerm,
		"orgDomain":      orgDomainTerm,
		"inNetwork":      inNetworkTerm,
		"$header":        headerTerm,
		"$headers":       headersTerm,
		"$hasAttachment": hasAttachmentTerm,
	}
}

func lowerTerm(u *unit, args []ast.Node) term {
	t := u.term(args[0]).text
	if t == nil {
		return term{}
	}
	out := *t
	out.front, out.back = true, true
	return term{text: &out}
}

// splitTerm: a separator of whole characters leaves whole characters.
func splitTerm(u *unit, args []ast.Node) term {
	if s, ok := args[1].(*ast.StringNode); !ok || !utf8.ValidString(s.Value) {
		return term{}
	}
	return term{text: u.term(args[0]).text.part()}
}

// joinTerm: nothing stands across two texts that are joined by something but the separator.
func joinTerm(u *unit, args []ast.Node) term {
	t := u.term(args[0]).text.part()
	if t == nil || len(args) != 2 {
		return term{}
	}
	separator, ok := args[1].(*ast.StringNode)
	if !ok || separator.Value == "" || !utf8.ValidString(separator.Value) {
		return term{}
	}
	t.glue, t.some = t.glue+separator.Value, nil
	return term{text: t}
}

func concatTerm(u *unit, args []ast.Node) term {
	out := elementsOf(u.term(args[0]))
	for _, a := range args[1:] {
		t := u.term(a)
		out = term{text: u.oneOf(out.text, t.text), paths: bothPaths(out.paths, t.paths)}
	}
	return out
}

// findTerm: a group that is not empty is a part of the text, which matches.
func findTerm(u *unit, args []ast.Node) term {
	p := u.patternAt(args[1])
	t := u.term(args[0]).text
	groups := t.part()
	if p == nil || groups == nil {
		return term{}
	}
	groups.some = u.matches(t, p)
	return term{found: groups}
}

// patternAt is the pattern that stands for the regular expression of a find.
func (u *unit) patternAt(n ast.Node) *pattern {
	if c, ok := n.(*ast.ConstantNode); ok {
		p, _ := c.Value.(*pattern)
		return p
	}
	return nil
}

// jsonTerm: what is found stands in an object or an array; by a name, in an object. How a value is written there is not known.
func jsonTerm(u *unit, args []ast.Node) term {
	opens := []string{"{", "["}
	if path, ok := args[1].(*ast.StringNode); ok {
		if first := strings.TrimLeft(path.Value, "."); first != "" && first[0] != '[' {
			opens = opens[:1]
		}
	}
	return term{text: &textTerm{foreign: true, front: true, back: true, some: u.holds(u.term(args[0]).text, u.words(opens))}}
}

// hasTerm is has(text, words): the longest word of a phrase must be there, since white space is folded.
func hasTerm(u *unit, args []ast.Node) term {
	words, ok := u.constantTexts(args[1])
	if !ok {
		return term{}
	}
	return term{yes: u.holds(u.term(args[0]).text, u.wordsOf(words, longestWord))}
}

// hasAllTerm is hasAll(text, words): each must be there.
func hasAllTerm(u *unit, args []ast.Node) term {
	text := u.term(args[0]).text
	words, ok := u.constantTexts(args[1])
	if !ok {
		return term{}
	}
	var out needs
	for i := range words.texts[:min(len(words.texts), 10*mostChoices)] {
		out = out.both(u.holds(text, u.wordsOf(listed{texts: words.texts[i : i+1]}, longestWord)))
	}
	return term{yes: out}
}

// globTerm is glob(text, patterns): what stands between the stars of one of them must be there.
func globTerm(u *unit, args []ast.Node) term {
	patterns, ok := u.constantTexts(args[1])
	if !ok {
		return term{}
	}
	return term{yes: u.holds(u.term(args[0]).text, u.wordsOf(patterns, longestGlob))}
}

func underTerm(u *unit, args []ast.Node) term {
	domain := u.term(args[0]).text
	if domain == nil || domain.domain || !domain.whole() {
		return term{}
	}
	if c, ok := args[1].(*ast.ConstantNode); ok {
		if set, ok := c.Value.(*Entries); ok {
			return term{yes: underSet(domain, set)}
		}
	}
	parents, ok := u.constantTexts(args[1])
	if !ok {
		return term{}
	}
	return term{yes: u.underNeeds(domain, parents)}
}

func underSet(domain *textTerm, set *Entries) needs {
	way := make([]Need, len(domain.pieces))
	for i, p := range domain.pieces {
		way[i] = Need{Field: p.field, Op: NeedUnderAny, Set: set}
	}
	return needs{way}
}

// underNeeds is what must hold for a domain to be one of some, or below one.
func (u *unit) underNeeds(domain *textTerm, parents listed) needs {
	if parents.list != nil {
		return underSet(domain, parents.list.entries())
	}
	var plain []string
	for _, p := range parents.texts {
		if p == "" && domain.domain {
			return nil // what is no domain
		}
		if d := plainDomain(p); d != "" {
			plain = append(plain, d)
		}
		if d := strings.ToLower(p); domain.domain && !slices.Contains(plain, d) {
			plain = append(plain, d) // below what has no ASCII form it is as it is written
		}
	}
	if len(plain) == 0 {
		return never
	}
	if u.c.copied += len(plain); len(plain) > mostNeeds || u.c.copied > mostCopied {
		return nil
	}
	return u.anyOf(NeedUnder, domain.pieces, &Words{Texts: plain, least: 1})
}

// orgDomainTerm: the registered domain is the domain itself, or one above it.
func orgDomainTerm(u *unit, args []ast.Node) term {
	domain := u.term(args[0]).text
	if domain == nil || domain.domain || !domain.whole() {
		return term{}
	}
	out := *domain
	out.domain, out.front, out.back = true, true, true
	return term{text: &out}
}

func inNetworkTerm(u *unit, args []ast.Node) term {
	ip := u.term(args[0]).text
	c, ok := args[1].(*ast.ConstantNode)
	if !ok || ip == nil || ip.domain || !ip.whole() || len(ip.pieces) != 1 {
		return term{}
	}
	nets, ok := c.Value.(*networks)
	if !ok {
		return term{}
	}
	return term{yes: networkNeeds(ip.pieces[0].field, nets)}
}

func headerTerm(u *unit, args []ast.Node) term  { return u.headerField("mail.header.", args) }
func headersTerm(u *unit, args []ast.Node) term { return u.headerField("mail.headers.", args) }

func (u *unit) headerField(prefix string, args []ast.Node) term {
	name, ok := args[1].(*ast.StringNode)
	if !ok || natureType(args[0]) != typeMail {
		return term{}
	}
	return u.c.fieldTerm(prefix + strings.ToLower(name.Value))
}

// hasAttachmentTerm: a file's name or type has what is asked for.
func hasAttachmentTerm(u *unit, args []ast.Node) term {
	if natureType(args[0]) != typeMail {
		return term{}
	}
	if len(args) == 1 {
		return term{yes: u.c.fieldTerm("mail.attachments[].inline").no}
	}
	var families, kinds, endings []string
	for _, a := range args[1:] {
		wanted, ok := u.constantTexts(a)
		if !ok {
			return term{}
		}
		for _, w := range wanted.texts {
			w = strings.ToLower(w)
			if family, ok := strings.CutSuffix(w, "/*"); ok {
				families = append(families, family+"/")
			} else if strings.Contains(w, "/") {
				kinds = append(kinds, w)
			} else {
				endings = append(endings, "."+strings.TrimPrefix(w, "."))
			}
		}
	}
	kind, name := u.c.fieldTerm("mail.attachments[].type").text, u.c.fieldTerm("mail.attachments[].name").text
	yes := u.either(u.holds(kind, u.words(families)), u.equals(kind, listed{texts: kinds}))
	return term{yes: u.either(yes, u.holds(name, u.words(endings)))}
}
