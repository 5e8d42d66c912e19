package mail_test

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestFlowed goes through RFC 3676.
func TestFlowed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, params, in, want string }{
		{"4.1: a line that ends in a space goes on", "format=flowed", "a \nb \nc\nd\n", "a b c\nd\n"},
		{"4.1: DelSp takes that space away", "format=flowed; delsp=yes", "日本 \n語\nab \n c\n", "日本語\nabc\n"},
		{"4.1: one space, not all", "format=flowed; delsp=yes", "a  \nb\n", "a b\n"},
		{"4.1: tabs do not flow", "format=flowed", "a\t\nb\n", "a\t\nb\n"},
		{"4.2: an empty line is fixed, and one of a stuffed nothing", "format=flowed", "a\n\nb\n \nc\n", "a\n\nb\n\nc\n"},
		{"4.3: the signature's line is fixed, before and behind", "format=flowed", "a \n-- \nAnn \nLee\n", "a \n-- \nAnn Lee\n"},
		{"4.3: and DelSp leaves it alone", "format=flowed; delsp=yes", "a\n-- \nAnn\n", "a\n-- \nAnn\n"},
		{"4.3: quoted, too", "format=flowed", "> a \n> -- \n> Ann\n", "> a \n> -- \n> Ann\n"},
		{"4.4: stuffed lines", "format=flowed", " From here\n  two\n >not quoted \n on\n", "From here\n two\n>not quoted on\n"},
		{"4.4: a stuffed line that goes on", "format=flowed", "a \n  b\n", "a  b\n"},
		{"4.5: quotes of one depth are one paragraph", "format=flowed", ">> a \n>> b\n> c \n> d\ne\n", ">> a b\n> c d\ne\n"},
		{"4.5: another depth ends it", "format=flowed", "> a \n>> b \nc \n> d\n", "> a \n>> b \nc \n> d\n"},
		{"4.5: marks without a space", "format=flowed", ">a \n>b\n>\n>c\n", "> a b\n>\n> c\n"},
		{"4.5: marks of somebody who does not flow", "format=flowed", "> > a \n> > b\n", "> > a > b\n"},
		{"the end", "format=flowed", "a \n", "a \n"},
		{"the end without a line end", "format=flowed", "a \nb ", "a b \n"},
		{"names and values in any case, quoted", `FORMAT="Flowed"; DELSP="Yes"`, "a \nb\n", "ab\n"},
		{"DelSp alone means nothing", "delsp=yes", "a \nb\n", "a \nb\n"},
		{"format=fixed", "format=fixed", "a \nb\n", "a \nb\n"},
	} {
		for _, eol := range []string{"\n", "\r\n"} {
			raw := "Content-Type: text/plain; charset=utf-8; " + tt.params + "\n\n" + tt.in
			m := parse(t, []byte(strings.ReplaceAll(raw, "\n", eol)))
			want := tt.want
			if !strings.HasSuffix(tt.in, "\n") {
				want = strings.TrimSuffix(want, "\n")
			}
			if m.Text != want {
				t.Errorf("%s\n got %q\nwant %q", tt.name, m.Text, want)
			}
		}
	}
}

// TestFlowedBack: what a program flows as the RFC says reads as it was.
func TestFlowedBack(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	words := []string{"a", "bb", "From", "--", ">", "-- x", "größe", "日本語", "c.", "  "}
	for range 500 {
		delSp := rnd.IntN(2) == 0
		var text, flowed strings.Builder
		last := 0
		for range rnd.IntN(8) + 1 {
			depth := last
			if rnd.IntN(3) == 0 {
				depth = rnd.IntN(3)
			}
			last = depth
			var ws []string
			for range rnd.IntN(12) {
				ws = append(ws, words[rnd.IntN(len(words))])
			}
			paragraph := strings.TrimRight(strings.Join(ws, " "), " ")
			marks := strings.Repeat(">", depth)
			text.WriteString(marks)
			if depth > 0 && paragraph != "" {
				text.WriteByte(' ')
			}
			text.WriteString(paragraph + "\n")
			flowed.WriteString(flow(paragraph, marks, delSp))
		}
		params := "; format=flowed"
		if delSp {
			params += "; delsp=yes"
		}
		if m := parse(t, []byte("Content-Type: text/plain; charset=utf-8"+params+"\r\n\r\n"+flowed.String())); m.Text != text.String() {
			t.Fatalf("flowed %q\n reads %q\n was  %q", flowed.String(), m.Text, text.String())
		}
	}
}

// flow writes a paragraph as RFC 3676 section 4.2 asks of a program that sends.
func flow(s, marks string, delSp bool) string {
	var b strings.Builder
	for {
		piece, more := s, false
		for at := 10; at < len(s)-1; at++ {
			if s[at] == ' ' && s[at+1] != ' ' && s[:at+1] != "-- " {
				piece, more = s[:at+1], true
				break
			}
		}
		s = s[len(piece):]
		b.WriteString(marks)
		if marks != "" && piece != "" || strings.HasPrefix(piece, " ") || strings.HasPrefix(piece, ">") || strings.HasPrefix(piece, "From") {
			b.WriteByte(' ')
		}
		b.WriteString(piece)
		if more && delSp {
			b.WriteByte(' ')
		}
		b.WriteString("\r\n")
		if !more {
			return b.String()
		}
	}
}
