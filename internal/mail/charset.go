package mail

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode/utf32"
)

// charset makes UTF-8 of b, which its sender labelled. A label that is unknown or provably wrong
// costs a warning, never the text.
func (p *parser) charset(b []byte, label string) string {
	name := charsetName(label)
	switch name {
	case "":
		return p.detect(b)
	case "utf-8", "utf8", "us-ascii", "ascii":
		return p.utf8OrDetect(b, name)
	}
	if isASCII(b) && bytes.IndexByte(b, 0x1b) < 0 && !wide(name) {
		return string(b)
	}
	switch name {
	case "utf-7":
		return decodeUTF7(b)
	case "iso-8859-1", "windows-1252", "iso-8859-15":
		// Western text that happens to be UTF-8 to its last byte is UTF-8.
		if utf8.Valid(b) {
			p.warn("charset-malformed", "text in UTF-8 is labelled "+quote(label))
			return p.detect(b)
		}
	}
	enc := lookupCharset(name)
	switch enc {
	case nil:
		p.warn("charset-unknown", "unknown character set "+quote(label)+", guessed")
		return p.detect(b)
	case encoding.Nop:
		return p.utf8OrDetect(b, name)
	}
	out, err := enc.NewDecoder().Bytes(b)
	if err != nil {
		p.warn("charset-malformed", "text is not in the character set "+quote(label))
		return p.detect(b)
	}
	return strings.ToValidUTF8(string(out), "\uFFFD")
}

