package mail

import (
	"strings"
	"time"
)

// time reads a date, or a date and time, of a property (RFC 5545 section 3.3.5). Known says that its zone is.
func (c *calendar) time(prop *property5545) (t time.Time, day, known bool) {
	s := strings.ToUpper(trimSpace(prop.value))
	s, utc := strings.CutSuffix(s, "Z")
	t, day, ok := parseLocal(s)
	switch {
	case !ok:
		return time.Time{}, false, false
	case day:
		return t, true, true
	case utc:
		return t, false, true
	}
	id := trimSpace(prop.param("TZID"))
	if loc := location(id); loc != nil {
		y, m, d := t.Date()
		return clampTime(time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, loc).UTC()), false, true
	}
	if z := c.zones[id]; z != nil {
		if offset, ok := z.offset(t); ok {
			return clampTime(t.Add(-offset)), false, true
		}
	}
	return t, false, false
}

// clampTime gives nothing for times that a zone moves out of the years that can be written.
func clampTime(t time.Time) time.Time {
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t
}

// isoMarks are what ISO 8601 may write between the parts of a time, and RFC 5545 does not.
var isoMarks = strings.NewReplacer("-", "", ":", "")

// parseLocal reads 20260105 and 20260105T140000, with and without the marks of ISO 8601, as if in UTC.
func parseLocal(s string) (t time.Time, day, ok bool) {
	if len(s) > 25 {
		return t, false, false
	}
	s = isoMarks.Replace(s)
	switch len(s) {
	case len("20060102"):
		t, err := time.Parse("20060102", s)
		return t, true, err == nil && t.Year() > 0
	case len("20060102T1504"):
		s += "00"
	}
	if strings.HasSuffix(s, "60") { // a leap second
		s = s[:len(s)-2] + "59"
	}
	t, err := time.Parse("20060102T150405", s)
	return t, false, err == nil && t.Year() > 0
}

// durationMax bounds what an event may last.
const durationMax = 100 * 365 * 24 * time.Hour

// parseDuration reads P1W, P1DT2H30M (RFC 5545 section 3.3.6).
func parseDuration(s string) (time.Duration, bool) {
	s, ok := strings.CutPrefix(strings.TrimPrefix(strings.ToUpper(trimSpace(s)), "+"), "P")
	if !ok || len(s) > 40 {
		return 0, false
	}
	var d time.Duration
	n, digits := 0, 0
	for i := range len(s) {
		unit := time.Duration(0)
		switch c := s[i]; c {
		case 'T':
			continue
		case 'W':
			unit = 7 * 24 * time.Hour
		case 'D':
			unit = 24 * time.Hour
		case 'H':
			unit = time.Hour
		case 'M':
			unit = time.Minute
		case 'S':
			unit = time.Second
		default:
			if c < '0' || c > '9' || n > 1e6 {
				return 0, false
			}
			n, digits = n*10+int(c-'0'), digits+1
			continue
		}
		if digits == 0 || time.Duration(n) > (durationMax-d)/unit {
			return 0, false
		}
		d, n, digits = d+time.Duration(n)*unit, 0, 0
	}
	return d, digits == 0
}
