package mail

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed signs.txt
var signFile string

// signKinds maps a header field to the section of signs.txt that it stands in.
var signKinds = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for _, s := range parsePhrases(signFile) {
		switch s.name {
		case "answer", "machine", "campaign", "list":
			for _, name := range s.phrases {
				m[name] = s.name
			}
		}
	}
	return m
})

type signPhrases struct{ noAnswer, robot, gateway, meeting []string }

var signTable = sync.OnceValue(func() signPhrases {
	t := parsePhrases(signFile)
	return signPhrases{t.section("no answer"), t.section("robot"), t.section("gateway"), t.section("meeting")}
})

// signs are what the header says about who or what wrote a message.
type signs struct {
	generated, replied bool // RFC 3834 section 5
	autoReply          bool // other fields that say the same
	precedence         string
	listID, list       bool // RFC 2919; RFC 2369 and what list programs set
	unsubscribe        bool
	campaign           bool
	nullPath           bool // Return-Path: <>, which a final delivery writes for the null sender; some write their daemon there
	nobody             bool // From: <>
	failedRecipients   bool
	feedbackID         bool
	machine            bool
	noAnswer           bool   // asks not to be answered by machines, which does not make it one
	calendarClass      bool   // Exchange: of a meeting
	receiptClass       bool   // Exchange: of a receipt
	daemon             bool   // from an address that only mail servers write from
	domain             string // of that server
	postmaster         bool   // from one that servers and their keepers write from
	named              bool   // by a name that servers have, and people
	robot              bool   // from one that takes no answers
	absent             bool   // a subject of absence notes
}

// server says whether a mail server may have written it.
func (s *signs) server() bool { return s.daemon || s.postmaster || s.nullPath }

func (p *parser) readSigns(prefix prefixKind) signs {
	m := p.msg
	var s signs
	kinds := signKinds()
	var buf [40]byte
	for i := range m.Header {
		f := &m.Header[i]
		if len(f.Name) < 6 || len(f.Name) > len(buf) {
			continue
		}
		name := appendLower(buf[:0], f.Name)
		switch string(name) {
		case "auto-submitted":
			// "no" is a person. Parameters and comments may follow the word.
			word := strings.ToLower(firstWord(f.Value))
			s.replied = s.replied || word == "auto-replied"
			s.generated = s.generated || word != "" && word != "no"
		case "precedence", "x-precedence", "preference":
			switch w := strings.ReplaceAll(strings.ToLower(firstWord(f.Value)), "-", "_"); w {
			case "bulk", "list", "junk", "auto_reply":
				if s.precedence == "" {
					s.precedence = w
				}
			}
		case "delivered-to":
			s.autoReply = s.autoReply || strings.EqualFold(f.Value, "autoresponder")
		case "x-post-messageclass": // "9; Autoresponder": 1&1 and GMX
			s.autoReply = s.autoReply || strings.Contains(strings.ToLower(f.Value), "autoresponder")
		case "x-auto-response-suppress":
			// A wish about our answers; Exchange sets it on what people write, too.
			v := strings.ToLower(f.Value)
			s.noAnswer = s.noAnswer || strings.Contains(v, "all") || strings.Contains(v, "autoreply") || strings.Contains(v, "oof")
		case "list-id":
			s.listID = true
		case "list-unsubscribe":
			s.unsubscribe = true
		case "return-path":
			s.nullPath = s.nullPath || strings.ReplaceAll(f.Value, " ", "") == "<>" || daemonPath(f.Value)
		case "x-failed-recipients":
			s.failedRecipients = true
		case "feedback-id":
			s.feedbackID = true
		case "content-class":
			v := strings.ToLower(f.Value)
			s.calendarClass = s.calendarClass || strings.HasSuffix(v, "content-classes:calendarmessage")
			s.receiptClass = s.receiptClass || strings.HasSuffix(v, "content-classes:mdn")
		case "x-ms-exchange-message-is-ndr":
			s.postmaster = true
		case "x-loop": // of lists and forwarders, too: against loops, and nothing about who wrote it
			s.noAnswer = s.noAnswer || !no(f.Value)
		case "x-amazon-mail-relay-type":
			s.machine = s.machine || strings.EqualFold(f.Value, "notification")
		default:
			s.sign(kinds[string(name)], f.Value)
		}
	}
	s.readSender(m)
	s.absent = absenceSubject(m.Subject) && prefix != forwardPrefix && (prefix != replyPrefix || s.generated || s.nullPath)
	return s
}

