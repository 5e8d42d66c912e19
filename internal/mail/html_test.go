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
		{"<div>a</div><blockquote style=\"margin: 0 0 0 40px; border: none; padding: 0px;\"><div>b</div><blockquote>q</blockquote>c</blockquote>d", "a\nb\n> q\nc\nd\n"},
		{"x<style>p{}</style>y<script>z</script><!-- c --><title>t</title>", "xy\n"},
		{"<p style='display:none'>hidden<p>shown", "shown\n"},
		{"<P STYLE='DISPLAY : NONE !important'>hidden</P>shown", "shown\n"},
		{"a<span hidden>b</span><span style=\"font-size:0px\">c</span><div style='display&#58;none'>d</div><i style='max-height:0'>e</i><b style='visibility:hidden'>f</b><u style='mso-hide:all'>g</u>h", "agh\n"}, // mso-hide hides from Outlook alone
		{"a<div style=display:none>b<div>c</div>d</div>e", "ae\n"},
		{"<div style='color:none;font-size:10px;opacity:0.5'>seen</div>", "seen\n"},
		{"<div style='display:none'>only this</div>", "only this\n"},
		{"zero\u200bwidth\u00adhyphen", "zerowidthhyphen\n"},
		// Hidden text: phishing and previews.
		{"a<span style='font-size:1px'>b</span><span style='font-size:.5px'>c</span><span style='font-size:0.05em'>d</span><span style='FONT:0/0 a'>e</span>f", "af\n"},
		{"<td style='font-size:0'>gap<div style='display:inline-block;font-size:14px'>seen</div>gap<p style='font-size:100%'>gap", "seen\n"}, // the gaps between blocks of a page
		{"<p style='font: bold 12px/1 Arial'>a<p style='font:400 14pt serif'>b<p style='font-size:x-small'>c", "a\n\nb\n\nc\n"},
		{"a<div style='visibility:hidden'>b<span style='visibility:visible'>c</span>d</div>e", "a\nc\ne\n"},
		{"a<p style='opacity:0'>b</p><p style='opacity:.0'>c</p><p style='opacity:1'>d</p>", "a\n\nd\n"},
		{"a<i style='height:0;overflow:hidden'>b</i><i style='height:0'>c</i><i style='width:1px;height:1px;overflow:hidden'>d</i><i style='overflow:hidden;height:20px'>e</i>", "ace\n"},
		{"a<i style='text-indent:-9999px'>b</i><i style='position:absolute;left:-10000px'>c</i><i style='position:absolute;left:-20px'>d</i><i style='left:-9999px'>e</i><i style='position:absolute;clip:rect(0 0 0 0)'>f</i>", "ade\n"},
		{"a<i style='color:#fff;background-color:#FFFFFF'>b</i><i style='color:white'>c</i><i style='color:white;background:#ffffff'>d<b style='color:red'>e</b></i><i style='color:transparent'>f</i>", "ace\n"},
		{"a<i aria-hidden=true>b</i><details>c<summary>d</summary></details>", "ab\nc\nd\n"},
		{"<div style='display:none;max-height:0'>Preview&nbsp;&zwnj;&#847;&nbsp;&shy;</div>text&#8203;&#65279;", "text\n"},
		{"a<p hidden>b<div>c</div><table><tr><td hidden>d<td>e<tr style='display:none'><td>f<td>g<tr><td>h</table><ul><li hidden>i<ul><li>j</ul>k<li>l</ul>m", "a\nc\ne\nh\n\n- l\n\nm\n"},
		{"<table><tr><td><div style='display:none'>a</td><td>b</td></tr></table>c", "b\n\nc\n"}, // end tags that are missing
		{"<table><tr><td style='font-size:0'><table><tr><td>a</td><td style='font-size:12px'>b</td></tr></table>c</td><td>d</td></tr></table>e", "b\n\nd\n\ne\n"},
		{"<div style='display:none'><b>a</div>b</b>", "b\n"},
		{"<span style='display:none'><div style='display:none'>a</span>b</div>c", "b\nc\n"},
		{"<p style='display:none'>a</p></p><p>b", "b\n"},
		// Style sheets.
		{"<style>.pre, td.x{display:none!important} #i { visibility : hidden } b{mso-hide:all}</style><p class='a PRE'>a</p><p class=x>b</p><p id=i>c</p><b>d</b>", "b\n\nd\n"},
		{"<style><!-- @import url(x); @media print{.a{display:none} .b{display:none}} /* .a{display:none} */ .c{display:none} .d .e{display:none} .f:hover{display:none} --></style><i class=a>a</i><i class=b>b</i><i class=c>c</i><i class=e>e</i><i class=f>f</i>", "abef\n"},
		{"<style>.m{display:none}.s{display:block}.m{color:red}</style><i class=m style='display:block'>a</i><i class='m s'>b</i><i class=m>c</i>", "ab\n"},
		{"<style>.m{display:none}</style><p class=m>only this", "only this\n"},
		// White space.
		{"<div style='white-space:pre-wrap'>a\n  b\n\nc</div><div>d\ne</div>", "a\n  b\n\nc\nd e\n"},
		{"<span style='white-space:pre'>a\n<span style='white-space:normal'>b\nc</span></span>", "a\nb c\n"},
		{"<div>a</div><div><br></div><div>b<br></div><div>c</div>", "a\n\nb\nc\n"},
		{"a\x01\x7fb<pre>c\x01\x7f\u0085d</pre>", "a b\ncd\n"},
		{"<p>می\u200cخواهم a\u200cb &zwnj; c", "می\u200cخواهم ab c\n"},
		// Tables.
		{"<table><tr><th><p>Item</p></th><th><p>Price</p></th></tr><tr><td><p class=MsoNormal>Pen</p></td><td><p class=MsoNormal>2&nbsp;EUR</p></td></tr></table>", "Item\tPrice\nPen\t2 EUR\n"},
		{"<table><tr><td>a</td><td></td><td>&nbsp;</td></tr><tr><td></td><td>b</td></tr></table>", "a\nb\n"},
		{"<table><tr><td>a</td><td></td><td>b</td></tr></table>", "a\t\tb\n"},
		{"<table role=presentation><tr><td><p>Menu</p></td><td><p>Dear Ann,</p><p>Hello.</p></td></tr></table>", "Menu\n\nDear Ann,\n\nHello.\n"},
		{"<table><tr><td><table><tr><td><p>left</p></td></tr></table></td><td><p>right</p></td></tr></table>", "left\n\nright\n"},
		// Links and pictures.
		{"<a href='mailto:ann@example.org?subject=Hello%20there'>Ann@example.org</a> <a href='https://www.example.org/'>Example.org</a> <a href='mailto:?body=x'>share</a>", "Ann@example.org Example.org share\n"},
		{"<a href='https://example.org/confirm'><img src=x alt='Confirm'></a> <a href='https://example.org/'><img src=x alt='image001.png'></a><img src=x alt=Logo> text", "Confirm <https://example.org/confirm> text\n"},
		{"<p><img src=a alt='Sale ends today'><img src=b alt='logo.png'></p>", "Sale ends today\n"},
		{"<a href='https://example.org/' style='display:none'>x</a>y", "y\n"},
		// What is no HTML, and what is read as text.
		{"a<svg><title>b</title><text>c</text></svg>d<svg><p>e", "ad\n\ne\n"},
		{"<noscript><p>a <b>b</b></p></noscript><object>c</object><video>d</video>", "a b\n\ncd\n"},
		{"<xmp>a <b>\nb</xmp>c", "a <b>\nb\nc\n"},
		{"<menu><li>a</menu><dl><dt>b<dd>c</dl><select><option>d</select>", "- a\n\nb\nc\n"},
	} {
		m := parse(t, []byte("Content-Type: text/html; charset=utf-8\n\n"+tt.html))
		if m.Text != tt.want {
			t.Errorf("%s\n got %q\nwant %q", tt.html, m.Text, tt.want)
		}
	}
}
