package mail

// word does what a control word says, as far as it concerns the text ([MS-OXRTFEX] section 2.1; the Rich Text Format
// specification 1.9.1).
func (t *rtf) word(w string, n int, numbered bool) {
	s := &t.state
	star := s.star
	s.star = false
	switch w {
	case "u":
		t.unicode(n)
		return
	case "bin":
		_, _ = t.r.Discard(max(0, n))
		return
	case "htmltag":
		t.flush()
		s.tag = t.html && !s.skip
		s.skip = s.skip || !t.html
		return
	}
	if star || rtfDestinations[w] {
		t.flush()
		s.skip = s.skip || w != "fonttbl"
	}
	if text, ok := rtfSymbols[w]; ok {
		t.symbol(text[0], text[1])
		return
	}
	t.omit = 0
	switch w {
	case "fromhtml":
		t.html = len(t.stack) <= 1 && t.out.Len() == 0
	case "htmlrtf":
		t.flush()
		s.notHTML = t.html && (!numbered || n != 0)
	case "ansicpg":
		t.cp = codepage(uint32(max(n, 0)))
	case "mac":
		t.cp = "macintosh"
	case "pc":
		t.cp = "cp437"
	case "pca":
		t.cp = "cp850"
	case "uc":
		s.uc = min(max(n, 0), 16)
	case "fonttbl":
		s.fontTab = true
	case "f":
		if s.fontTab {
			t.font = n
		} else {
			s.cp = t.fonts[n]
		}
	case "fcharset":
		if cp := rtfCharsets[n]; s.fontTab && cp != "" && len(t.fonts) < rtfFontMax {
			t.fonts[t.font] = cp
		}
	case "cpg":
		if s.fontTab && n > 0 && len(t.fonts) < rtfFontMax {
			t.fonts[t.font] = codepage(uint32(n))
		}
	case "plain":
		s.cp = ""
	}
}

// rtfSymbols are control words that stand for text, and for HTML.
var rtfSymbols = map[string][2]string{
	"par": {"\n", "\r\n"}, "line": {"\n", "\r\n"}, "sect": {"\n", "\r\n"}, "page": {"\n", "\r\n"}, "row": {"\n", "\r\n"},
	"tab": {"\t", "\t"}, "cell": {"\t", "\t"}, "nestcell": {"\t", "\t"},
	"lquote": {"‘", "&lsquo;"}, "rquote": {"’", "&rsquo;"}, "ldblquote": {"“", "&ldquo;"}, "rdblquote": {"”", "&rdquo;"},
	"bullet": {"•", "&bull;"}, "endash": {"–", "&ndash;"}, "emdash": {"—", "&mdash;"}, "emspace": {"\u2003", "&emsp;"}, "enspace": {"\u2002", "&ensp;"},
	"zwj": {"\u200d", "&zwj;"}, "zwnj": {"\u200c", "&zwnj;"},
}

// rtfDestinations are groups whose text is not that of the message.
var rtfDestinations = map[string]bool{
	"fonttbl": true, "colortbl": true, "stylesheet": true, "info": true, "pict": true, "objdata": true, "header": true, "footer": true, "headerl": true,
	"headerr": true, "footerl": true, "footerr": true, "fldinst": true, "themedata": true, "listtable": true, "rsidtbl": true, "xmlnstbl": true,
	"generator": true, "nonshppict": true, "filetbl": true, "revtbl": true,
}

// rtfCharsets are the character sets of fonts.
var rtfCharsets = map[int]string{
	0: "windows-1252", 77: "macintosh", 128: "cp932", 129: "cp949", 134: "cp936", 136: "cp950", 161: "windows-1253", 162: "windows-1254",
	163: "windows-1258", 177: "windows-1255", 178: "windows-1256", 186: "windows-1257", 204: "windows-1251", 222: "windows-874", 238: "windows-1250",
	255: "cp437",
}
