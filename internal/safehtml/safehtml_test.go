package safehtml_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/internal/safehtml"
)

// vectors are those of testdata/xss.txt.
func vectors(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile("testdata/xss.txt")
	if err != nil {
		t.Fatal(err)
	}
	var vs []string
	for ln := range strings.Lines(string(b)) {
		ln = strings.TrimSuffix(ln, "\n")
		switch {
		case ln == "", strings.HasPrefix(ln, "# "):
		case ln[0] == '"':
			v, err := strconv.Unquote(ln)
			if err != nil {
				t.Fatalf("%s: %v", ln, err)
			}
			vs = append(vs, v)
		default:
			vs = append(vs, ln)
		}
	}
	if len(vs) < 300 {
		t.Fatalf("%d vectors", len(vs))
	}
	return vs
}

func file(src string) string {
	if src == "cid:logo@example.org" || src == "/files/1" || src == "logo.png" {
		return "/files/1"
	}
	return ""
}

// TestXSS: whatever the vector, only harmless elements, attributes, addresses and styles come out; they read the same when parsed again.
// Each is also tried in places where parsers change their ways.
func TestXSS(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		for _, around := range [][2]string{
			{"", ""}, {"<div>", "</div>"}, {"<table>", "</table>"}, {"<table><tr><td>", "</td></tr></table>"}, {"<svg>", "</svg>"}, {"<math><mtext>", "</mtext></math>"},
			{"<select>", "</select>"}, {"<p><b><a href=http://example.org>", "x"}, {"<noscript>", "</noscript>"}, {"<template>", "</template>"}, {"<pre>\n", "</pre>"}, {"<!--", "-->x"}, {"<textarea>", "</textarea>"},
		} {
			in := around[0] + v + around[1]
			check(t, in, safehtml.Options{File: file})
			check(t, in, safehtml.Options{File: file, Remote: true})
		}
	}
}

