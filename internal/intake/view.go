package intake

import (
	"context"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/mail"
)

// who is the person behind a mail, as far as it is proven.
type who struct {
	trust string
	user  *issue.User // nil: nobody we know
}

// identify asks who wrote the mail. A From header proves nothing: "authenticated" takes SMTP AUTH by a user who
// may write as the one From address, or a network named as that domain's origin. With no From, several, or one that
// cannot be read nobody is authenticated.
func identify(ctx context.Context, w World, pol *Policy, env *Envelope, p *parsed) (who, error) {
	a := p.author()
	if a.Email == "" || len(p.msg.From) != 1 {
		return who{trust: trustNone}, nil
	}
	id := who{trust: trustNone}
	u, err := w.FindUser(ctx, a.Email)
	switch {
	case err == nil:
		id.user, id.trust = u, trustKnown
	case !fault.Is(err, fault.NotFound):
		return who{}, err
	}
	if env.User != "" && mayWriteAs(env.WriteAs, a.Email, a.Domain) || fromOrigin(pol, env, a) {
		id.trust = trustAuthenticated
	}
	return id, nil
}

// fromOrigin reports whether the peer itself is named as one that writes as the address. A relay inside such a network hands us
// other people's mail.
func fromOrigin(pol *Policy, env *Envelope, a mail.Address) bool {
	peer := env.Peer.Unmap()
	if env.Source != SourceSMTP || slices.ContainsFunc(pol.Relays, func(r netip.Prefix) bool { return r.Contains(peer) }) {
		return false
	}
	return slices.ContainsFunc(pol.Origins, func(o Origin) bool {
		return o.Net.Contains(peer) && mayWriteAs(o.From, a.Email, a.Domain)
	})
}

// senderView is what rules see of the sender. Role and organization are shown as such only when proven.
func senderView(id who, a mail.Address) *dsl.Sender {
	s := &dsl.Sender{Email: a.Email, Name: a.Name, Trust: id.trust}
	if id.user == nil {
		return s
	}
	s.Known = true
	if id.user.Name != "" {
		s.Name = id.user.Name
	}
	if id.trust == trustAuthenticated {
		s.Role, s.Organization = id.user.Role, id.user.Organization
	}
	s.Claimed = dsl.Claimed{Role: id.user.Role, Organization: id.user.Organization}
	return s
}

// mailView is what rules see of the mail.
func mailView(id string, p *parsed) *dsl.Mail {
	m := p.msg
	v := &dsl.Mail{
		ID: id, Subject: m.Subject, From: addressView(p.author()),
		ReplyTo: addressViews(m.ReplyTo), To: addressViews(m.To), Cc: addressViews(m.Cc),
		Date: m.Date, Text: m.Text, NewText: p.newText, HTML: m.HTML, Size: int(p.raw.Size()),
		MessageID: m.MessageID, InReplyTo: list(m.InReplyTo), References: list(m.References),
		Kind: string(m.Kind), Signed: m.Signed, Encrypted: m.Encrypted, Report: reportView(m.Report), Calendar: calendarView(m.Calendar),
		Attached: attachedViews(m), IsReply: m.IsReply, IsForward: m.IsForward, IsAutoReply: m.IsAutoReply, IsBounce: m.IsBounce, IsList: m.IsList,
		SpamScore: spamScore(m), Auth: dsl.Auth{SPF: "none", DKIM: "none", DMARC: "none", ARC: "none"}, Truncated: m.Truncated,
		Attachments: make([]dsl.Attachment, 0, len(m.Attachments)),
		Fields:      make([]dsl.HeaderField, 0, len(m.Header)),
	}
	for _, a := range m.Attachments {
		v.Attachments = append(v.Attachments, dsl.Attachment{Name: a.Name, Type: a.Type, Size: int(a.Size), SHA256: a.SHA256, Inline: a.Inline})
	}
	for _, f := range m.Header {
		v.Fields = append(v.Fields, dsl.HeaderField{Name: f.Name, Value: f.Value})
	}
	return v
}

// maxAttached is how many mails inside a mail rules see.
const maxAttached = 20

// attachedViews are the mails that came as files, those in them not counted.
func attachedViews(m *mail.Message) []dsl.Attached {
	out := []dsl.Attached{}
	for i := range m.Attachments {
		a := m.Attachments[i].Message
		if a == nil || len(out) == maxAttached {
			continue
		}
		v := dsl.Attached{
			Name: m.Attachments[i].Name, Subject: a.Subject, To: addressViews(a.To), Date: a.Date, MessageID: a.MessageID,
			Text: a.Text, NewText: a.NewText(),
		}
		if len(a.From) > 0 {
			v.From = addressView(a.From[0])
		}
		out = append(out, v)
	}
	return out
}

func reportView(r *mail.Report) dsl.Report {
	if r == nil {
		return dsl.Report{Recipients: []dsl.ReportedRcpt{}}
	}
	v := dsl.Report{MessageID: r.MessageID, Recipients: make([]dsl.ReportedRcpt, 0, len(r.Recipients))}
	for _, to := range r.Recipients {
		v.Recipients = append(v.Recipients, dsl.ReportedRcpt{
			Email: to.Email, Action: to.Action, Status: to.Status, Reason: string(to.Reason), Diagnostic: to.Diagnostic,
		})
	}
	return v
}

