package mail_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"

	"postern/internal/mail"
)

// textOf is the text of a plain part of those bytes under that label, with one line end taken off.
func textOf(t testing.TB, label, body string) (string, *mail.Message) {
	t.Helper()
	ct := "text/plain"
	if label != "" {
		ct += "; charset=\"" + label + "\""
	}
	m := parse(t, []byte("From: a@example.org\r\nContent-Type: "+ct+"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"+body))
	check(t, m)
	return m.Text, m
}

func TestCharsets(t *testing.T) {
	t.Parallel()
	tests := []struct{ label, in, want string }{
		// The labels that mailers write.
		{"Cp1252", "\x80", "€"}, {"ansi", "\xfc", "ü"}, {"ISO-8859-1", "\x80 \x93x\x94", "€ “x”"}, {"latin1", "\xa4", "¤"}, {"ISO-8859-15", "\xa4", "€"}, {"iso8859_1", "\xfc", "ü"}, {"8859-1", "\xfc", "ü"}, {"ISO-8859-2:1987", "\xb1", "ą"},
		{"windows1250", "\xb9", "ą"}, {"win-1251", "\xcf", "П"}, {"cp-850", "\x81", "ü"}, {"IBM00858", "\xd5", "€"}, {"CP437", "\x81", "ü"}, {"850", "\x81", "ü"}, {"cp852", "\xa5", "ą"}, {"ibm855", "\xe1", "р"}, {"DOS-862", "\x80", "א"},
		{"cp737", "\x80", "Α"}, {"ibm775", "\x81", "ü"}, {"IBM857", "\x8d", "ı"}, {"cp861", "\x8d", "Þ"}, {"cp869", "\x86", "Ά"}, {"cp864", "\xc1", "ﺀ"}, {"cp720", "\xa0", "ب"}, {"cp1125", "\xf4", "Є"}, {"kz-1048", "\xa3", "Ә"},
		{"x-mac-roman", "\x8a", "ä"}, {"MacCyrillic", "\x80", "А"}, {"x-mac-ce", "\x88", "ą"}, {"x-mac-greek", "\xb0", "Α"}, {"x-mac-turkish", "\xdd", "ı"}, {"x-mac-icelandic", "\xdc", "Ð"}, {"x-mac-croatian", "\xb9", "š"}, {"x-mac-romanian", "\xbf", "ș"},
		{"hp-roman8", "\xcc", "ä"}, {"koi8-t", "\xd1", "я"}, {"KOI8-RU", "\xa4", "є"}, {"tis-620", "\xa1", "ก"}, {"ISO-8859-11", "\xa1", "ก"}, {"windows-1258", "\xd0", "Đ"}, {"CP65001", "ü", "ü"}, {"utf8mb4", "ü", "ü"}, {"UTF-8-MAC", "ü", "ü"}, {"windows-28592", "\xb1", "ą"},
		{"charset=koi8-r", "\xd1", "я"}, {"koi8-r; format=flowed", "\xd1", "я"}, {"'koi8-r'", "\xd1", "я"}, {"windows-1251http-equivContent-Type", "\xff", "я"},
		{"iso-8859-8-i", "\xf9\xec\xe5\xed", "שלום"}, {"ISO-8859-8-E", "\xf9", "ש"}, {"logical", "\xf9", "ש"}, {"ISO-8859-6-I", "\xc8", "ب"},
		// Chinese, Japanese, Korean, with what Windows adds.
		{"gb2312", "\x81\x30\x81\x30 \xd6\xd0", "\u0080 中"}, {"GBK", "\x80", "€"}, {"GB18030", "\x82\x35\x8f\x33 \x95\x32\x82\x36", "龦 𠀀"}, {"x-gbk", "\xe9F", "镕"}, {"euc-cn", "\xd6\xd0", "中"}, {"hz", "~{VPND~} x~~", "中文 x~"}, {"cp936", "\xd6\xd0", "中"},
		{"ks_c_5601-1987", "\x8c\x63 \xc7\xd1", "똠 한"}, {"KS_C_5601", "\xc7\xd1", "한"}, {"cp949", "\xb6\xe0", "뜩"}, {"uhc", "\xc7\xd1", "한"}, {"big5-hkscs", "\x87\x40", "䏰"}, {"cp950", "\xa4\xa4", "中"}, {"big5-eten", "\xa4\xa4", "中"},
		{"Windows-31J", "\x87\x40 \xfa\x40", "① ⅰ"}, {"sjis-win", "\x87\x40", "①"}, {"MS_Kanji", "\x8a\xbf", "漢"}, {"x-sjis", "\xb6\xb7", "ｶｷ"}, {"eucJP-ms", "\xad\xa1", "①"}, {"EUC-JP", "\x8e\xb6 \x8f\xb0\xa1", "ｶ 丂"},
		// ISO 2022 and its kana.
		{"iso-2022-jp", "\x1b$B4A;z\x1b(B.", "漢字."}, {"iso-2022-jp", "\x1b(I67\x1b(B", "ｶｷ"}, {"iso-2022-jp", "\x0e67\x0f.", "ｶｷ."}, {"iso-2022-jp", "\xb6\xb7", "ｶｷ"}, {"iso-2022-jp", "\x1b(J\\~\x1b(B\\~", `¥‾\~`}, {"iso-2022-jp-2", "\x1b$A\x56\x50\x1b$(C\x47\x51\x1b(B", "中한"},
		{"iso-2022-jp-2", "\x1b.A\x1bNiso \x1b.F\x1bNa", "éso α"}, {"iso-2022-jp-1", "\x1b$(D0!\x1b(B", "丂"}, {"iso-2022-jp-3", "\x1b$(O4A\x1b(B", "漢"}, {"ISO-2022-JP-2004", "\x1b$(Q4A\x1b(B", "漢"}, {"_iso-2022-jp$ESC", "\x1b$B4A\x1b(B", "漢"}, {"cp50220", "\x1b$B-!\x1b(B", "①"},
		{"iso-2022-jp", "\x1b$B4A\r\nplain text\r\n", "漢\nplain text\n"}, {"iso-2022-jp", "\x1b$B4A\r\n;z\x1b(B", "漢\n字"}, {"iso-2022-kr", "\x1b$)C\r\n\x0eGQ1[\x0f ok", "\n한글 ok"}, {"iso-2022-kr", "\x0eGQ1[\x0f", "한글"}, {"iso-2022-cn", "\x1b$)A\x0eVPND\x0f.", "中文."},
		{"us-ascii", "\x1b$B4A;z\x1b(B", "漢字"}, {"iso-8859-1", "\x1b$B4A;z\x1b(B", "漢字"}, {"shift_jis", "\x1b$B4A;z\x1b(B", "漢字"}, {"x-unknown", "\x1b$B4A;z\x1b(B", "漢字"}, {"", "\x1b(I67\x1b(B", "ｶｷ"}, {"", "\x1b$(C\x47\x51\x1b(B", "한"},
		// Unicode in other widths.
		{"utf-16", "\xfe\xff\x00a\x00\xfc", "aü"}, {"utf-16", "\xff\xfea\x00\xfc\x00", "aü"}, {"utf-16", "\x00a\x00b\x00\xfc", "abü"}, {"utf-16", "a\x00b\x00\xfc\x00", "abü"}, {"unicode", "a\x00b\x00c\x00", "abc"}, {"ucs-2", "\x00a\x00b\x00c", "abc"}, {"unicodeFFFE", "\x00a\x00\xfc", "aü"},
		{"utf-16", "only ASCII, says a gateway", "only ASCII, says a gateway"}, {"utf-32", "\x00\x00\x00a\x00\x01\xf6\x00", "a😀"}, {"utf-32", "\xff\xfe\x00\x00a\x00\x00\x00", "a"}, {"UTF-32LE", "a\x00\x00\x00\xfc\x00\x00\x00", "aü"}, {"ucs-4", "a\x00\x00\x00b\x00\x00\x00\xfc\x00\x00\x00", "abü"},
		{"utf-7", "+APw- 1+-1", "ü 1+1"}, {"utf-7", "+AD4 kX9+q2Zw/8 x+y", "> kX9+q2Zw/8 x+y"}, {"utf-7", "+2D3eAA-! +2D0-! +4AA-!", "\U0001f600! +2D0-! +4AA-!"}, {"utf-8", "\xc2\xa1Hola! \xa1Adi", "¡Hola! \uFFFDAdi"}, {"utf-8", "\xc2\xa1Hola!\n\xa1Adi\n", "¡Hola!\n¡Adi\n"}, {"x-unicode-2-0-utf-7", "+APw-", "ü"},
		// Labels that say nothing, or are wrong.
		{"x-unknown", "Grüße", "Grüße"}, {"unknown-8bit", "Gr\xfc\xdfe", "Grüße"}, {"_autodetect", "Gr\xfc\xdfe", "Grüße"}, {"x-user-defined", "Gr\xfc\xdfe", "Grüße"}, {"us-ascii", "Grüße", "Grüße"}, {"us-ascii", "Gr\xfc\xdfe", "Grüße"}, {"utf-8", "Gr\xfc\xdfe", "Grüße"},
		{"iso-8859-1", "Grüße", "Grüße"}, {"koi8-r", "Привет, мир", "Привет, мир"}, {"windows-1251", "Привет", "Привет"}, {"gb2312", "请派人来。", "请派人来。"}, {"shift_jis", "よろしくお願いします", "よろしくお願いします"}, {"big5", "Grüße und schöne Wünsche", "Grüße und schöne Wünsche"}, {"iso-2022-jp", "Grüße, schön, für später", "Grüße, schön, für später"},
		{"gb2312", "Gr\xfc\xdfe aus K\xf6ln, sch\xf6ne Stra\xdfe", "Grüße aus Köln, schöne Straße"}, {"koi8-r", "\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"}, {"windows-1251", "\xcf\xf0\xe8\xe2\xe5\xf2 \xbb", "Привет »"},
		{"utf-8", "Привет\n\xcf\xf0\xe8\xe2\xe5\xf2, \xed\xe5 \xf0\xe0\xe1\xee\xf2\xe0\xe5\xf2\n", "Привет\nПривет, не работает\n"}, {"utf-8", "Grüße und mehr Grüße\nm\xf6glich\n", "Grüße und mehr Grüße\nmöglich\n"}, {"utf-8", "Grüße, cut sh\xc3", "Grüße, cut sh\uFFFD"}, {"utf-8", "Grüße \xff und ähnlich", "Grüße \uFFFD und ähnlich"},
		{"utf-8", "\ufeffGrüße", "Grüße"}, {"", "\ufeffGrüße", "Grüße"}, {"iso-8859-1", "\ufeffGrüße", "Grüße"},
		// What Windows has, under the label of a standard that leaves the byte free.
		{"iso-8859-2", "V\x9aechno je v po\xf8\xe1dku, \x84d\xedky\x93.", "Všechno je v pořádku, „díky“."}, {"iso-8859-2", "Pros\xb6, ko\xf2 v\xb9ak", "Prosś, koň však"}, {"iso-8859-7", "\xa2\xed\xed\xe1 \x93\xed\xe1\xe9\x94", "Άννα “ναι”"}, {"iso-8859-7", "\xb6\xed\xed\xe1", "Άννα"}, {"iso-8859-5", "\xcf\xf0\xe8\xe2\xe5\xf2 \x96 \xe4\xe0", "Привет – да"},
		{"iso-8859-1", "Pla\x9de\xe1 to nejde, p\xf8ijede \x8dnorek", "Plaťeá to nejde, přijede Ťnorek"}, {"iso-8859-1", "Gr\xfc\xdfe \x81 K\xf6ln", "Grüße \uFFFD Köln"}, {"windows-1252", "\x8d\x82\x90\xbf\x8b\x81\x8f\x91\x82\xf0\x91\x97\x82\xe8\x82\xdc\x82\xb7", "高請求書を送ります"},
		// Double encoding stays: a mail about it says what it says.
		{"utf-8", "GrÃ¼ÃŸe", "GrÃ¼ÃŸe"},
	}
	for _, tt := range tests {
		if got, m := textOf(t, tt.label, tt.in); got != tt.want {
			t.Errorf("%s %q: got %q, want %q, warnings %v", tt.label, tt.in, got, tt.want, m.Warnings)
		}
	}
}

