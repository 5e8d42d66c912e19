package mail

import (
	"slices"
	"strings"
)

// classify says what kind of message this is. It goes by signs that programs agree on, the header
// first; a subject alone decides only for absence notes, whose senders often set nothing else.
func (p *parser) classify(prefix prefixKind, forwards bool) {
	m := p.msg
	m.IsForward = prefix == forwardPrefix || forwards && prefix != replyPrefix
	m.IsReply = prefix == replyPrefix || !m.IsForward && (len(m.InReplyTo) > 0 || len(m.References) > 0)

	s := p.readSigns(prefix)
	if s.postmaster && prefix != noPrefix && !s.nullPath && p.report.typ == "" {
		s.postmaster, s.noAnswer = false, true // its keeper answers, or hands on
	}
	bounced, news := p.bounce(&s)
	m.IsBounce = bounced
	m.IsAutoReply = !bounced && !news && (s.replied && p.report.typ == "" || s.autoReply || s.precedence == "auto_reply" || s.absence(m))
	m.IsList = s.listID || s.list || s.precedence == "list"
	answers, complains := p.calendarAnswer(&s), complaint(m)
	m.AutoSubmitted = bounced || news || m.IsAutoReply || m.IsList || answers || complains || s.daemon || s.postmaster || s.robot ||
		p.report.typ != "" || p.report.receipt || p.report.feedback || s.receiptClass || s.generated || s.replied || s.precedence != "" || s.unsubscribe || s.nullPath || s.feedbackID || s.campaign || s.machine || s.noAnswer

	switch {
	case bounced:
		m.Kind = KindBounce
	case news:
		m.Kind = KindDelay
	case p.report.typ == "feedback-report", p.report.feedback && !m.IsForward, complains:
		m.Kind = KindFeedback
	case p.report.typ == "disposition-notification", p.report.receipt && !m.IsForward, s.receiptClass:
		m.Kind = KindReceipt
	case answers:
		m.Kind = KindCalendar
	case m.IsAutoReply:
		m.Kind = KindAutoReply
	default:
		s.machine = s.machine || p.report.typ != "" // of TLS, of what there will be
		m.Kind = s.many(prefix == replyPrefix && len(m.InReplyTo) > 0)
	}
}

// many tells mail to many, and of programs, from that of people. A person on a list is of the list; what
// a program writes to one is a notification; a list without people is bulk. An answer that can be unsubscribed
// from is a person's: help desks put that into all that they send.
func (s *signs) many(answer bool) Kind {
	bulk := s.campaign || s.precedence == "bulk" || s.precedence == "junk"
	lists := s.list || s.precedence == "list" || s.listID
	program := s.generated || s.machine
	switch {
	case lists && program:
		return KindNotification
	case lists && (s.list || s.precedence == "list" || !bulk && !(s.unsubscribe && s.feedbackID)):
		return KindList
	case s.campaign, bulk && (!program || s.unsubscribe), s.unsubscribe && !program && !(answer && !s.robot):
		return KindBulk
	case program, s.robot, s.daemon, s.postmaster, s.nullPath:
		return KindNotification
	}
	return KindHuman
}

// calendarAnswer says whether a message answers an invitation (RFC 5546 section 3.2). An invitation is
// its organiser's own word.
func (p *parser) calendarAnswer(s *signs) bool {
	m := p.msg
	if m.IsForward {
		return false
	}
	method := p.report.calendar
	if m.Calendar != nil && m.Calendar.Method != "" {
		method = m.Calendar.Method
	}
	switch strings.ToLower(method) {
	case "reply", "counter", "declinecounter":
		return true
	case "":
		return s.calendarClass && answerSubject(m.Subject) // Exchange, with the answer in its own format alone
	}
	return false
}

// answerSubject says whether a subject begins as Outlook lets answers to invitations begin.
func answerSubject(s string) bool {
	word, _, ok := strings.Cut(strings.ToLower(s[:min(len(s), 100)]), ":")
	if !ok {
		return false
	}
	return slices.Contains(signTable().meeting, strings.TrimSpace(word))
}

// complaint says whether it is a complaint of Outlook.com's junk mail reporting, which does not write reports
// of RFC 5965.
func complaint(m *Message) bool {
	return len(m.From) == 1 && m.From[0].Email == "staff@hotmail.com" && strings.HasPrefix(strings.ToLower(m.Subject), "complaint about message from")
}
