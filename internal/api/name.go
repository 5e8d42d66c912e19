package api

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxName = 150 // bytes of a file's name, well below what file systems allow

// contentDisposition is RFC 6266: a name in ASCII for everyone, and the real one for those who read RFC 5987.
func contentDisposition(how, name string) string {
	name = safeName(name)
	plain := strings.Map(func(r rune) rune {
		if r > '~' || r == '"' || r == '\\' || r == '%' { // some decode %41 even here
			return '_'
		}
		return r
	}, name)
	v := how + `; filename="` + plain + `"`
	if plain != name {
		v += `; filename*=UTF-8''` + percent(name)
	}
	return v
}

// percent encodes all but RFC 5987's attr-char.
func percent(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("!#$&+-.^_`|~", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// safeName reduces what a stranger calls a file to one path segment that every system takes: no folders, control or
// invisible characters (a right-to-left override shows "exe.txt" for "txt.exe"), no characters or names special to Windows or a
// shell, no leading dot or dash.
func safeName(name string) string {
	name = strings.ToValidUTF8(name, "_")
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029':
			return -1
		case r == utf8.RuneError, strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, name)
	name = strings.TrimLeft(name, " .-~")
	name = strings.TrimRight(name, " .")
	name = shorten(name)
	if name == "" {
		return "attachment"
	}
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	switch stem = strings.TrimSpace(stem); {
	case stem == "CON", stem == "PRN", stem == "AUX", stem == "NUL",
		len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9':
		name = "_" + name
	}
	return name
}

// shorten cuts a long name between characters and keeps its extension.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	ext := path.Ext(name)
	if len(ext) > 20 {
		ext = ""
	}
	cut := maxName - len(ext)
	for !utf8.RuneStart(name[cut]) {
		cut--
	}
	return strings.TrimRight(name[:cut], " .") + ext
}
