package safehtml

import (
	"regexp"
	"strings"
)

// maxStyle bounds what is read and written of one style.
const maxStyle = 4 << 10

// The values of styles, whole and in lower case. No value has a backslash, a comment, a URL, a minus before a length, or a
// function but those of colours.
const (
	length   = `(?:0|[0-9]{0,4}(?:\.[0-9]{1,6})?(?:px|pt|pc|em|rem|ex|ch|in|cm|mm|%))`
	tint     = `(?:#[0-9a-f]{3,8}|[a-z]{3,25}|(?:rgb|hsl)a?\([0-9 .,%]{1,60}\))`
	keyword  = `[a-z][a-z-]{0,24}`
	name     = `[\pL\pN._][\pL\pN._-]*(?: [\pL\pN._][\pL\pN._-]*)*`
	family   = `(?:"` + name + `"|'` + name + `'|` + name + `)`
	families = family + `(?:, ?` + family + `){0,15}`
)

// properties are all that a style may set, with the test of their values. What places an element outside of its own box
// (position, z-index, negative margins, transform), fetches (url), moves, listens or says something is not here.
var properties = compile(map[string]string{
	"color background-color border-color border-top-color border-right-color border-bottom-color border-left-color":           tint,
	"width height max-width max-height min-width min-height font-size text-indent letter-spacing word-spacing border-spacing": length + `|` + keyword,
	"margin-top margin-right margin-bottom margin-left padding-top padding-right padding-bottom padding-left":                 length + `|` + keyword,
	"margin padding border-width border-radius":                                                `(?:` + length + `|` + keyword + `)(?: (?:` + length + `|` + keyword + `)){0,3}`,
	"border-top-width border-right-width border-bottom-width border-left-width vertical-align": length + `|` + keyword,
	"border border-top border-right border-bottom border-left":                                 `(?:` + length + `|` + tint + `)(?: (?:` + length + `|` + tint + `)){0,2}`,
	"line-height": `[0-9]{1,3}(?:\.[0-9]{1,6})?|` + length + `|normal|inherit`,
	"opacity":     `[01]|[01]?\.[0-9]{1,6}|[0-9]{1,3}%`,
	"font-weight": `[1-9]00|` + keyword,
	"font-family": families,
	"font":        `(?:(?:` + keyword + `|[1-9]00) ){0,4}` + length + `(?:/(?:` + length + `|[0-9]{1,3}(?:\.[0-9]{1,6})?|normal))? ` + families,
	"display":     `none|block|inline|inline-block|table|inline-table|table-row|table-cell|table-row-group|list-item`,
	"overflow":    `hidden|auto|visible`,
	"visibility":  `hidden|visible|collapse`,
	"float":       `left|right|none`,
	"clear":       `left|right|both|none`,
	"direction":   `ltr|rtl`,
	"font-style font-variant text-align text-transform text-decoration text-decoration-line white-space word-break word-wrap overflow-wrap": keyword,
	"border-style border-top-style border-right-style border-bottom-style border-left-style border-collapse list-style-type list-style":     keyword,
	"table-layout box-sizing list-style-position caption-side empty-cells":                                                                  keyword,
})

func compile(patterns map[string]string) map[string]func(string) bool {
	tests := map[string]func(string) bool{}
	for names, pattern := range patterns {
		whole := regexp.MustCompile(`^(?:` + pattern + `)$`)
		for _, name := range strings.Fields(names) {
			tests[name] = func(v string) bool { return len(v) <= 300 && whole.MatchString(v) }
		}
	}
	return tests
}

// cleanStyle keeps the declarations whose values are harmless, each in one form. A piece that a semicolon inside quotes cuts off is no
// declaration that anything here would match.
func cleanStyle(s string) string {
	if len(s) > maxStyle {
		s = s[:strings.LastIndexByte(s[:maxStyle], ';')+1]
	}
	var b strings.Builder
	add := func(decl string) {
		if b.Len()+len(decl)+len("; ") > maxStyle {
			return
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(decl)
	}
	placed, away := false, false
	for decl := range strings.SplitSeq(s, ";") {
		name, value, ok := strings.Cut(decl, ":")
		if !ok {
			continue
		}
		name = strings.ToLower(strings.TrimSpace(name))
		value = strings.ToLower(strings.Join(strings.Fields(value), " "))
		value = strings.TrimSpace(strings.TrimSuffix(strings.ReplaceAll(value, "! ", "!"), "!important"))
		switch {
		case name == "position":
			placed = value == "absolute" || value == "fixed"
		case name == "text-indent" && farOff.MatchString(value):
			placed, away = true, true
		case (name == "left" || name == "top" || name == "right" || name == "bottom") && farOff.MatchString(value), name == "clip" && strings.HasPrefix(value, "rect(0"):
			away = true
		}
		if name == "background" {
			name, value = "background-color", strings.TrimSpace(backgroundTint.FindString(value))
		}
		if good := properties[name]; good == nil || !good(value) {
			continue
		}
		add(name + ": " + value)
	}
	if placed && away { // what is moved out of sight must not come back into it with the position left out
		add("display: none")
	}
	return b.String()
}

var farOff = regexp.MustCompile(`^-(?:[0-9]{4,}|[5-9][0-9]{2})`)

// backgroundTint finds the colour in a background of one word, or of several with a colour that cannot be taken for something else.
var backgroundTint = regexp.MustCompile(`^[a-z]{3,25}$|(?:^| )#[0-9a-f]{3,8}(?: |$)|(?:rgb|hsl)a?\([0-9 .,%]{1,60}\)`)
