package mail

import (
	"strings"
	"time"
	"unicode/utf8"
)

// number reads a number with what is tied to it: a time, a date of numbers, a day of a month, a year.
func (d *dateReader) number(s string) int {
	v, n := digits(s)
	sep, _ := utf8.DecodeRuneInString(s[n:])
	if k := d.counted(v, s[n:]); k > 0 {
		return n + k
	}
	switch {
	case (n == 8 || n == 14) && d.year < 0 && d.day < 0: // 20260105, 20260105150405
		d.year, d.month, d.day = number(s[:4]), time.Month(number(s[4:6])), number(s[6:8])
		if n == 14 {
			d.hour, d.min, d.sec = number(s[8:10]), number(s[10:12]), number(s[12:14])
		}
	case n == 6 && d.dated() && d.hour < 0:
		d.hour, d.min, d.sec = number(s[:2]), number(s[2:4]), number(s[4:6])
	case n == 4 && (sep == '-' || sep == '/' || sep == '.') && d.year < 0 && d.day < 0:
		return d.iso(s, v)
	case n <= 2 && (sep == '.' || sep == '/' || sep == '-') && d.day < 0 && d.month == 0 && d.year < 0 && d.numeric(s) > 0:
		return d.numeric(s)
	case n <= 2 && d.hour < 0 && nextDigit(s, n) && (sep == ':' || d.dated() && (sep == '.' || sep == '-' || sep == 'h')):
		return d.clock(s)
	case n <= 2 && d.day < 0:
		d.day = v
	case d.year < 0 && v >= 1900 && v <= 9998 && n <= 5:
		d.year = v
	case d.year < 0 && n == 5 && v >= 19070 && v < 19200: // years since 1900 with a 19 before them, from the year 2000 on
		d.year = 1900 + v - 19000
	case d.year < 0 && n == 3: // RFC 5322 section 4.3: years since 1900
		d.year = 1900 + v
	case d.year < 0 && (n == 2 || n == 4 && v >= 20 && v < 100):
		d.year = 2000 + v
		if v >= 50 {
			d.year = 1900 + v
		}
	case d.dated() && d.hour < 0 && n <= 2: // 3 PM
		d.hour = v
	case d.dated() && d.hour < 0 && n == 4:
		d.hour, d.min = v/100, v%100
	case d.dated() && !d.hasZone && n == 4 && v <= 1400 && v%100 < 60: // the sign is missing
		d.zone, d.hasZone = v/100*3600+v%100*60, true
	}
	return n
}

// counted reads a number that says itself what it counts: 2026年, 1월. It returns the length of that word.
func (d *dateReader) counted(v int, s string) int {
	for i, words := range [...]string{"年년", "月월", "日일", "時时点點시", "分분", "秒초"} {
		r, n := utf8.DecodeRuneInString(s)
		if n < 2 || !strings.ContainsRune(words, r) || r == utf8.RuneError {
			continue
		}
		switch i {
		case 0:
			d.year = v
		case 1:
			d.month = time.Month(min(v, 99))
		case 2:
			d.day = v
		case 3:
			d.hour = v
		case 4:
			d.min = v
		case 5:
			d.sec = v
		}
		return n
	}
	return 0
}

// iso reads 2006-01-02, and the T after it.
func (d *dateReader) iso(s string, year int) int {
	sep := s[4]
	month, n := digits(s[5:])
	at := 5 + n
	d.year = year
	if n == 0 || n > 2 || at >= len(s) || s[at] != sep {
		return 5
	}
	day, k := digits(s[at+1:])
	if k == 0 || k > 2 {
		return 5
	}
	at += 1 + k
	d.month, d.day = time.Month(month), day
	if at < len(s) && (s[at] == 'T' || s[at] == 't') {
		at++
	}
	return at
}

// numeric reads 5.1.2026, and 1/5/2026, of which only some say which is the month. It returns 0 when s is something else.
func (d *dateReader) numeric(s string) int {
	a, n := digits(s)
	sep := s[n]
	b, k := digits(s[n+1:])
	at := n + 1 + k
	if k == 0 || k > 2 || at >= len(s) || s[at] != sep {
		return 0
	}
	year, k := digits(s[at+1:])
	if k != 4 && k != 2 || a == 0 || b == 0 {
		return 0
	}
	if k == 2 {
		year += 2000
	}
	d.year = year
	if sep == '.' {
		d.day, d.month = a, time.Month(b)
	} else {
		d.day, d.slashed = 0, [2]int{a, b}
	}
	return at + 1 + k
}

// clock reads 15:04, 15:04:05 or 15:04:05.000, or the same with dots, dashes or letters.
func (d *dateReader) clock(s string) int {
	h, n := digits(s)
	m, k := digits(s[n+1:])
	d.hour, d.min = h, m
	at := n + 1 + k
	if at < len(s) && strings.IndexByte(":.-m", s[at]) >= 0 && nextDigit(s, at) && (s[at] != '-' || s[n] == '-') {
		d.sec, k = digits(s[at+1:])
		at += 1 + k
		if at < len(s) && strings.IndexByte(".,:", s[at]) >= 0 && nextDigit(s, at) {
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

// digits reads the number that s begins with, and its length. More than fifteen digits are no number.
func digits(s string) (v, n int) {
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		if n < 15 {
			v = v*10 + int(s[n]-'0')
		}
		n++
	}
	return v, n
}

func number(s string) int {
	v, _ := digits(s)
	return v
}

func nextDigit(s string, at int) bool { return at+1 < len(s) && s[at+1] >= '0' && s[at+1] <= '9' }
