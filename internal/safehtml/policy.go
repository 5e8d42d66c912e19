package safehtml

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// newPolicy is all that may come out. Patterns are whole: bluemonday looks for a match anywhere.
func newPolicy(remote bool) *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	var names []string
	for a := range elements {
		names = append(names, a.String())
	}
	p.AllowElements(names...)
	p.AllowNoAttrs().OnElements(names...) // it loses count of the end tags of elements that it leaves out

	p.AllowAttrs("dir").Matching(words("ltr", "rtl", "auto")).Globally()
	p.AllowAttrs("title").Globally()
	p.AllowAttrs("align").Matching(words("left", "right", "center", "justify", "middle", "top", "bottom")).Globally()
	p.AllowAttrs("valign").Matching(words("top", "middle", "bottom", "baseline")).Globally()
	p.AllowAttrs("width", "height").Matching(measure).OnElements("table", "td", "th", "tr", "col", "colgroup", "img", "hr")
	p.AllowAttrs("bgcolor").Matching(colour).OnElements("table", "tbody", "thead", "tfoot", "tr", "td", "th")
	p.AllowAttrs("border", "cellpadding", "cellspacing", "colspan", "rowspan", "span").Matching(small).OnElements("table", "td", "th", "col", "colgroup", "img")
	p.AllowAttrs("nowrap").Matching(words("", "nowrap")).OnElements("td", "th")
	p.AllowAttrs("start", "value").Matching(small).OnElements("ol", "li")
	p.AllowAttrs("type").Matching(words("1", "a", "A", "i", "I", "disc", "circle", "square")).OnElements("ol", "ul", "li")
	p.AllowAttrs("color").Matching(colour).OnElements("font")
	p.AllowAttrs("size").Matching(regexp.MustCompile(`^[+-]?[0-9]{1,2}$`)).OnElements("font", "hr")
	p.AllowAttrs("face").Matching(regexp.MustCompile(`^[\pL\pN ,._'-]{1,200}$`)).OnElements("font")

	p.AllowAttrs("href").Matching(regexp.MustCompile(`^(?:https?|mailto|tel):`)).OnElements("a")
	p.AllowAttrs("rel").Matching(words(linkRel)).OnElements("a")
	p.AllowAttrs("target").Matching(words("_blank")).OnElements("a")
	p.AllowAttrs("src").Matching(regexp.MustCompile(`^(?:data:image/|/[^/\\])`)).OnElements("img")
	p.AllowAttrs("alt").OnElements("img")
	if remote {
		p.AllowAttrs("src").Matching(regexp.MustCompile(`^https?://`)).OnElements("img")
		p.AllowAttrs("background").Matching(regexp.MustCompile(`^https?://[^\s"'<>\\]+$`)).OnElements("table", "td", "th")
	}
	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(true) // those of Options.File
	p.AllowURLSchemes("http", "https", "mailto", "tel")
	p.AllowURLSchemeWithCustomPolicy("data", func(u *url.URL) bool { return pictureData(u.String()) })

	for property, good := range properties {
		p.AllowStyles(property).MatchingHandler(good).Globally()
	}
	return p
}

// linkRel is the rel of every link: the page that it leads to learns nothing of where it was.
const linkRel = "noopener noreferrer nofollow"

var (
	measure = regexp.MustCompile(`^[0-9]{1,4}(?:\.[0-9]{1,4})?(?:%|px)?$`)
	small   = regexp.MustCompile(`^[0-9]{1,3}$`) // a colspan of thousands costs a browser minutes
	colour  = regexp.MustCompile(`^(?:#?[0-9A-Fa-f]{3,8}|[A-Za-z]{3,25})$`)
)

// words matches one of some words, whole.
func words(ws ...string) *regexp.Regexp {
	for i := range ws {
		ws[i] = regexp.QuoteMeta(ws[i])
	}
	return regexp.MustCompile("^(?:" + strings.Join(ws, "|") + ")$")
}
