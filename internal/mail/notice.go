package mail

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed notices.txt
var noticeFile string

// How much of a notice is read, in bytes: before the returned mail, and with it.
const (
	noticeMax     = 16 << 10
	noticeTextMax = 64 << 10
)

// nearby is how many lines below one that speaks of delivery an address belongs to it.
const nearby = 2

type noticePhrases struct{ subject, delaySubject, writer, delay, still, rejection, original, label, towards []string }

var noticeTable = sync.OnceValue(func() noticePhrases {
	t := parsePhrases(noticeFile)
	return noticePhrases{t.section("subject"), t.section("subject delay"), t.section("writer"), t.section("delay"), t.section("delay still"), t.section("rejection"), t.section("original"), t.section("label"), t.section("towards")}
})

// A notice is what a mail server writes for people about a mail that it could not deliver.
type notice struct {
	lines    []string
	text     string // squeezed, without the returned mail
	rcpts    []noticeRcpt
	id       string   // of the returned mail
	to       []string // and whom it was for
	codeLine string   // the first line with a status code
	domain   string   // of who sent it, whose users it may name without
}

type noticeRcpt struct {
	email      string
	diagnostic string
	rank       rank
	line       int
}

// rank is how surely an address in a notice is a recipient.
type rank uint8

const (
	mentioned rank = iota // somewhere
	answered              // in what servers said to each other
	beside                // below a sentence about delivery
	towards               // in one
	listed                // at the start of its line, or after a label
)

// readNotice reads a notice of a server of that domain, if not "". Addresses for which skip is true are nobody's whom
// the mail was for.
func readNotice(text, domain string, skip func(Address) bool) *notice {
	text = cutString(text, noticeTextMax)
	n := &notice{lines: strings.Split(text, "\n"), domain: domain}
	end := n.findOriginal()
	n.readOriginal(end)
	n.lines = n.lines[:end]
	n.text = squeeze(strings.Join(n.lines, "\n"), noticeMax)
	n.findRecipients(skip)
	return n
}

// findOriginal returns the line at which the returned mail begins, or the number of lines.
func (n *notice) findOriginal() int {
	phrases := noticeTable().original
	size := 0
	for i, ln := range n.lines {
		if size += len(ln) + 1; size > noticeMax {
			return i
		}
		s := strings.TrimSpace(ln)
		if s == "" || len(s) > 200 {
			continue
		}
		if begins := n.headerAt(i); begins {
			for i > 0 && headerLine(n.lines[i-1]) {
				i--
			}
			return i
		}
		if s = squeeze(s, 200); marked(s, phrases) {
			return i
		}
	}
	return len(n.lines)
}

// readOriginal reads the id of the returned mail and its recipients. Some notices name the id above it.
func (n *notice) readOriginal(from int) {
	for pass := range 2 {
		lines := n.lines[from:]
		if pass == 1 {
			lines = n.lines[:from]
		}
		for _, ln := range lines[:min(len(lines), 500)] {
			s := strings.TrimLeft(ln, "> \t|")
			name, v, ok := strings.Cut(s[:min(len(s), 2000)], ":")
			if !ok || len(name) > 40 {
				continue
			}
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "message-id", "message id", "original message-id", "original message id", "original-message-id", "internet message id", "internetmessageid":
				if ids := messageIDs(v); n.id == "" && len(ids) > 0 {
					n.id = ids[0]
				}
			case "to", "cc":
				for _, a := range ParseAddresses(v) {
					if pass == 0 && a.Email != "" && len(n.to) < rcptMax {
						n.to = append(n.to, a.Email)
					}
				}
			}
		}
		if n.id != "" {
			return
		}
	}
}

// findRecipients finds the addresses that the notice is about.
func (n *notice) findRecipients(skip func(Address) bool) {
	t := noticeTable()
	near := nearby + 1 // lines since one that speaks of delivery
	last := -1         // the recipient that the lines below it are about
	names := false     // the line above ends in a colon
	for i := 0; i < len(n.lines); i++ {
		ln := strings.TrimSpace(cutString(n.lines[i], 2000))
		if ln == "" {
			continue
		}
		low := squeeze(ln, 400)
		if n.codeLine == "" && (enhancedStatus(low) != "" || replyCode(low)) {
			n.codeLine = ln
		}
		speaks := anyPhrase(low, t.towards)
		if near++; speaks {
			near = 0
		}
		if strings.HasPrefix(ln, `"|`) || strings.HasPrefix(ln, "|") || strings.HasPrefix(ln, `"/`) {
			last = -1 // a program or a file is a recipient without an address
		}
		if names && n.domain != "" && localName(ln) {
			n.rcpts = append(n.rcpts, noticeRcpt{email: strings.ToLower(ln) + "@" + n.domain, rank: listed, line: i})
			continue // and the next line may be another
		}
		names = speaks && strings.HasSuffix(ln, ":")
		if !strings.Contains(ln, "@") || idLine(low) {
			continue
		}
		if alias := n.alias(ln, low); alias == "" {
			n.addressesOf(i, ln, low, near, skip)
		} else if last < 0 {
			n.rcpts = append(n.rcpts, noticeRcpt{email: alias, rank: listed, line: i})
		} else {
			n.rcpts[last].email = alias
		}
		if k := len(n.rcpts); k > 0 && n.rcpts[k-1].line == i {
			last = k - 1
		}
	}
	n.choose()
}

