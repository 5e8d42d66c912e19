package mail_test

import (
	"os"
	"strings"
	"testing"

	"postern/internal/mail"
)

// A block is a section of an embedded table.
type block struct {
	section string
	phrases []string
}

// tableOf reads an embedded table as the package does.
func tableOf(t *testing.T, file string) []block {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for ln := range strings.Lines(string(b)) {
		ln = strings.TrimSuffix(ln, "\n")
		switch {
		case ln == "" || ln[0] == '#':
		case ln[0] == '[':
			blocks = append(blocks, block{section: strings.Trim(ln, "[]")})
		default:
			last := &blocks[len(blocks)-1]
			last.phrases = append(last.phrases, ln)
		}
	}
	return blocks
}

// TestPhraseTables: the lines of the tables are in lower case, sorted within their sections, and none is there twice.
func TestPhraseTables(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"reasons.txt", "notices.txt", "signs.txt", "absence.txt"} {
		blocks := tableOf(t, file)
		if len(blocks) < 4 {
			t.Errorf("%s: %d sections", file, len(blocks))
		}
		for _, b := range blocks {
			for i, p := range b.phrases {
				if p != strings.TrimSpace(p) || p != strings.ToLower(p) {
					t.Errorf("%s: [%s]: %q is not trimmed or not in lower case", file, b.section, p)
				}
				if i > 0 && b.phrases[i-1] >= p {
					t.Errorf("%s: [%s]: %q stands below %q", file, b.section, p, b.phrases[i-1])
				}
			}
		}
	}
}

// bounceOf is a bounce whose server said that.
func bounceOf(t *testing.T, status, said string) *mail.Message {
	t.Helper()
	return parse(t, []byte("From: MAILER-DAEMON@mx.example.org\nSubject: x\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"+
		"Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; nobody@example.org\nAction: failed\nStatus: "+status+
		"\nDiagnostic-Code: smtp; "+said+"\n--b--\n"))
}

// TestReasonPhrases: each phrase of reasons.txt gives the reason that it stands under, so none is hidden by
// one above it.
func TestReasonPhrases(t *testing.T) {
	t.Parallel()
	for _, b := range tableOf(t, "reasons.txt") {
		for _, p := range b.phrases {
			m := bounceOf(t, "5.0.0", "550 "+strings.TrimSuffix(p, "*"))
			if m.Report == nil || len(m.Report.Recipients) != 1 || string(m.Report.Recipients[0].Reason) != b.section {
				t.Errorf("%q is no %s: %+v", p, b.section, m.Report)
			}
		}
	}
}

