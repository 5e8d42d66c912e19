package mail_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"postern/internal/mail"
)

const plainHeader = "Return-Path: <ann@bigcorp.example>\r\n" +
	"Received: from mail.bigcorp.example (mail.bigcorp.example [192.0.2.7])\r\n\tby mx.example.com (Postfix) with ESMTPS id 4ZqR7k1x8Bz9sRk\r\n" +
	"\tfor <support@example.com>; Mon, 5 Jan 2026 15:04:07 +0100 (CET)\r\n" +
	"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=bigcorp.example; s=2025;\r\n\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;\r\n" +
	"\tb=dGhpcyBpcyBub3QgYSByZWFsIHNpZ25hdHVyZSBidXQgaXMgYXMgbG9uZyBhcyBvbmU=\r\n" +
	"From: =?utf-8?Q?Ann_M=C3=BCller?= <ann@bigcorp.example>\r\nTo: Support <support@example.com>\r\nCc: \"Lee, Bob\" <bob@bigcorp.example>\r\n" +
	"Subject: Printer on the 3rd floor =?utf-8?B?bMOkdWZ0?= not\r\nDate: Mon, 5 Jan 2026 15:04:05 +0100\r\n" +
	"Message-ID: <9f1c2b7e@bigcorp.example>\r\nIn-Reply-To: <77aa@example.com>\r\nReferences: <11aa@example.com> <77aa@example.com>\r\n" +
	"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"

// plainMail is a reply of size bytes: two thirds of it new, the rest quoted.
func plainMail(size int) []byte {
	var b bytes.Buffer
	b.WriteString(plainHeader)
	for b.Len() < size*2/3 {
		b.WriteString("The printer says that its tray is empty, and it is not: I have looked.\r\n")
	}
	b.WriteString("\r\n-- \r\nAnn Müller\r\nBigcorp\r\n\r\nOn Mon, Jan 5, 2026 at 2:04 PM Support <support@example.com> wrote:\r\n\r\n")
	for b.Len() < size {
		b.WriteString("> Dear Ann, please look whether there is paper in the tray.\r\n")
	}
	return b.Bytes()
}

func htmlMail() []byte {
	var b bytes.Buffer
	b.WriteString("From: Ann <ann@bigcorp.example>\r\nTo: support@example.com\r\nSubject: Hello\r\nDate: Mon, 5 Jan 2026 15:04:05 +0100\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>p{margin:0}</style></head><body>")
	for b.Len() < 20<<10 {
		b.WriteString("<div style=\"margin:0\"><p class=MsoNormal><span lang=EN>The printer on the <b>third floor</b> says that its <a href=\"https://example.com/tray\">tray</a> is empty.</span></p></div>\r\n")
	}
	b.WriteString("</body></html>\r\n")
	return b.Bytes()
}