// TestShown: what people send stays as it was meant.
func TestShown(t *testing.T) {
	t.Parallel()
	const rel = ` rel="noopener noreferrer nofollow" target="_blank"`
	for _, tt := range []struct{ name, in, want string }{
		{"paragraphs", "<html><head><title>x</title></head><body><p>a<p>b<br>c</body></html>", "<div><p>a</p><p>b<br/>c</p></div>"},
		{"outlook", `<p class=MsoNormal style='margin:0in 0in .0001pt;mso-style-priority:99'><span style='font-size:11.0pt;font-family:"Calibri",sans-serif;color:#1F497D'>a<o:p></o:p></span></p>`,
			`<p style="margin: 0in 0in .0001pt"><span style="font-size: 11.0pt; font-family: &#34;calibri&#34;,sans-serif; color: #1f497d">a</span></p>`},
		{"outlook rule", `<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'>x</div>`,
			`<div style="border: none; border-top: solid #e1e1e1 1.0pt; padding: 3.0pt 0in 0in 0in">x</div>`},
		{"gmail quote", `<div class="gmail_quote"><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">x</blockquote></div>`,
			`<div><blockquote style="margin: 0px 0px 0px 0.8ex; border-left: 1px solid rgb(204,204,204); padding-left: 1ex">x</blockquote></div>`},
		{"layout table", `<table border=0 cellpadding="0" width="100%" bgcolor="#ffffff"><tr><td align=center valign=top colspan=2>a</table>`,
			`<table bgcolor="#ffffff" border="0" cellpadding="0" width="100%"><tbody><tr><td align="center" colspan="2" valign="top">a</td></tr></tbody></table>`},
		{"lists", "<ul><li>a<ul><li>b</ul><li>c</ul><ol start=3 type=a><li>d</ol>", `<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul><ol start="3" type="a"><li>d</li></ol>`},
		{"text in a table", "<table>a<tr>b<td>c</table>d", "<table><tbody><tr><td>a</td></tr><tr><td>b</td><td>c</td></tr></tbody></table>d"},
		{"nested table without cell", "<table><table><td>x</table>y", "<table><tbody><tr><td><table><tbody><tr><td>x</td></tr></tbody></table>y</td></tr></tbody></table>"},
		{"columns", "<table><col width=10><colgroup><col span=2></colgroup><caption>c</caption><thead><th>h", `<table><colgroup><col width="10"/></colgroup><colgroup><col span="2"/></colgroup><caption>c</caption><thead><tr><th>h</th></tr></thead></table>`},
		{"links", `<a href="HTTP://Example.org/a b?c=1&d=50%">x</a><a href="mailto:ann@example.org?subject=x">y</a><a name=top>z</a>`,
			`<a href="http://Example.org/a%20b?c=1&amp;d=50%25"` + rel + `>x</a><a href="mailto:ann@example.org?subject=x"` + rel + `>y</a>z`},
		{"loose link", `<a href="https://example.org/{x}?a=b|c&amp;d='e' #f` + "\n" + `g">x</a>`, `<a href="https://example.org/%7Bx%7D?a=b%7Cc&amp;d=&#39;e&#39;%20#fg"` + rel + `>x</a>`},
		{"link in link", `<a href="http://a.example/">a<a href="http://b.example/">b</a></a>c`, `<a href="http://a.example/"` + rel + `>a</a><a href="http://b.example/"` + rel + `>b</a>c`},
		{"pictures", `<img src="cid:logo@example.org" alt="Logo"><img src='cid:other'><img src="logo.png"><img src="http://example.org/a.png" alt=A width=10><img src="http://example.org/p.gif" width=1>`,
			`<img alt="Logo" src="/files/1"/><img src="/files/1"/><img alt="A" width="10"/>`},
		{"data", `<img src="data:image/png;base64, iVBORw0K Ggo=">`, `<img src="data:image/png;base64,iVBORw0KGgo="/>`},
		{"body's colours", `<body bgcolor="#EEE" style="margin:0;background:#fff url(x.png) no-repeat">x`, `<div style="background-color: #eee; margin: 0; background-color: #fff">x</div>`},
		{"plain in HTML", `<div style="white-space: pre-wrap">a
  b</div>`, "<div style=\"white-space: pre-wrap\">a\n  b</div>"},
		{"pre", "<pre>\n\n  a\n</pre>", "<pre>\n\n  a\n</pre>"},
		{"preheader stays hidden", `<div style="display:none!important;max-height:0;opacity:0;font-size:0px">x</div>`, `<div style="display: none; max-height: 0; opacity: 0; font-size: 0px">x</div>`},
		{"hidden stays hidden", `a<p hidden>b</p><i style="position:absolute; left:-9999px">c</i><i style="text-indent:-1000px">d</i><i style="position:absolute;left:0">e</i>`,
			`a<p style="display: none">b</p><i style="display: none">c</i><i style="display: none">d</i><i>e</i>`},
		{"style sheets", `<style>body{background:#EEE} p.MsoNormal, li.MsoNormal {margin:0in; position:fixed} .x{color:red} .x{display:none!important} #i{color:#000} @media print{p{color:blue}} a b{color:blue} .y{background:url(http://evil.example/)}</style>` +
			`<body><p class=MsoNormal>a<p class="Y x" id=I style="color:green">b<b class=y>c</b><p>d`,
			`<div style="background-color: #eee"><p style="margin: 0in">a</p><p style="color: red; display: none; color: #000; color: green">b<b>c</b></p><p>d</p></div>`},
		{"content of what is left out stays", "<form><label>a</label> <button>b</button></form><svg><text>c</text></svg><object>d</object><select><option>e</select><noscript>f</noscript><video>g</video><center>h</center>",
			"<div>a b</div>cdefg<center>h</center>"},
		{"conditional comments", "a<!--[if mso]><p>b</p><![endif]--><![if !mso]>c<![endif]>", "ac"},
		{"misnested", "<b><i>a</b>b</i><p><b>c<p>d</b>e", "<b><i>a</i></b>b<p><b>c</b></p><p>de</p>"},
		{"characters", "a\u00a0&copy;&#128512;&lt;&#0;\u202ex", "a\u00a0©😀&lt;\u202ex"},
		{"right to left", `<p dir=rtl align="right">x</p>`, `<p align="right" dir="rtl">x</p>`},
		{"font", `<font face="Arial, Helvetica" size="+1" color=red>x</font>`, `<font color="red" face="Arial, Helvetica" size="+1">x</font>`},
		{"nothing", " \n", ""},
	} {
		p := check(t, tt.in, safehtml.Options{File: file})
		if p.HTML != tt.want {
			t.Errorf("%s\n   %s\ngot  %s\nwant %s", tt.name, tt.in, p.HTML, tt.want)
		}
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()
	const in = `<table background="http://example.org/b.png"><tr><td><img src="https://example.org/a.png"><img src=http://example.org/p.gif srcset="http://example.org/q.gif 2x" width=1 alt="p"><img src="cid:logo@example.org"><img src="//example.org/c.png"></table>`
	p := check(t, in, safehtml.Options{File: file})
	if want := `<table><tbody><tr><td><img alt="p" width="1"/><img src="/files/1"/></td></tr></tbody></table>`; p.HTML != want || p.Blocked != 3 {
		t.Errorf("got %d blocked, %s", p.Blocked, p.HTML)
	}
	p = check(t, in, safehtml.Options{File: file, Remote: true})
	if want := `<table background="http://example.org/b.png"><tbody><tr><td><img src="https://example.org/a.png"/><img alt="p" src="http://example.org/p.gif" width="1"/><img src="/files/1"/></td></tr></tbody></table>`; p.HTML != want || p.Blocked != 0 {
		t.Errorf("remote: got %d blocked, %s", p.Blocked, p.HTML)
	}
	if a, b := safehtml.CSP(false), safehtml.CSP(true); strings.Contains(a, "http") || !strings.Contains(b, "img-src 'self' data: http: https:;") || strings.Contains(a+b, "allow-scripts") {
		t.Errorf("policies %q and %q", a, b)
	}
}

// TestHostile: 128 KiB of anything takes bounded time and makes bounded output.
func TestHostile(t *testing.T) {
	for _, piece := range []string{
		"<div>", "<p>", "<b>", "<a href=http://x.example>", "<font color=red><p>x", "<table>", "<table><tr><td>", "<td>", "<li>", "<dl><dt><dd>", "<p style=color:red>", `<p style='color:\41\41;font-family:"a'>`, "<h1>",
		"<img src=http://a.example>", "'", `"`, "<", "&", "&#", "<!--", "<p x=", "<p x='", "</p>", "</table>", "<p a b c d e f g h>", "<template>", "<select>", "<svg><style>", "<table>x", "<ul><li>", "<a href=http://%>", "<title>", "<noscript>", "\x00", "\r", "<pre>\n", "<style>.a{color:red}</style><b class=a>", "<style>p,b,i,.a{color:red;margin:0", "<b class=a id=b hidden>",
	} {
		in := strings.Repeat(piece, (128<<10)/len(piece))
		part := in[:16<<10]
		for _, in := range []string{in, "<p style='" + part, "<p " + part, strings.Repeat("<div>", 249) + part, "<a href='http://x.example/" + part} {
			began := cpu(t)
			p := safehtml.Sanitize(in, safehtml.Options{})
			if took := cpu(t) - began; took > 4*time.Second || len(p.HTML) > 2<<20 { // a tenth of it without the race detector
				t.Errorf("%.30q: %v, %d bytes", in, took, len(p.HTML))
			}
		}
	}
	check(t, strings.Repeat("'", 1<<20), safehtml.Options{})
	if p := check(t, strings.Repeat(`<a href="http://'''''/">x`, 1<<16), safehtml.Options{}); !p.Truncated {
		t.Errorf("%d bytes, and not truncated", len(p.HTML))
	}
	check(t, "<style>p{"+strings.Repeat("color:red;", 90)+"}</style><p style='"+strings.Repeat("color:red;", 400)+"' hidden>x", safehtml.Options{})
	sheet := "<style>.a{" + strings.Repeat("color:red;", 90) + "}</style>"
	if p := check(t, sheet+strings.Repeat("<b class=a>x</b>", 1<<15), safehtml.Options{}); p.Truncated || strings.Count(p.HTML, "x") != 1<<15 {
		t.Errorf("style sheet: truncated %t, %d left", p.Truncated, strings.Count(p.HTML, "x"))
	}
	if p := check(t, strings.Repeat("<div>", 10_000)+"x"+strings.Repeat("</div>", 10_000)+"y", safehtml.Options{}); strings.Count(p.HTML, "<div>") != 250 || !strings.HasSuffix(p.HTML, "</div>y") {
		t.Errorf("deep: %d elements, end %q", strings.Count(p.HTML, "<div>"), p.HTML[len(p.HTML)-20:])
	}
}

// BenchmarkSanitize is a page of 20 KiB as Outlook writes it, and a mebibyte of the costliest troubles that were found.
func BenchmarkSanitize(b *testing.B) {
	const outlook = "<p class=MsoNormal style='margin:0in;font-size:11.0pt'><span lang=EN-US style='font-family:\"Calibri\",sans-serif'>The printer on the <b>third floor</b> says that its <a href=\"https://example.com/tray\">tray</a> is empty.<o:p></o:p></span></p>\r\n"
	for _, bb := range []struct {
		name, piece string
		size        int
	}{
		{"page-20KiB", outlook, 20 << 10}, {"links-1MiB", "<a href=http://x.example>", 1 << 20}, {"styles-1MiB", `<p style='color:\41\41;font-family:"a"'>`, 1 << 20}, {"paragraphs-1MiB", "<p>", 1 << 20},
		{"deep-1MiB", "<div><b><table><td>", 1 << 20},
	} {
		in := strings.Repeat(bb.piece, bb.size/len(bb.piece))
		b.Run(bb.name, func(b *testing.B) {
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			began := cpu(b)
			for b.Loop() {
				safehtml.Sanitize(in, safehtml.Options{})
			}
			b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// cpu is the processor time of this process: other work on the machine does not count.
func cpu(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// FuzzSafe: what is true of the vectors is true of anything.
func FuzzSafe(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, in string) {
		check(t, in, safehtml.Options{File: file})
		check(t, in, safehtml.Options{File: file, Remote: true})
	})
}
