package mail

import "strings"

// diagnosticMax is the longest diagnostic that is kept, in bytes.
const diagnosticMax = 500

// makeReport puts together what the fields of a report, the header and the text say.
func (p *parser) makeReport(n *notice, news bool) *Report {
	r := &p.report
	rep := &Report{Recipients: []ReportedRcpt{}}
	action := "failed"
	if news {
		action = "delayed"
	}
	if r.dsn != nil {
		for _, d := range r.dsn.rcpts[:min(len(r.dsn.rcpts), rcptMax)] {
			rep.add(p.reported(d, n, action, len(r.dsn.rcpts) == 1))
		}
	}
	if len(rep.Recipients) == 0 {
		for _, v := range p.msg.Values("X-Failed-Recipients") {
			for _, a := range ParseAddresses(v) {
				rep.add(n.recipient(a.Email, action, len(n.rcpts) <= 1))
			}
		}
	}
	if len(rep.Recipients) == 0 {
		for _, f := range n.rcpts {
			rep.add(n.recipient(f.email, action, len(n.rcpts) == 1))
		}
	}
	if len(rep.Recipients) == 0 { // a gateway put the report of another server into a mail of its own
		for _, a := range p.msg.Attachments {
			if a.Message != nil && a.Message.Report != nil && len(a.Message.Report.Recipients) > 0 {
				return a.Message.Report
			}
		}
	}
	if len(rep.Recipients) == 0 { // the mail was for one, and was not delivered
		to := n.to
		if r.returned != nil && len(r.returned.to) > 0 {
			to = []string{r.returned.to[0].Email}
			if len(r.returned.to) > 1 {
				to = nil
			}
		}
		if len(to) == 1 && to[0] != "" {
			rep.add(n.recipient(to[0], action, true))
		}
	}
	rep.MessageID = p.originalID(n)
	return rep
}

// originalID is the id of the mail that the notice is about: what came back says it, or what the notice
// answers.
func (p *parser) originalID(n *notice) string {
	if r := p.report.returned; r != nil && r.id != "" {
		return r.id
	}
	if d := p.report.dsn; d != nil && d.id != "" {
		return d.id
	}
	if n.id != "" && n.id != p.msg.MessageID {
		return n.id
	}
	if ids := p.msg.InReplyTo; len(ids) > 0 {
		return ids[len(ids)-1]
	}
	if ids := p.msg.References; len(ids) > 0 {
		return ids[len(ids)-1]
	}
	return ""
}

// reported makes a recipient of the fields of a delivery status.
func (p *parser) reported(d dsnRcpt, n *notice, action string, alone bool) ReportedRcpt {
	out := ReportedRcpt{Email: d.email(), Action: d.action, Status: d.status, Reason: ReasonUnknown}
	if out.Email == "" {
		return out
	}
	if out.Action == "" {
		switch out.Action = action; {
		case strings.HasPrefix(d.status, "2"):
			out.Action = "delivered"
		case strings.HasPrefix(d.status, "5"):
			out.Action = "failed"
		}
	}
	out.Diagnostic = diagnostic(p.decodeValue(afterType(d.diagnostic)))
	// "5.0.0" says no more than "failed"; what the other server said may.
	if said := enhancedStatus(out.Diagnostic); out.Status == "" || said != "" && said[0] == out.Status[0] && strings.HasSuffix(out.Status, ".0.0") {
		out.Status = said
	}
	if out.Action != "failed" && out.Action != "delayed" {
		return out
	}
	out.Reason = reasonOf(out.Status, out.Diagnostic)
	if out.Reason == ReasonUnknown || out.Diagnostic == "" {
		for _, f := range n.rcpts {
			if f.email == out.Email || f.email == dsnAddress(d.final) || alone && len(n.rcpts) == 1 {
				if why := reasonOf(out.Status, f.diagnostic); why != ReasonUnknown {
					out.Reason = why
				}
				break
			}
		}
	}
	if out.Reason == ReasonUnknown && alone {
		out.Reason = reasonOf(out.Status, n.text)
	}
	return out.waits()
}

// waits makes the reason that of a delay where it is one: nothing has expired yet.
func (r ReportedRcpt) waits() ReportedRcpt {
	if r.Action == "delayed" && r.Reason == ReasonExpired {
		r.Reason = ReasonUnavailable
	}
	return r
}

// recipient makes a recipient of what the text says of it.
func (n *notice) recipient(email, action string, alone bool) ReportedRcpt {
	out := ReportedRcpt{Email: email, Action: action, Reason: ReasonUnknown}
	for _, f := range n.rcpts {
		if f.email == email || alone && len(n.rcpts) == 1 {
			out.Diagnostic = diagnostic(f.diagnostic)
		}
	}
	if out.Diagnostic == "" && alone {
		out.Diagnostic = diagnostic(n.codeLine)
	}
	out.Status = enhancedStatus(out.Diagnostic)
	if out.Status == "" && alone {
		out.Status = enhancedStatus(n.text)
	}
	if out.Reason = reasonOf(out.Status, out.Diagnostic); out.Reason == ReasonUnknown && alone {
		out.Reason = reasonOf(out.Status, n.text)
	}
	return out.waits()
}

// add takes a recipient once: of two reports about one, that of a failure counts.
func (r *Report) add(rcpt ReportedRcpt) {
	if rcpt.Email == "" || len(r.Recipients) == rcptMax {
		return
	}
	for i := range r.Recipients {
		if have := &r.Recipients[i]; have.Email == rcpt.Email {
			if have.Action != "failed" && rcpt.Action == "failed" {
				*have = rcpt
			}
			return
		}
	}
	r.Recipients = append(r.Recipients, rcpt)
}

// afterType cuts the type from a diagnostic code: "smtp; 550 …" (RFC 3464 section 2.3.6).
func afterType(s string) string {
	if typ, rest, ok := strings.Cut(s, ";"); ok && len(typ) < 20 && isToken(trimSpace(typ)) && !digit(trimSpace(typ)[0]) {
		return trimSpace(rest)
	}
	return s
}

// diagnostic makes one clean line of what a server said.
func diagnostic(s string) string {
	return cutString(cleanName(cutString(s, 4*diagnosticMax)), diagnosticMax)
}
