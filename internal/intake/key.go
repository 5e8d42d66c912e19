package intake

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/issue"
)

// slotKeys returns the key under which this mail takes a slot, and the further keys where the same
// mail may already stand. See "Exactly once" in docs/architecture.md.
//
// A mail with a Message-ID is that id, its author and its Date as an instant. Without one it is what
// people see of it: Date, author, recipients, subject and decoded parts, never a trace header, since
// those differ each time the mail travels. With neither id nor Date the same content counts only
// within an hour, so the key holds the hour, and the hours around it are looked at too: by another way it may have come earlier.
// What has none of these, and shows nothing, is its bytes.
func slotKeys(mailbox string, p *parsed, came time.Time) (own string, others []string) {
	m := p.msg
	author := p.author().Email
	if p.exact {
		return hashKey("bytes", mailbox, p.raw.SHA256()), nil
	}
	if m.MessageID != "" {
		return hashKey("id", mailbox, m.MessageID, author, instant(m.Date)), nil
	}
	content := []string{mailbox, author, m.Subject, p.twinSum()}
	for _, list := range [][]issue.Person{people(m.To), people(m.Cc)} {
		for _, to := range list {
			content = append(content, "to", to.Email)
		}
	}
	content = append(content, fingerprints(p.attachments())...)
	if !m.Date.IsZero() {
		return hashKey("date", append(content, instant(m.Date))...), nil
	}
	of := func(hour time.Time) string { return hashKey("hour", append(content, instant(hour))...) }
	hour := came.Truncate(time.Hour)
	return of(hour), []string{of(hour.Add(-time.Hour)), of(hour.Add(time.Hour))}
}

// crowdKey is the key of mail with this very content, among the many of one key.
func crowdKey(key string, p *parsed) string {
	return hashKey("crowd", key, p.sum, filesSum(p.attachments()))
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// hashKey hashes parts so that no two lists of parts give the same bytes.
func hashKey(kind string, parts ...string) string {
	b := make([]byte, 0, 512)
	add := func(s string) {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(b, ':')
		b = append(b, s...)
	}
	add(kind)
	for _, s := range parts {
		add(s)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:20])
}

// fingerprints are the attachments' contents, in an order of their own.
func fingerprints(list []issue.Attachment) []string {
	out := make([]string, 0, len(list))
	for _, a := range list {
		out = append(out, a.SHA256)
	}
	slices.Sort(out)
	return out
}

// filesSum names a set of files: held with the message, since a rule may drop the files themselves.
func filesSum(list []issue.Attachment) string { return hashKey("files", fingerprints(list)...) }

// sameMail reports whether the newcomer is the mail that holds a slot: the attachments agree and the
// texts are equal or one contains the other (a scanner's or a list's footer), neither being empty, and all that is new in the newcomer
// stands in the other: who sends a word under somebody's Message-ID before him must not make us drop the rest.
// Where one was rebuilt from a provider's parts it may be a twin. When in doubt they are two: an issue too many can be merged, a lost
// mail cannot be found.
func (p *parsed) sameMail(held *issue.Message, rebuilt bool, text func(*issue.Message) (string, error), read func(issue.Blob) (string, error)) (bool, error) {
	if filesSum(p.attachments()) != held.FilesSHA256 {
		return false, nil
	}
	if p.sum == held.TextSHA256 {
		return true, nil
	}
	if p.folded == "" {
		p.folded = fold(p.msg.Text)
	}
	new := p.folded
	if new == "" {
		return false, nil
	}
	s, err := text(held)
	if err != nil {
		return false, err
	}
	old := fold(s)
	if rebuilt {
		if same, err := p.sameTwin(held, s, read); same || err != nil {
			return same, err
		}
	}
	switch {
	case old == "":
		return false, nil
	case strings.Contains(old, new):
		return true, nil
	}
	more, grown := strings.CutPrefix(new, old)
	return grown && isFooter(more) || strings.Contains(new, old) && strings.Contains(old, fold(p.newText)), nil
}

// isFooter reports whether what follows a text, white space folded, is what lists put below it: a line, and a little text.
func isFooter(more string) bool {
	more = strings.TrimPrefix(more, " ")
	const least, most = 10, 1000
	return len(more) <= most && (strings.HasPrefix(more, strings.Repeat("_", least)) || strings.HasPrefix(more, strings.Repeat("-", least)))
}

// readText reads all that was kept of a blob of text.
func readText(r io.ReadCloser) (string, error) {
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, 8<<20))
	return string(b), err
}
