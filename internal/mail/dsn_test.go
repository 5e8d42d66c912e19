package mail_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mail"
)

// reportOf is what a delivery status says, in a mail of a server.
func reportOf(t *testing.T, status, returned string) *mail.Message {
	t.Helper()
	return parse(t, []byte("Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: Undelivered\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"+
		"--b\nContent-Type: text/plain\n\nNo.\n--b\nContent-Type: message/delivery-status\n\n"+status+"\n--b\nContent-Type: message/rfc822\n\n"+returned+"\n--b--\n"))
}

// TestDeliveryStatus: what real servers make of RFC 3464.
func TestDeliveryStatus(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, status, want string // "email action status" of each recipient
	}{
		{"as it should be", "Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822; c@d.example\nAction: delayed\nStatus: 4.2.2\n",
			"a@b.example failed 5.1.1|c@d.example delayed 4.2.2"},
		{"no empty lines", "Reporting-MTA: dns; a\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822; c@d.example\nAction: failed\nStatus: 5.2.2\n",
			"a@b.example failed 5.1.1|c@d.example failed 5.2.2"},
		{"empty lines everywhere", "\n\nReporting-MTA: dns; a\n\n\nFinal-Recipient: rfc822; a@b.example\n\nAction: failed\n\nStatus: 5.1.1\n", "a@b.example failed 5.1.1"},
		{"action first", "Reporting-MTA: dns; a\n\nAction: failed\nFinal-Recipient: rfc822; a@b.example\nStatus: 5.1.1\n\nAction: failed\nFinal-Recipient: rfc822; c@d.example\nStatus: 5.2.2\n",
			"a@b.example failed 5.1.1|c@d.example failed 5.2.2"},
		{"original before final", "Original-Recipient: rfc822; a@b.example\nFinal-Recipient: rfc822; x@y.example\nAction: failed\nStatus: 5.1.1\n\nOriginal-Recipient: rfc822; c@d.example\nFinal-Recipient: rfc822; z@y.example\nAction: failed\nStatus: 5.1.1\n",
			"a@b.example failed 5.1.1|c@d.example failed 5.1.1"},
		{"final before original", "Final-Recipient: rfc822; x@y.example\nOriginal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n", "a@b.example failed 5.1.1"},
		{"original that is none", "Original-Recipient: rfc822; undisclosed\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n", "a@b.example failed 5.1.1"},
		{"only the actual one", "X-Actual-Recipient: rfc822; x@y.example\nFinal-Recipient: LOCAL; root\nX-Actual-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n", "a@b.example failed 5.1.1"},
		{"no type, brackets, a comment", "Final-Recipient: <a@b.example> (unknown)\nAction: failed (expired)\nStatus: 5.1.1 (no)\n", "a@b.example failed 5.1.1"},
		{"capitals and spaces", "FINAL-RECIPIENT : RFC822;A@B.example\nACTION: Failed\nSTATUS: 5.1.1\n", "a@b.example failed 5.1.1"},
		{"xtext", "Original-Recipient: rfc822;a+2Bc@b.example\nFinal-Recipient: rfc822;x@y.example\nAction: failed\nStatus: 5.0.0\n", "a+c@b.example failed 5.0.0"},
		{"a tag that looks like xtext", "Final-Recipient: rfc822;a+20@b.example\nAction: failed\nStatus: 5.0.0\n", "a+20@b.example failed 5.0.0"},
		{"RFC 6533", `Final-Recipient: utf-8; \x{4E2D}\x{6587}@b.example` + "\nAction: failed\nStatus: 5.6.7\n", "中文@b.example failed 5.6.7"},
		{"RFC 6533, raw", "Final-Recipient: utf-8; 中文@b.example\nAction: failed\nStatus: 5.6.7\n", "中文@b.example failed 5.6.7"},
		{"a code in the words alone", "Final-Recipient: rfc822; a@b.example\nAction: failed\nDiagnostic-Code: smtp; 550-5.1.1 no\n\t550 5.1.1 user\n", "a@b.example failed 5.1.1"},
		{"a better code in the words", "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.2.1 disabled\n", "a@b.example failed 5.2.1"},
		{"a code of another class in the words", "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 452 4.2.2 full\n", "a@b.example failed 5.0.0"},
		{"no action", "Final-Recipient: rfc822; a@b.example\nStatus: 5.1.1\n", "a@b.example failed 5.1.1"},
		{"no status", "Final-Recipient: rfc822; a@b.example\nAction: failed\nStatus: unknown\n", "a@b.example failed "},
		{"told twice, differently", "Final-Recipient: rfc822; a@b.example\nAction: relayed\nStatus: 2.0.0\n\nFinal-Recipient: rfc822; a@b.example\nAction: failed\nStatus: 5.1.1\n", "a@b.example failed 5.1.1"},
		{"expanded", "Final-Recipient: rfc822; list@b.example\nAction: expanded\nStatus: 2.0.0\n", "list@b.example expanded 2.0.0"},
	} {
		for _, eol := range []string{"\n", "\r\n", "\r"} {
			m := reportOf(t, strings.ReplaceAll(tt.status, "\n", eol), "Message-ID: <p1@example.com>\nTo: a@b.example\n\nx")
			if m.Report == nil {
				t.Errorf("%s: no report", tt.name)
				continue
			}
			var got []string
			for _, r := range m.Report.Recipients {
				got = append(got, r.Email+" "+r.Action+" "+r.Status)
			}
			if got := strings.Join(got, "|"); got != tt.want || m.Report.MessageID != "<p1@example.com>" {
				t.Errorf("%s (%q): got %s of %s, want %s", tt.name, eol, got, m.Report.MessageID, tt.want)
			}
		}
	}
}

