package poller

import (
	"bufio"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/internal/spool"
)

// Whom a fetched mail is for. The table is in docs/polling.md.
func TestRecipients(t *testing.T) {
	t.Parallel()
	const support, sales = "support@example.com", "sales@example.com"
	for _, c := range []struct {
		name      string
		header    []string
		mailboxes string // of the source
		want      string // MAILBOX=ADDRESS, in order
	}{
		{"the server says so", []string{"Delivered-To: sales@example.com", "To: support@example.com"}, "support sales", "sales=" + sales},
		{"the topmost counts: it was put there last", []string{"Delivered-To: sales@example.com", "Delivered-To: support@example.com"}, "support sales", "sales=" + sales},
		{"what leads nowhere is passed over", []string{"Delivered-To: all@example.com", "X-Original-To: sales@example.com", "To: support@example.com"}, "support sales", "sales=" + sales},
		{"only the source's own mailboxes", []string{"Delivered-To: secret@example.com", "To: sales@example.com"}, "support sales", "sales=" + sales},
		{"several envelope recipients in one field", []string{"X-Envelope-To: sales@example.com, support@example.com"}, "support sales", "sales=" + sales + " support=" + support},
		{"To, then Cc", []string{"Cc: support@example.com", "To: sales@example.com"}, "support sales", "sales=" + sales + " support=" + support},
		{"names and folds", []string{"To: \"Sales, all of it\"\r\n <sales@example.com>,\r\n\tann@example.org"}, "support sales", "sales=" + sales},
		{"a Bcc shows only in the trace", []string{"Envelope-To: support@example.com", "To: undisclosed-recipients:;"}, "sales support", "support=" + support},
		{"nothing names one: the first", []string{"To: ann@example.org"}, "support sales", "support="},
		{"nothing names one, and the trace has an address", []string{"Delivered-To: all@example.com", "To: ann@example.org"}, "support sales", "support=all@example.com"},
		{"a source of one mailbox always feeds that", []string{"Delivered-To: sales@example.com", "To: sales@example.com"}, "support", "support=" + sales},
		{"a source of one mailbox, by its own address", []string{"Delivered-To: all@example.com", "To: Support@Example.com"}, "support", "support=" + support},
		{"the account's own address, and an alias", []string{"Delivered-To: own@example.com", "To: sales@example.com"}, "own sales", "sales=" + sales},
		{"the account's own address, and what was there before", []string{"Delivered-To: own@example.com", "X-Original-To: sales@example.com", "To: own@example.com"}, "own sales", "sales=" + sales},
		{"both are named", []string{"Delivered-To: own@example.com", "To: Own@example.com", "Cc: sales@example.com"}, "own sales", "own=own@example.com sales=" + sales},
		{"the account's own address by Bcc", []string{"Delivered-To: Own@example.com", "To: ann@example.org"}, "sales own", "own=own@example.com"},
		{"no header", []string{"Hello"}, "support", "support="},
		{"capitals and blanks in names", []string{"DELIVERED-TO : sales@example.com"}, "support sales", "sales=" + sales},
		{"twice the same mailbox", []string{"To: sales@example.com, sales@example.com"}, "support sales", "sales=" + sales},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, err := readHeader(spool.Bytes([]byte(strings.Join(c.header, "\r\n") + "\r\n\r\nDelivered-To: support@example.com\r\n")))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range recipients(&h, strings.Fields(c.mailboxes), "own@example.com", mailboxOf) {
				got = append(got, r.mailbox+"="+r.address)
			}
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%q, want %q", s, c.want)
			}
		})
	}
}

func mailboxOf(address string) string {
	if strings.EqualFold(address, "own@example.com") {
		return "own"
	}
	for _, name := range []string{"support", "sales", "secret"} {
		if strings.EqualFold(address, name+"@example.com") {
			return name
		}
	}
	return ""
}

// The envelope's sender, and when the mail came, are those that the last server wrote.
func TestEnvelopeFields(t *testing.T) {
	t.Parallel()
	h, err := readHeader(spool.Bytes([]byte("Return-Path: <bounce@example.net>\r\nReceived: from a by b\r\n with ESMTP; Tue, 24 Nov 2026 10:00:00 +0100 (CET)\r\n" +
		"Received: from c by a; Mon, 23 Nov 2026 10:00:00 +0000\r\nReturn-Path: <forged@example.org>\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	if h.from != "bounce@example.net" || !h.came.Equal(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("%q, %s", h.from, h.came)
	}
	if h, _ = readHeader(spool.Bytes([]byte("Return-Path: <>\r\n\r\n"))); h.from != "" {
		t.Errorf("the null sender became %q", h.from)
	}
}

// Whatever a header holds, it is read within bounds, and leads only to mailboxes of the source.
func FuzzRecipients(f *testing.F) {
	f.Add("Delivered-To: sales@example.com\r\nTo: support@example.com\r\n\r\n")
	f.Add("To: a\r\n b\r\n\tc@d\nX: " + strings.Repeat("y", 20000) + "\nCc: sales@example.com")
	f.Add(" \r\n: \r\nTo:\r\n")
	f.Fuzz(func(t *testing.T, raw string) {
		h, err := readHeader(spool.Bytes([]byte(raw)))
		if err != nil {
			t.Fatal(err)
		}
		own := []string{"support", "sales"}
		list := recipients(&h, own, "", mailboxOf)
		if len(list) == 0 || len(list) > len(own) {
			t.Fatalf("%d recipients", len(list))
		}
		for _, r := range list {
			if !slices.Contains(own, r.mailbox) || strings.ContainsAny(r.address, "\r\n\x00") {
				t.Fatalf("%q", r)
			}
		}
		_ = eachField(bufio.NewReaderSize(strings.NewReader(raw), 16), func(name, value string) {
			if name == "" || strings.ContainsAny(value, "\n") {
				t.Fatalf("%q: %q", name, value)
			}
		})
	})
}
