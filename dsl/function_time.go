package dsl

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones are known where the machine has none
)

// timeFunctions are about zones and opening hours.
func timeFunctions() []*function {
	hoursOf := []param{takes("time", kindTime), takes("hours", kindHours), takes("zone", kindZone), takes("holidays", kindTexts)}
	return []*function{
		pure("inZone", typeTime, func(_ *Run, args []any) (any, error) {
			t, zone, err := timeAndZone(args, 1)
			return t.In(zone), err
		}, takes("time", kindTime), takes("zone", kindZone)),
		pure("businessHours", typeBool, func(r *Run, args []any) (any, error) {
			b, t, err := businessOf(r, args, 1)
			if err != nil {
				return nil, err
			}
			return b.open(t), nil
		}, hoursOf...).omit(1),
		pure("businessTime", typeTime, func(r *Run, args []any) (any, error) {
			d, err := asDuration(args, 1)
			if err != nil {
				return nil, err
			}
			b, t, err := businessOf(r, args, 2)
			if err != nil {
				return nil, err
			}
			return orNil(b.after(t, d))
		}, slices.Insert(slices.Clone(hoursOf), 1, takes("duration", kindDuration))...).omit(1),
	}
}

func timeAndZone(args []any, i int) (time.Time, *time.Location, error) {
	t, ok := args[0].(time.Time)
	if !ok {
		return t, time.UTC, wrongKind("it", args[0], kindTime)
	}
	zone, ok := args[i].(*time.Location)
	if !ok {
		return t, time.UTC, wrongKind("it", args[i], kindZone)
	}
	return t, zone, nil
}

// A business is when somebody is there.
type business struct {
	hours    *hours
	zone     *time.Location
	holidays []string
}

// businessOf reads hours, zone and holidays from the i-th argument on.
func businessOf(r *Run, args []any, i int) (b business, t time.Time, err error) {
	t, b.zone, err = timeAndZone(args, i+1)
	if err != nil {
		return b, t, err
	}
	var ok bool
	if b.hours, ok = args[i].(*hours); !ok {
		return b, t, wrongKind("it", args[i], kindHours)
	}
	if len(args) > i+2 {
		if b.holidays, err = asTexts(args, i+2); err != nil {
			return b, t, err
		}
		if len(b.holidays) > mostHolidays {
			return b, t, fmt.Errorf("more than %d holidays", mostHolidays)
		}
	}
	return b, t, r.step()
}

const mostHolidays = 1000

func (b business) free(day time.Time) bool {
	return len(b.holidays) > 0 && slices.Contains(b.holidays, day.Format(time.DateOnly))
}

func (b business) open(t time.Time) bool {
	t = t.In(b.zone)
	if b.free(t) {
		return false
	}
	at := t.Hour()*60 + t.Minute()
	for _, s := range b.hours.days[t.Weekday()] {
		if s.from <= at && at < s.to {
			return true
		}
	}
	return false
}

// mostDays are looked through for opening hours.
const mostDays = 1000

// after counts d of opening hours from t on.
func (b business) after(t time.Time, d time.Duration) (time.Time, error) {
	if d < 0 {
		return t, errors.New("businessTime goes forward only")
	}
	t = t.In(b.zone)
	y, m, first := t.Date()
	for n := range mostDays {
		day := time.Date(y, m, first+n, 12, 0, 0, 0, b.zone)
		if b.free(day) {
			continue
		}
		for _, s := range b.hours.days[day.Weekday()] {
			// By time.Date, since a day in spring has 23 hours.
			from, to := time.Date(y, m, first+n, 0, s.from, 0, 0, b.zone), time.Date(y, m, first+n, 0, s.to, 0, 0, b.zone)
			if from.Before(t) {
				from = t
			}
			left := to.Sub(from)
			if left <= 0 {
				continue
			}
			if d <= left {
				return from.Add(d), nil
			}
			d -= left
		}
	}
	return t, fmt.Errorf("there are not that many opening hours within %d days", mostDays)
}

// hours are opening hours of a week.
type hours struct{ days [7][]span }

type span struct{ from, to int } // minutes of the day

var dayNames = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const hoursHint = `write it as: "Mon-Fri 09:00-17:30, Sat 10-14"`

// parseHours reads "Mon-Fri 09:00-12:00 13:00-17:30, Sat 10-14".
func parseHours(s string) (*hours, error) {
	if len(s) > longestLayout {
		return nil, errors.New("these opening hours are too long")
	}
	h := &hours{}
	for part := range strings.SplitSeq(s, ",") {
		words := strings.Fields(part)
		if len(words) < 2 {
			return nil, fmt.Errorf("%s says no day and hours", quoteShort(strings.TrimSpace(part)))
		}
		first, last, isRange := strings.Cut(words[0], "-")
		if !isRange {
			last = first
		}
		from, to := dayNumber(first), dayNumber(last)
		if from < 0 || to < 0 {
			return nil, fmt.Errorf("%s is no day of the week", quoteShort(words[0]))
		}
		for _, w := range words[1:] {
			a, b, ok := strings.Cut(w, "-")
			sp := span{minute(a), minute(b)}
			if !ok || sp.from < 0 || sp.to < 0 || sp.from >= sp.to {
				return nil, fmt.Errorf("%s are no hours", quoteShort(w))
			}
			for d := from; ; d = (d + 1) % 7 {
				h.days[d] = append(h.days[d], sp)
				if d == to {
					break
				}
			}
		}
	}
	for d := range h.days {
		slices.SortFunc(h.days[d], func(a, b span) int { return a.from - b.from })
		for i := 1; i < len(h.days[d]); i++ {
			if h.days[d][i].from < h.days[d][i-1].to {
				return nil, errors.New("the hours of a day overlap")
			}
		}
	}
	return h, nil
}

func dayNumber(s string) int {
	if len(s) < 3 {
		return -1
	}
	return slices.Index(dayNames, strings.ToLower(s)[:3])
}

// minute is "9", "09:00" or "24:00" in minutes, or -1.
func minute(s string) int {
	hour, rest, ok := strings.Cut(s, ":")
	if !ok {
		rest = "0"
	}
	h, err := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(rest, 10, 8)
	if err != nil || err2 != nil || m > 59 || h*60+m > 24*60 {
		return -1
	}
	return int(h*60 + m)
}