// utf8OrDetect reads text that says it is UTF-8 or ASCII. When nothing in it is, it is read as
// windows-1252; when a few bytes are broken, those are replaced.
func (p *parser) utf8OrDetect(b []byte, label string) string {
	b = bytes.TrimPrefix(b, []byte("\uFEFF"))
	if utf8.Valid(b) && !isJIS(b) {
		return string(b)
	}
	p.warn("charset-malformed", "text is not in the character set "+quote(label))
	if isJIS(b) || !anyUTF8(b) {
		return p.detect(b)
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

// isJIS says whether b has the escapes by which ISO-2022-JP begins two-byte characters, which no other text has.
func isJIS(b []byte) bool {
	return bytes.IndexByte(b, 0x1b) >= 0 && (bytes.Contains(b, []byte("\x1b$B")) || bytes.Contains(b, []byte("\x1b$@")))
}

// detect guesses the character set of unlabelled text.
func (p *parser) detect(b []byte) string {
	if b, ok := bytes.CutPrefix(b, []byte("\uFEFF")); ok && utf8.Valid(b) {
		return string(b)
	}
	if bom16(b) {
		if out, err := lookupCharset("utf-16").NewDecoder().Bytes(b); err == nil {
			return strings.ToValidUTF8(string(out), "\uFFFD")
		}
	}
	if isJIS(b) {
		if out, err := lookupCharset("iso-2022-jp").NewDecoder().Bytes(b); err == nil {
			return strings.ToValidUTF8(string(out), "\uFFFD")
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	return decodeWindows1252(b)
}

// decodeRaw reads raw 8-bit text of a header: UTF-8 when it is that, else in the character set that
// the message's text has, else windows-1252.
func decodeRaw(s, label string) string {
	switch {
	case strings.IndexByte(s, 0x1b) >= 0 && isJIS([]byte(s)):
		label = "iso-2022-jp"
	case utf8.ValidString(s):
		return s
	}
	if enc := lookupCharset(label); enc != nil && enc != encoding.Nop {
		if out, err := enc.NewDecoder().String(s); err == nil {
			return strings.ToValidUTF8(out, "\uFFFD")
		}
	}
	return decodeWindows1252([]byte(s))
}

// bom16 says whether b begins with the mark of UTF-16.
func bom16(b []byte) bool {
	return len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff)
}

// decodeHTML reads HTML: by its label, and by its own meta element where there is no label.
func (p *parser) decodeHTML(b []byte, label string) string {
	if label != "" {
		return p.charset(b, label)
	}
	enc, name, _ := charset.DetermineEncoding(b[:min(len(b), 1024)], "")
	high := !isASCII(b)
	if name == "utf-8" || high && utf8.Valid(b) || enc == nil {
		return p.detect(b)
	}
	return p.charset(b, name)
}

// charsetName is a label in lower case, without quotes, the names that mailers invent replaced.
func charsetName(label string) string {
	name := strings.ToLower(strings.Trim(label, " \t\"'"))
	if alias, ok := charsetAliases[name]; ok {
		return alias
	}
	return name
}

// lookupCharset returns the encoding of a name from charsetName, encoding.Nop for UTF-8, or nil.
func lookupCharset(name string) encoding.Encoding {
	switch name {
	case "utf-8":
		return encoding.Nop
	case "hz-gb-2312":
		return simplifiedchinese.HZGB2312
	case "utf-32", "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	case "utf-32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
	case "cp437":
		return charmap.CodePage437
	case "cp850":
		return charmap.CodePage850
	case "cp852":
		return charmap.CodePage852
	case "cp858":
		return charmap.CodePage858
	case "cp860":
		return charmap.CodePage860
	case "cp865":
		return charmap.CodePage865
	}
	enc, err := htmlindex.Get(name)
	if err != nil {
		return nil
	}
	switch n, _ := htmlindex.Name(enc); n {
	case "utf-8":
		return encoding.Nop
	case "gbk":
		return simplifiedchinese.GB18030 // its superset, as in the WHATWG table
	case "replacement":
		return nil
	}
	return enc
}

// charsetAliases are labels that mailers invent and the WHATWG table lacks.
var charsetAliases = map[string]string{
	"cp1250": "windows-1250", "cp-1250": "windows-1250", "cp1251": "windows-1251", "cp-1251": "windows-1251",
	"cp1252": "windows-1252", "cp-1252": "windows-1252", "windows1252": "windows-1252", "win-1252": "windows-1252",
	"windows-1252http-equivcontent-type": "windows-1252", "ansi": "windows-1252", "8bit": "windows-1252",
	"iso-8859-1-windows-3.1-latin-1": "windows-1252", "iso8859_1": "windows-1252", "iso-8859": "windows-1252",
	"latin-1": "windows-1252", "iso_8859_1": "windows-1252", "x-ansi": "windows-1252",
	"cp1253": "windows-1253", "cp1254": "windows-1254", "cp1255": "windows-1255", "cp1256": "windows-1256",
	"cp1257": "windows-1257", "cp1258": "windows-1258", "win-1251": "windows-1251", "windows1251": "windows-1251",
	"iso-8859-15-euro": "iso-8859-15", "iso_8859-15": "iso-8859-15", "latin-9": "iso-8859-15", "latin9": "iso-8859-15",
	"iso_8859-2": "iso-8859-2", "latin-2": "iso-8859-2", "iso8859_2": "iso-8859-2",
	"cp936": "gbk", "ms936": "gbk", "x-gbk": "gbk", "gb-2312": "gbk", "gb_2312": "gbk", "euc-cn": "gbk", "gb18030-2000": "gb18030",
	"hz": "hz-gb-2312", "cp950": "big5", "big-5": "big5", "x-big5": "big5", "big5hkscs": "big5-hkscs",
	"cp932": "shift_jis", "ms932": "shift_jis", "shift-jis": "shift_jis", "sjis-win": "shift_jis",
	"iso-2022-jp-1": "iso-2022-jp", "iso-2022-jp-2": "iso-2022-jp", "iso-2022-jp-ms": "iso-2022-jp", "cp50220": "iso-2022-jp",
	"cp50221": "iso-2022-jp", "jis": "iso-2022-jp", "eucjp": "euc-jp", "ujis": "euc-jp", "eucjp-win": "euc-jp",
	"cp949": "euc-kr", "ms949": "euc-kr", "uhc": "euc-kr", "euckr": "euc-kr", "ks_c_5601": "euc-kr",
	"koi8r": "koi8-r", "koi8u": "koi8-u", "cp866": "ibm866", "cp-866": "ibm866",
	"cp874": "windows-874", "tis620": "windows-874", "x-mac-roman": "macintosh", "macroman": "macintosh", "x-macroman": "macintosh",
	"utf7": "utf-7", "unicode-1-1-utf-7": "utf-7", "x-unicode-1-1-utf-7": "utf-7", "x-unicode-2-0-utf-7": "utf-7", "csunicode11utf7": "utf-7",
	"utf8mb4": "utf-8", "utf-8n": "utf-8", "utf_8": "utf-8", "utf8_bin": "utf-8", "unicode": "utf-16", "ucs-2": "utf-16", "utf16": "utf-16",
	"ansi_x3.4": "us-ascii", "646": "us-ascii", "iso-8859-8-i": "iso-8859-8-i",
	"ibm437": "cp437", "437": "cp437", "ibm850": "cp850", "850": "cp850", "ibm852": "cp852", "ibm858": "cp858", "ibm860": "cp860", "ibm865": "cp865",
}

// wide says whether even ASCII bytes mean something else in a character set, by its name from charsetName.
func wide(name string) bool {
	switch name {
	case "utf-7", "hz-gb-2312":
		return true
	default:
		return strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "utf-32")
	}
}

func decodeWindows1252(b []byte) string {
	var s strings.Builder
	s.Grow(len(b) + len(b)/4)
	for _, c := range b {
		if c < utf8.RuneSelf {
			s.WriteByte(c)
		} else {
			s.WriteRune(charmap.Windows1252.DecodeByte(c))
		}
	}
	return s.String()
}

func isASCII[T string | []byte](b T) bool {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if w := b[i : i+8]; (w[0] | w[1] | w[2] | w[3] | w[4] | w[5] | w[6] | w[7]) >= utf8.RuneSelf {
			return false
		}
	}
	for ; i < len(b); i++ {
		if b[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// anyUTF8 says whether b has at least one well-formed character beyond ASCII.
func anyUTF8(b []byte) bool {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		if r != utf8.RuneError || n > 1 {
			return true
		}
		i += n
	}
	return false
}
