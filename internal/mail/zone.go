package mail

import (
	_ "embed"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // for machines that have none
)

//go:embed windowszones.txt
var windowsZonesText string

// windowsZones are the IANA's names of what Windows calls its time zones, in lower case.
var windowsZones = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for ln := range strings.SplitSeq(windowsZonesText, "\n") {
		if name, iana, ok := strings.Cut(ln, " = "); ok && !strings.HasPrefix(ln, "#") {
			m[name] = iana
		}
	}
	return m
})

// locations are the zones that were asked for and are: there are some hundreds.
var locations sync.Map // name → *time.Location

// zoneNameMax is longer than the name of any time zone, with the prefix that some calendars put before it.
const zoneNameMax = 120

// location finds the time zone that a TZID means by its name: one of the IANA's, also behind a prefix as in
// /citadel.org/20210210_1/Europe/Berlin, or one of Windows. It is nil for names of others.
func location(id string) *time.Location {
	if id == "" || len(id) > zoneNameMax {
		return nil
	}
	switch strings.ToUpper(id) {
	case "UTC", "GMT", "Z", "ETC/UTC", "TZONE://MICROSOFT/UTC":
		return time.UTC
	case "LOCAL":
		return nil
	}
	if name := windowsZones()[strings.ToLower(id)]; name != "" {
		return load(name)
	}
	for s, ok := id, true; ok; _, s, ok = strings.Cut(s, "/") {
		if loc := load(s); loc != nil {
			return loc
		}
	}
	return nil
}

func load(name string) *time.Location {
	if loc, ok := locations.Load(name); ok {
		return loc.(*time.Location)
	}
	if name == "" || name[0] < 'A' || name[0] > 'Z' {
		return nil
	}
	for i := range len(name) {
		if c := name[i]; !isLetter(c) && (c < '0' || c > '9') && strings.IndexByte("/_+-", c) < 0 {
			return nil
		}
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	locations.Store(name, loc)
	return loc
}
