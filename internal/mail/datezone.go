package mail

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// offset reads +0100, +01:00, +1:00, +100, +1 or +01.
func (d *dateReader) offset(s string) int {
	rest := strings.TrimLeft(s[1:], " ")
	v, n := digits(rest)
	at := len(s) - len(rest) + n
	switch {
	case n == 0:
		return 1
	case n <= 2:
		v *= 100
		if at < len(s) && strings.IndexByte(":. ", s[at]) >= 0 {
			if m, k := digits(s[at+1:]); k == 2 {
				v += m
				at += 1 + k
			}
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

// zoneIn reads the name of a zone at the beginning of s, with an offset after it. GMT alone may still be followed by one.
func (d *dateReader) zoneIn(s string) bool {
	s = trimSpace(s)
	for _, z := range zonePhrases {
		if len(s) >= len(z.name) && strings.EqualFold(s[:len(z.name)], z.name) {
			d.zone, d.hasZone = z.minutes*60, true
			return true
		}
	}
	word := s[:len(s)-len(strings.TrimLeftFunc(s, unicode.IsLetter))]
	minutes, ok := zones[strings.ToLower(word)]
	if !ok {
		return false
	}
	d.zone = minutes * 60
	if d.hasZone = minutes != 0 || strings.EqualFold(word, "z"); d.hasZone {
		return true
	}
	if rest := strings.TrimLeft(s[len(word):], " "); rest != "" && (rest[0] == '+' || rest[0] == '-') {
		d.offset(rest)
	}
	return true
}

// zones are minutes east of UTC: those of RFC 5322 section 4.3 and the common ones beside them. Letters alone are not there, but Z: they were
// used both ways round (same section). Of CST, IST, BST and AST the one is taken that mail has most.
var zones = map[string]int{
	"z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "west": 60, "bst": 60, "ist": 330, "cet": 60, "mez": 60, "cest": 120, "mesz": 120, "met": 60, "mest": 120,
	"eet": 120, "eest": 180, "msk": 180, "msd": 240, "trt": 180, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480, "pdt": -420,
	"ast": -240, "adt": -180, "nst": -210, "ndt": -150, "akst": -540, "akdt": -480, "hst": -600, "jst": 540, "kst": 540, "hkt": 480, "sgt": 480, "pht": 480, "wib": 420, "ict": 420,
	"pkt": 300, "aest": 600, "aedt": 660, "acst": 570, "awst": 480, "nzst": 720, "nzdt": 780, "brt": -180, "brst": -120, "art": -180, "clt": -240, "cot": -300, "pet": -300,
	"sast": 120, "cat": 120, "eat": 180, "wat": 60,
}

// zonePhrases are the names that Windows writes out (learn.microsoft.com, "default time zones"): how they begin, and minutes east of UTC.
var zonePhrases = []struct {
	name    string
	minutes int
}{
	{"eastern standard", -300}, {"eastern daylight", -240}, {"central standard", -360}, {"central daylight", -300}, {"mountain standard", -420}, {"mountain daylight", -360},
	{"pacific standard", -480}, {"pacific daylight", -420}, {"w. europe standard", 60}, {"w. europe daylight", 120}, {"w. europe summer", 120}, {"central europe standard", 60}, {"central europe daylight", 120},
	{"central european standard", 60}, {"central european summer", 120}, {"romance standard", 60}, {"romance daylight", 120}, {"e. europe standard", 120}, {"gtb standard", 120}, {"fle standard", 120}, {"russian standard", 180},
	{"gmt standard", 0}, {"gmt daylight", 60}, {"british summer", 60}, {"india standard", 330}, {"china standard", 480}, {"tokyo standard", 540}, {"korea standard", 540}, {"singapore standard", 480}, {"aus eastern standard", 600}, {"aus eastern daylight", 660},
	{"turkey standard", 180}, {"israel standard", 120}, {"arabian standard", 240}, {"south africa standard", 120}, {"e. south america standard", -180},
	{"mitteleuropäische zeit", 60}, {"mitteleuropäische sommerzeit", 120}, {"heure normale d'europe centrale", 60}, {"hora estándar de europa central", 60}, {"北京时间", 480}, {"日本標準時", 540},
}

//go:embed months.txt
var monthTable string

var monthNames = sync.OnceValue(func() map[string]time.Month {
	names := map[string]time.Month{}
	for ln := range strings.Lines(monthTable) {
		words := strings.Fields(ln)
		m, err := strconv.Atoi(words[0])
		if err != nil {
			continue // a comment
		}
		for _, w := range words[1:] {
			names[w] = time.Month(m)
		}
	}
	return names
})

// monthOf finds the month whose name a word in lower case begins with.
func monthOf(w string) time.Month {
	names := monthNames()
	for n := min(len(w), 24); n > 2; n-- {
		if m, ok := names[w[:n]]; ok {
			return m
		}
	}
	return 0
}
