package dsl

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEOF     tokenKind = iota
	tokenNewline           // the end of a line
	tokenName              // letters, digits, _ and $
	tokenNumber
	tokenString // "…", '…' or `…`, as expr reads them
	tokenText   // """…"""
	tokenPunct  // one character
)

// A token is a piece of a file. The lexer agrees with expr's on where strings and comments end, so
// that a bracket inside them counts for neither.
type token struct {
	kind       tokenKind
	start, end int  // bytes
	bad        bool // a text that is not closed: reported
}

// A comment is kept apart from the tokens, so that a formatter can put it back.
type comment struct{ start, end int }

const deepest = 100 // brackets open at once: expr's parser is recursive, and a stack overflow is fatal

const (
	tooDeep = "too many brackets are open"
	notUTF8 = "this is not UTF-8"
)

type lexer struct {
	src      *source
	text     string
	at       int
	tokens   []token
	comments []comment
	open     int
	diags    Diagnostics
}

func lex(src *source) *lexer {
	l := &lexer{src: src, text: src.text}
	if spare, ok := spareTokens.Get().(*[]token); ok {
		l.tokens = (*spare)[:0]
	} else {
		l.tokens = make([]token, 0, len(src.text)/4+1)
	}
	l.at = len(l.text) - len(strings.TrimPrefix(l.text, byteOrderMark))
	for l.at < len(l.text) {
		l.next()
	}
	l.tokens = append(l.tokens, token{kind: tokenEOF, start: len(l.text), end: len(l.text)})
	return l
}

func (l *lexer) error(offset int, message, hint string) {
	if len(l.diags) < mostDiagnostics {
		l.diags = append(l.diags, l.src.diagnostic(offset, SeverityError, message, hint))
	}
}

func (l *lexer) emit(kind tokenKind, end int) {
	l.tokens = append(l.tokens, token{kind: kind, start: l.at, end: end})
	l.at = end
}

func (l *lexer) next() {
	rest := l.text[l.at:]
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case r == '\n':
		l.emit(tokenNewline, l.at+1)
	case unicode.IsSpace(r):
		l.at += size
	case strings.HasPrefix(rest, "//"):
		l.comment(strings.IndexByte(rest, '\n'), 0)
	case strings.HasPrefix(rest, "/*"):
		end := strings.Index(rest[2:], "*/")
		if end < 0 {
			l.error(l.at, "this comment is not closed", "end it with */")
		}
		l.comment(end, 4)
	case strings.HasPrefix(rest, `"""`):
		l.block()
	case r == '"' || r == '\'':
		l.quoted(byte(r))
	case r == '`':
		l.raw()
	case strings.ContainsRune(smartQuotes, r):
		l.smart(size)
	case unicode.IsDigit(r):
		l.emit(tokenNumber, l.at+wordLength(rest))
	case isWord(r):
		l.emit(tokenName, l.at+wordLength(rest))
	default:
		l.punct(r, size)
	}
}

func (l *lexer) comment(end, closing int) {
	if end < 0 {
		end, closing = len(l.text)-l.at, 0
	}
	l.comments = append(l.comments, comment{l.at, l.at + end + closing})
	l.at += end + closing
}

func (l *lexer) block() {
	end := strings.Index(l.text[l.at+3:], `"""`)
	if end < 0 {
		l.error(l.at, `this text is not closed`, `end it with """`)
		l.emit(tokenText, len(l.text))
		l.tokens[len(l.tokens)-1].bad = true
		return
	}
	l.emit(tokenText, l.at+3+end+3)
}

func (l *lexer) quoted(quote byte) {
	for i := l.at + 1; i < len(l.text); i++ {
		switch l.text[i] {
		case '\\':
			i++
		case '\n':
			l.unclosed(i)
			return
		case quote:
			l.string(i + 1)
			return
		}
	}
	l.unclosed(len(l.text))
}

// string emits a text that is closed.
func (l *lexer) string(end int) {
	if s := l.text[l.at:end]; !utf8.ValidString(s) {
		l.error(l.at, notUTF8, "save the file as UTF-8")
	}
	l.emit(tokenString, end)
}

func (l *lexer) unclosed(end int) {
	l.error(l.at, "this text is not closed", "end it with "+l.text[l.at:l.at+1]+" on the same line, or write it in `backticks`")
	l.emit(tokenString, end)
	l.tokens[len(l.tokens)-1].bad = true
}

// raw reads a text in backticks, where two of them stand for one.
func (l *lexer) raw() {
	for i := l.at + 1; i < len(l.text); i++ {
		if l.text[i] != '`' {
			continue
		}
		if i+1 < len(l.text) && l.text[i+1] == '`' {
			i++
			continue
		}
		l.string(i + 1)
		return
	}
	end := strings.IndexByte(l.text[l.at:], '\n')
	if end < 0 {
		end = len(l.text) - l.at
	}
	l.error(l.at, "this text is not closed", "end it with a backtick")
	l.emit(tokenString, l.at+end)
	l.tokens[len(l.tokens)-1].bad = true
}

func (l *lexer) punct(r rune, size int) {
	switch r {
	case '(', '[', '{':
		if l.open++; l.open == deepest+1 {
			l.error(l.at, tooDeep, "write it flatter: at most 100 may be open at once")
		}
	case ')', ']', '}':
		l.open = max(0, l.open-1)
	case utf8.RuneError:
		if size == 1 {
			l.error(l.at, notUTF8, "save the file as UTF-8")
		}
	}
	l.emit(tokenPunct, l.at+size)
}

func isWord(r rune) bool {
	return r == '_' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

func wordLength(s string) int {
	for i, r := range s {
		if !isWord(r) {
			return i
		}
	}
	return len(s)
}

// smartQuotes are what word processors make of quotes.
const smartQuotes = "“”„‟«»‘’‚‛‹›"

// smart passes over a text in such quotes.
func (l *lexer) smart(size int) {
	line := l.text[l.at+size:]
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	end := l.at + size
	if i := strings.IndexAny(line, smartQuotes+"\"'`"); i >= 0 {
		_, closing := utf8.DecodeRuneInString(line[i:])
		end += i + closing
	}
	l.error(l.at, "this is no quote: "+l.text[l.at:l.at+size], `write the text in "straight quotes", as a programmer's editor has them`)
	l.emit(tokenString, end)
	l.tokens[len(l.tokens)-1].bad = true
}
