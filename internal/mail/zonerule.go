package mail

import (
	"strconv"
	"strings"
	"time"
)

// Bounds of what is kept of time zones that calendars define themselves.
const (
	zonesMax = 50
	turnsMax = 200 // of one zone
)

// A zone is a VTIMEZONE (RFC 5545 section 3.6.5): when its clocks are turned, and to what.
type zone struct {
	id    string
	turns []*turn
}

// A turn is a STANDARD or a DAYLIGHT: from its first day on, each year or once.
type turn struct {
	daylight bool
	start    time.Time // local, as if in UTC
	from, to time.Duration
	known    bool // to is
	yearly   bool
	month    time.Month
	day      int // of the month, 0 for a weekday
	weekday  time.Weekday
	week     int // 1 the first, -1 the last; 0 any
	until    time.Time
	dates    []time.Time
}

func (z *zone) add(daylight bool) *turn {
	if len(z.turns) >= turnsMax {
		return nil
	}
	t := &turn{daylight: daylight}
	z.turns = append(z.turns, t)
	return t
}

func (c *calendar) zoneProperty(prop *property5545) {
	if c.zone == nil {
		return
	}
	if c.inside() == "VTIMEZONE" {
		if id := trimSpace(strings.Trim(prop.value, `"`)); prop.name == "TZID" && c.zone.id == "" && len(c.zones) < zonesMax {
			c.zone.id = id
			c.zones[id] = c.zone
		}
		return
	}
	t := c.turn
	if t == nil {
		return
	}
	switch prop.name {
	case "DTSTART":
		t.start, _, _ = parseLocal(trimSpace(prop.value))
	case "TZOFFSETFROM":
		t.from, _ = parseOffset(prop.value)
	case "TZOFFSETTO":
		t.to, t.known = parseOffset(prop.value)
	case "RRULE":
		t.rule(prop.value)
	case "RDATE":
		for s := range strings.SplitSeq(prop.value, ",") {
			if len(t.dates) == turnsMax {
				break
			}
			if d, _, ok := parseLocal(trimSpace(s)); ok {
				t.dates = append(t.dates, d)
			}
		}
	}
}

// parseOffset reads +0100.
func parseOffset(s string) (time.Duration, bool) {
	s = strings.ReplaceAll(trimSpace(s), ":", "")
	if len(s) != 5 && len(s) != 7 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	n, err := strconv.Atoi(s[1:5])
	if err != nil || n < 0 || n > 2359 || n%100 > 59 {
		return 0, false
	}
	d := time.Duration(n/100)*time.Hour + time.Duration(n%100)*time.Minute
	if s[0] == '-' {
		d = -d
	}
	return d, true
}

// rule reads the one kind of rule by which clocks are turned: FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU.
func (t *turn) rule(s string) {
	for part := range strings.SplitSeq(s, ";") {
		k, v, _ := strings.Cut(strings.ToUpper(part), "=")
		switch trimSpace(k) {
		case "FREQ":
			t.yearly = v == "YEARLY"
		case "BYMONTH":
			if n, _ := strconv.Atoi(v); n >= 1 && n <= 12 {
				t.month = time.Month(n)
			}
		case "BYMONTHDAY":
			if n, _ := strconv.Atoi(v); n >= 1 && n <= 31 { // the first of a week's, with BYDAY
				t.day = n
			}
		case "BYDAY":
			if len(v) < 2 {
				continue
			}
			if i := strings.Index("SUMOTUWETHFRSA", v[len(v)-2:]); i >= 0 && i%2 == 0 {
				t.weekday = time.Weekday(i / 2)
				if t.week, _ = strconv.Atoi(v[:len(v)-2]); t.week == 0 {
					t.week = 1
				}
				t.week = max(-5, min(5, t.week))
			}
		case "UNTIL":
			t.until, _, _ = parseLocal(strings.TrimSuffix(v, "Z"))
		}
	}
}

// in is when the clocks are turned in a year.
func (t *turn) in(year int) time.Time {
	month, day := t.month, t.day
	if month == 0 {
		month = t.start.Month()
	}
	h, m, s := t.start.Clock()
	switch {
	case t.week > 0: // from the first, or from a day of the month on
		first := time.Date(year, month, max(day, 1), h, m, s, 0, time.UTC)
		weeks := t.week - 1
		if day > 0 {
			weeks = 0
		}
		return first.AddDate(0, 0, (int(t.weekday-first.Weekday())+7)%7+7*weeks)
	case t.week < 0:
		last := time.Date(year, month+1, 0, h, m, s, 0, time.UTC)
		return last.AddDate(0, 0, -(int(last.Weekday()-t.weekday)+7)%7+7*(t.week+1))
	case day == 0:
		day = t.start.Day()
	}
	return time.Date(year, month, day, h, m, s, 0, time.UTC)
}

// last is the last time before at that the clocks were turned so.
func (t *turn) last(at time.Time) (time.Time, bool) {
	last, ok := t.start, !t.start.After(at)
	for _, d := range t.dates {
		if !d.After(at) && (!ok || d.After(last)) {
			last, ok = d, true
		}
	}
	if !t.yearly || !ok {
		return last, ok
	}
	if !t.until.IsZero() && at.After(t.until) {
		at = t.until
	}
	for year := at.Year(); year >= at.Year()-1; year-- {
		if d := t.in(year); !d.After(at) && d.After(last) {
			return d, true
		}
	}
	return last, true
}

// offset is how far the clocks of a zone are ahead of UTC at a local time.
func (z *zone) offset(at time.Time) (time.Duration, bool) {
	var best *turn
	var when time.Time
	for _, t := range z.turns {
		if d, ok := t.last(at); ok && t.known && (best == nil || d.After(when)) {
			best, when = t, d
		}
	}
	if best != nil {
		return best.to, true
	}
	for _, t := range z.turns { // before all: what the standard is
		if t.known && !t.daylight {
			return t.to, true
		}
	}
	return 0, false
}
