package mail_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mail"
)

func calendarMail(text string) []byte {
	return []byte("From: a@example.org\r\nContent-Type: text/calendar; charset=utf-8; method=REQUEST\r\n\r\n" + strings.ReplaceAll(text, "\n", "\r\n"))
}

const ownZone = "BEGIN:VTIMEZONE\nTZID:Customized Time Zone\nBEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\n" +
	"BEGIN:DAYLIGHT\nDTSTART:16010101T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;INTERVAL=1;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n"

func TestCalendarTimes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, start, more, want, end string }{
		{"utc", "DTSTART:20260105T140000Z", "", "2026-01-05 14:00:00", ""},
		{"iana", "DTSTART;TZID=Europe/Berlin:20260705T140000", "DTEND;TZID=America/New_York:20260705T100000", "2026-07-05 12:00:00", "2026-07-05 14:00:00"},
		{"iana behind a prefix", "DTSTART;TZID=/citadel.org/20210210_1/America/Argentina/Buenos_Aires:20260105T140000", "", "2026-01-05 17:00:00", ""},
		{"windows", `DTSTART;TZID="W. Europe Standard Time":20260705T140000`, "DURATION:PT1H30M", "2026-07-05 12:00:00", "2026-07-05 13:30:00"},
		{"own, winter", "DTSTART;TZID=Customized Time Zone:20260105T140000", ownZone, "2026-01-05 13:00:00", ""},
		{"own, summer", "DTSTART;TZID=Customized Time Zone:20260705T140000", ownZone, "2026-07-05 12:00:00", ""},
		{"own, day before", "DTSTART;TZID=Customized Time Zone:20260328T140000", ownZone, "2026-03-28 13:00:00", ""},
		{"own, day of", "DTSTART;TZID=Customized Time Zone:20260329T140000", ownZone, "2026-03-29 12:00:00", ""},
		{"own, last day", "DTSTART;TZID=Customized Time Zone:20261025T140000", ownZone, "2026-10-25 13:00:00", ""},
		{"own, dates", "DTSTART;TZID=x:20260705T140000", "BEGIN:VTIMEZONE\nTZID:x\nBEGIN:DAYLIGHT\nDTSTART:20250330T020000\nTZOFFSETTO:+0530\nRDATE:20250330T020000,20260329T020000\nEND:DAYLIGHT\nBEGIN:STANDARD\nDTSTART:20251026T030000\nTZOFFSETTO:+0430\nEND:STANDARD\nEND:VTIMEZONE", "2026-07-05 08:30:00", ""},
		{"own, second sunday", "DTSTART;TZID=y:20260308T140000", "BEGIN:VTIMEZONE\nTZID:y\nBEGIN:DAYLIGHT\nDTSTART:20070311T020000\nTZOFFSETTO:-0400\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=2SU\nEND:DAYLIGHT\nBEGIN:STANDARD\nDTSTART:20071104T020000\nTZOFFSETTO:-0500\nRRULE:FREQ=YEARLY;BYMONTH=11;BYDAY=1SU\nEND:STANDARD\nEND:VTIMEZONE", "2026-03-08 18:00:00", ""},
		{"floating", "DTSTART:20260105T140000", "", "2026-01-05 14:00:00 floating", ""},
		{"unknown zone", "DTSTART;TZID=Somewhere:20260105T140000", "", "2026-01-05 14:00:00 floating", ""},
		{"this machine's zone", "DTSTART;TZID=Local:20260105T140000", "", "2026-01-05 14:00:00 floating", ""},
		{"day", "DTSTART;VALUE=DATE:20260105", "DTEND;VALUE=DATE:20260107", "2026-01-05 00:00:00 day", "2026-01-07 00:00:00"},
		{"day by its form", "DTSTART:20260105", "DURATION:P1W", "2026-01-05 00:00:00 day", "2026-01-12 00:00:00"},
		{"iso 8601", "DTSTART:2026-01-05T14:00:00Z", "", "2026-01-05 14:00:00", ""},
		{"nonsense", "DTSTART:tomorrow", "DTEND:20260105T140000Z", "", "2026-01-05 14:00:00"},
		{"the end of time", "DTSTART;TZID=America/New_York:99991231T235959", "DURATION:P36499D", "", ""},
		{"longer than anything", "DTSTART:20260105T140000Z", "DURATION:P999999W", "2026-01-05 14:00:00", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			more, zone := tt.more, ""
			if strings.HasPrefix(more, "BEGIN") {
				more, zone = "", more+"\n" // zones after the event are zones, too
			}
			m := parse(t, calendarMail("BEGIN:VCALENDAR\nBEGIN:VEVENT\n"+tt.start+"\n"+more+"\nBEGIN:VALARM\nDURATION:PT99H\nEND:VALARM\nEND:VEVENT\n"+zone+"END:VCALENDAR\n"))
			check(t, m)
			e := m.Calendar
			if e == nil {
				t.Fatalf("no event: %v", m.Warnings)
			}
			got := ""
			if !e.Start.IsZero() {
				got = e.Start.Format(time.DateTime)
			}
			if e.AllDay {
				got += " day"
			}
			if e.Floating {
				got += " floating"
			}
			end := ""
			if !e.End.IsZero() {
				end = e.End.Format(time.DateTime)
			}
			if got != tt.want || end != tt.end {
				t.Errorf("from %q to %q, want %q to %q", got, end, tt.want, tt.end)
			}
		})
	}
}

