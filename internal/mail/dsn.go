package mail

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// rcptMax is how many recipients of one report are kept.
const rcptMax = 100

// A dsn is a message/delivery-status that is being read (RFC 3464), or one of RFC 6533.
type dsn struct {
	rcpts        []dsnRcpt
	id           string // of the original, from fields that some servers add
	failed, news bool   // a recipient was not reached; something else is said of one
	deleted      bool   // a receipt's: a program deleted the mail (RFC 8098 section 3.2.6)
	apart        bool   // an empty line stood before this field
}

type dsnRcpt struct {
	original, final, actual    string
	action, status, diagnostic string
}

// field sorts fields into recipients. Where a recipient begins is told by the fields, not by the empty
// lines: servers leave these out, double them, and put them inside.
func (d *dsn) field(name, value []byte) bool {
	apart := d.apart
	d.apart = false
	var buf [32]byte
	if len(name) > len(buf) {
		return true
	}
	v := unfold(string(value), "")
	switch string(appendLower(buf[:0], name)) {
	case "original-recipient":
		if r := d.last(); r == nil || r.original != "" || r.final != "" && (apart || r.action != "") {
			d.add()
		}
		d.set(func(r *dsnRcpt) { r.original = v })
	case "final-recipient":
		if r := d.last(); r == nil || r.final != "" || apart && r.action != "" {
			d.add()
		}
		d.set(func(r *dsnRcpt) { r.final = v })
	case "x-actual-recipient":
		d.set(func(r *dsnRcpt) { r.actual = v })
	case "action":
		word := strings.ToLower(firstWord(v))
		switch word {
		case "failed", "failure":
			word = "failed"
			d.failed = true
		case "delayed", "delivered", "relayed", "expanded":
			d.news = true
		default:
			word = ""
		}
		if r := d.last(); r == nil || r.action != "" {
			d.add()
		}
		d.set(func(r *dsnRcpt) { r.action = word })
	case "status":
		d.set(func(r *dsnRcpt) { r.status = enhancedStatus(v) })
	case "diagnostic-code":
		d.set(func(r *dsnRcpt) { r.diagnostic = v })
	case "disposition":
		mode, typ, _ := strings.Cut(strings.ToLower(v), ";")
		d.deleted = strings.HasPrefix(mode, "automatic-action") && firstWord(typ) == "deleted"
	case "original-message-id", "x-original-message-id":
		if ids := messageIDs(v); len(ids) > 0 {
			d.id = ids[0]
		}
	}
	return true
}

func (d *dsn) blank() bool {
	d.apart = true
	return true
}

func (d *dsn) last() *dsnRcpt {
	if len(d.rcpts) == 0 {
		return nil
	}
	return &d.rcpts[len(d.rcpts)-1]
}

// add begins a recipient. One past the bound is read, and forgotten at the next.
func (d *dsn) add() {
	if len(d.rcpts) > rcptMax {
		d.rcpts[rcptMax] = dsnRcpt{}
		return
	}
	d.rcpts = append(d.rcpts, dsnRcpt{})
}

func (d *dsn) set(f func(*dsnRcpt)) {
	if r := d.last(); r != nil {
		f(r)
	}
}

// email is the recipient as the sender had written it, where the report says so.
func (r *dsnRcpt) email() string {
	for _, s := range []string{r.original, r.final, r.actual} {
		if email := dsnAddress(s); email != "" {
			return email
		}
	}
	return ""
}

// dsnAddress reads "rfc822; ann@example.org" (RFC 3464 section 2.3.1). The type may be missing, and may
// be that of internationalised addresses (RFC 6533 section 3).
func dsnAddress(s string) string {
	if typ, rest, ok := strings.Cut(s, ";"); ok && !strings.Contains(typ, "@") {
		s = rest
		if strings.EqualFold(trimSpace(typ), "utf-8") {
			s = unescapeUTF8(s)
		}
	}
	// RFC 3461 section 4: xtext, which reports should have undone.
	s = strings.NewReplacer("+2B", "+", "+3D", "=").Replace(s)
	return ParseAddress(s).Email
}

// unescapeUTF8 undoes \x{ABCD} (RFC 6533 section 3).
func unescapeUTF8(s string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, `\x{`)
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		hex, after, ok := strings.Cut(rest[:min(len(rest), 8)], "}")
		n, err := strconv.ParseUint(hex, 16, 32)
		if r := rune(n); ok && err == nil && n > 0x20 && utf8.ValidRune(r) {
			b.WriteRune(r)
			s = after + rest[min(len(rest), 8):]
			continue
		}
		b.WriteString(`\x{`)
		s = rest
	}
}