// TestCharsetLabels: each label of the table is there once, and known.
func TestCharsetLabels(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../charset/charsets.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for ln := range strings.Lines(string(raw)) {
		words := strings.Fields(ln)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		for _, label := range words[1:] {
			if seen[label] {
				t.Errorf("%s stands there twice", label)
			}
			seen[label] = true
			if strings.ToLower(label) != label || strings.ContainsAny(label, "-_.:") {
				t.Errorf("%s is not in the form in which labels are compared", label)
			}
			if _, m := textOf(t, label, "\x1b \xc3\xa4\xc3\xb6"); warned(m, "charset-unknown") != (words[0] == "unknown") {
				t.Errorf("%s: warnings %v", label, m.Warnings)
			}
		}
	}
}

// TestGuessedCharsets reads mail of 41 languages and kinds in the character sets of old, without a label. A paragraph must be
// read right, a line nearly always; where a subject is too short to say, it must be read as windows-1252.
func TestGuessedCharsets(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/charset/languages.txt")
	if err != nil {
		t.Fatal(err)
	}
	western, _ := htmlindex.Get("windows-1252")
	var right [3]int
	all := 0
	for ln := range strings.Lines(string(raw)) {
		if strings.HasPrefix(ln, "#") {
			continue
		}
		fields := strings.Split(strings.TrimSpace(ln), " | ")
		head := strings.Fields(fields[0])
		for _, name := range head[1:] {
			all++
			enc, err := htmlindex.Get(name)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range fields[1:] {
				in, err := encoding.ReplaceUnsupported(enc.NewEncoder()).String(strings.ReplaceAll(want, `\n`, "\n"))
				if err != nil {
					t.Fatal(err)
				}
				want, _ = enc.NewDecoder().String(in)
				got, _ := textOf(t, "", in)
				if i == 0 {
					m := parse(t, []byte("From: a@example.org\r\nSubject: "+in+"\r\n\r\n"))
					check(t, m)
					got = m.Subject
				}
				if got == want {
					right[i]++
					continue
				}
				t.Logf("%s in %s: got %.60q", head[0], name, got)
				if short, _ := western.NewDecoder().String(in); i == 0 && got != short {
					t.Errorf("%s in %s: a subject was guessed wrong: %q", head[0], name, got)
				}
			}
		}
	}
	t.Logf("of %d: %d subjects, %d lines, %d paragraphs", all, right[0], right[1], right[2])
	if right[0] < all*9/10 || right[1] < all-1 || right[2] < all {
		t.Errorf("of %d only %d subjects, %d lines, %d paragraphs were read right", all, right[0], right[1], right[2])
	}
}

