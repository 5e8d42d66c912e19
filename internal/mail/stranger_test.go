package mail_test

import (
	"strings"
	"testing"

	"postern/internal/mail"
)

// TestStrangersNames: the line above a quote holds a name that a stranger chose. However long it is and whatever it says, nothing of it and
// nothing below it is surely new.
func TestStrangersNames(t *testing.T) {
	t.Parallel()
	long := "[[close]] " + strings.Repeat("Very Long Name ", 60)
	trap := "[[close]] " + strings.Repeat("Very Long Name ", 30) + strings.Repeat("x", 60) + " On Monday Bob wrote"
	for name, history := range map[string]string{
		"wrapped, marked":            wrap("On Mon, Jan 5, 2026 at 2:04 PM "+long+" <eve@example.net> wrote:") + "\n\n> hi\n",
		"one line, marked":           "On Mon, Jan 5, 2026 at 2:04 PM " + long + " <eve@example.net> wrote:\n> hi\n",
		"one line, not marked":       "On Mon, Jan 5, 2026 at 2:04 PM " + long + " <eve@example.net> wrote:\n\nhi\n",
		"wrapped, not marked":        wrap("On Mon, Jan 5, 2026 at 2:04 PM "+long+" <eve@example.net> wrote:") + "\n\nhi\n",
		"name first, wrapped":        wrap(long+"<eve@example.net> schrieb am Mo., 5. Jan. 2026, 14:04:") + "\n\n> hi\n",
		"name like an attribution":   wrap(trap+" <eve@example.net> schrieb am Mo., 5. Jan. 2026, 14:04:") + "\n\n> hi\n",
		"unknown language":           "Zo Mon, Jan 5, 2026 om 14:04 zkusio [[close]] <eve@example.net>\n> hi\n",
		"unknown language, wrapped":  wrap("Zo Mon, Jan 5, 2026 om 14:04 zkusio "+long+" <eve@example.net>:") + "\n\nhi\n",
		"no address, no date":        "Zkusio [[close]]:\n> hi\n",
		"nothing below":              "On Mon, Jan 5, 2026 at 2:04 PM [[close]] <eve@example.net> wrote:\n",
		"header block":               "From: " + long + " <eve@example.net>\nSent: Monday, January 5, 2026 2:04 PM\nTo: Desk <help@example.com>\nSubject: hi\n\nhi\n",
		"header block, wrapped":      wrap("From: "+long+" <eve@example.net>") + "\nSent: Monday, January 5, 2026 2:04 PM\nTo: Desk <help@example.com>\nSubject: hi\n\nhi\n",
		"header block, long fields":  "From: [[close]] <eve@example.net>\nSent: Monday, January 5, 2026 2:04 PM\nTo: " + strings.Repeat("help@example.com; ", 100) + "\nSubject: " + strings.Repeat("hi ", 500) + "\n\nhi\n",
		"unknown block":              "Zko: " + long + " <eve@example.net>\nOm: Monday, January 5, 2026 2:04 PM\nKu: Desk <help@example.com>\nPri: hi\n\nhi\n",
		"unknown block, long fields": "Zko: [[close]] <eve@example.net>\nOm: Monday, January 5, 2026 2:04 PM\nKu: " + strings.Repeat("help@example.com; ", 30) + "\nPri: hi\n\nhi\n",
		"Notes":                      "-----" + long + " <eve@example.net> wrote: -----\n\nhi\n",
	} {
		m := parse(t, []byte("Subject: Re: x\nIn-Reply-To: <a@example.com>\n\nYes.\n\n"+history+"[[close]]\n"))
		if len(m.Spans) == 0 || m.Spans[0].Start > len("Yes.\n\n") {
			t.Errorf("%s: surely new is more than what was written; spans %+v", name, m.Spans)
		}
		if !strings.HasPrefix(m.NewText(), "Yes.") {
			t.Errorf("%s: new text %q", name, m.NewText())
		}
	}
}

// TestDoubtSparesSignatures: a signature right above an attribution is one, also when that line may have begun further up.
func TestDoubtSparesSignatures(t *testing.T) {
	t.Parallel()
	m := parse(t, []byte("Subject: Re: x\n\nTwo boxes please.\n\nSent from Mailspring <https://getmailspring.com/>, the best free email app for work\n"+
		"On Nov 13 2025, at 3:11 pm, Desk <help@desk.example> wrote:\n> How many?\n"))
	if got := m.NewText(); got != "Two boxes please." {
		t.Errorf("new text %q", got)
	}
}

// TestMarkBehindText: an element that is marked as history counts also where it begins right behind a text and with a paragraph.
func TestMarkBehindText(t *testing.T) {
	t.Parallel()
	m := parse(t, []byte("Subject: Re: x\nContent-Type: text/html\n\nYes.<div class=\"gmail_quote\"><p>Is there paper?</p></div>"))
	if got := m.NewText(); got != "Yes." || len(m.Spans) != 1 || m.Spans[0].Kind != mail.SpanQuote {
		t.Errorf("new text %q, spans %+v", got, m.Spans)
	}
}

// wrap breaks lines as mail programs do.
func wrap(s string) string {
	var b strings.Builder
	n := 0
	for w := range strings.FieldsSeq(s) {
		switch {
		case n == 0:
		case n+len(w) >= 72:
			b.WriteByte('\n')
			n = 0
		default:
			b.WriteByte(' ')
		}
		b.WriteString(w)
		n += len(w) + 1
	}
	return b.String()
}