// TestLongReport: a report of thousands of recipients is read to its end, and kept in part; so is the header of what
// came back.
func TestLongReport(t *testing.T) {
	t.Parallel()
	var status, trace strings.Builder
	status.WriteString("Reporting-MTA: dns; a\n")
	for i := range 2000 {
		fmt.Fprintf(&status, "\nFinal-Recipient: rfc822; a%d@b.example\nAction: delivered\nStatus: 2.0.0\n", i)
		fmt.Fprintf(&trace, "Received: from a%d\n\tby b.example; Mon, 5 Jan 2026 15:04:05 +0100\n", i)
	}
	m := reportOf(t, status.String(), trace.String()+"Message-ID: <p1@example.com>\n\nx")
	if m.Kind != mail.KindDelay || len(m.Report.Recipients) != 100 || m.Report.Recipients[99].Email != "a99@b.example" || m.Report.MessageID != "<p1@example.com>" {
		t.Errorf("%s, %d recipients, of %s", m.Kind, len(m.Report.Recipients), m.Report.MessageID)
	}
	status.WriteString("\nFinal-Recipient: rfc822; last@b.example\nAction: failed\nStatus: 5.1.1\n")
	if m := reportOf(t, status.String(), "x: y\n\nz"); m.Kind != mail.KindBounce {
		t.Errorf("the last one failed: %s", m.Kind)
	}
}

// TestReportFromEverywhere: where the fields of a report are missing, the header says whom a mail did not reach, then
// the text, then what came back; and which mail it was, last of all what the notice answers.
func TestReportFromEverywhere(t *testing.T) {
	t.Parallel()
	const daemon = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nTo: support@example.com\nSubject: Undelivered\n"
	type report = mail.Report
	rcpt := func(email, status string, why mail.BounceReason, said string) []mail.ReportedRcpt {
		return []mail.ReportedRcpt{{Email: email, Action: "failed", Status: status, Reason: why, Diagnostic: said}}
	}
	for _, tt := range []struct {
		name, raw string
		want      *report
	}{
		{"header", daemon + "X-Failed-Recipients: a@b.example\nReferences: <p0@example.com> <p1@example.com>\n\nNo such user.\n",
			&report{"<p1@example.com>", rcpt("a@b.example", "", mail.ReasonNoUser, "")}},
		{"text", daemon + "In-Reply-To: <p1@example.com>\n\n<a@b.example>: 550 5.1.1 no such user\n", &report{"<p1@example.com>", rcpt("a@b.example", "5.1.1", mail.ReasonNoUser, "550 5.1.1 no such user")}},
		{"users of the server itself", strings.Replace(daemon, "mx.example.org", "example.org", 1) + "\nYour mail could not be delivered to the following recipients:\n\tAnn.Lee\n", &report{"", rcpt("ann.lee@example.org", "", mail.ReasonUnknown, "")}},
		{"one of several addresses", daemon + "\nPhones are in ph@dir.example and post@dir.example.\n", &report{"", []mail.ReportedRcpt{}}},
		{"the only address", daemon + "\nThere is no a@b.example here.\n", &report{"", rcpt("a@b.example", "", mail.ReasonUnknown, "")}},
		{"a word below another colon", daemon + "\nNo mail to a@b.example.\nReason:\nunknown\n", &report{"", rcpt("a@b.example", "", mail.ReasonUnknown, "No mail to a@b.example.")}},
		{"another server's, wrapped", daemon + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nReturn-Path: <>\nFrom: MAILER-DAEMON@in.example.org\nTo: support@example.com\nSubject: Undelivered\n" +
			"In-Reply-To: <p1@example.com>\n\n<a@b.example>: 550 5.1.1 no such user\n--b--\n", &report{"<p1@example.com>", rcpt("a@b.example", "5.1.1", mail.ReasonNoUser, "550 5.1.1 no such user")}},
		{"what came back", daemon + "In-Reply-To: <p0@example.com>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nThe user is over quota.\n--b\nContent-Type: text/rfc822-headers\n\nTo: a@b.example\nMessage-ID: <p1@example.com>\n--b--\n",
			&report{"<p1@example.com>", rcpt("a@b.example", "", mail.ReasonFull, "")}},
		{"what came back to several", daemon + "\nNo.\n\n--- Original message ---\n\nTo: a@b.example, c@d.example\nMessage-ID: <p1@example.com>\n", &report{"<p1@example.com>", []mail.ReportedRcpt{}}},
		{"nothing", daemon + "\nNo.\n", &report{"", []mail.ReportedRcpt{}}},
		{"a person", "From: ann@example.org\nX-Failed-Recipients: a@b.example\nSubject: Undelivered\n\n<a@b.example>: 550 5.1.1 no such user\n", nil},
	} {
		if diff := cmp.Diff(tt.want, parse(t, []byte(tt.raw)).Report); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
