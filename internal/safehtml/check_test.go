package safehtml_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"postern/internal/safehtml"
)

// What may come out, written down a second time and apart from the package: a mistake there must not be a mistake here.
var (
	mayBe = set("a abbr acronym b big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup tt u var " +
		"address article aside blockquote center div dl figcaption figure footer header main nav ol p pre section ul h1 h2 h3 h4 h5 h6 li dt dd " +
		"table caption colgroup col thead tbody tfoot tr td th br hr img wbr")
	mayHave = set("dir title align valign width height bgcolor border cellpadding cellspacing colspan rowspan span nowrap start value type " +
		"color size face href rel target src alt background style")
	maySet = set("color background-color border-color border-top-color border-right-color border-bottom-color border-left-color width height max-width " +
		"max-height min-width min-height font-size text-indent letter-spacing word-spacing border-spacing margin-top margin-right margin-bottom margin-left " +
		"padding-top padding-right padding-bottom padding-left margin padding border-width border-radius border-top-width border-right-width " +
		"border-bottom-width border-left-width vertical-align border border-top border-right border-bottom border-left line-height opacity font-weight " +
		"font-family font display overflow visibility float clear direction font-style font-variant text-align text-transform text-decoration " +
		"text-decoration-line white-space word-break word-wrap overflow-wrap border-style border-top-style border-right-style border-bottom-style " +
		"border-left-style border-collapse list-style-type list-style table-layout box-sizing list-style-position caption-side empty-cells")
	number     = regexp.MustCompile(`^[+-]?[0-9.]{1,9}(px|%)?$`)
	plainValue = regexp.MustCompile(`^[\pL\pN #.,%"'/_-]*$`)
	colours    = regexp.MustCompile(`(?:rgb|hsl)a?\([0-9 .,%]*\)`)
	pictures   = regexp.MustCompile(`^data:image/(png|jpe?g|gif|webp);base64,[A-Za-z0-9+/=]+$`)
)

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// check holds the output for in against what is true of every output.
func check(t testing.TB, in string, o safehtml.Options) safehtml.Page {
	t.Helper()
	p := safehtml.Sanitize(in, o)
	if !utf8.ValidString(p.HTML) {
		t.Errorf("%q\nnot UTF-8: %q", in, p.HTML)
	}
	if len(p.HTML) > 5<<20 {
		t.Errorf("%.100q: %d bytes of output", in, len(p.HTML))
	}
	if again := safehtml.Sanitize(p.HTML, o); again.HTML != p.HTML || again.Blocked != 0 {
		t.Errorf("%q\nsanitised %q\nand again %q, %d blocked", in, p.HTML, again.HTML, again.Blocked)
	}
	top := &html.Node{Type: html.ElementNode, DataAtom: atom.Div, Data: "div"}
	nodes, err := html.ParseFragment(strings.NewReader(p.HTML), top)
	if err != nil {
		t.Fatalf("%q\n%q: %v", in, p.HTML, err)
	}
	var back bytes.Buffer
	for _, n := range nodes {
		if err := html.Render(&back, n); err != nil {
			t.Fatal(err)
		}
		for d := range n.Descendants() {
			checkNode(t, in, d, o)
		}
		checkNode(t, in, n, o)
	}
	if back.String() != p.HTML {
		t.Errorf("%q\nwritten %q\n  reads %q", in, p.HTML, back.String())
	}
	return p
}

func checkNode(t testing.TB, in string, n *html.Node, o safehtml.Options) {
	t.Helper()
	switch {
	case n.Type == html.TextNode:
		return
	case n.Type != html.ElementNode, !mayBe[n.Data], n.Namespace != "":
		t.Errorf("%q\nlets through %q (type %d, namespace %q)", in, n.Data, n.Type, n.Namespace)
		return
	}
	seen := map[string]bool{}
	for _, a := range n.Attr {
		if !mayHave[a.Key] || seen[a.Key] || a.Namespace != "" {
			t.Errorf("%q\nlets through attribute %q", in, a.Key)
		}
		seen[a.Key] = true
		bad := false
		switch a.Key {
		case "href":
			scheme, rest, _ := strings.Cut(a.Val, ":")
			bad = n.Data != "a" || !set("http https mailto tel")[scheme] || strings.HasPrefix(scheme, "http") && (!strings.HasPrefix(rest, "//") || len(rest) < 3) || strings.ContainsAny(a.Val, "\x00\t\r\n <>\"`")
		case "rel":
			bad = a.Val != "noopener noreferrer nofollow"
		case "target":
			bad = a.Val != "_blank"
		case "src", "background":
			remote := strings.HasPrefix(a.Val, "http://") || strings.HasPrefix(a.Val, "https://")
			mine := a.Key == "src" && o.File != nil && o.File(a.Val) == a.Val
			bad = a.Key == "src" && n.Data != "img" || !(remote && o.Remote) && !mine && !(a.Key == "src" && pictures.MatchString(a.Val))
		case "style":
			checkStyle(t, in, a.Val)
		case "width", "height", "border", "cellpadding", "cellspacing", "colspan", "rowspan", "span", "start", "value", "size":
			bad = !number.MatchString(a.Val)
		case "title", "alt":
		default:
			bad = !plainValue.MatchString(a.Val)
		}
		if bad {
			t.Errorf("%q\nlets through %s=%q", in, a.Key, a.Val)
		}
	}
	if seen["href"] && !(seen["rel"] && seen["target"]) {
		t.Errorf("%q\na link that tells where it was: %v", in, n.Attr)
	}
}

func checkStyle(t testing.TB, in, style string) {
	t.Helper()
	for decl := range strings.SplitSeq(style, ";") {
		k, v, _ := strings.Cut(decl, ":")
		k, v = strings.TrimSpace(k), strings.TrimSpace(v)
		if !maySet[k] || !plainValue.MatchString(colours.ReplaceAllString(v, "")) || strings.Contains(" "+v, " -") || strings.Count(v, `"`)%2 != 0 || strings.Count(v, `'`)%2 != 0 {
			t.Errorf("%q\nlets through style %q", in, decl)
		}
	}
}