// TestShortWestern: names and words with one or two letters beyond ASCII are Western, not something exotic.
func TestShortWestern(t *testing.T) {
	t.Parallel()
	enc, _ := htmlindex.Get("windows-1252")
	for _, s := range []string{
		"Jörg", "Müller", "François", "Ærø", "Peña", "Søren", "Zoë", "100 µm", "5 °C", "½", "naïve café", "Straße", "ÄÖÜ", "Übergröße", "Ça va", "É", "à bientôt", "José Muñoz", "Þór", "Ångström", "© 2026", "don’t", "“quoted”",
		"a – b", "§ 5", "€ 5", "ça", "où", "Größenänderung", "coût", "señal", "São Paulo", "Malmö", "Tromsø", "Åsa Öberg", "œuvre", "MÜNCHEN", "KÖLN", "FRANÇAIS", "ÉLÈVE", "ü", "ß", "é", "å", "ø", "ñ", "été", "à", "Noël", "Reykjavík",
	} {
		in, err := enc.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := textOf(t, "", in); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// TestCharsetHints: what a text too short to say is written in, the rest of the mail says.
func TestCharsetHints(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, raw, subject string }{
		{"nothing", "Subject: Faktu\xf8e\r\n\r\nx", "Faktuøe"},
		{"label of the text", "Subject: Faktu\xf8e\r\nContent-Type: text/plain; charset=iso-8859-2\r\n\r\nx", "Faktuře"},
		{"text itself", "Subject: Faktu\xf8e\r\n\r\nDobr\xfd den, \xfa\xe8et za b\xf8ezen je\x9at\xec nep\xf8i\x9ael, po\x9alete ho pros\xedm.", "Faktuře"},
		{"encoded word", "From: =?windows-1250?Q?Ji=F8=ED?= <a@example.org>\r\nSubject: Faktu\xf8e\r\n\r\nx", "Faktuře"},
		{"language", "Content-Language: cs-CZ\r\nSubject: Faktu\xf8e\r\n\r\nx", "Faktuře"},
		{"country", "From: a@example.cz\r\nSubject: Dotaz k faktu\xf8e za b\xf8ezen\r\n\r\nx", "Dotaz k faktuře za březen"},
		{"another country", "From: a@example.pl\r\nSubject: Dotaz k faktu\xf8e za b\xf8ezen\r\n\r\nx", "Dotaz k faktuøe za bøezen"},
		{"a Western sign from Russia", "From: a@example.ru\r\nSubject: 100 \xb5m\r\n\r\nx", "100 µm"},
		{"a Western name from Bohemia", "From: a@example.cz\r\nSubject: M\xfcller\r\n\r\nx", "Müller"},
		{"a Western name from Russia", "From: a@example.ru\r\nSubject: M\xfcller\r\n\r\nx", "Müller"},
		{"Shift_JIS beside ISO-2022-JP", "Subject: \x90\xbf\x8b\x81\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\nx", "請求"},
	}
	for _, tt := range tests {
		m := parse(t, []byte(tt.raw))
		check(t, m)
		if m.Subject != tt.subject {
			t.Errorf("%s: got %q, want %q", tt.name, m.Subject, tt.subject)
		}
	}
}

// TestRawFileName: the name of a file in raw bytes is read in what the text is in.
func TestRawFileName(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"Content-Type: text/plain; charset=windows-1251\n\n\xcf\xf0\xe8\xe2\xe5\xf2", "счёт.pdf"},
		{"\n\xcf\xf0\xe8\xe2\xe5\xf2, \xfd\xf2\xee \xf1\xf7\xb8\xf2", "счёт.pdf"},
		{"\nx", "счёт.pdf"},
	} {
		m := parse(t, []byte("Content-Type: multipart/mixed; boundary=b\n\n--b\n"+tt.text+"\n--b\nContent-Type: application/pdf; name=\"\xf1\xf7\xb8\xf2.pdf\"\n\nx\n--b--\n"))
		check(t, m)
		if len(m.Attachments) != 1 || m.Attachments[0].Name != tt.want {
			t.Errorf("%q: got %+v", tt.text, m.Attachments)
		}
	}
}

