package pop3

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"
)

const (
	maxHead = 256 << 10 // of a mail's header, and the lines behind it
	topBody = 50        // lines of the body that are hashed with the header
)

// name gives an id to what has none, or one that others have too.
func (s *session) name() error {
	count := make(map[string]int, len(s.mails))
	for _, m := range s.mails {
		count[m.id]++
	}
	var nameless []*entry
	for _, m := range s.mails {
		if m.id == "" || count[m.id] > 1 {
			nameless = append(nameless, m)
		}
	}
	if len(nameless) > 0 {
		if err := s.content(nameless); err != nil {
			return err
		}
	}
	return s.reused()
}

// content names mails by what they are: by a hash of header, size and the first lines, as far as that tells them apart, else of all. Where
// even that is the same it is the same mail, taken once and settled as often as it is there.
func (s *session) content(mails []*entry) error {
	first := make(map[*entry]string, len(mails))
	count := map[string]int{}
	err := s.heads(mails, topBody, func(m *entry, head []byte) {
		sum := sha256.New()
		fmt.Fprintln(sum, m.size)
		sum.Write(steady(head))
		first[m] = hex.EncodeToString(sum.Sum(nil)[:16])
		count[first[m]]++
	})
	if err != nil {
		return err
	}
	var alike []*entry
	for _, m := range mails {
		switch id, known := first[m]; {
		case !known:
			m.id = m.label(fmt.Sprintf("unread:%d:%d", m.n, m.size)) // the server gives none of it: whoever fetches it is told so
		case count[id] > 1:
			alike = append(alike, m)
		default:
			m.id = m.label("head:" + id)
		}
	}
	calls := make([]call, len(alike))
	for i, m := range alike {
		calls[i] = call{fmt.Sprintf("RETR %d", m.n), m.size}
	}
	return s.pipeline(calls, true, func(i int, r io.Reader, no *refusal) error {
		m := alike[i]
		if no != nil {
			m.id = m.label(fmt.Sprintf("unread:%d:%d", m.n, m.size))
			return nil
		}
		s.peeked[m.n] = true
		sum := sha256.New()
		head, err := io.ReadAll(io.LimitReader(r, maxHead))
		if err != nil {
			return nil // the session's error
		}
		sum.Write(steady(head))
		_, _ = io.Copy(sum, r)
		m.id = m.label("mail:" + hex.EncodeToString(sum.Sum(nil)[:16]))
		return nil
	})
}

// label adds what a mail is to an id that is not its alone.
func (m *entry) label(content string) string {
	if m.id == "" {
		return content
	}
	return m.id + " " + content
}

// heads reads headers, and so many lines of bodies, by TOP; of a server without it by RETR, all of which must come. each is not called for
// what the server refuses.
func (s *session) heads(mails []*entry, body int, each func(m *entry, head []byte)) error {
	top := s.caps == nil || s.caps.has("TOP")
	for i := 0; i < len(mails); {
		calls := make([]call, 0, len(mails)-i)
		for _, m := range mails[i:] {
			if top {
				calls = append(calls, call{fmt.Sprintf("TOP %d %d", m.n, body), min(m.size, 32<<10)})
			} else {
				calls = append(calls, call{fmt.Sprintf("RETR %d", m.n), m.size})
			}
		}
		if top && i == 0 {
			calls = calls[:1] // whether it is there at all
		}
		refused := false
		err := s.pipeline(calls, true, func(j int, r io.Reader, no *refusal) error {
			if no != nil {
				refused = true
				return nil
			}
			if !top {
				s.peeked[mails[i+j].n] = true
			}
			if head, err := io.ReadAll(io.LimitReader(r, maxHead)); err == nil {
				each(mails[i+j], head)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if top && i == 0 && refused {
			top = false // from the first on
			continue
		}
		i += len(calls)
	}
	return nil
}

// unsteady fields are put into a mail by servers that keep flags there: they change when it is read.
var unsteady = []string{"status:", "x-status:", "x-uidl:", "x-uid:", "x-keywords:", "x-imap:", "x-imapbase:", "x-mozilla-status:"}

// steady is a mail's beginning without its unsteady fields.
func steady(head []byte) []byte {
	out := make([]byte, 0, len(head))
	leave := false
	for i := 0; i < len(head); {
		line := head[i:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end+1]
		}
		text := bytes.TrimRight(line, "\r\n")
		if len(text) == 0 {
			return append(out, head[i:]...)
		}
		if text[0] != ' ' && text[0] != '\t' {
			leave = false
			for _, name := range unsteady {
				leave = leave || len(text) >= len(name) && strings.EqualFold(string(text[:len(name)]), name)
			}
		}
		if !leave {
			out = append(out, line...)
		}
		i += len(line)
	}
	return out
}

// cameAt is when a mail came, by the topmost Received field, else by Date; zero where neither tells.
func cameAt(head []byte) time.Time {
	if t := receivedAt(head); !t.IsZero() {
		return t
	}
	return date(field(head, "date"))
}

// receivedAt is when the server that put the topmost Received field there did so.
func receivedAt(head []byte) time.Time {
	_, at, _ := cutLast(field(head, "received"), ";")
	return date(at)
}

// date reads a date; zero where it is none.
func date(s string) time.Time {
	t, err := mail.ParseDate(strings.TrimSpace(s))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// field is the first field of that name, unfolded.
func field(head []byte, name string) string {
	var value []string
	for line := range bytes.Lines(head) {
		text := strings.TrimRight(string(line), "\r\n")
		switch {
		case text == "":
			return strings.Join(value, " ")
		case text[0] == ' ' || text[0] == '\t':
			if value != nil {
				value = append(value, strings.TrimSpace(text))
			}
		case value != nil:
			return strings.Join(value, " ")
		default:
			if key, rest, ok := strings.Cut(text, ":"); ok && strings.EqualFold(strings.TrimSpace(key), name) {
				value = []string{strings.TrimSpace(rest)}
			}
		}
	}
	return strings.Join(value, " ")
}
