package mail

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// parseDate reads the date of a mail, in UTC. It knows RFC 5322 with its obsolete zones, ISO 8601,
// the form of C's asctime, and the mistakes of senders: no weekday, two-digit years, 12-hour clocks,
// zones in words or missing, months in other languages, dots and dashes for spaces and colons.
func parseDate(s string) (time.Time, bool) {
	d := dateReader{year: -1, day: -1, month: 0, hour: -1}
	if len(s) > 200 {
		s = cutString(s, 200)
	}
	for s = trimSpace(s); s != ""; {
		n := d.token(s)
		s = strings.TrimLeft(s[n:], " \t,;")
	}
	return d.time()
}

// dateReader collects what the words of a date say.
type dateReader struct {
	year, day, hour, min, sec int
	month                     time.Month
	zone                      int // seconds east of UTC
	hasZone                   bool
	pm, am                    bool
}

// token reads one word at the beginning of s and returns how much of s it was.
func (d *dateReader) token(s string) int {
	switch c := s[0]; {
	case c == '(':
		if end := strings.IndexByte(s, ')'); end >= 0 {
			if !d.hasZone {
				d.word(s[1:end])
			}
			return end + 1
		}
		return len(s)
	case (c == '+' || c == '-') && d.hour >= 0:
		return d.offset(s)
	case c >= '0' && c <= '9':
		return d.number(s)
	}
	n := 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if !unicode.IsLetter(r) {
			break
		}
		n += size
	}
	if n == 0 {
		_, n = utf8.DecodeRuneInString(s)
		return n
	}
	d.word(s[:n])
	return n
}

// number reads a number with what is tied to it: a time, an ISO date, a day of a month, a year.
func (d *dateReader) number(s string) int {
	v, n := digits(s)
	sep := byte(0)
	if n < len(s) {
		sep = s[n]
	}
	switch {
	case n == 4 && (sep == '-' || sep == '/' || sep == '.') && d.year < 0 && d.day < 0:
		return d.iso(s, v)
	case (sep == ':' || sep == '.') && n <= 2 && d.hour < 0 && (sep == ':' || d.month > 0 && d.day >= 0) && nextDigit(s, n):
		return d.clock(s)
	case n <= 2 && d.day < 0:
		d.day = v
	case n == 4 && d.year < 0:
		d.year = v
	case n == 3 && d.year < 0: // RFC 5322 section 4.3: years since 1900, a mistake of the year 2000
		d.year = 1900 + v
	case n == 2 && d.year < 0:
		d.year = 2000 + v
		if v >= 50 {
			d.year = 1900 + v
		}
	case n == 4 && d.hour < 0:
		d.hour, d.min = v/100, v%100
	}
	return n
}

// iso reads 2006-01-02, and the T after it.
func (d *dateReader) iso(s string, year int) int {
	sep := s[4]
	month, n := digits(s[5:])
	at := 5 + n
	if n == 0 || n > 2 || at >= len(s) || s[at] != sep {
		d.year = year
		return 5
	}
	day, k := digits(s[at+1:])
	if k == 0 || k > 2 {
		d.year = year
		return 5
	}
	at += 1 + k
	d.year, d.month, d.day = year, time.Month(month), day
	if at < len(s) && (s[at] == 'T' || s[at] == 't') {
		at++
	}
	return at
}

// clock reads 15:04, 15:04:05 or 15:04:05.000, or the same with dots.
func (d *dateReader) clock(s string) int {
	h, n := digits(s)
	m, k := digits(s[n+1:])
	d.hour, d.min = h, m
	at := n + 1 + k
	if at < len(s) && (s[at] == ':' || s[at] == '.') && nextDigit(s, at) {
		sec, k := digits(s[at+1:])
		d.sec = sec
		at += 1 + k
		if at < len(s) && (s[at] == '.' || s[at] == ',') && nextDigit(s, at) {
			_, k = digits(s[at+1:])
			at += 1 + k
		}
	}
	if at < len(s) && (s[at] == 'Z' || s[at] == 'z') && (at+1 == len(s) || s[at+1] == ' ') {
		d.hasZone = true
		at++
	}
	return at
}

