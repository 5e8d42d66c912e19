package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A Reading is what one parser says of a mail.
type Reading struct {
	Failed   string // why it gave nothing, "" when it did
	Subject  string
	From     string // the address
	FromName string
	Text     string
	MadeText bool // Text is made from HTML
	Files    []File
	Date     time.Time

	New      string // without quoted history and signature
	Kind     string
	Reply    bool
	Forward  bool
	Bounce   *Bounce // nil when it takes the mail for none
	Calendar *Calendar
}

// A File is an attachment.
type File struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (f File) String() string { return fmt.Sprintf("%q %s %d", f.Name, f.Type, f.Size) }

// A Bounce is what a bounce says.
type Bounce struct {
	Recipients []string `json:"recipients"`
	Status     string   `json:"status"`
	Reason     string   `json:"reason"`
	MessageID  string   `json:"messageId"`
}

// A Calendar is the summary of a calendar part.
type Calendar struct {
	Method    string `json:"method"`
	UID       string `json:"uid"`
	Summary   string `json:"summary"`
	Location  string `json:"location"`
	Start     string `json:"start"`
	End       string `json:"end"`
	Organizer string `json:"organizer"`
	Answer    string `json:"answer"`
}

// A Reader is a parser under measurement. lacks are the fields that it has no answer for.
type Reader struct {
	name  string
	read  func(raw []byte) Reading
	lacks []string
}

// safely turns a panic of a parser into a failure.
func (r Reader) safely(raw []byte) (got Reading) {
	defer func() {
		if p := recover(); p != nil {
			got = Reading{Failed: fmt.Sprint("panic: ", p)}
		}
	}()
	return r.read(raw)
}

// fold makes two texts comparable: white space is one space, NFC, no byte order marks or soft hyphens.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\ufeff' || r == '\u00ad' || r == '\u200b':
			return -1
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, norm.NFC.String(s))
	return strings.Join(strings.Fields(s), " ")
}
