package mail_test

import (
	"strings"
	"testing"

	"postern/internal/mail"
)

// TestKinds: who or what wrote a mail, by the fields that programs set.
func TestKinds(t *testing.T) {
	t.Parallel()
	const person = "From: Ann <ann@example.org>\n"
	for _, tt := range []struct {
		name, head string
		kind       mail.Kind
		silent     bool // never answered
	}{
		{"person", person + "Subject: Printer\n", mail.KindHuman, false},
		{"person whose program says no", person + "Subject: x\nAuto-Submitted: no\nPrecedence: normal\nX-Loop: no\n", mail.KindHuman, false},
		{"person about absence", person + "Subject: Fwd: Automatic reply: x\n", mail.KindHuman, false},
		{"person who answers an absence note", person + "Subject: Re: Out of office\nIn-Reply-To: <a@b>\n", mail.KindHuman, false},
		{"person who will be absent", person + "Subject: Out of office next week\n", mail.KindHuman, false},
		{"person who is ill", person + "Subject: Fravær i dag\n", mail.KindHuman, false},
		{"person about automatic answers", person + "Subject: Automatic reply rules: broken again\n", mail.KindHuman, false},
		{"person who asks about absence notes", person + "Subject: Out of office: how do I set it?\n", mail.KindHuman, false},
		{"person with a car", person + "Subject: Auto: Schaden\n", mail.KindHuman, false},
		{"absence in brackets", person + "Subject: [Auto-Reply]: Printer\n", mail.KindAutoReply, true},
		{"absence by its subject", person + "Subject: Out of office: Printer\n", mail.KindAutoReply, true},
		{"absence by subject and thread", person + "Subject: Out of office\nIn-Reply-To: <a@b>\n", mail.KindAutoReply, true},
		{"person on Exchange", person + "Subject: x\nX-Auto-Response-Suppress: OOF, AutoReply\n", mail.KindHuman, true},
		{"person called Noreen", "From: noreen@example.org\nSubject: x\n", mail.KindHuman, false},
		{"absence by RFC 3834", person + "Subject: x\nAuto-Submitted: Auto-Replied (vacation)\n", mail.KindAutoReply, true},
		{"absence by an old field", person + "Subject: x\nX-Autoreply: yes\n", mail.KindAutoReply, true},
		{"absence by precedence", person + "Subject: x\nPrecedence: auto-reply\n", mail.KindAutoReply, true},
		{"bounce of a daemon", "From: MAILER-DAEMON@example.org\nSubject: Failure Notice\n", mail.KindBounce, true},
		{"bounce of a daemon without a domain", "Return-Path: <>\nFrom: Mail Delivery Subsystem <MAILER-DAEMON>\nSubject: Returned mail: see transcript for details\n", mail.KindBounce, true},
		{"bounce of a daemon that calls it a reply", "From: MAILER-DAEMON@example.org\nSubject: Undelivered Mail Returned to Sender\nAuto-Submitted: auto-replied\nIn-Reply-To: <a@b>\n", mail.KindBounce, true},
		{"notice of a filter", person + "Subject: x\nAuto-Submitted: auto-notified; owner-email=\"a@b\"\n", mail.KindNotification, true},
		{"bounce of a postmaster", "From: postmaster@example.org\nSubject: Undeliverable: x\n", mail.KindBounce, true},
		{"postmaster who writes", "From: postmaster@example.org\nSubject: Your domain\n", mail.KindNotification, true},
		{"delay", "Return-Path: <>\nFrom: MAILER-DAEMON@example.org\nSubject: Delivery Status Notification (Delay)\n", mail.KindDelay, true},
		{"person whose server is named in the text", person + "Subject: Mail delivery failed: returning message to sender\n", mail.KindHuman, false},
		{"administrator who writes", "From: System Administrator <admin@example.org>\nSubject: Your quota\n", mail.KindHuman, false},
		{"postmaster who answers", "From: postmaster@example.org\nSubject: Re: Undeliverable: x\nIn-Reply-To: <a@b>\n", mail.KindHuman, true},
		{"daemon in another spelling", "From: Mailer_Daemon@example.org\nSubject: x\n", mail.KindBounce, true},
		{"daemon of Exchange", "From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.org>\nSubject: x\n", mail.KindBounce, true},
		{"person called Exchange", "From: MicrosoftExchange@example.org\nSubject: x\n", mail.KindHuman, false},
		{"failed recipients", "From: a@b.example\nAuto-Submitted: auto-replied\nX-Failed-Recipients: c@d.example\nSubject: x\n", mail.KindBounce, true},
		{"failed recipients that a person names", person + "X-Failed-Recipients: c@d.example\nSubject: x\n", mail.KindHuman, false},
		{"no, with a comment before it", person + "Subject: x\nAuto-Submitted: (really) No; because=b\n", mail.KindHuman, false},
		{"no, with a comment behind it", person + "Subject: x\nAuto-Submitted: no (really)\n", mail.KindHuman, false},
		{"absence with parameters", person + "Subject: x\nAuto-Submitted: AUTO-REPLIED; owner-email=\"a@b\"\n", mail.KindAutoReply, true},
		{"absence of 1&1", person + "Subject: x\nX-POST-MessageClass: 9; Autoresponder\n", mail.KindAutoReply, true},
		{"complaint of Outlook.com", "From: staff@hotmail.com\nSubject: complaint about message from 192.0.2.1\n", mail.KindFeedback, true},
		{"answer to an invitation by class", person + "Subject: Accepted: x\nContent-Class: urn:content-classes:calendarmessage\n", mail.KindCalendar, true},
		{"answer to an invitation by subject alone", person + "Subject: Accepted: x\n", mail.KindHuman, false},
		{"invitation", person + "Subject: x\nContent-Class: urn:content-classes:calendarmessage\n", mail.KindHuman, false},
		{"invitation by type", person + "Subject: x\nContent-Type: text/calendar; method=REQUEST\n", mail.KindHuman, false},
		{"counter-proposal", person + "Subject: x\nContent-Type: text/calendar; method=\"Counter\"\n", mail.KindCalendar, true},
		{"answer to an invitation, forwarded", person + "Subject: Fwd: x\nContent-Type: text/calendar; method=REPLY\n", mail.KindHuman, false},
		{"person on a list with a footer", person + "Subject: Re: x\nList-Id: <users.example.org>\nList-Post: <mailto:users@example.org>\nList-Unsubscribe: <https://example.org/u>\nPrecedence: bulk\n", mail.KindList, true},
		{"newsletter with a list's name", person + "Subject: x\nList-Id: <news.example.org>\nList-Unsubscribe: <https://example.org/u>\nFeedback-ID: 1:2\n", mail.KindBulk, true},
		{"program on a list", person + "Subject: x\nList-Id: <builds.example.org>\nAuto-Submitted: auto-generated\n", mail.KindNotification, true},
		{"program that one can leave", person + "Subject: x\nList-Unsubscribe: <https://example.org/u>\nAuto-Submitted: auto-generated\n", mail.KindNotification, true},
		{"program of a shop", "From: no-reply@shop.example\nSubject: Your order\nFeedback-ID: 1:2\n", mail.KindNotification, true},
		{"person at a help desk", person + "Subject: Re: x\nIn-Reply-To: <a@b>\nList-Unsubscribe: <https://example.org/u>\n", mail.KindHuman, true},
		{"newsletter that calls itself an answer", "From: no-reply@shop.example\nSubject: Re: x\nIn-Reply-To: <a@b>\nList-Unsubscribe: <https://example.org/u>\n", mail.KindBulk, true},
		{"person whose mail came by a forwarder", person + "Subject: x\nX-Loop: ann@example.org\n", mail.KindHuman, true},
		{"person on a list of Sympa", person + "Subject: x\nPrecedence: list\nX-Loop: l@example.org\nList-Post: <mailto:l@example.org>\n", mail.KindList, true},
		{"delay by a word in the subject", "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: Mail delivery delayed: x\n", mail.KindDelay, true},
		{"bounce of a mail about a delay", "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nSubject: Undeliverable: flight delayed\n", mail.KindBounce, true},
		{"absence without a subject of its own", "Return-Path: <>\n" + person + "Subject: Re: x\nAuto-Submitted: auto-replied\nIn-Reply-To: <a@b>\n", mail.KindAutoReply, true},
		{"absence of Exchange 2003", person + "Subject: Out of Office AutoReply: Printer\n", mail.KindAutoReply, true},
		{"absence in French", person + "Subject: =?utf-8?Q?R=C3=A9ponse_automatique=C2=A0:_x?=\n", mail.KindAutoReply, true},
		{"report about TLS", "From: tls@example.org\nSubject: x\nContent-Type: multipart/report; report-type=tlsrpt; boundary=b\n", mail.KindNotification, true},
		{"program in bulk", person + "Subject: x\nPrecedence: bulk\nAuto-Submitted: auto-generated\n", mail.KindNotification, true},
		{"newsletter of a program", person + "Subject: x\nPrecedence: bulk\nAuto-Submitted: auto-generated\nList-Unsubscribe: <https://example.org/u>\n", mail.KindBulk, true},
		{"person whose provider wants feedback", person + "Subject: x\nFeedback-ID: 1.eu:a:AmazonSES\n", mail.KindHuman, true},
		{"acknowledgement in Japanese brackets", person + "Subject: 【自動返信】お問い合わせありがとうございます\n", mail.KindAutoReply, true},
		{"absence with loose accents", person + "Subject: Respuesta automa\u0301tica: x\n", mail.KindAutoReply, true},
		{"list", person + "Subject: x\nList-Id: <users.example.org>\n", mail.KindList, true},
		{"newsletter", person + "Subject: x\nList-Unsubscribe: <https://example.org/u>\n", mail.KindBulk, true},
		{"bulk", person + "Subject: x\nPrecedence: bulk\n", mail.KindBulk, true},
		{"program", person + "Subject: x\nAuto-Submitted: auto-generated\n", mail.KindNotification, true},
		{"nobody to answer", "From: no-reply@example.org\nSubject: x\n", mail.KindNotification, true},
	} {
		m := parse(t, []byte(tt.head+"\ntext\n"))
		if m.Kind != tt.kind || m.AutoSubmitted != tt.silent {
			t.Errorf("%s: got %s, never answer %t, want %s, %t", tt.name, m.Kind, m.AutoSubmitted, tt.kind, tt.silent)
		}
	}
}