// alias reads a line that says from which address the recipient above it, or on it, was made: what the
// sender had written is the one outside.
func (n *notice) alias(ln, low string) string {
	if !strings.HasPrefix(low, "(expanded from") && !strings.HasPrefix(low, "(generated from") && !strings.HasPrefix(low, "(ultimately generated from") {
		return ""
	}
	if spots := addressSpots(ln); len(spots) > 0 {
		return makeAddress(ln[spots[0][0]:spots[0][1]]).Email
	}
	return ""
}

func (n *notice) addressesOf(i int, ln, low string, near int, skip func(Address) bool) {
	lists, rest := listsAddress(ln)
	labelled := labelled(low)
	for k, at := range addressSpots(ln) {
		a := makeAddress(ln[at[0]:at[1]])
		if a.Email == "" || !strings.Contains(a.Domain, ".") && a.Domain != "localhost" || skip(a) || len(n.rcpts) >= 4*rcptMax {
			continue
		}
		r := noticeRcpt{email: a.Email, line: i, rank: mentioned}
		switch {
		case strings.HasPrefix(ln, ">>>") || strings.HasPrefix(ln, "<<<") || replyCode(low):
			r.rank, r.diagnostic = answered, ln
		case k == 0 && lists, labelled:
			r.rank = listed
			r.diagnostic = rest
		case near == 0:
			r.rank, r.diagnostic = towards, ln
		case near <= nearby:
			r.rank, r.diagnostic = beside, ln
		}
		if k > 0 && lists && strings.HasPrefix(strings.ToLower(rest), "(expanded from") {
			// Postfix: <ann@inner.example> (expanded from <ann@example.org>)
			if last := len(n.rcpts) - 1; last >= 0 && n.rcpts[last].line == i {
				n.rcpts[last].email = a.Email
				continue
			}
			r.rank, r.diagnostic = listed, rest
		}
		n.rcpts = append(n.rcpts, r)
	}
}

// lists says whether a recipient stands on a line of its own, as programs write them.
func (n *notice) lists() bool { return len(n.rcpts) > 0 && n.rcpts[0].rank == listed }

// choose keeps the recipients of the surest kind, each once, and finds what is said of each.
func (n *notice) choose() {
	best := mentioned
	for _, r := range n.rcpts {
		best = max(best, r.rank)
	}
	all := n.rcpts
	n.rcpts = nil
	seen := map[string]int{}
	returned := best < listed && slices.ContainsFunc(all, func(r noticeRcpt) bool { return slices.Contains(n.to, r.email) })
	for _, r := range all {
		if k, ok := seen[r.email]; ok {
			// In a transcript the answer stands below the question.
			if had := &n.rcpts[k]; had.rank == answered && !replyCode(had.diagnostic) && replyCode(r.diagnostic) {
				had.diagnostic = r.diagnostic
			}
			continue
		}
		if len(n.rcpts) == rcptMax {
			continue
		}
		if returned && !slices.Contains(n.to, r.email) || !returned && (r.rank < best || best == mentioned && len(n.rcpts) > 0) {
			continue
		}
		seen[r.email] = len(n.rcpts)
		n.rcpts = append(n.rcpts, r)
	}
	if best == mentioned && !returned && slices.ContainsFunc(all, func(r noticeRcpt) bool { return r.email != all[0].email }) {
		n.rcpts = nil // one of several addresses that are named without a word of delivery: nobody can say which
	}
	for i := len(n.rcpts) - 1; i >= 0; i-- {
		r := &n.rcpts[i]
		if r.rank == listed {
			limit := len(n.lines)
			if i+1 < len(n.rcpts) {
				limit = n.rcpts[i+1].line
			}
			n.explain(r, limit)
		}
		if r.diagnostic == "" && i+1 < len(n.rcpts) { // a list of recipients, and one reason below it
			r.diagnostic = n.rcpts[i+1].diagnostic
		}
	}
	if len(n.rcpts) == 1 && n.codeLine != "" && enhancedStatus(n.rcpts[0].diagnostic) == "" && !hasReplyCode(n.rcpts[0].diagnostic) {
		r := &n.rcpts[0]
		if reasonOf("", r.diagnostic) == ReasonUnknown || enhancedStatus(n.codeLine) != "" {
			r.diagnostic = n.codeLine
		}
	}
}

// explain collects what stands below a recipient: the rest of its paragraph, or the next one.
func (n *notice) explain(r *noticeRcpt, limit int) {
	said, began := r.diagnostic, r.diagnostic != ""
	blanks := 0
	for i := r.line + 1; i < limit && i < r.line+14 && len(said) < diagnosticMax; i++ {
		ln := strings.TrimSpace(n.lines[i])
		if ln == "" {
			if blanks++; began && !strings.HasSuffix(said, ":") || blanks > 2 {
				break
			}
			continue
		}
		low := squeeze(ln, 400)
		if strings.HasPrefix(low, `"|`) || n.alias(ln, low) != "" {
			if began {
				break
			}
			continue
		}
		if strings.HasPrefix(low, "-----") || strings.HasPrefix(low, "=====") {
			if began {
				break
			}
			continue
		}
		began = true
		said += " " + ln
	}
	r.diagnostic = said
}