func calendarView(e *mail.Event) dsl.Calendar {
	if e == nil {
		return dsl.Calendar{Attendees: []dsl.Address{}}
	}
	return dsl.Calendar{
		Method: e.Method, UID: e.UID, Summary: e.Summary, Location: e.Location, Start: e.Start, End: e.End, AllDay: e.AllDay,
		Organizer: addressView(e.Organizer), Attendees: addressViews(e.Attendees), Answer: e.Answer,
	}
}

func list(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}

// spamScore reads what a filter in front of us may have written. Rules that lean on it should stand behind a relay
// that strips the header from strangers' mail.
func spamScore(m *mail.Message) float64 {
	for _, name := range []string{"X-Spam-Score", "X-Spamd-Result", "X-Mailgun-Sscore"} {
		if f, err := strconv.ParseFloat(m.Get(name), 64); err == nil {
			return f
		}
	}
	return 0
}

func addressView(a mail.Address) dsl.Address {
	return dsl.Address{Email: a.Email, Name: a.Name, Local: a.Local, Domain: a.Domain, Display: a.Display, MixedScript: a.MixedScript}
}

func addressViews(list []mail.Address) []dsl.Address {
	out := make([]dsl.Address, 0, len(list))
	for _, a := range list {
		out = append(out, addressView(a))
	}
	return out
}

func envelopeView(env *Envelope, from mail.Address, recipient string) *dsl.Envelope {
	v := &dsl.Envelope{
		From: addressView(from), To: addressView(mail.ParseAddress(recipient)),
		Helo: env.Helo, TLS: env.TLS, User: env.User, Source: env.Source,
	}
	if env.Peer.IsValid() {
		v.IP = env.Peer.Unmap().String()
	}
	return v
}

func mailboxView(mb *Mailbox) *dsl.Mailbox {
	return &dsl.Mailbox{Name: mb.Name, Addresses: list(mb.Addresses)}
}

// newIssueView is the issue that a mail will start, with the mailbox's defaults.
func newIssueView(mb *Mailbox, m *dsl.Mail, now time.Time) *dsl.Issue {
	d := mb.New
	return &dsl.Issue{
		IsNew: true, Subject: m.Subject, Description: m.NewText,
		Type: d.Type, Class: d.Class, Priority: d.Priority, Status: d.Status, Assignee: d.Assignee, Template: d.Template,
		Requester: m.From, Watchers: []string{}, Tags: slices.Clone(list(d.Tags)), Fields: map[string]string{}, CreatedAt: now,
	}
}

// issueView is an issue that is there.
func issueView(is *issue.Issue, now time.Time) *dsl.Issue {
	fields := make(map[string]string, len(is.Fields))
	for k, v := range is.Fields {
		fields[k] = v
	}
	r := addressView(mail.ParseAddress(is.Requester.Email))
	r.Name = is.Requester.Name
	v := &dsl.Issue{
		Number: int(is.Number), Subject: is.Subject, Description: is.Description, Type: is.Type, Class: is.Class,
		Priority: is.Priority, Status: is.Status, Assignee: is.Assignee, Template: is.Template, Requester: r,
		Watchers: slices.Clone(list(is.Watchers)), Tags: slices.Clone(list(is.Tags)), Fields: fields,
		CreatedAt: is.CreatedAt, Age: now.Sub(is.CreatedAt),
	}
	if is.ClosedAt != nil {
		v.ClosedFor = max(0, now.Sub(*is.ClosedAt))
	}
	return v
}

// facts are all that rules could see and that is not in the mail, kept with the decision.
type facts struct {
	Now      time.Time     `json:"now"`
	Envelope *dsl.Envelope `json:"envelope"`
	Mailbox  *dsl.Mailbox  `json:"mailbox"`
	Sender   *dsl.Sender   `json:"sender"`
	Auth     dsl.Auth      `json:"auth"`

	SpamScore *float64       `json:"spamScore,omitempty"` // where a provider gave it, and not the mail's headers
	Thread    *thread        `json:"thread,omitempty"`
	Issue     *dsl.Issue     `json:"issue,omitempty"` // as it was before the rules, where the mail joined one
	Recent    map[string]int `json:"recent,omitempty"`
	Keys      map[string]int `json:"keys,omitempty"` // thread keys asked for, and the issues they led to

	Defaults   *Defaults `json:"defaults,omitempty"`   // of the mailbox, for new issues
	Visibility string    `json:"visibility,omitempty"` // the mailbox's, for notes

	// Issues are those that rules turned to besides, by thread(key) or attachTo(number), as they were; null where there is none.
	Issues map[int]*dsl.Issue `json:"issues,omitempty"`

	// Stood are the commands in the mail that stood in earlier mail of an issue, by rules.Token.Key.
	Stood map[int][]string `json:"stood,omitempty"`
}

// and adds what other rules asked about the same mail, as of the same time.
func (f *facts) and(o *facts) *facts {
	sum := *f
	sum.Recent, sum.Keys, sum.Issues = union(f.Recent, o.Recent), union(f.Keys, o.Keys), union(f.Issues, o.Issues)
	return &sum
}

func union[K comparable, V any](a, b map[K]V) map[K]V {
	out := maps.Clone(b)
	if out == nil {
		return a
	}
	maps.Copy(out, a)
	return out
}

func (f *facts) encode() json.RawMessage {
	b, err := json.Marshal(f)
	if err != nil { // plain data: cannot happen
		return nil
	}
	return b
}
