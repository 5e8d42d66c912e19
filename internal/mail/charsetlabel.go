package mail

import (
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode/utf32"
)

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
