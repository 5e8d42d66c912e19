package mail

import (
	"bytes"
	"strings"
)

// beginYEnc reads yEnc (version 1.3) in one part: a line that names the file, its bytes moved by 42, and one that says how
// many they were.
func beginYEnc(text []byte) (packedFile, bool) {
	head, rest := nextLine(text)
	_, name, ok := strings.Cut(string(head[:min(len(head), 1000)]), " name=")
	end := lineWith(rest, "=y") // of another, when it has no end of its own
	if !ok || end < 0 || !bytes.HasPrefix(rest[end:], []byte("=yend ")) || bytes.Contains(head, []byte(" part=")) {
		return packedFile{}, false
	}
	body := rest[:end]
	tail, after := nextLine(rest[end:])
	size := yencSize(tail)
	n := 0
	for i := 0; i < len(body); i++ {
		if body[i] == '=' {
			i++
		} else if body[i] == '\n' {
			continue
		}
		n++
	}
	if size < 0 || n != size || yencSize(head) != size {
		return packedFile{}, false
	}
	return packedFile{name, len(text) - len(after), func(put func([]byte) bool) {
		k := packer{put: put}
		for i := 0; i < len(body) && !k.full; i++ {
			switch c := body[i]; {
			case c == '\n':
			case c == '=' && i+1 < len(body):
				i++
				k.add(body[i] - 64 - 42)
			default:
				k.add(c - 42)
			}
		}
		k.flush()
	}}, true
}

// yencSize reads size=123.
func yencSize(ln []byte) int {
	_, s, ok := bytes.Cut(ln, []byte(" size="))
	n := 0
	for i, c := range s {
		if c < '0' || c > '9' {
			ok = ok && i > 0
			break
		}
		if n = n*10 + int(c-'0'); n > 1<<30 {
			return -1
		}
	}
	if !ok {
		return -1
	}
	return n
}
