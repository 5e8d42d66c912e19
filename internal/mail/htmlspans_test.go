package mail_test

import (
	"strings"
	"testing"

	"postern/internal/mail"
)

// newHTML is the HTML without what its spans cover.
func newHTML(m *mail.Message) string {
	var b strings.Builder
	at := 0
	for _, s := range m.HTMLSpans {
		if s.Kind != mail.SpanUnsure {
			b.WriteString(m.HTML[at:s.Start])
			at = s.End
		}
	}
	return b.String() + m.HTML[at:]
}

// TestNewHTML: without what is not new, the HTML is as whole as it was.
func TestNewHTML(t *testing.T) {
	t.Parallel()
	const attribution = "On Mon, Jan 5, 2026 at 2:04 PM Support &lt;support@example.com&gt; wrote:"
	for _, tt := range []struct{ name, html, want string }{
		{"nothing", "<p>a</p>", "<p>a</p>"},
		{"quote below", "<div>a</div><div>" + attribution + "</div><blockquote>q</blockquote>", "<div>a</div>"},
		{"quote above", "<div>" + attribution + "</div><blockquote>q</blockquote><div>a</div>", "<div>a</div>"},
		{"quote between", "<p>a</p><blockquote><p>q</p></blockquote><p>b</p><blockquote>r</blockquote><p>c</p>", "<p>a</p><p>b</p><p>c</p>"},
		{"quote that begins in an element and ends behind it", "<div>a<div>From: Support &lt;s@example.com&gt;<br>Sent: 5.1.2026<br>To: Ann<br>Subject: x</div></div><p>q</p><p>r</p>", "<div>a</div>"},
		{"text alone", "a\n\nOn Mon, Jan 5, 2026 at 2:04 PM Support wrote:\n&gt; q\n&gt; r\nb", "a\nb"},
		{"in pre", "<pre>a\n\n" + attribution + "\n&gt; q\n\nb</pre>", "<pre>a\n\nb</pre>"},
		{"breaks", "<div>a<br><br>" + attribution + "<br>&gt; q<br>&gt; r<br>b</div>", "<div>a<br>b</div>"},
		{"paragraphs without ends", "<p>a<p>" + attribution + "<blockquote><p>q</blockquote><p>b", "<p>a<p>b"},
		{"in a table", "<table><tr><td>a<br>" + attribution + "<blockquote>q</blockquote></td></tr></table>", "<table><tr><td>a</td></tr></table>"},
	} {
		m := parse(t, []byte("Subject: Re: x\nIn-Reply-To: <a@b>\nContent-Type: text/html; charset=utf-8\n\n"+tt.html))
		checkSpans(t, m)
		if got := newHTML(m); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s\n%v", tt.name, got, tt.want, m.HTMLSpans)
		}
	}
}

// FuzzHTMLSpans: spans of HTML are in order and in range, and a message always has something new.
func FuzzHTMLSpans(f *testing.F) {
	for _, s := range []string{
		"<div>a</div><div class=gmail_quote><div class=gmail_attr>b</div><blockquote class=gmail_quote>c</blockquote></div>", "<div id=divRplyFwdMsg>a", "<p>a<hr id=replySplit>b",
		"<pre>a\n&gt; b\n&#10;c\n", "<table><td class=x_gmail_quote></div>a<td>b", "<div><div class=moz-cite-prefix>a</div></div></div><blockquote type=cite>b", "<div id=Signature>a</div>b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		check(t, parse(t, []byte("Subject: Re: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"+s)))
		check(t, parse(t, []byte("Subject: Fwd: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\na\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"+s+"\r\n--b--\r\n")))
	})
}