// offset reads +0100, +01:00, +1 or +01.
func (d *dateReader) offset(s string) int {
	v, n := digits(s[1:])
	at := 1 + n
	switch {
	case n == 0:
		return 1
	case n <= 2:
		v *= 100
		if at < len(s) && s[at] == ':' {
			m, k := digits(s[at+1:])
			v += m
			at += 1 + k
		}
	case n > 4:
		return at
	}
	h, m := v/100, v%100
	if h > 15 || m > 59 {
		return at // no such zone: read as UTC
	}
	d.zone, d.hasZone = h*3600+m*60, true
	if s[0] == '-' {
		d.zone = -d.zone
	}
	return at
}

// word reads the name of a month or a zone, or AM or PM. Weekdays and the rest say nothing.
func (d *dateReader) word(w string) {
	w = strings.ToLower(w)
	switch w {
	case "am":
		d.am = true
		return
	case "pm":
		d.pm = true
		return
	}
	if z, ok := zones[w]; ok && d.hour >= 0 {
		if !d.hasZone {
			d.zone, d.hasZone = z*60, true
			if w == "gmt" || w == "utc" || w == "ut" {
				d.hasZone = false // an offset may follow: GMT+0200
			}
		}
		return
	}
	if d.month > 0 {
		return
	}
	if m, ok := months[w]; ok {
		d.month = m
		return
	}
	if len(w) > 3 && isASCII(w) {
		d.month = months[w[:3]] // February
		if w[0] == 's' && w[1] != 'e' || w[:3] == "mon" {
			d.month = 0
		}
	}
}

func (d *dateReader) time() (time.Time, bool) {
	if d.year < 1900 || d.year > 9998 || d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31 || d.hour > 24 || d.min > 59 || d.sec > 60 {
		return time.Time{}, false
	}
	hour := max(d.hour, 0)
	switch {
	case d.pm && hour < 12:
		hour += 12
	case d.am && hour == 12:
		hour = 0
	}
	t := time.Date(d.year, d.month, d.day, hour, d.min, min(d.sec, 59), 0, time.UTC)
	if t.Day() != d.day && hour < 24 {
		return time.Time{}, false // 31 February
	}
	return t.Add(-time.Duration(d.zone) * time.Second), true
}

// digits reads the number that s begins with, and its length. More than nine digits are no number.
func digits(s string) (v, n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		if n < 9 {
			v = v*10 + int(s[n]-'0')
		}
		n++
	}
	return v, n
}

func nextDigit(s string, at int) bool { return at+1 < len(s) && s[at+1] >= '0' && s[at+1] <= '9' }

// zones are minutes east of UTC: those of RFC 5322 section 4.3 and the common ones beside them.
var zones = map[string]int{
	"z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 60, "bst": 60, "ist": 330, "cet": 60, "mez": 60, "cest": 120, "mesz": 120, "met": 60, "mest": 120,
	"eet": 120, "eest": 180, "msk": 180, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
	"akst": -540, "akdt": -480, "hst": -600, "jst": 540, "kst": 540, "hkt": 480, "sgt": 480, "aest": 600, "aedt": 660, "nzst": 720, "nzdt": 780, "brt": -180, "sast": 120,
}

var months = map[string]time.Month{
	"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12, "sept": 9,
	"mär": 3, "mrz": 3, "märz": 3, "mai": 5, "okt": 10, "dez": 12, "jän": 1, "jänner": 1, "januar": 1, "februar": 2, "juni": 6, "juli": 7, "oktober": 10, "dezember": 12,
	"janv": 1, "janvier": 1, "févr": 2, "fév": 2, "février": 2, "fevr": 2, "mars": 3, "avr": 4, "avril": 4, "juin": 6, "juil": 7, "juillet": 7, "août": 8, "aout": 8, "déc": 12, "décembre": 12,
	"ene": 1, "abr": 4, "ago": 8, "dic": 12, "gen": 1, "mag": 5, "giu": 6, "lug": 7, "set": 9, "ott": 10, "mrt": 3, "maart": 3, "mei": 5, "fev": 2, "out": 10,
	"янв": 1, "фев": 2, "мар": 3, "апр": 4, "май": 5, "мая": 5, "июн": 6, "июл": 7, "авг": 8, "сен": 9, "окт": 10, "ноя": 11, "дек": 12,
}
