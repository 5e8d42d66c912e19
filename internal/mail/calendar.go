package mail

import (
	"bytes"
	"io"
	"strings"
)

// calendarMax is how many bytes of the calendars of a message are read: invitations have a few thousand, and pictures that
// some put into them come last.
const calendarMax = 256 << 10

// answerLength is longer than the states that an attendee can have.
const answerLength = 40

func isCalendar(f *file, b []byte) bool {
	switch f.Type {
	case "text/calendar", "application/ics", "application/calendar":
		return true
	}
	if !f.unnamed && !strings.HasSuffix(strings.ToLower(f.Name), ".ics") {
		return false
	}
	b = bytes.TrimLeft(b[:min(len(b), 64)], "\xef\xbb\xbf \t\r\n")
	return len(b) > 15 && strings.EqualFold(string(b[:15]), "BEGIN:VCALENDAR")
}

// readCalendar makes the summary of a calendar, when it is the first of the message that has an event.
func (p *parser) readCalendar(r io.Reader, f *file) {
	if p.msg.Calendar != nil {
		return
	}
	b, _ := io.ReadAll(io.LimitReader(r, calendarMax-p.dates))
	p.dates += int64(len(b))
	c := calendar{zones: map[string]*zone{}}
	c.read(p.charset(unfoldLines(normalize(b)), f.charset), p.limits.Addresses)
	if c.ev.Method == "" {
		c.ev.Method = strings.ToLower(shortText(f.method, answerLength))
	}
	if !c.found && c.ev.Method == "" {
		p.warn("calendar-malformed", "the calendar has no event that can be read")
		return
	}
	p.msg.Calendar = c.event()
}

// unfoldLines joins lines with those that begin with a space (RFC 5545 section 3.1), in place. A fold may split a character.
func unfoldLines(b []byte) []byte {
	at := 0
	for i := 0; i < len(b); i++ {
		if b[i] == '\n' && i+1 < len(b) && isSpace(b[i+1]) {
			i++
			continue
		}
		b[at] = b[i]
		at++
	}
	return b[:at]
}

// A calendar is what was read of one: its first event or task.
type calendar struct {
	ev         Event
	found      bool
	in         []string // the components that are open, the outermost first
	start, end property5545
	lasts      string // the duration
	state      string // of the first attendee: in a reply it is the answer
	zones      map[string]*zone
	zone       *zone
	turn       *turn
}

// componentsDeep is how deep components are in each other at most: an alarm in an event in a calendar.
const componentsDeep = 10

func (c *calendar) read(text string, attendees int) {
	done := false
	for ln := range strings.SplitSeq(text, "\n") {
		prop, ok := parseProperty(ln)
		if !ok {
			continue
		}
		switch prop.name {
		case "BEGIN":
			if len(c.in) < componentsDeep {
				c.in = append(c.in, strings.ToUpper(trimSpace(prop.value)))
			}
			c.begin(done)
		case "END":
			name := strings.ToUpper(trimSpace(prop.value))
			if n := len(c.in); n > 0 && c.in[n-1] == name {
				c.in = c.in[:n-1]
				done = done || c.found && (name == "VEVENT" || name == "VTODO")
			}
		default:
			switch c.inside() {
			case "VCALENDAR":
				if prop.name == "METHOD" && c.ev.Method == "" {
					c.ev.Method = strings.ToLower(shortText(prop.value, answerLength))
				}
			case "VEVENT", "VTODO":
				if !done {
					c.eventProperty(&prop, attendees)
				}
			case "VTIMEZONE", "STANDARD", "DAYLIGHT":
				c.zoneProperty(&prop)
			}
		}
	}
}

func (c *calendar) inside() string {
	if n := len(c.in); n > 0 {
		return c.in[n-1]
	}
	return ""
}

func (c *calendar) begin(done bool) {
	switch c.inside() {
	case "VEVENT", "VTODO":
		c.found = c.found || !done
	case "VTIMEZONE":
		c.zone, c.turn = &zone{}, nil
	case "STANDARD", "DAYLIGHT":
		if c.zone != nil {
			c.turn = c.zone.add(c.inside() == "DAYLIGHT")
		}
	}
}

func (c *calendar) eventProperty(prop *property5545, attendees int) {
	e := &c.ev
	switch prop.name {
	case "UID":
		e.UID = shortText(prop.value, idLength)
	case "SUMMARY":
		e.Summary = shortText(prop.value, subjectLength)
	case "LOCATION":
		e.Location = shortText(prop.value, subjectLength)
	case "DTSTART":
		c.start = *prop
	case "DTEND", "DUE":
		c.end = *prop
	case "DURATION":
		c.lasts = prop.value
	case "ORGANIZER":
		e.Organizer = prop.address()
	case "ATTENDEE":
		if len(e.Attendees) < attendees {
			e.Attendees = append(e.Attendees, prop.address())
		}
		if c.state == "" {
			c.state = strings.ToLower(shortText(prop.param("PARTSTAT"), answerLength))
		}
	}
}

// event finishes the summary: times need the zones, which may come after them.
func (c *calendar) event() *Event {
	e := &c.ev
	if e.Attendees == nil {
		e.Attendees = []Address{}
	}
	var known bool
	e.Start, e.AllDay, known = c.time(&c.start)
	e.Floating = !e.Start.IsZero() && !e.AllDay && !known
	if c.end.value != "" {
		e.End, _, _ = c.time(&c.end)
	} else if d, ok := parseDuration(c.lasts); ok && !e.Start.IsZero() {
		e.End = e.Start.Add(d)
	}
	e.End = clampTime(e.End)
	if e.Method == "reply" {
		e.Answer = c.state
	}
	return e
}

// address makes an address of an attendee or organizer: mailto:ann@example.org, with the name in a parameter.
func (prop *property5545) address() Address {
	s := trimSpace(prop.value)
	if n := len("mailto:"); len(s) >= n && strings.EqualFold(s[:n], "mailto:") {
		s = trimSpace(s[n:])
	}
	if !strings.Contains(s, "@") {
		s = prop.param("EMAIL")
	}
	a := Address{}
	if s = cutString(strings.Trim(s, "<> "), idLength); s != "" {
		a = ParseAddress("<" + s + ">")
	}
	if name := shortText(prop.param("CN"), nameMax); !strings.EqualFold(name, a.Email) {
		a.Name = name
	}
	return a
}

// shortText undoes the escapes of text (RFC 5545 section 3.3.11) and makes one line of at most n bytes of it.
func shortText(s string, n int) string {
	if len(s) > 2*n {
		s = cutString(s, 2*n)
	}
	if strings.IndexByte(s, '\\') >= 0 {
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			c := s[i]
			if c == '\\' && i+1 < len(s) {
				i++
				if c = s[i]; c == 'n' || c == 'N' {
					c = ' '
				}
			}
			b.WriteByte(c)
		}
		s = b.String()
	}
	return cutString(cleanName(s), n)
}