// TestAbsenceSubjects: Exchange says what an automatic answer is in its subject alone, in the reader's language.
func TestAbsenceSubjects(t *testing.T) {
	t.Parallel()
	for _, s := range strings.Split("Automatic reply|Automatische Antwort|Réponse automatique|Respuesta automática|Risposta automatica|Automatisch antwoord|Resposta automática|Autosvar|Automatiskt svar|"+
		"Automaattinen vastaus|Odpowiedź automatyczna|Automatická odpověď|Automatikus válasz|Otomatik yanıt|Автоматический ответ|自動応答|自动答复|自动回复|자동 회신|Αυτόματη απάντηση|Răspuns automat", "|") {
		m := parse(t, []byte("From: ann@example.org\nAuto-Submitted: auto-generated\nSubject: "+s+": Printer\n\naway\n"))
		if m.Kind != mail.KindAutoReply {
			t.Errorf("%s: %s", s, m.Kind)
		}
	}
}

// TestPrefixes: replies and forwards are told by their subject in many languages.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		subjects       string
		reply, forward bool
	}{
		{"Re: x|RE : x|Re[2]: x|[list] Re: x|AW: x|Antw.: x|SV: x|VS: x|R: x|RES: x|Odp: x|YNT: x|Отв: x|回复：x", true, false},
		{"Fwd: x|FW: x|WG: x|TR: x|RV: x|ENC: x|I: x|İLT: x|VB: x|PD: x|转发: x|Fwd: Re: x", false, true},
		{"Result: x|Reply x|Regarding: x|Area: x|http://x|Fwds x|Ann: x", false, false},
	} {
		for _, s := range strings.Split(tt.subjects, "|") {
			m := parse(t, []byte("From: ann@example.org\nSubject: "+s+"\n\nx\n"))
			if m.IsReply != tt.reply || m.IsForward != tt.forward {
				t.Errorf("%s: reply %t, forward %t", s, m.IsReply, m.IsForward)
			}
		}
	}
}

