package mail

import (
	"bufio"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// rtfDeep is how many groups inside of each other have a state of their own; deeper ones share the last.
const rtfDeep = 256

// rtfMarkup is how many bytes of rich text are read for each of text that may be kept: Outlook writes two or three.
const rtfMarkup = 16

// rtfFontMax is how many fonts are known.
const rtfFontMax = 1000

// rtfText is what was read of rich text: HTML where that is what it was made from ([MS-OXRTFEX]), else text.
type rtfText struct {
	text string
	html bool
}

// readRTF reads compressed RTF.
func (p *parser) readRTF(r io.Reader) rtfText {
	z := newLZFu(r)
	if z == nil {
		return rtfText{}
	}
	return p.textFromRTF(z)
}

// An rtf is a reader of rich text that keeps its text and nothing else of it.
type rtf struct {
	p     *parser
	r     *bufio.Reader
	state rtfState
	stack []rtfState
	over  int // groups open beyond the stack

	html  bool // it was made from HTML
	fonts map[int]string
	font  int    // of the font table, being read
	cp    string // the code page of the document

	out  strings.Builder
	run  []byte // text not decoded yet, in runCP
	runC string
	high rune // the first half of a surrogate pair
	read int64
	omit int // characters to leave out after \u
}

// rtfState is what a group inherits.
type rtfState struct {
	skip    bool   // a destination that is not text
	fontTab bool   // the font table
	tag     bool   // HTML as it was
	notHTML bool   // only for readers of RTF
	star    bool   // after \*: what follows is skipped unless it is known
	uc      int    // characters that stand for one of \u
	cp      string // of the font
}

func (p *parser) textFromRTF(r io.Reader) rtfText {
	r = io.LimitReader(r, rtfMarkup*p.limits.Text)
	t := &rtf{p: p, r: bufio.NewReaderSize(r, 4<<10), fonts: map[int]string{}, cp: "windows-1252"}
	t.state = rtfState{uc: 1}
	for t.out.Len() < int(p.limits.Text) && t.step() {
	}
	t.flush()
	text := cutString(t.out.String(), int(p.limits.Text))
	if !t.html {
		text = strings.TrimLeft(text, "\n")
	}
	return rtfText{text: text, html: t.html}
}

// step reads one character, group sign or control word.
func (t *rtf) step() bool {
	c, err := t.r.ReadByte()
	if err != nil {
		return false
	}
	if t.read++; t.read&0xffff == 0 && t.p.spend(1<<16) == 0 {
		return false
	}
	switch c {
	case '{':
		t.omit = 0
		if len(t.stack) < rtfDeep {
			t.stack = append(t.stack, t.state)
		} else {
			t.over++
		}
	case '}':
		t.omit = 0
		t.flush()
		if t.over > 0 {
			t.over--
		} else if n := len(t.stack); n > 0 {
			t.state, t.stack = t.stack[n-1], t.stack[:n-1]
		}
	case '\\':
		return t.control()
	case '\r', '\n', 0:
	default:
		t.char(c)
	}
	return true
}

// control reads what follows a backslash.
func (t *rtf) control() bool {
	c, err := t.r.ReadByte()
	if err != nil {
		return false
	}
	if !isLetter(c) {
		switch c {
		case '\'':
			var h [2]byte
			if _, err := io.ReadFull(t.r, h[:]); err != nil {
				return false
			}
			if hi, lo := unhex(h[0]), unhex(h[1]); hi < 16 && lo < 16 {
				t.char(hi<<4 | lo)
			}
		case '*':
			t.state.star = true
		case '~':
			t.symbol("\u00a0", "&nbsp;")
		case '_':
			t.symbol("\u2011", "&#8209;")
		case '{', '}', '\\':
			t.char(c)
		case '\r', '\n':
			t.symbol("\n", "\r\n")
		}
		return true
	}
	var buf [32]byte
	word := append(buf[:0], c)
	n, digits, minus := 0, 0, false
	for {
		if c, err = t.r.ReadByte(); err != nil {
			break
		}
		switch {
		case isLetter(c) && digits == 0 && !minus:
			if len(word) < len(buf) {
				word = append(word, c)
			}
			continue
		case c == '-' && digits == 0 && !minus:
			minus = true
			continue
		case c >= '0' && c <= '9':
			if digits++; digits < 10 {
				n = n*10 + int(c-'0')
			}
			continue
		case c != ' ':
			_ = t.r.UnreadByte()
		}
		break
	}
	if minus {
		n = -n
	}
	t.word(string(word), n, digits > 0)
	return true
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// shown says whether text is of the message here.
func (t *rtf) shown() bool {
	s := &t.state
	return !s.skip && !s.fontTab && (s.tag || !s.notHTML)
}

// char adds a byte of text.
func (t *rtf) char(c byte) {
	if t.omit > 0 {
		t.omit--
		return
	}
	if !t.shown() {
		return
	}
	cp := t.state.cp
	if cp == "" {
		cp = t.cp
	}
	if cp != t.runC {
		t.flush()
		t.runC = cp
	}
	if t.run = append(t.run, c); len(t.run) >= 4096 && c < utf8.RuneSelf {
		t.flush()
	}
}

func (t *rtf) flush() {
	if len(t.run) == 0 {
		return
	}
	t.out.WriteString(t.p.charset(t.run, t.runC))
	t.run = t.run[:0]
}

// symbol adds what a control word stands for, in text and in HTML.
func (t *rtf) symbol(text, html string) {
	if t.omit > 0 {
		t.omit--
		return
	}
	if !t.shown() {
		return
	}
	t.flush()
	if t.html {
		text = html
	}
	t.out.WriteString(text)
}

func (t *rtf) unicode(n int) {
	t.omit = t.state.uc
	if !t.shown() {
		return
	}
	r := rune(uint16(n))
	switch {
	case utf16.IsSurrogate(r) && r < 0xdc00:
		t.high = r
		return
	case utf16.IsSurrogate(r):
		r = utf16.DecodeRune(t.high, r)
	}
	t.high = 0
	if r == 0 {
		return
	}
	t.flush()
	t.out.WriteRune(r)
}
