package charset

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/transform"
)

//go:embed charsets.txt
var labelTable string

// aliases are the labels of charsets.txt, each with the name that it means.
var aliases = sync.OnceValue(func() map[string]string {
	aliases := map[string]string{}
	for ln := range strings.Lines(labelTable) {
		if words := strings.Fields(ln); len(words) > 1 && words[0] != "#" {
			for _, label := range words[1:] {
				aliases[label] = words[0]
			}
		}
	}
	return aliases
})

// Unknown is the name of labels that say that nothing is known.
const Unknown = "unknown"

// labelMax is the longest label that is looked up, in bytes.
const labelMax = 64

// Name makes of a label the name that Lookup knows; of one that nobody knows, the label in lower case.
func Name(label string) string {
	switch label {
	case "", "utf-8", "us-ascii":
		return label
	case "UTF-8", "utf8":
		return "utf-8"
	case "US-ASCII", "ascii":
		return "us-ascii"
	}
	name := cleanLabel(label)
	if name == "" || len(name) > labelMax {
		return name
	}
	short := bareLabel(name)
	if alias, ok := aliases()[short]; ok {
		return alias
	}
	if enc, err := htmlindex.Get(name); err == nil {
		return whatwgName(enc, name)
	}
	number := numbered(short)
	if alias, ok := aliases()[number]; ok {
		return alias
	}
	if enc, err := htmlindex.Get(number); err == nil {
		return whatwgName(enc, number)
	}
	return name
}

// whatwgName is the name of an encoding in the WHATWG table.
func whatwgName(enc encoding.Encoding, name string) string {
	if strings.Contains(name, "ascii") || strings.HasPrefix(name, "ansi_x3.4") {
		return "us-ascii"
	}
	switch n, err := htmlindex.Name(enc); {
	case err != nil || n == "replacement" || n == "x-user-defined":
		return name
	case n == "gbk":
		return "gb18030" // its superset
	default:
		return n
	}
}

// cleanLabel takes off what does not belong to a label: quotes, what follows it, charset= before it.
func cleanLabel(label string) string {
	name := strings.ToLower(strings.Trim(label, " \t\r\n\"'=*"))
	name = strings.TrimPrefix(name, "charset=")
	if i := strings.IndexAny(name, " \t\r\n\"';,()<>"); i > 0 {
		name = name[:i]
	}
	if before, _, ok := strings.Cut(name, "http-equiv"); ok && before != "" { // windows-1252http-equivcontent-type
		name = before
	}
	return strings.Trim(name, "\"'=")
}

// bareLabel leaves out of a label what makes no difference.
func bareLabel(name string) string {
	var buf [labelMax]byte
	b := buf[:0]
	for i := range len(name) {
		if strings.IndexByte("-_.: ", name[i]) < 0 {
			b = append(b, name[i])
		}
	}
	s := string(b)
	if strings.HasPrefix(name, "x-") {
		s = s[1:]
	}
	if len(s) > 4 && strings.HasPrefix(s, "cs") {
		s = s[2:]
	}
	return s
}

// numbered reads cp1252, win1252, ibm00858, 8859-1 as the number that they are.
func numbered(short string) string {
	s := strings.TrimPrefix(short, "iso")
	if n, ok := strings.CutPrefix(s, "8859"); ok && allDigits(n) {
		if len(n) > 4 {
			n = n[:len(n)-4] // iso8859-15:1999
		}
		return "iso-8859-" + n
	}
	for _, prefix := range []string{"windowscp", "windows", "codepage", "ccsid", "win", "cp", "ms", "ibm", "dos", "oem", "pc"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok {
			s = rest
			break
		}
	}
	if s = strings.TrimLeft(s, "0"); len(s) < 2 || !allDigits(s) {
		return short
	}
	if len(s) == 4 && strings.HasPrefix(s, "125") || s == "874" {
		return "windows-" + s
	}
	return "windows" + s
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// Lookup returns the encoding of a name from Name, encoding.Nop for UTF-8, or nil. UTF-7 and ISO 2022
// are not among them: Decode reads these.
func Lookup(name string) encoding.Encoding {
	switch name {
	case "", Unknown:
		return nil
	case "utf-8":
		return encoding.Nop
	case "hz-gb-2312":
		return simplifiedchinese.HZGB2312
	case "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	case "utf-32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
	case "cp858": // the IANA registry writes IBM00858
		return charmap.CodePage858
	}
	if enc, err := htmlindex.Get(name); err == nil {
		if n, _ := htmlindex.Name(enc); n == "replacement" || n == "x-user-defined" {
			return nil
		} else if n == "gbk" {
			return simplifiedchinese.GB18030
		}
		return enc
	}
	if t := charmapTables()[name]; t != nil {
		return t
	}
	if enc, err := ianaindex.IANA.Encoding(name); err == nil {
		if cm, ok := enc.(*charmap.Charmap); ok {
			return cm
		}
	}
	return nil
}

// Wide says whether even ASCII bytes mean something else in a character set, by its name from Name.
func Wide(name string) bool {
	switch name {
	case "utf-7", "hz-gb-2312":
		return true
	default:
		return strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "utf-32")
	}
}

//go:embed charmaps.txt
var charmapTable string

// A byteTable is a character set of one byte: the characters of its upper half.
type byteTable [128]rune

var charmapTables = sync.OnceValue(func() map[string]*byteTable {
	tables := map[string]*byteTable{}
	for ln := range strings.Lines(charmapTable) {
		if name, chars, ok := strings.Cut(strings.TrimRight(ln, "\n"), " "); ok && name != "#" {
			t := new(byteTable)
			copy(t[:], []rune(chars))
			tables[name] = t
		}
	}
	return tables
})

// NewDecoder and NewEncoder make it an encoding.Encoding. Nothing is ever written in one.
func (t *byteTable) NewDecoder() *encoding.Decoder {
	return &encoding.Decoder{Transformer: byteDecoder{table: t}}
}
func (t *byteTable) NewEncoder() *encoding.Encoder { return encoding.Replacement.NewEncoder() }

type byteDecoder struct {
	transform.NopResetter
	table *byteTable
}

// Transform is that of transform.Transformer.
func (d byteDecoder) Transform(dst, src []byte, _ bool) (nDst, nSrc int, err error) {
	for _, c := range src {
		if nDst+utf8.UTFMax > len(dst) {
			return nDst, nSrc, transform.ErrShortDst
		}
		r := rune(c)
		if c >= utf8.RuneSelf {
			r = d.table[c-utf8.RuneSelf]
		}
		nDst += utf8.EncodeRune(dst[nDst:], r)
		nSrc++
	}
	return nDst, nSrc, nil
}