// TestNoticesOfPrograms: what a notice looks like where its sender could be a person, and what people write about one.
func TestNoticesOfPrograms(t *testing.T) {
	t.Parallel()
	const ann, body = "From: Ann Lee <ann@example.org>\n", "The mail below could not be delivered to:\n\nnobody@example.net\n"
	for _, tt := range []struct {
		name, raw string
		kind      mail.Kind
	}{
		{"words between rules", ann + "Subject: Non-Delivery: x\n\n--- Non-Delivery Report ---\n" + body, mail.KindBounce},
		{"a rule", ann + "Subject: Re: x (delivery failed)\n\n**********\n" + body, mail.KindBounce},
		{"to a list", ann + "Subject: Undeliverable: x\nList-Id: <l.example.org>\n\n=== Failed recipients ===\n<nobody@example.net>: 550\n", mail.KindBounce},
		{"a person who pastes it", ann + "Subject: Delivery failed\n\nI get this:\n\n--- Non-Delivery Report ---\n" + body, mail.KindHuman},
		{"a person who pastes all of it", ann + "Subject: Delivery failed\n\n" + body, mail.KindHuman},
		{"a person who forwards it", ann + "Subject: Fwd: Delivery failed\n\n--- Non-Delivery Report ---\n" + body, mail.KindHuman},
		{"a person who answers it", ann + "Subject: Re: Delivery failed\nIn-Reply-To: <p1@example.com>\n\n--- Non-Delivery Report ---\n" + body, mail.KindHuman},
		{"a person who draws", ann + "Subject: Delivery failed\n\n--- My printer ---\n" + body, mail.KindHuman},
		{"a person without such a subject", ann + "Subject: Help\n\n--- Non-Delivery Report ---\n" + body, mail.KindHuman},
		{"the daemon's own path", "Return-Path: <MAILER-DAEMON@mx.example.org>\nFrom: scanner@example.org\nSubject: Mail could not be delivered\n\nUnable to deliver message to <nobody@example.net>.\n", mail.KindBounce},
		{"a quoted name of a server", "From: <\"System Administrator\"@example.org>\nSubject: Delivery Failure\n\nCould not deliver message to:\n\nFailed Recipient: nobody@example.net\n", mail.KindBounce},
		{"an administrator about one", "From: <\"System Administrator\"@example.org>\nSubject: Delivery Failure\n\nYour mail to Ann failed since her box is full.\n", mail.KindHuman},
		{"nobody, about no user", "Return-Path: <>\nFrom: <>\nAuto-Submitted: auto-replied\n\nYour mail for nobody@example.net came, but that is not a valid user.\n", mail.KindBounce},
		{"nobody, absent", "Return-Path: <>\nFrom: <>\nAuto-Submitted: auto-replied\n\nI am away. Write to bob@example.net.\n", mail.KindAutoReply},
		{"a warning of the postmaster", "From: postmaster@example.org\nSubject: Mail Delivery Warning\n\nDelivery to \"nobody@example.net\" has been postponed.\n", mail.KindDelay},
	} {
		m := parse(t, []byte(tt.raw))
		if m.Kind != tt.kind {
			t.Errorf("%s: %s", tt.name, m.Kind)
		}
		if m.Kind == mail.KindBounce && (len(m.Report.Recipients) != 1 || m.Report.Recipients[0].Email != "nobody@example.net") {
			t.Errorf("%s: %+v", tt.name, m.Report)
		}
	}
}
