package css_test

import (
	"slices"
	"strings"
	"testing"

	"postern/internal/css"
)

func TestRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   string
		want []string
	}{
		{"p{a:b}", []string{"p a:b"}},
		{" .X , td.Y\n{ A : b; c:d }#i{}", []string{".x  a : b; c:d ", "td.y  a : b; c:d ", "#i "}},
		{"<!-- p{a:b} --> q{c:d} -->", []string{"p a:b", "q c:d"}},
		{"@import url(x); p{a:b}@charset 'x';q{}", []string{"p a:b", "q "}},
		{"@media screen{.a{b:c}.d{e:f}}g{h:i}@font-face{src:x}j{}", []string{"g h:i", "j "}},
		{"a b{} a>b{} a+b{} a~b{} a:hover{} a[x]{} *{} .a.b{} #a.b{} a\\b{} :not(a){} ok{}", []string{"ok "}},
		{"/* p{a:b} */ q/* x */{c:/**/d} /* r{", []string{"q c:d"}},
		{"p{a:b", nil}, {"}p{a:b}", nil}, // as browsers do
		{"@x{", nil}, {"", nil}, {"p", nil},
		{strings.Repeat("a", 100) + "{b:c}", nil},
	} {
		var got []string
		css.Rules(tt.in, func(sel, decl string) bool {
			got = append(got, sel+" "+decl)
			return true
		})
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.in, got, tt.want)
		}
	}
	n := 0
	css.Rules("a,b{}c{}", func(string, string) bool { n++; return n < 2 })
	if n != 2 {
		t.Errorf("called %d times", n)
	}
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	var got []string
	css.Selectors("p", " x  y", "i", func(s string) bool { got = append(got, s); return true })
	if want := []string{"p", ".x", "p.x", ".y", "p.y", "#i", "p#i"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for stop := range 7 {
		n := 0
		css.Selectors("p", "x y", "i", func(string) bool { n++; return n <= stop })
		if n != stop+1 {
			t.Errorf("stopped after %d: called %d times", stop, n)
		}
	}
}

// FuzzRules: whatever the sheet, selectors are simple and in lower case, and the declarations are within one rule.
func FuzzRules(f *testing.F) {
	for _, s := range []string{"p{a:b}", "@media x{.a{b:c}}#d,e.f{}", "<!--a{}-->", "/*{*/}{", "@import 'x';a{;}", "a{b{c}d}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sheet string) {
		css.Rules(sheet, func(sel, decl string) bool {
			if sel == "" || strings.ContainsAny(sel, " \t\n{}<>@,:;*[]()\\\"'/") || strings.ToLower(sel) != sel || strings.ContainsRune(decl, '}') {
				t.Errorf("%q: selector %q, declarations %q", sheet, sel, decl)
			}
			return true
		})
	})
}
