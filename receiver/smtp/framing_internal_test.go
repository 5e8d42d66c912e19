package smtp

import (
	"bytes"
	"strings"
	"testing"
)

// framed is what becomes of the bytes behind a 354.
type framed struct {
	content     string
	used        int
	end, loose  bool
	bare, trail bool // a newline that is none; a CR at the end
}

// frame reads s in pieces of n bytes, as they may come from a network.
func frame(s string, n int) (f framed) {
	var sc dots
	var nl newlines
	var content bytes.Buffer
	emit := func(p []byte) {
		if len(p) > 0 {
			nl.check(p)
			content.Write(p)
		}
	}
	for f.used < len(s) && !f.end {
		var used int
		used, f.end = sc.scan([]byte(s[f.used:min(f.used+n, len(s))]), emit)
		f.used += used
	}
	f.content, f.loose, f.bare, f.trail = content.String(), sc.loose, nl.bare, nl.cr
	return f
}

// frameByLines says the same in other words: lines end with LF, one that is a dot ends the body, other dots in front go.
func frameByLines(s string) (f framed) {
	for rest := s; rest != "" && !f.end; {
		line, more, ended := strings.Cut(rest, "\n")
		rest = more
		f.used = len(s) - len(rest)
		if !ended {
			if line == ".\r" { // held back: an LF may follow
				break
			}
			f.content += strings.TrimPrefix(line, ".")
			break
		}
		switch line {
		case ".":
			f.end, f.loose = true, true
		case ".\r":
			f.end = true
		default:
			f.content += strings.TrimPrefix(line, ".") + "\n"
		}
	}
	without := strings.ReplaceAll(f.content, "\r\n", "")
	f.trail = strings.HasSuffix(without, "\r") && strings.HasSuffix(f.content, "\r")
	f.bare = strings.ContainsAny(strings.TrimSuffix(without, "\r"), "\r\n") || strings.HasSuffix(without, "\r") && !f.trail
	return f
}

// Every sequence of the bytes that matter, in pieces of every size.
func TestFraming(t *testing.T) {
	t.Parallel()
	const alphabet, longest = ".\r\nx", 8
	var try func(s string)
	try = func(s string) {
		want := frameByLines(s)
		for n := 1; n <= max(1, len(s)); n++ {
			if got := frame(s, n); got != want {
				t.Fatalf("%q in pieces of %d:\ngot  %+v\nwant %+v", s, n, got, want)
			}
		}
		if len(s) == longest {
			return
		}
		for _, c := range alphabet {
			try(s + string(c))
		}
	}
	try("")
}

// A line may have maxBodyLine octets before its CR LF, wherever the pieces end.
func TestLongLines(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]bool{maxBodyLine - 1: false, maxBodyLine: true} { // the CR counts
		for _, piece := range []int{1000, 4096, maxBodyLine, 2 * maxBodyLine} {
			var nl newlines
			for p := []byte("short\r\n" + strings.Repeat("x", length) + "\r\nshort\r\n"); len(p) > 0; p = p[min(piece, len(p)):] {
				nl.check(p[:min(piece, len(p))])
			}
			if nl.long != want || nl.bare {
				t.Errorf("%d octets in pieces of %d: long %v, bare %v", length, piece, nl.long, nl.bare)
			}
		}
	}
}