// fileMail is a mail with an attachment of size bytes.
func fileMail(size int) []byte {
	var b bytes.Buffer
	b.WriteString("From: Ann <ann@bigcorp.example>\r\nTo: support@example.com\r\nSubject: A file\r\nDate: Mon, 5 Jan 2026 15:04:05 +0100\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain\r\n\r\nHere it is.\r\n--b1\r\n" +
		"Content-Type: application/pdf; name=\"a.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	data := bytes.Repeat([]byte("The quick brown fox jumps over the lazy dog, and then it does so again. "), size/72+1)[:size]
	for text := base64.StdEncoding.EncodeToString(data); text != ""; {
		n := min(76, len(text))
		b.WriteString(text[:n] + "\r\n")
		text = text[n:]
	}
	b.WriteString("--b1--\r\n")
	return b.Bytes()
}

func BenchmarkParse(b *testing.B) {
	for _, bb := range []struct {
		name string
		make func() []byte
	}{
		{"plain-4KiB", func() []byte { return plainMail(4 << 10) }}, {"plain-100KiB", func() []byte { return plainMail(100 << 10) }}, {"html-20KiB", htmlMail},
		{"file-100KiB", func() []byte { return fileMail(73 << 10) }}, {"file-25MB", func() []byte { return fileMail(18 << 20) }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			raw := bb.make()
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			start := cpu()
			for b.Loop() {
				m, err := mail.Parse(bytes.NewReader(raw), mail.Options{})
				if err != nil {
					b.Fatal(err)
				}
				_ = m.NewText()
			}
			b.ReportMetric(float64((cpu()-start).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

// repeated is size bytes of s over and over, without holding them.
type repeated struct {
	s    string
	at   int
	left int64
}

func (r *repeated) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n < len(b) && r.left > 0 {
		k := copy(b[n:], r.s[r.at:])
		k = int(min(int64(k), r.left))
		n, r.at, r.left = n+k, (r.at+k)%len(r.s), r.left-int64(k)
	}
	return n, nil
}

// A hostile message is head, then size bytes of body over and over.
type hostile struct {
	name, head, body string
	size             int64
}

func (h hostile) reader() io.Reader {
	return io.MultiReader(strings.NewReader(h.head), &repeated{s: h.body, left: h.size})
}

// cmsHead begins an S/MIME file whose content is signed, up to that.
const cmsHead = "0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80"

// compressedCMS is an S/MIME file of text (RFC 3274), in BER.
func compressedCMS(text string) string {
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	content := string(binary.BigEndian.AppendUint32([]byte("\x04\x84"), uint32(b.Len()))) + b.String()
	return "0\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09\xa0\x80\x30\x80\x02\x01\x00\x30\x0d\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x03\x08" +
		"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80" + content + strings.Repeat("\x00", 12)
}

// binhexBomb is as much of BinHex as that, of a file of one byte over and over.
func binhexBomb(size int) string { return binhex("a", make([]byte, size*3/8*254)) }

// icsTop begins a mail of an event.
const icsTop = "Content-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\n"

// tnefTop begins a mail of a TNEF, and rtfTop the property of one that has the rest for its rich text, up to how that is packed.
const (
	tnefTop = "Content-Type: application/ms-tnef\r\nContent-Transfer-Encoding: binary\r\n\r\n" + tnefStart
	rtfTop  = "\x01\x03\x90\x06\x00\xff\xff\xff\xff\x01\x00\x00\x00\x02\x01\x09\x10\x01\x00\x00\x00\xff\xff\xff\x7f\x00\x00\x00\x00\xff\xff\xff\x7f"
)

// hostiles returns messages made to cost more than they should, each of size bytes or so.
func hostiles(size int64) []hostile {
	const top = "From: a@example.org\r\nDate: Mon, 5 Jan 2026 15:04:05 +0100\r\n"
	const plain, page = top + "\r\n", top + "Content-Type: text/html\r\n\r\n"
	const mixed = top + "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	var nested, deep, prefixes strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&nested, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	for range 45 {
		deep.WriteString("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n")
	}
	for i := range 45 { // each delimiter begins the next
		b := strings.Repeat("b", i+1)
		fmt.Fprintf(&prefixes, "Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n", b, b)
	}
	daemon := "Return-Path: <>\r\nFrom: MAILER-DAEMON@a.example\r\n"
	bounce := daemon + "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
	dsn := bounce + "Content-Type: message/delivery-status\r\n\r\n"
	return []hostile{
		{"greater", plain, ">", size}, {"greater-lines", plain, ">\n", size}, {"greater-blank", plain, "> a\n\n", size}, {"paren", plain, "(", size}, {"dashes", plain, "--", size}, {"newlines", plain, "\n", size}, {"cr", plain, "\r", size},
		{"colon-lines", plain, "On a:\n", size}, {"from-lines", plain, "From: a\n", size}, {"from-date-lines", plain, "From: a\n\nb\n", size}, {"attribution-lines", plain, "On 1.1.2026 15:04 wrote\n", size},
		{"sent-lines", plain, "Sent from my phone\n", size}, {"sig-lines", plain, "-- \na\n\n> x\n", size}, {"rule-lines", plain, "_____\n", size}, {"words", plain, "=?utf-8?Q?", size}, {"zeros", plain, "\x00", size},
		{"header-words", "Subject: ", "=?", size}, {"header-open-words", "Subject: ", "=?utf-8?Q?", size}, {"header-full-words", "Subject: ", "=?utf-8?Q?a?= ", size}, {"header-mixed-words", "Subject: ", "=?utf-8?Q?a?= =?latin1?B?YQ?= ", size},
		{"from-words", "From: ", "=?utf-8?Q?a?= ", size}, {"from-paren", "From: ", "(", size}, {"from-quote", "From: ", "\"", size}, {"from-angle", "From: ", "<", size}, {"from-at", "From: ", "@", size}, {"from-open", "From: ", "\"(<", size},
		{"from-commas", "From: ", ",", size}, {"from-names", "From: ", "a,", size}, {"from-quoted-pairs", "From: ", "(\\", size}, {"from-many", "From: ", "a@b, ", size}, {"from-colons", "From: ", "a:", size}, {"from-spaced", "From: ", "a @ b ", size},
		{"references", "References: ", "<a@b> ", size}, {"references-different", "References: ", "<1@b><2@b><3@b><4@b><5@b><6@b><7@b><8@b><9@b><0@b>\r\n ", size}, {"references-bare", "References: ", "a@b ", size}, {"header-lines", "", "A: b\r\n", size}, {"header-folds", "A: b\r\n", " c\r\n", size},
		{"header-empty-lines", "", "\r\n", size}, {"header-junk", "A: b\r\n", "From a\r\n", size}, {"header-blank-folds", "A: b\r\n", " \r\n", size}, {"from-fields", "", "From: a@b\r\n", size}, {"date-fields", "", "Date: x\r\n", size},
		{"params", top + "Content-Type: text/plain", "; a*0=b", size}, {"params-quote", top + "Content-Type: text/plain; a=", "\"", size}, {"params-open", top + "Content-Type: text/plain", "; a=\"", size},
		{"nested-10000", top + nested.String(), "text\r\n", size / 10}, {"deep-delimiters", top + deep.String(), "--b\r\n", size}, {"deep-near-delimiters", top + deep.String(), "--c\r\n", size}, {"many-parts", mixed, "--b\r\n\r\na\r\n", size}, {"many-files", mixed, "--b\r\nContent-Type: a/b\r\n\r\na\r\n", size},
		{"many-multiparts", mixed, "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\na\r\n", size}, {"preambles", mixed, "--c\r\n", size}, {"big-texts", mixed, "--b\r\n\r\n" + strings.Repeat("a\n", 1<<19) + "\r\n", size},
		{"big-pages", mixed, "--b\r\nContent-Type: text/html\r\n\r\n" + strings.Repeat("<p>a", 1<<18) + "\r\n", size}, {"short-pages", mixed, "--b\r\nContent-Type: text/html\r\n\r\n<p>a\r\n", size},
		{"div", page, "<div>", size}, {"blockquote", page, "<blockquote>a", size}, {"lists", page, "<ul><li>a", size}, {"angle", page, "<", size}, {"tag", page, "<a ", size}, {"attributes", page + "<a ", "b=c ", size}, {"links", page, "<a href=http://a.b>", size}, {"links-text", page + "<a href=http://a.b>", "a<a href=http://a.b>", size},
		{"hidden", page, "<p style=display:none>", size}, {"hidden-cells", page, "<table><tr><td style=font-size:0>a", size}, {"hidden-lists", page, "<li hidden><ul>", size}, {"hidden-ends", page + strings.Repeat("<div style=font-size:0><p hidden>", 60), "</td></i>", size},
		{"styles", page + "<p style='", "left:-9px;", size}, {"style-tags", page, "<b style='font:1px a;color:#fff'>", size}, {"sheet", page + "<style>", ".a{display:none}", size}, {"sheet-open", page + "<style>", "@a{/*", size},
		{"sheet-classes", page + "<style>.a{display:none}</style>", "<b class='b c d e f'>a", size}, {"cells", page + "<table><tr>", "<td>a", size}, {"rows", page + "<table>", "<tr><td><p>a</p><td>", size}, {"alts", page, "<img alt=a>", size}, {"link-alts", page, "<a href=http://a.b><img alt=c>", size},
		{"noscript", page, "<noscript>", size}, {"comments", page, "<!--", size}, {"entities", page, "&amp;", size}, {"amp", page, "&", size}, {"script", page, "<script>", size}, {"textarea", page, "<textarea>", size}, {"plaintext", page, "<plaintext>", size}, {"cdata", page, "<![CDATA[", size}, {"cid", page, "cid:", size}, {"br", page, "<br>", size}, {"br-quote", page, "<blockquote><br>a<br>", size},
		{"base64", top + "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n", "A", size}, {"base64-lines", top + "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n", "AA==\r\n", size}, {"base64-bad", top + "Content-Transfer-Encoding: base64\r\n\r\n", "\x00A", size},
		{"quoted", top + "Content-Transfer-Encoding: quoted-printable\r\n\r\n", "=", size}, {"quoted-spaces", top + "Content-Transfer-Encoding: quoted-printable\r\n\r\n", " ", size}, {"quoted-soft", top + "Content-Type: a/b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n", "=\r\n", size},
		{"flowed", top + "Content-Type: text/plain; format=flowed\r\n\r\n", ">> a \r\n", size}, {"utf-16", top + "Content-Type: text/plain; charset=utf-16\r\n\r\n", "\xd8\x00", size}, {"iso-2022-jp", top + "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n", "\x1b$B", size}, {"hz", top + "Content-Type: text/plain; charset=hz-gb-2312\r\n\r\n", "~{", size},
		{"line-of-text", plain, "a", size}, {"line-of-page", page, "a", size}, {"line-of-header", "X-A: ", "a", size}, {"line-of-words", plain, "a ", size}, {"line-of-delimiter", mixed, "--b", size}, {"prefix-delimiters", top + prefixes.String(), "--bbb\r\n", size},
		{"prefix-near-delimiters", top + prefixes.String(), "--" + strings.Repeat("b", 60) + "\r\n", size}, {"digest", top + "Content-Type: multipart/digest; boundary=b\r\n\r\n", "--b\r\n\r\nA: b\r\n\r\n", size},
		{"wrote-lines", plain, "a@b 1 wrote:\n", size}, {"wrote-blank-lines", plain, "On 1 a@b wrote:\n\n", size}, {"wrote-quote-lines", plain, "On 1 a@b wrote:\n> a\n", size}, {"label-lines", plain, "From: a\nSent: b\n", size}, {"label-first-lines", plain, "Date: a\nFrom: b\n", size},
		{"long-wrote-lines", plain, "On " + strings.Repeat("a ", 140) + "\n", size}, {"reply-quotes", "Subject: Re: x\r\n\r\n", "> a\nb\n", size}, {"marker-lines", plain, "----- a -----\n", size}, {"dash-marks", plain, "---- - ", size},
		{"inline-tags", page, "<b>", size}, {"tables", page, "<table><tr><td>a", size}, {"closing", page, "</div>", size}, {"open-quote", page + "<a b=\"", "c ", size}, {"title", page, "<title>", size}, {"hidden-nested", page + "<div hidden>", "<div>", size}, {"pre", page, "<pre>\n", size},
		{"from-no-commas", "From: ", "Ann <a@b> ", size}, {"lost-folds", "", "X-A: " + strings.Repeat("a", 70) + "\nbbb ccc\nY: d\n", size}, {"names-alone", "", "From\n : a@b\n", size},
		{"words-8bit", "Subject: ", "=?koi8-r?Q?=D0=D2?=\r\n ", size}, {"jis", plain, "\x1b$B%(", size}, {"utf-7", top + "Content-Type: text/plain; charset=utf-7\r\n\r\n", "+", size}, {"utf-7-long", top + "Content-Type: text/plain; charset=utf-7\r\n\r\n+", "2D3eAA", size},
		{"raw-koi8", "Content-Type: text/plain; charset=koi8-r\r\nSubject: ", "\xd0\xd2 ", size}, {"raw-to", "Content-Type: text/plain; charset=gbk\r\nTo: ", "\xd0\xd2<a@b>, ", size}, {"report", top + "Content-Type: message/delivery-status\r\n\r\n", "Action: delayed\r\n", size},
		{"marks", page, "<div class=gmail_quote>a", size}, {"marks-closed", page, "<div class=gmail_quote>a<br></div>", size}, {"marks-signature", page, "a<div id=Signature>b</div>", size}, {"marks-rest", page, "<hr id=replysplit>a", size},
		{"marks-attribution", page, "<div class=gmail_attr>a<br>", size}, {"marks-crossed", page, "<div class=gmail_quote><p><blockquote type=cite></div>a", size}, {"marks-attributes", page, "<div a=b c=d class=x_x_x_ydpaaaaaaaaaaagmail id='e' style=\"border-top:x\">", size}, {"page-quotes", page, "<blockquote>a</blockquote>b", size},
		{"page-lines", page, "<pre>\n&gt; a\nb\n", size}, {"page-attributions", page, "<p>On 1.1.2026 15:04 a@b wrote:<blockquote>", size}, {"agree", top + "Subject: Re: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<div>a</div><div class=gmail_quote>" + strings.Repeat("aaaa bbbb ", 1<<16) + "</div>\r\n--b\r\n\r\n", "aaaa\nbbbb\n", size},
		{"quote-styles", plain, "A> b\nC> d\n", size}, {"wrote-bars", plain, "a wrote\n| b\n", size}, {"verbs", plain, "wrotewrotewrote on 1.1.2026\nwrote:\n", size}, {"paragraphs", plain, "this e-mail\n\n", size}, {"notices", plain, "a\n\nthis e-mail is confidential and intended solely for you and nobody else at all\n\n", size},
		{"one-paragraph", plain, "this e-mail is\n", size}, {"headers-inside", plain, "From: a@b\nSent: 1\nTo: c\n\n\n", size}, {"rules-inside", plain, "---a---\n", size},
		{"rfc2231", top + "Content-Type: text/plain", "; name*1*=%41", size}, {"domains", "From: ", "a@\xc3\xbc.\xc3\xbc.b, ", size}, {"flowed-line", top + "Content-Type: text/plain; format=flowed\r\n\r\n", "a \r\n", size}, {"gb18030", top + "Content-Type: text/plain; charset=gb18030\r\n\r\n", "\x81\x30", size},
		{"guessed-words", "Subject: ", "=?x-unknown?Q?=E4=F6?= ", size}, {"guessed-parts", mixed, "--b\r\n\r\n" + strings.Repeat("\xcf\xf0\xe8\xe2 ", 200) + "\r\n", size}, {"guessed-lines", top + "Content-Type: text/plain; charset=utf-8\r\n\r\n", "Привет\n\xcf\xf0\xe8\n", size}, {"guessed-han", plain, "\xd6\xd0\xce\xc4", size},
		{"iso-2022-lines", top + "Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n\x1b$B", "4A\n", size}, {"shift-out", top + "Content-Type: text/plain; charset=iso-2022-kr\r\n\r\n", "\x0e6\x0f", size}, {"escapes", top + "Content-Type: text/plain; charset=iso-2022-jp-2\r\n\r\n", "\x1b", size}, {"meta", page + "\xe4", "<meta ", size}, {"wrong-label", top + "Content-Type: text/plain; charset=big5\r\n\r\n", "\xff\xe4 ", size},
		{"from-comments-after-at", "From: ", "a@(b)", size}, {"from-colon", "From: ", "a@b:", size}, {"from-angle-colon", "From: ", "<a@b>:", size}, {"from-dots", "From: ", "a@ . ", size}, {"from-raw", "From: ", "\xe4<a@b>, ", size}, {"from-raw-fields", "", "From: \xe4<a@b>\r\n", size}, {"from-escapes", "From: ", "\x1b$B<a@b>\x1b(B,", size},
		{"cr-cr-lf", "", "A: b\r\r\n", size}, {"blanks-before-field", "A: b\r\n", strings.Repeat(" \r\n", 19) + "A: b\r\n", size}, {"many-blanks-before-field", "A: b\r\n", strings.Repeat(" \r\n", 5000) + "A: b\r\n", size}, {"run-on", top + "Content-Type: text/plain", "; a=b charset=c charset=d", size}, {"run-on-value", top + "Content-Type: text/plain; a=b", " charset=c", size}, {"nameless", "A: b\r\n", ": c\r\nA: b\r\n", size}, {"date", "Date: ", "1 : ", size},
		{"rfc822", top + "Content-Type: message/rfc822\r\n\r\n", "A: b\r\n\r\n", size}, {"8bit", plain, "\xe4\xf6", size}, {"high-subject", "Subject: ", "\xe4", size}, {"brackets", "Subject: ", "[a] ", size},
		{"armor", plain, "-----BEGIN PGP MESSAGE-----\n> a\n", size}, {"alternative-plains", top + "Content-Type: multipart/alternative; boundary=b\r\n\r\n", "--b\r\n\r\n" + strings.Repeat("a ", 500) + "\r\n", size}, {"near-delimiters", top + "Content-Type: multipart/mixed; boundary=" + strings.Repeat("b", 70) + "\r\n\r\n", "--" + strings.Repeat("B", 69) + "\r\n", size},
		{"locations-different", mixed + "--b\r\nContent-Type: a/b\r\nContent-Location: x\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Location: http://a.b/" + strings.Repeat("a/", 900) + "\r\n\r\n", manyLocations(), size},
		{"marks-drawn", page, "<div style='border:none;border-top:solid #E1E1E1 1.0pt'>a", size}, {"alternative-spaces", top + "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\n" + strings.Repeat(" ", 900<<10) + "a\r\n", "--b\r\n\r\nb\r\n", size},
		{"many-tnef", mixed, "--b\r\nContent-Type: application/ms-tnef\r\n\r\n" + tnefStart + attribute(1, tnefBody, strings.Repeat("\xa4\xa4", 1<<19)) + "\r\n", size}, {"header-names", "Subject: Re: x\r\n\r\n", "From: a\n" + strings.Repeat("b\n", 39), size},
		{"wrote-paragraphs", "Subject: Re: x\r\n\r\n", "a@b 2026 15:04\nc:\n\n> d\n", size}, {"wrote-long", "Subject: Re: x\r\n\r\n", strings.Repeat("a@b ", 100) + ":\n\n", size},
		{"locations", mixed + "--b\r\nContent-Type: a/b\r\nContent-Location: x\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Location: http://a.b/\r\n\r\n", "<img src=a>", size},
		{"uu-begins", plain, "begin 644 a\n", size}, {"uu-files", plain, "begin 644 a\n`\nend\n", size}, {"uu-long", plain + "begin 644 a\n", "M" + strings.Repeat("`", 60) + "\n", size}, {"uu-stripped", plain + "begin 644 a\n", "M\n", size}, {"uu-open", plain, "begin 644 a\n" + strings.Repeat("M\n", 1000), size},
		{"binhex-begins", plain, "(This file must be converted with BinHex 4.0)\n\n:", size}, {"binhex-bomb", plain + binhexBomb(300<<10) + "\n", "a", size}, {"binhex-signs", plain, "(This file must be converted with BinHex", size}, {"uu-signs", plain, "begin 644 a", size}, {"yenc-begins", plain, "=ybegin size=1 name=a\n", size}, {"yenc-ends", plain, "=ybegin size=1 name=a\na\n=yend size=2\n", size},
		{"ics-lines", icsTop, "ATTENDEE:a@b\n", size}, {"ics-folds", icsTop + "SUMMARY:", "a\n b", size}, {"ics-params", icsTop + "ATTENDEE", ";CN=a", size}, {"ics-quotes", icsTop + "ATTENDEE", ";\"", size}, {"ics-begin", icsTop, "BEGIN:VEVENT\n", size},
		{"ics-zones", icsTop + "DTSTART;TZID=x:20260105T140000\n", "BEGIN:VTIMEZONE\nTZID:x\nBEGIN:STANDARD\nDTSTART:19700101T000000\nRRULE:FREQ=YEARLY\n", size}, {"ics-dates", icsTop + "BEGIN:VTIMEZONE\nBEGIN:STANDARD\nRDATE:", "20260105T140000,", size}, {"ics-parts", mixed, "--b\r\nContent-Type: text/calendar\r\n\r\n" + strings.Repeat("a:b\n", 50_000), size},
		{"tnef-files", tnefTop, attribute(2, tnefRendData, "") + attribute(2, tnefData, "a"), size}, {"tnef-empty", tnefTop, attribute(1, 0, ""), size}, {"tnef-long", tnefTop, "\x01\x03\x90\x06\x00\xff\xff\xff\xff\xff\xff\xff\xff", size},
		{"tnef-properties", tnefTop + "\x01\x03\x90\x06\x00\xff\xff\xff\xff\xff\xff\xff\xff", "\x02\x00\x01\x00\x00\x00\x00\x00", size}, {"tnef-subjects", tnefTop + "\x01\x03\x90\x06\x00\xff\xff\xff\xff\xff\xff\xff\xff", property(0x0037001e, "subject"), size},
		{"tnef-bodies", tnefTop, attribute(1, tnefBody, strings.Repeat("a", 1<<20)), size}, {"tnef-in-tnef", tnefTop, attribute(2, tnefRendData, "") + attribute(2, tnefTitle, "winmail.dat") + "\x02\x0f\x80\x06\x00\xff\xff\xff\x7f" + tnefStart, size},
		{"tnef-messages", tnefTop, attribute(2, tnefRendData, "") + attribute(2, tnefAttachment, properties(property(0x3701000d, iidMessage+tnefStart+attribute(1, tnefBody, "a")))), size},
		{"rtf-bomb", tnefTop + rtfTop + "LZFu\x00\x00\x00\x00", "\xff" + strings.Repeat("\x00\x0f", 8), size}, {"rtf-groups", tnefTop + rtfTop + "MELA\x00\x00\x00\x00{\\rtf1", "{", size}, {"rtf-words", tnefTop + rtfTop + "MELA\x00\x00\x00\x00{\\rtf1", "\\a-1", size}, {"rtf-word", tnefTop + rtfTop + "MELA\x00\x00\x00\x00{\\rtf1\\", "a", size},
		{"rtf-text", tnefTop + rtfTop + "MELA\x00\x00\x00\x00{\\rtf1", "\\'e4\\u8364?\\par", size}, {"rtf-fonts", tnefTop + rtfTop + "MELA\x00\x00\x00\x00{\\rtf1{\\fonttbl", "\\f1\\fcharset128\\f2\\fcharset204", size}, {"rtf-html", tnefTop + rtfTop + "MELA\x00\x00\x00\x00{\\rtf1\\fromhtml1", "{\\*\\htmltag <b>}", size},
		{"dsn", dsn, "Final-Recipient: rfc822; a@b.c\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 a\r\n\r\n", size}, {"dsn-folds", dsn + "Diagnostic-Code: a", "\r\n a", size},
		{"dsn-line", dsn + "Final-Recipient: ", "a", size}, {"dsn-blank-lines", dsn, "\n", size}, {"dsn-escapes", dsn + "Final-Recipient: utf-8; ", "\\x{61}\r\n ", size},
		{"returned", bounce + "Content-Type: message/rfc822\r\n\r\nTo: ", "a@b.c, ", size}, {"returned-headers", bounce + "Content-Type: text/rfc822-headers\r\n\r\n", "To: a@b.c\r\n", size},
		{"notice-addresses", daemon + "\r\n", "<a@b.c>:\r\n550 5.1.1 a\r\n", size}, {"notice-ats", daemon + "\r\n", "a@", size}, {"notice-line", daemon + "\r\n", "undeliver 5.1.1 550 ", size}, {"notice-labels", daemon + "\r\n", "To: a@b.c\r\n", size},
		{"failed-recipients", daemon + "X-Failed-Recipients: ", "a@b.c, ", size}, {"bounce-subject", daemon + "Subject: ", "undeliver ", size},
		{"mails", mixed, "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: a\r\n\r\nb\r\n", size}, {"mails-of-header", mixed, "--b\r\nContent-Type: message/rfc822\r\n\r\n" + strings.Repeat("A:\r\n", 2000), size},
		{"mails-of-files", mixed, "--b\r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n" + strings.Repeat("--c\r\nContent-Type: a/b\r\n\r\na\r\n", 50), size},
		{"mails-of-text", mixed, "--b\r\nContent-Type: message/rfc822\r\n\r\n\r\n" + strings.Repeat("> a\n\nb\n", 20_000), size},
		{"mail-in-mail", top, "Content-Type: message/rfc822\r\n\r\n", size}, {"mail-in-mail-text", top + strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 5), "a\n", size},
		{"cms-open", top + "Content-Type: application/pkcs7-mime\r\n\r\n", "0\x80", size}, {"cms-long", top + "Content-Type: application/pkcs7-mime\r\n\r\n", "0\x84\xff\xff\xff\xff", size},
		{"cms-pieces", top + "Content-Type: application/pkcs7-mime\r\n\r\n" + cmsHead + "\x24\x80", "\x04\x01a\x04\x00\x24\x80", size}, {"cms-bomb", top + "Content-Type: application/pkcs7-mime\r\n\r\n", compressedCMS("\r\n" + strings.Repeat("a\n", int(size/2))), size}, {"cms-text", top + "Content-Type: application/pkcs7-mime\r\n\r\n" + cmsHead + "\x04\x85\xff\xff\xff\xff\xff\r\n", "a\n", size},
	}
}

// manyLocations are addresses of pictures, all different.
func manyLocations() string {
	var b strings.Builder
	for i := range 60_000 {
		fmt.Fprintf(&b, "<a src=%d>", i)
	}
	return b.String()
}