// sign notes a field of signs.txt.
func (s *signs) sign(kind, value string) {
	if kind == "" || no(value) {
		return
	}
	switch kind {
	case "answer":
		s.autoReply = true
	case "machine":
		s.machine = true
	case "campaign":
		s.campaign = true
	case "list":
		s.list = true
	}
}

// readSender says what the From address alone says.
func (s *signs) readSender(m *Message) {
	s.nobody = strings.ReplaceAll(m.Get("From"), " ", "") == "<>"
	if len(m.From) == 0 {
		return
	}
	a := &m.From[0]
	local := a.Local
	if local == "" { // "MAILER-DAEMON" without a domain, and "Mail Delivery System <>"
		local, _, _ = strings.Cut(strings.ToLower(strings.Trim(m.Get("From"), "<>\" ")), "@")
		if at := strings.LastIndexByte(local, '<'); at >= 0 && local[at+1:] != "" {
			local = local[at+1:]
		}
	}
	if s.daemon = daemonName(local); s.daemon {
		s.domain = a.Domain
	}
	s.postmaster = s.postmaster || strings.HasPrefix(bare(local), "postmaster")
	s.named = systemName(a.Name) || strings.Contains(local, " ") && systemName(strings.Trim(local, `"`)) || isGateway(local)
	s.robot = isNoReply(local)
}

// daemonName says whether a local part is one of those that mail servers alone write from, in its known
// spellings.
func daemonName(local string) bool {
	local, _, _ = strings.Cut(local, "+")
	switch word := bare(local); word {
	case "mailerdaemon", "maildaemon", "mailerdeamon", "mdaemon", "maildeliverysystem", "maildeliverysubsystem", "navermailer", "bouncedaemon":
		return true
	default:
		// Exchange: MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@…
		return strings.HasPrefix(word, "mailerdaemon") || strings.HasPrefix(word, "microsoftexchange") && len(word) == len("microsoftexchange")+32
	}
}

// daemonPath says whether a Return-Path is that of a server: "<MAILER-DAEMON>".
func daemonPath(s string) bool {
	local, _, _ := strings.Cut(strings.ToLower(strings.Trim(s, "<> ")), "@")
	return daemonName(local)
}

// isGateway says whether a local part has in it what mail gateways are called.
func isGateway(local string) bool {
	local = bare(local)
	return slices.ContainsFunc(signTable().gateway, func(w string) bool { return strings.Contains(local, w) })
}

// systemName says whether a display name is one that mail servers go by. People are called so, too.
func systemName(name string) bool {
	switch strings.ToLower(name) {
	case "mail delivery system", "mail delivery subsystem", "mail delivery service", "mail administrator", "mail system", "mailer-daemon", "system administrator", "systemadministrator",
		"administrateur système", "administrador del sistema", "postmaster", "microsoft outlook", "mail delivery", "internet mail delivery", "mailsystem", "delivery subsystem":
		return true
	}
	return false
}

// bare is a local part without what people and programs separate words with.
func bare(local string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' {
			return -1
		}
		return r
	}, local)
}

func firstWord(s string) string {
	s = strings.TrimLeft(s, " \t\"")
	for strings.HasPrefix(s, "(") { // a comment may stand before it (RFC 5322 section 3.2.2)
		_, rest, ok := strings.Cut(s, ")")
		if !ok {
			break
		}
		s = strings.TrimLeft(rest, " \t\"")
	}
	if i := strings.IndexAny(s, " \t;(,\""); i >= 0 {
		return s[:i]
	}
	return s
}

func no(s string) bool {
	switch strings.ToLower(firstWord(s)) {
	case "", "no", "false", "0":
		return true
	}
	return false
}

// isNoReply says whether a local part is one from which nobody reads answers.
func isNoReply(local string) bool {
	local = bare(local)
	t := signTable()
	for _, w := range t.noAnswer {
		if strings.Contains(local, w) {
			return true
		}
	}
	return slices.Contains(t.robot, local)
}