// TestReasons: what servers say, in whole sentences.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status, said string
		want         mail.BounceReason
	}{
		{"5.1.1", "550 5.1.1 <nobody@example.org>: Recipient address rejected: User unknown in local recipient table", mail.ReasonNoUser},
		{"5.1.1", "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking", mail.ReasonNoUser},
		{"5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).", mail.ReasonNoUser},
		{"5.4.1", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", mail.ReasonNoUser},
		{"5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient nobody@example.org not found by SMTP address lookup", mail.ReasonNoUser},
		{"5.0.0", "554 delivery error: dd This user doesn't have a example.com account (nobody@example.com) [0]", mail.ReasonNoUser},
		{"5.1.1", "", mail.ReasonNoUser},
		{"5.1.10", "", mail.ReasonNoHost},
		{"5.1.2", "550 5.1.2 Host unknown (Name server: example.invalid.: host not found)", mail.ReasonNoHost},
		{"5.4.4", "Host or domain name not found. Name service error for name=example.invalid type=AAAA: Host not found", mail.ReasonNoHost},
		{"5.1.10", "Domain example.com does not accept mail (nullMX)", mail.ReasonNoHost},
		{"5.2.1", "550 5.2.1 The email account that you tried to reach is disabled.", mail.ReasonDisabled},
		{"5.2.1", "", mail.ReasonDisabled},
		{"5.1.6", "", mail.ReasonDisabled},
		{"5.2.2", "552 5.2.2 The recipient's inbox is out of storage space and inactive.", mail.ReasonFull},
		{"4.2.2", "452 4.2.2 The email account that you tried to reach is over quota.", mail.ReasonFull},
		{"5.1.1", "550 5.1.1 <nobody@example.org> mailbox is full", mail.ReasonFull},
		{"5.3.4", "552 5.3.4 Message size exceeds fixed limit", mail.ReasonSize},
		{"5.2.3", "550 5.2.3 RESOLVER.RST.RecipSizeLimit; message too large for this recipient", mail.ReasonSize},
		{"5.7.1", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1", mail.ReasonBlocked},
		{"5.7.606", "550 5.7.606 Access denied, banned sending IP [192.0.2.1].", mail.ReasonBlocked},
		{"4.7.0", "421-4.7.0 Our system has detected an unusual rate of unsolicited mail originating from your IP address.", mail.ReasonBlocked},
		{"5.7.1", "550 5.7.1 Message refused", mail.ReasonBlocked},
		{"5.7.1", "550 5.7.1 [192.0.2.1] Our system has detected that this message is likely unsolicited mail.", mail.ReasonSpam},
		{"5.6.0", "554 5.6.0 Your message contains a virus (Eicar-Test-Signature)", mail.ReasonSpam},
		{"5.7.0", "552-5.7.0 This message was blocked because its content presents a potential security issue.", mail.ReasonSpam},
		{"5.7.26", "550-5.7.26 This mail has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM.", mail.ReasonAuth},
		{"5.7.1", "550 5.7.1 Unauthenticated email from example.com is not accepted due to domain's DMARC policy.", mail.ReasonAuth},
		{"5.7.1", "554 5.7.1 <nobody@example.org>: Relay access denied", mail.ReasonAuth},
		{"5.7.23", "", mail.ReasonAuth},
		{"4.4.7", "", mail.ReasonExpired},
		{"5.0.0", "retry timeout exceeded", mail.ReasonExpired},
		{"4.4.1", "connect to mx.example.org[192.0.2.1]:25: Connection timed out", mail.ReasonUnavailable},
		{"4.3.2", "421 4.3.2 System not accepting network messages", mail.ReasonUnavailable},
		{"5.4.6", "mail for example.org loops back to myself", mail.ReasonLoop},
		{"5.4.14", "554 5.4.14 Hop count exceeded - possible mail loop", mail.ReasonLoop},
		{"5.4.1", "550 5.4.1 All recipient addresses rejected : Access denied [AM1.example]", mail.ReasonNoUser},
		{"5.1.351", "550 5.1.351 Remote server returned unknown recipient or mailbox unavailable", mail.ReasonNoUser},
		{"5.5.0", "550 5.5.0 Requested actions not taken as the mailbox is unavailable", mail.ReasonNoUser},
		{"5.1.1", "550 5.1.1 recipient is not exist", mail.ReasonNoUser},
		{"5.1.0", "5.1.0 - Unknown address error 550-'5.7.1 Service unavailable; client host [192.0.2.1] blocked'", mail.ReasonBlocked},
		{"4.2.1", "450-4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered.", mail.ReasonUnavailable},
		{"5.7.1", "554 5.7.1 Our system has detected that this message is suspicious due to the very low reputation of the sending IP address", mail.ReasonBlocked},
		{"5.7.1", "550 SC-001 Unfortunately, messages from 192.0.2.1 weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).", mail.ReasonBlocked},
		{"4.1.8", "450 4.1.8 <a@x.example>: Sender address rejected: Domain not found", mail.ReasonBlocked},
		{"5.0.0", "554 refused. IP name lookup failed for 192.0.2.1", mail.ReasonBlocked},
		{"5.0.0", "550 Connection frequency limited", mail.ReasonBlocked},
		{"5.7.1", "451 4.7.1 Greylisting in action, please come back later", mail.ReasonBlocked},
		{"5.7.515", "550 5.7.515 Access denied, sending domain example.com doesn't meet the required authentication level.", mail.ReasonAuth},
		{"5.7.1", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", mail.ReasonAuth},
		{"5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required; Delivery restriction check failed", mail.ReasonAuth},
		{"5.7.1", "550 5.7.1 Rejected by SpamAssassin", mail.ReasonSpam},
		{"5.0.0", "554 DT:SPM mx1, please see http://mail.163.example/help/help_spam_16.htm", mail.ReasonSpam},
		{"5.2.0", "550 5.2.0 Mail rejete. Mail rejected. ofr_506 [506]", mail.ReasonSpam},
		{"5.2.0", "552 5.2.0 message exceeds maximum size", mail.ReasonSize},
		{"5.0.0", "message size 30000000 exceeds size limit 10240000 of server mx.example.org", mail.ReasonSize},
		{"5.0.0", "550 Mailbox unavailable or access denied", mail.ReasonDisabled},
		{"5.0.0", "554 5.7.1 This account is dormant", mail.ReasonDisabled},
		{"5.4.310", "550 5.4.310 DNS domain nowhere.example does not exist", mail.ReasonNoHost},
		{"4.4.3", "Host or domain name not found. Name service error for name=x.example type=MX: Host not found, try again", mail.ReasonNoHost},
		{"4.4.1", "delivery temporarily suspended: connect to x.example[192.0.2.1]:25: No route to host", mail.ReasonUnavailable},
		{"4.7.5", "TLS is required, but was not offered by host x.example[192.0.2.1]", mail.ReasonUnavailable},
		{"4.0.0", "all hosts for 'x.example' have been failing for a long time (and retry time not reached)", mail.ReasonExpired},
		{"5.4.6", "554 5.4.12 SMTP; Hop count exceeded", mail.ReasonLoop},
		{"5.0.0", "550 User [nobody@example.org] does not exist", mail.ReasonNoUser},
		{"5.0.0", "554 Rcpt <nobody@example.org> does not exist", mail.ReasonNoUser},
		{"4.1.8", "450 4.1.8 the sender does not exist", mail.ReasonBlocked},
		{"5.7.1", "553 you use me as a relay, and I will not (#5.7.1)", mail.ReasonAuth},
		{"5.0.0", "550 User has too many messages on this server.", mail.ReasonFull},
		{"5.0.0", "450 too many messages from your server", mail.ReasonBlocked},
		{"5.7.1", "554 5.7.1 Failed antispam checks. Is your server set up well (SPF, HELO, PTR)?", mail.ReasonSpam},
		{"5.0.0", "550 no", mail.ReasonUnknown},
		{"", "", mail.ReasonUnknown},
	} {
		m := bounceOf(t, tt.status, tt.said)
		if got := m.Report.Recipients[0].Reason; got != tt.want {
			t.Errorf("%s %q: got %s, want %s", tt.status, tt.said, got, tt.want)
		}
	}
}

// TestNoticePhrases: each sentence by which notices are known makes a bounce of a mail of a server without
// reports, and none of a person's mail. Each subject does, too.
func TestNoticePhrases(t *testing.T) {
	t.Parallel()
	phrases := map[string][]string{}
	for _, b := range tableOf(t, "notices.txt") {
		phrases[b.section] = b.phrases
	}
	for _, p := range phrases["writer"] {
		text := "\n" + strings.TrimSuffix(p, "*") + "\n\n<nobody@example.org>\n"
		if m := parse(t, []byte("Return-Path: <>\nFrom: Mail <mail@mx.example.org>\nSubject: x\n"+text)); m.Kind != mail.KindBounce || len(m.Report.Recipients) != 1 {
			t.Errorf("%q: %s, %+v", p, m.Kind, m.Report)
		}
		if m := parse(t, []byte("From: Ann Lee <ann@example.org>\nSubject: x\n"+text)); m.Kind != mail.KindHuman || m.Report != nil {
			t.Errorf("%q of a person: %s", p, m.Kind)
		}
	}
	for _, p := range phrases["subject"] {
		head := "Subject: " + strings.TrimSuffix(p, "*") + ": x\n\nx\n"
		if m := parse(t, []byte("From: postmaster@mx.example.org\n"+head)); m.Kind != mail.KindBounce && m.Kind != mail.KindDelay {
			t.Errorf("%q: %s", p, m.Kind)
		}
		if m := parse(t, []byte("From: Ann Lee <ann@example.org>\n"+head)); m.Kind != mail.KindHuman {
			t.Errorf("%q of a person: %s", p, m.Kind)
		}
	}
	for _, p := range phrases["subject delay"] {
		if m := parse(t, []byte("From: MAILER-DAEMON@mx.example.org\nSubject: "+p+" x\n\nx\n")); m.Kind != mail.KindDelay {
			t.Errorf("%q: %s", p, m.Kind)
		}
	}
	for _, p := range phrases["delay still"] {
		m := parse(t, []byte("From: MAILER-DAEMON@mx.example.org\nSubject: Undeliverable: x\n\nYour message could not be delivered. "+p+".\n\n<nobody@example.org>\n"))
		if m.Kind != mail.KindDelay {
			t.Errorf("%q: %s", p, m.Kind)
		}
	}
	for _, p := range phrases["rejection"] {
		for disposition, want := range map[string]mail.Kind{"automatic-action/MDN-sent-automatically; deleted": mail.KindBounce, "manual-action/MDN-sent-automatically; deleted": mail.KindReceipt, "automatic-action/MDN-sent-automatically; displayed": mail.KindReceipt} {
			m := parse(t, []byte("From: ann@example.org\nSubject: x\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\n\n--b\n\nYour mail was "+p+": quota exceeded\n--b\n"+
				"Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; nobody@example.org\nOriginal-Message-ID: <p1@example.com>\nDisposition: "+disposition+"\n--b--\n"))
			if m.Kind != want {
				t.Errorf("%q, %s: %s", p, disposition, m.Kind)
			}
			if want == mail.KindBounce {
				r := m.Report
				if r.MessageID != "<p1@example.com>" || len(r.Recipients) != 1 || r.Recipients[0].Email != "nobody@example.org" || r.Recipients[0].Action != "failed" || r.Recipients[0].Reason != mail.ReasonFull {
					t.Errorf("%q: %+v", p, r)
				}
			}
		}
	}
	for _, p := range phrases["original"] {
		m := parse(t, []byte("From: MAILER-DAEMON@mx.example.org\nSubject: x\n\nNo such user.\n\nnobody@example.org\n\n"+strings.TrimSuffix(p, " ---")+"\n\nFrom: support@example.com\nTo: other@example.org\n"))
		if m.Report == nil || len(m.Report.Recipients) != 1 || m.Report.Recipients[0].Email != "nobody@example.org" {
			t.Errorf("%q: %+v", p, m.Report)
		}
	}
	for _, p := range phrases["label"] {
		m := parse(t, []byte("From: MAILER-DAEMON@mx.example.org\nSubject: x\n\nSee https://help.example.net/ or ask help@example.net.\n\n  "+p+" nobody@example.org\n"))
		if m.Report == nil || len(m.Report.Recipients) != 1 || m.Report.Recipients[0].Email != "nobody@example.org" {
			t.Errorf("%q: %+v", p, m.Report)
		}
	}
	for _, p := range phrases["towards"] {
		m := parse(t, []byte("From: MAILER-DAEMON@mx.example.org\nSubject: x\n\nAsk help@example.net about it.\n\n\nIt is so: "+strings.TrimSuffix(p, "*")+" (nobody@example.org).\n"))
		if m.Report == nil || len(m.Report.Recipients) != 1 || m.Report.Recipients[0].Email != "nobody@example.org" {
			t.Errorf("%q: %+v", p, m.Report)
		}
	}
}

// TestAbsencePhrases: each begins a subject by which an answer is known, and none that a person begins so.
func TestAbsencePhrases(t *testing.T) {
	t.Parallel()
	blocks := tableOf(t, "absence.txt")
	if len(blocks) < 30 {
		t.Errorf("%d languages, want 30", len(blocks))
	}
	for _, b := range blocks {
		for _, p := range b.phrases {
			if m := parse(t, []byte("From: ann@example.org\nAuto-Submitted: auto-generated\nSubject: "+p+" Printer\n\nx\n")); m.Kind != mail.KindAutoReply {
				t.Errorf("%q: %s", p, m.Kind)
			}
			if m := parse(t, []byte("From: ann@example.org\nSubject: Re: "+p+" Printer\n\nx\n")); m.Kind != mail.KindHuman {
				t.Errorf("%q of a person: %s", p, m.Kind)
			}
		}
	}
}

// TestSignFields: each field is a sign, unless it says no; each sender is one, and each subject of an answer.
func TestSignFields(t *testing.T) {
	t.Parallel()
	kinds := map[string]mail.Kind{"answer": mail.KindAutoReply, "machine": mail.KindNotification, "campaign": mail.KindBulk, "list": mail.KindList}
	for _, b := range tableOf(t, "signs.txt") {
		if b.section == "meeting" {
			for _, word := range b.phrases {
				if m := parse(t, []byte("From: ann@example.org\nContent-Class: urn:content-classes:calendarmessage\nSubject: "+word+": x\n\nx\n")); m.Kind != mail.KindCalendar {
					t.Errorf("%s: %s", word, m.Kind)
				}
			}
			continue
		}
		if b.section == "gateway" {
			for _, local := range b.phrases {
				notice := "From: " + local + "@example.org\nSubject: Delivery failed\n\nYour message could not be delivered to\n\nnobody@example.net\n"
				if m := parse(t, []byte(notice)); m.Kind != mail.KindBounce {
					t.Errorf("%s: %s", local, m.Kind)
				}
				if m := parse(t, []byte("From: "+local+"@example.org\nSubject: Delivery failed\n\nMy mail to Ann failed. Why?\n")); m.Kind != mail.KindHuman {
					t.Errorf("%s, a person: %s", local, m.Kind)
				}
			}
			continue
		}
		if b.section == "no answer" || b.section == "robot" {
			for _, local := range b.phrases {
				if m := parse(t, []byte("From: "+local+"@example.org\nSubject: x\n\nx\n")); m.Kind != mail.KindNotification {
					t.Errorf("%s: %s", local, m.Kind)
				}
			}
			continue
		}
		for _, name := range b.phrases {
			head := "From: ann@example.org\nSubject: x\n" + name + ": "
			if m := parse(t, []byte(head+"yes\n\nx\n")); m.Kind != kinds[b.section] || !m.AutoSubmitted {
				t.Errorf("%s: %s, never answer %t", name, m.Kind, m.AutoSubmitted)
			}
			if m := parse(t, []byte(head+"no\n\nx\n")); m.Kind != mail.KindHuman {
				t.Errorf("%s: no: %s", name, m.Kind)
			}
		}
	}
}
