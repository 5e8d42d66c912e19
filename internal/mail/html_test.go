package mail_test

import "testing"

// TestTextFromHTML: what a reader of the HTML would see, and no more.
func TestTextFromHTML(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ html, want string }{
		{"<p>a</p>b<p>c", "a\n\nb\n\nc\n"},
		{"Hi<br/>there<br />x", "Hi\nthere\nx\n"},
		{"<div>a<div>b</div>c</div>", "a\nb\nc\n"},
		{"a <b>b</b> c, <span>d</span><span>e</span>", "a b c, de\n"},
		{"<p>a&nbsp;&nbsp;b</p><p>&nbsp;</p><p>c</p>", "a  b\n\nc\n"},
		{"&#128512; &eacute; &bogus; &lt;x&gt; 1 < 2", "😀 é &bogus; <x> 1 < 2\n"},
		{"<pre>a\n  b</pre>", "a\n  b\n"},
		{"Hello\nworld &amp; co\n\nBye\n", "Hello\nworld & co\n\nBye\n"}, // plain text that is called HTML
		{"<table><tr><td>a<td>b</tr><tr><th>c</th><th>d</th></tr></table>e", "a\tb\nc\td\n\ne\n"},
		{"<ul><li>a<ul><li>b</ul><li>c</ul><ol><li>d<li>e</ol>", "- a\n  - b\n- c\n\n1. d\n2. e\n"},
		{"<a href='https://x.example/a?b=1'>here</a> <A HREF=\"mailto:a@b.example\">a@b.example</A> <a href='javascript:x'>no</a>", "here <https://x.example/a?b=1> a@b.example no\n"},
		{"<blockquote><p>q</p><blockquote>r</blockquote></blockquote>s", "> q\n>\n> > r\ns\n"},
		{"x<style>p{}</style>y<script>z</script><!-- c --><title>t</title>", "xy\n"},
		{"<p style='display:none'>hidden<p>shown", "shown\n"},
		{"<P STYLE='DISPLAY : NONE !important'>hidden</P>shown", "shown\n"},
		{"a<span hidden>b</span><span style=\"font-size:0px\">c</span><div style='display&#58;none'>d</div><i style='max-height:0'>e</i><b style='visibility:hidden'>f</b><u style='mso-hide:all'>g</u>h", "ah\n"},
		{"a<div style=display:none>b<div>c</div>d</div>e", "ae\n"},
		{"<div style='color:none;font-size:10px;opacity:0.5'>seen</div>", "seen\n"},
		{"<div style='display:none'>only this</div>", "only this\n"},
		{"zero\u200bwidth\u00adhyphen", "zerowidthhyphen\n"},
	} {
		m := parse(t, []byte("Content-Type: text/html; charset=utf-8\n\n"+tt.html))
		if m.Text != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.html, m.Text, tt.want)
		}
	}
}