// TestMetaCharset: a page says itself in what it is written, when the header does not.
func TestMetaCharset(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ label, page, want string }{
		{"", `<meta charset="koi8-r"><p>` + "\xf0", "П"}, {"", `<META HTTP-EQUIV=Content-Type CONTENT="text/html; charset=windows-1251"><p>` + "\xcf", "П"}, {"", `<?xml version="1.0" encoding="windows-1251"?><p>` + "\xcf", "П"},
		{"us-ascii", `<meta charset=koi8-r><p>` + "\xf0", "П"}, {"x-unknown", `<meta charset=koi8-r><p>` + "\xf0", "П"}, {"windows-1251", `<meta charset=koi8-r><p>` + "\xcf", "П"}, {"", `<meta charset=koi8-r><p>П`, "П"}, {"", `<meta charset=utf-16><p>П`, "П"},
		{"utf-8", `<meta charset=windows-1250><p>` + "p\xf8\xed", "pří"}, {"utf-8", `<meta charset=windows-1250><p>pří`, "pří"}, {"", `<meta charset=x-what><p>` + "\xfc", "ü"}, {"", "<meta <meta <meta charset= ><p>\xfc", "ü"}, {"", strings.Repeat("<!-- x -->", 500) + `<meta charset=koi8-r><p>` + "\xf0", "П"},
	} {
		ct := "Content-Type: text/html"
		if tt.label != "" {
			ct += "; charset=" + tt.label
		}
		m := parse(t, []byte(ct+"\r\n\r\n"+tt.page))
		check(t, m)
		if got := strings.TrimSpace(m.Text); got != tt.want {
			t.Errorf("%s %.60q: got %q, want %q", tt.label, tt.page, got, tt.want)
		}
	}
}

