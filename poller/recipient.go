package poller

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"postern/internal/mail"
	"postern/internal/spool"
	"postern/internal/testmail"
)

// What is read of a mail's header to see whom it is for.
const (
	headerBytes  = 256 << 10
	headerFields = 1000
	maxNamed     = 50 // recipients of one mail
)

// testField is testmail.Field as eachField gives it.
var testField = strings.ToLower(testmail.Field)

func header64K(r io.Reader) *bufio.Reader {
	return bufio.NewReaderSize(io.LimitReader(r, testmail.MaxSize), 4096)
}

// A header is what the fields that name an envelope say.
type header struct {
	from   string    // Return-Path, which the server that delivered the mail put there (RFC 5321 section 4.4); "" for none
	traces []string  // what names an envelope recipient, topmost first: the higher, the later it was put there
	to     []string  // To, then Cc
	test   string    // the mark of a test mail, unproven
	came   time.Time // when the last server took it, as the topmost Received says; zero where none does
}

// traceFields name the recipient of an envelope. Postfix writes Delivered-To and X-Original-To, qmail and Gmail Delivered-To, Exim
// Envelope-To, others X-Envelope-To or X-Delivered-To, a forwarding Gmail X-Forwarded-To.
var traceFields = []string{"delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to", "x-original-recipient", "x-forwarded-to", "x-real-to", "apparently-to"}

// readHeader reads the fields that name an envelope. What is odd is passed over: the mail is parsed elsewhere.
func readHeader(body *spool.Body) (h header, err error) {
	f, err := body.Open()
	if err != nil {
		return h, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(io.LimitReader(f, headerBytes), 16<<10)
	var cc []string
	seen, received := false, false
	err = eachField(r, func(name, value string) {
		switch {
		case name == "return-path" && !seen:
			seen = true
			h.from = addressOf(value)
		case name == "received" && !received:
			received = true
			h.came = dateOf(value)
		case slices.Contains(traceFields, name):
			h.traces = append(h.traces, value)
		case name == testField && h.test == "":
			h.test = value
		case name == "to":
			h.to = append(h.to, value)
		case name == "cc":
			cc = append(cc, value)
		}
	})
	h.to = append(h.to, cc...)
	return h, err
}

// eachField calls f for each field of a header, its name in lower case, its value unfolded.
func eachField(r *bufio.Reader, f func(name, value string)) error {
	var name string
	var value []byte
	emit := func() {
		if name != "" {
			f(name, string(bytes.TrimSpace(value)))
		}
		name, value = "", value[:0]
	}
	for n := 0; n < headerFields; {
		line, err := r.ReadSlice('\n')
		whole := line
		if errors.Is(err, bufio.ErrBufferFull) { // the rest of so long a line names nobody
			whole = bytes.Clone(line)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = r.ReadSlice('\n')
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		text := bytes.TrimRight(whole, "\r\n")
		switch {
		case len(text) == 0:
			if name != "" || n > 0 || err != nil {
				emit()
				return nil
			}
		case text[0] == ' ' || text[0] == '\t':
			value = append(append(value, ' '), bytes.TrimSpace(text)...)
		default:
			emit()
			n++
			if key, rest, ok := bytes.Cut(text, []byte(":")); ok {
				name = strings.ToLower(string(bytes.TrimSpace(key)))
				value = append(value, rest...)
			}
		}
		if err != nil {
			break
		}
	}
	emit()
	return nil
}

// dateOf is the time in a Received field, behind its last semicolon (RFC 5321 section 4.4).
func dateOf(value string) time.Time {
	i := strings.LastIndexByte(value, ';')
	if i < 0 {
		return time.Time{}
	}
	t, err := netmail.ParseDate(strings.TrimSpace(value[i+1:]))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// addressOf is the one address in a field such as Return-Path; "" for <>, and where there is none.
func addressOf(value string) string { return mail.ParseAddress(value).Email }

// A named recipient is a mailbox, and the address that led to it, "" where only the source did.
type named struct{ mailbox, address string }

// recipients are the mailboxes of the source that a mail is for. What the server put into the header says so, the topmost such field first,
// then To and Cc. They choose only among the source's own mailboxes: a forged field leads nowhere that its writer could not write
// to anyway. Where nothing names one of them, it is the first. That a mail was delivered to the account's own address says least: a server
// that resolved an alias (as Gmail does) writes it into every mail, whichever address that was sent to.
func recipients(h *header, mailboxes []string, own string, mailboxOf func(address string) string) []named {
	if len(mailboxes) == 1 {
		return []named{{mailboxes[0], ownAddress(h, mailboxes[0], mailboxOf)}}
	}
	var ours []string
	for _, field := range h.traces {
		if own != "" && strings.EqualFold(addressOf(field), own) {
			ours = append(ours, field)
		} else if found := among(nil, field, mailboxes, mailboxOf); len(found) > 0 {
			return found
		}
	}
	var found []named
	for _, field := range h.to {
		found = among(found, field, mailboxes, mailboxOf)
	}
	for _, field := range ours {
		if len(found) == 0 {
			found = among(found, field, mailboxes, mailboxOf)
		}
	}
	if len(found) > 0 {
		return found
	}
	return []named{{mailboxes[0], ownAddress(h, mailboxes[0], mailboxOf)}}
}

// among adds the mailboxes that a field's addresses lead to.
func among(found []named, field string, mailboxes []string, mailboxOf func(string) string) []named {
	for _, a := range mail.ParseAddresses(field) {
		if a.Email == "" || len(found) >= maxNamed {
			continue
		}
		mb := mailboxOf(a.Email)
		if slices.Contains(mailboxes, mb) && !slices.ContainsFunc(found, func(n named) bool { return n.mailbox == mb }) {
			found = append(found, named{mb, a.Email})
		}
	}
	return found
}

// ownAddress is the address by which a mail came to a mailbox that was chosen without it: one of the mailbox's, else what
// the topmost trace says, else "".
func ownAddress(h *header, mailbox string, mailboxOf func(string) string) string {
	for _, field := range slices.Concat(h.traces, h.to) {
		for _, a := range mail.ParseAddresses(field) {
			if a.Email != "" && mailboxOf(a.Email) == mailbox {
				return a.Email
			}
		}
	}
	for _, field := range h.traces {
		if a := addressOf(field); a != "" {
			return a
		}
	}
	return ""
}
