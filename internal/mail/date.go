package mail

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// parseDate reads the date of a mail, in UTC. It knows RFC 5322 with its obsolete zones, ISO 8601, the form of C's asctime, seconds
// since 1970, and the mistakes of senders: no weekday, years of two, three or five digits, 12-hour clocks, zones in words or missing,
// months in other languages, dots and dashes for spaces and colons. What may mean two days, like 3/4/2026, is unreadable.
func parseDate(s string) (time.Time, bool) {
	s = trimSpace(s)
	if t, ok := exactDate(s); ok {
		return t, true
	}
	d := dateReader{year: -1, day: -1, hour: -1}
	s = d.clean(cutString(s, 200))
	if t, ok := unixDate(s); ok {
		return t, true
	}
	for s != "" && !d.whole() {
		n := d.token(s)
		s = strings.TrimLeft(s[n:], " ,;\"'<>[]")
	}
	if !d.hasZone {
		for _, c := range d.comments {
			d.zoneIn(c)
		}
	}
	return d.time()
}

// exactDate reads the one form that nearly every mail has.
func exactDate(s string) (time.Time, bool) {
	if i := strings.IndexByte(s, '('); i > 0 && s[len(s)-1] == ')' && strings.IndexByte(s[i+1:], '(') < 0 {
		s = strings.TrimRight(s[:i], " ")
	}
	if len(s) > 5 && s[3] == ',' && s[4] == ' ' {
		s = s[5:]
	}
	day, n := digits(s)
	if n == 0 || n > 2 || len(s) < n+len(" Jan 2026 15:04:05 +0100") {
		return time.Time{}, false
	}
	s = s[n:]
	if len(s) != len(" Jan 2026 15:04:05 +0100") || s[0] != ' ' || s[4] != ' ' || s[9] != ' ' || s[12] != ':' || s[15] != ':' || s[18] != ' ' || s[19] != '+' && s[19] != '-' {
		return time.Time{}, false
	}
	var num [5]int // year, hour, minute, second, zone
	for i, at := range [5][2]int{{5, 9}, {10, 12}, {13, 15}, {16, 18}, {20, 24}} {
		v, n := digits(s[at[0]:at[1]])
		if n != at[1]-at[0] {
			return time.Time{}, false
		}
		num[i] = v
	}
	const months = "JanFebMarAprMayJunJulAugSepOctNovDec"
	m := strings.Index(months, s[1:4])
	if m < 0 || m%3 != 0 || num[4] > 1400 || num[4]%100 > 59 {
		return time.Time{}, false
	}
	d := dateReader{year: num[0], month: time.Month(m/3 + 1), day: day, hour: num[1], min: num[2], sec: num[3], zone: num[4]/100*3600 + num[4]%100*60}
	if s[19] == '-' {
		d.zone = -d.zone
	}
	return d.time()
}

// unixDate reads seconds or milliseconds since 1970.
func unixDate(s string) (time.Time, bool) {
	v, n := digits(s)
	switch {
	case n != len(s) || n != 10 && n != 13:
		return time.Time{}, false
	case n == 13:
		v /= 1000
	}
	return time.Unix(int64(v), 0).UTC(), true
}

// dateReader collects what the words of a date say.
type dateReader struct {
	year, day, hour, min, sec int
	month                     time.Month
	early                     bool   // the month's word stood before the day: a weekday may look like one
	slashed                   [2]int // of 3/4/2026: day and month, or the reverse
	zone                      int    // seconds east of UTC
	hasZone                   bool
	pm, am                    bool
	comments                  []string
}

// whole says whether nothing more is needed. What follows is a second date, or something else.
func (d *dateReader) whole() bool {
	return d.hasZone && d.year >= 0 && d.day >= 0 && d.hour >= 0 && (d.month > 0 || d.slashed[0] > 0)
}

// dated says whether the day is known, so that what follows can be the time.
func (d *dateReader) dated() bool { return d.day >= 0 && d.month > 0 && d.year >= 0 }

// clean takes comments out, and what cannot be seen, and blanks around colons.
func (d *dateReader) clean(s string) string {
	var b, comment strings.Builder
	depth := 0
	for _, r := range s {
		switch {
		case r == '(':
			depth++
			r = ' '
		case r == ')' && depth > 0:
			if depth--; depth == 0 {
				d.comments = append(d.comments, comment.String())
				comment.Reset()
			}
			r = ' '
		case deceives(r):
			continue
		case unicode.IsSpace(r), unicode.IsControl(r), r == '_', r == utf8.RuneError:
			r = ' '
		}
		switch {
		case depth > 0:
			comment.WriteRune(r)
		case r == ' ' && (b.Len() == 0 || strings.HasSuffix(b.String(), " ") || strings.HasSuffix(b.String(), ":")):
		default:
			b.WriteRune(r)
		}
	}
	s = strings.ReplaceAll(b.String(), " :", ":")
	if depth > 0 {
		d.comments = append(d.comments, comment.String())
	}
	return strings.Trim(s, " ,;\"'<>[]")
}

// token reads one word at the beginning of s and returns how much of s it was.
func (d *dateReader) token(s string) int {
	switch c := s[0]; {
	case (c == '+' || c == '-') && d.hour >= 0:
		return d.offset(s)
	case c >= '0' && c <= '9':
		return d.number(s)
	}
	if d.hour >= 0 && !d.hasZone && d.zoneIn(s) {
		return len(s) - len(strings.TrimLeftFunc(s, unicode.IsLetter))
	}
	n := 0
	for n < len(s) {
		r, size := utf8.DecodeRuneInString(s[n:])
		if !unicode.IsLetter(r) && !unicode.IsMark(r) {
			break
		}
		n += size
	}
	if n == 0 {
		_, n = utf8.DecodeRuneInString(s)
		return n
	}
	d.word(s[:n])
	if n == 1 && len(s) > 3 && s[1] == '.' && (s[2]|0x20) == 'm' { // p.m.
		d.word(s[:1] + "m")
		return 3
	}
	return n
}

// word reads the name of a month, or AM or PM. Weekdays and the rest say nothing.
func (d *dateReader) word(w string) {
	w = strings.ToLower(w)
	switch w {
	case "am", "上午", "午前", "오전":
		d.am = true
		return
	case "pm", "下午", "午後", "오후":
		d.pm = true
		return
	}
	if d.hour >= 0 && d.month > 0 || d.month > 0 && !d.early {
		return
	}
	if m := monthOf(w); m > 0 {
		d.month, d.early = m, d.day < 0
	}
}

func (d *dateReader) time() (time.Time, bool) {
	if a, b := d.slashed[0], d.slashed[1]; a > 0 {
		switch {
		case a > 12 || a == b:
			d.day, d.month = a, time.Month(b)
		case b > 12 || d.am || d.pm: // America writes the month first, and twelve hours
			d.day, d.month = b, time.Month(a)
		default:
			return time.Time{}, false
		}
	}
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
	if time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC).Day() != d.day {
		return time.Time{}, false // 31 February
	}
	t := time.Date(d.year, d.month, d.day, hour, d.min, min(d.sec, 59), 0, time.UTC)
	t = t.Add(-time.Duration(d.zone) * time.Second)
	return t, t.Year() >= 1900 && t.Year() < 9999
}
