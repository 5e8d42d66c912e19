package mail_test

import "testing"

// TestStylesAreReadWhereTheyMatter: most tags are not taken apart; one whose style has a character reference always is, and
// gives the same text.
func TestStylesAreReadWhereTheyMatter(t *testing.T) {
	t.Parallel()
	names := []string{"display", "visibility", "opacity", "font-size", "font", "max-height", "max-width", "height", "width", "line-height", "overflow", "overflow-y", "position",
		"left", "top", "right", "bottom", "text-indent", "margin-left", "margin-top", "margin", "clip", "color", "background", "background-color", "bgcolor", "white-space", "border"}
	values := []string{"none", "block", "hidden", "collapse", "0", "0px", "1px", "12px", "-999px", "absolute", "fixed", "rect(0,0,0,0)", "white", "#fff", "transparent", "pre", "0/0 a", "inherit"}
	partners := []string{"", "height:0;", "position:absolute;", "left:-999px;", "color:#fff;", "overflow:hidden;"}
	text := func(style string) string {
		return parse(t, []byte("Content-Type: text/html; charset=utf-8\n\n<div>Yes</div><DIV Style=\""+style+"\">no  and\nno</DIV>")).Text
	}
	for i, name := range names {
		for _, value := range values {
			for _, partner := range partners {
				s := partner + []string{name + ":", " " + name + " : "}[i%2] + value
				if got, want := text(s), text(s+";&#32;"); got != want {
					t.Errorf("%q: text %q, when all of it is read %q", s, got, want)
				}
			}
		}
	}
}
