package mail

import (
	"slices"
	"strings"
)

// A reportReader holds what the parts of a report say, read as their bytes come by.
type reportReader struct {
	typ      string // the report-type of a multipart/report around everything else, "" without
	dsn      *dsn   // a message/delivery-status
	receipt  bool   // a message/disposition-notification
	mdn      *dsn   // what it says
	feedback bool   // a message/feedback-report
	calendar string // the method of a text/calendar, from its Content-Type
	returned *returned
}

// watch says who reads the fields of a part of that type, or nil.
func (r *reportReader) watch(ct *value, depth int) *fieldStream {
	switch ct.word {
	case "text/calendar", "application/ics":
		if r.calendar == "" && depth <= 2 {
			r.calendar = strings.ToLower(ct.get("method"))
		}
	case "message/delivery-status", "message/global-delivery-status":
		if depth <= 3 {
			if r.dsn == nil {
				r.dsn = &dsn{}
			}
			return &fieldStream{sink: r.dsn}
		}
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers", "text/rfc822":
		if depth > 0 && depth <= 3 && (r.returned == nil || r.returned.empty()) {
			r.returned = &returned{}
			return &fieldStream{sink: r.returned}
		}
	case "text/plain": // a file: some gateways make one of the report
		if r.typ == "delivery-status" && depth == 1 && r.dsn == nil {
			r.dsn = &dsn{}
			return &fieldStream{sink: r.dsn}
		}
	case "message/disposition-notification", "message/global-disposition-notification":
		r.receipt = r.receipt || depth == 1 || depth == 2
		if r.mdn == nil && depth <= 2 {
			r.mdn = &dsn{}
			return &fieldStream{sink: r.mdn}
		}
	case "message/feedback-report":
		r.feedback = r.feedback || depth == 1 || depth == 2
	}
	return nil
}

// merge takes over what a part says that was read apart.
func (r *reportReader) merge(c *reportReader) {
	r.receipt, r.feedback = r.receipt || c.receipt, r.feedback || c.feedback
	if r.typ == "" {
		r.typ = c.typ
	}
	if r.dsn == nil {
		r.dsn = c.dsn
	}
	if r.mdn == nil {
		r.mdn = c.mdn
	}
	if r.calendar == "" {
		r.calendar = c.calendar
	}
	if r.returned == nil {
		r.returned = c.returned
	}
}

// bounce says whether a message is a bounce, or else news of a mail that is on its way, and if either
// makes its report. It costs nothing for mail without a sign of a machine: a person may quote any of this.
func (p *parser) bounce(s *signs) (bounced, news bool) {
	m, r := p.msg, &p.report
	form := drawn(m.Text) && !m.IsForward && len(m.InReplyTo)+len(m.References) == 0 && bounceSubject(m.Subject)
	reported := r.typ == "delivery-status" || r.dsn != nil && (s.server() || s.generated) && !m.IsForward
	switch {
	case r.refused(m.Text):
		reported, r.dsn = true, r.mdn
		r.dsn.failed = true
	case reported:
	case r.typ != "" && r.typ != "delivery-status": // of something else
		return false, false
	case s.absent && !s.daemon && !s.failedRecipients:
		return false, false
	case !s.server() && !(s.failedRecipients && s.generated) && !(s.named && bounceSubject(m.Subject)) && !form:
		return false, false
	}
	n := readNotice(m.Text, s.domain, func(a Address) bool { return p.bystander(a) })
	switch {
	case reported && r.dsn != nil && (r.dsn.failed || r.dsn.news):
		bounced, news = r.dsn.failed, !r.dsn.failed
	case reported:
		news = delaySubject(m.Subject)
		bounced = !news
	default:
		t := noticeTable()
		writes := anyPhrase(n.text, t.writer)
		still := anyPhrase(n.text, t.still)
		waits := still || anyPhrase(n.text, t.delay)
		says := bounceSubject(m.Subject)
		bounced = s.failedRecipients && (s.server() || s.generated) || (s.named || form) && says && writes && n.lists() || s.daemon || says && (writes || s.postmaster || s.nullPath) ||
			s.postmaster && writes && len(n.rcpts) > 0 || s.nullPath && writes && (says || len(n.rcpts) > 0 && !s.autoReply && !s.replied) ||
			s.nobody && s.nullPath && len(n.rcpts) > 0 && (writes || reasonOf("", n.text) == ReasonNoUser)
		if delaySubject(m.Subject) || bounced && (waits && !says || still) && !s.failedRecipients || s.daemon && waits && !writes {
			bounced, news = false, true
		}
	}
	if bounced || news {
		m.Report = p.makeReport(n, news)
	}
	return bounced, news
}

// refused says whether a receipt says that the mail was refused (RFC 5429).
func (r *reportReader) refused(text string) bool {
	return r.mdn != nil && r.mdn.deleted && len(r.mdn.rcpts) > 0 && r.dsn == nil && anyPhrase(squeeze(text, 1000), noticeTable().rejection)
}

// bystander says whether an address is of those who write and get the notice.
func (p *parser) bystander(a Address) bool {
	same := func(b Address) bool { return b.Email == a.Email }
	return daemonName(a.Local) || a.Local == "postmaster" || slices.ContainsFunc(p.msg.From, same) || slices.ContainsFunc(p.msg.To, same) ||
		slices.ContainsFunc(p.msg.ReplyTo, same)
}

// bounceSubject says whether a subject is one that mail servers write. It counts only beside a sender
// that people do not write from.
func bounceSubject(s string) bool { return anyPhrase(squeeze(s, 400), noticeTable().subject) }

// delaySubject says whether a subject is one by which mail servers say that they still try, or that the
// mail arrived.
func delaySubject(s string) bool {
	s = squeeze(s, 400)
	for _, p := range noticeTable().delaySubject {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	own, _, _ := strings.Cut(s, ":") // the subject of the mail that is late may follow
	return hasPhrase(own, "delayed") || hasPhrase(own, "delay")
}
