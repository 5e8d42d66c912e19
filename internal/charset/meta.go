package charset

import (
	"bytes"
)

// Meta finds the character set that a page says it is in: <meta charset=…>, <meta … content="text/html; charset=…">
// or <?xml encoding=…?>.
func Meta(b []byte) string {
	for {
		at := bytes.IndexByte(b, '<')
		if at < 0 {
			return ""
		}
		b = b[at+1:]
		var word string
		switch {
		case len(b) > 4 && bytes.EqualFold(b[:4], []byte("meta")):
			word = "charset"
		case bytes.HasPrefix(b, []byte("?xml")):
			word = "encoding"
		default:
			continue
		}
		tag := b
		if end := bytes.IndexByte(b, '>'); end >= 0 {
			tag = b[:end]
		}
		if at := bytes.Index(lower(tag), []byte(word)); at >= 0 {
			rest := bytes.TrimLeft(tag[at+len(word):], " \t\r\n")
			if rest, ok := bytes.CutPrefix(rest, []byte("=")); ok {
				rest = bytes.TrimLeft(rest, " \t\r\n\"'")
				if end := bytes.IndexAny(rest, "\"'; \t\r\n/>"); end >= 0 {
					rest = rest[:end]
				}
				if name := Name(string(rest)); Lookup(name) != nil && !Wide(name) || name == "iso-2022-jp" {
					return name
				}
			}
		}
		b = b[len(tag):]
	}
}

// lower is a copy in which letters of ASCII are small: as long as b, whatever else its bytes are.
func lower(b []byte) []byte {
	out := bytes.Clone(b)
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] += 'a' - 'A'
		}
	}
	return out
}