func TestCalendar(t *testing.T) {
	t.Parallel()
	text := "\ufeffBEGIN:VCALENDAR\nPRODID:-//x//y\nMETHOD:REPLY\nBEGIN:VEVENT\nUID:7@example.org\nSUMMARY;LANGUAGE=de:Dr\xc3\n \xbccker\\, Raum 3\\nund mehr\u202e\n" +
		"LOCATION:Haus\\; 2. Stock\nORGANIZER;CN=\"Lee; Ann: Support\":mailto:Ann@Example.org\n" +
		"ATTENDEE;PARTSTAT=TENTATIVE;CN=bob@example.org:MAILTO:bob@example.org\nATTENDEE;CN=Room;EMAIL=room@example.org:urn:uuid:1\nATTENDEE:invalid\n" +
		"BEGIN:VALARM\nSUMMARY:Alarm\nEND:VALARM\nEND:VEVENT\nBEGIN:VEVENT\nUID:8\nSUMMARY:Other\nEND:VEVENT\nEND:VCALENDAR\n"
	m := parse(t, calendarMail(text))
	check(t, m)
	want := &mail.Event{Method: "reply", UID: "7@example.org", Summary: "Drücker, Raum 3 und mehr", Location: "Haus; 2. Stock", Answer: "tentative",
		Organizer: mail.ParseAddress("ann@example.org"), Attendees: []mail.Address{mail.ParseAddress("bob@example.org"), mail.ParseAddress("room@example.org"), {}}}
	want.Organizer.Name, want.Attendees[1].Name = "Lee; Ann: Support", "Room"
	if diff := cmp.Diff(want, m.Calendar); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(m.Attachments) != 1 || m.Attachments[0].Name != "invite.ics" {
		t.Errorf("files %+v", m.Attachments)
	}
}

// TestWindowsZones: each name of the table is a zone.
func TestWindowsZones(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("windowszones.txt")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for ln := range strings.Lines(string(text)) {
		if strings.HasPrefix(ln, "#") {
			continue
		}
		name, iana, _ := strings.Cut(strings.TrimSpace(ln), " = ")
		names = append(names, name)
		m := parse(t, calendarMail("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=\""+name+"\":20260705T140000\nDTEND;TZID="+iana+":20260705T140000\nEND:VEVENT\nEND:VCALENDAR\n"))
		if e := m.Calendar; e.Floating || e.Start.IsZero() || !e.Start.Equal(e.End) || name != strings.ToLower(name) {
			t.Errorf("%s: %v, as %s %v", name, e.Start, iana, e.End)
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) || len(names) < 130 {
		t.Errorf("%d names, sorted: %t", len(names), slices.IsSorted(names))
	}
}

// FuzzCalendar: the summary is UTF-8 of one line each, in times that can be written; how lines end and where they are
// folded makes no difference.
func FuzzCalendar(f *testing.F) {
	f.Add("BEGIN:VCALENDAR\nMETHOD:REQUEST\n"+ownZone+"BEGIN:VEVENT\nDTSTART;TZID=Customized Time Zone:20260705T140000\nDURATION:PT1H\nSUMMARY:a\\nb\nATTENDEE;CN=\"x;y\":mailto:a@b\nEND:VEVENT\nEND:VCALENDAR\n", 7)
	f.Add("BEGIN:VEVENT\nDTSTART:00010101T000000\nDTSTART;TZID=Asia/Tokyo:00010101T000000\n", 1)
	f.Fuzz(func(t *testing.T, s string, at int) {
		if !utf8.ValidString(s) || strings.Contains(s, "\r") {
			return
		}
		m := parse(t, calendarMail(s))
		check(t, m)
		lines := strings.Split(s, "\n")
		for i, ln := range lines {
			if n := len(ln); n > 0 && at >= 0 {
				k := at % (n + 1)
				lines[i] = ln[:k] + "\n " + ln[k:]
			}
		}
		folded := parse(t, []byte(strings.ReplaceAll(string(calendarMail(strings.Join(lines, "\n"))), "\r\n", "\n")))
		if len(s) > 64<<10 {
			return
		}
		if diff := cmp.Diff(m.Calendar, folded.Calendar); diff != "" {
			t.Errorf("folded it reads differently (-want +got):\n%s", diff)
		}
	})
}