// FuzzCharset: whatever the label and the bytes, the text is UTF-8, not much longer than they are, and the same twice.
func FuzzCharset(f *testing.F) {
	for _, label := range []string{"", "utf-8", "us-ascii", "iso-8859-1", "gb18030", "big5-hkscs", "iso-2022-jp", "iso-2022-kr", "utf-7", "utf-16", "utf-32", "hz", "x-unknown", "cp737", "koi8-r", "euc-jp", "shift_jis", "euc-kr"} {
		f.Add(label, []byte("Gr\xfc\xdfe \xcf\xf0\xe8 \x1b$B4A\x1b(B \x0e67\x0f +APw- ~{VP~}"), true)
	}
	f.Fuzz(func(t *testing.T, label string, body []byte, page bool) {
		if strings.ContainsAny(label, "\"\\\r\n") {
			return
		}
		typ := "text/plain"
		if page {
			typ = "text/html"
		}
		raw := append([]byte("Subject: =?"+label+"?Q?=FC=C4=E0?=\r\nContent-Type: "+typ+"; charset=\""+label+"\"\r\n\r\n"), body...)
		m := parse(t, raw)
		check(t, m)
		if n := len(m.Text) + len(m.HTML); n > 12*len(raw)+1000 {
			t.Errorf("%d bytes became %d", len(raw), n)
		}
		if again := parse(t, bytes.Clone(raw)); again.Text != m.Text || again.Subject != m.Subject {
			t.Errorf("not the same twice: %q %q", m.Text, again.Text)
		}
	})
}
