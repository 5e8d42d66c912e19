package imap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/poller"
	"postern/poller/imap"
)

func raws(n int) []string {
	var all []string
	for _, m := range mails("m", n) {
		all = append(all, string(m))
	}
	return all
}

func literal(format string, raw string, args ...any) string {
	return fmt.Sprintf(format, append(args, fmt.Sprintf("{%d}\r\n%s", len(raw), raw))...) + "\r\n"
}

// Answers in an order that the library drops without an error, and those that end its connection: each mail comes, or is told of.
func TestUnusualAnswers(t *testing.T) {
	t.Parallel()
	const victim = 30 // the third of five
	for _, test := range []struct {
		name   string
		answer func(m *fakeMail, seq, asked int) string // "" for the ordinary one; for the victim's body, or each where all is set
		all    bool
		bad    string // what is told of the victim; "" where it comes
	}{
		{name: "UID behind the body", all: true, answer: func(m *fakeMail, seq, _ int) string {
			return literal("* %d FETCH (BODY[] %[3]s UID %[2]d)", m.raw, seq, m.uid)
		}},
		{name: "no UID at all", all: true, answer: func(m *fakeMail, seq, _ int) string {
			return literal("* %d FETCH (BODY[] %[2]s)", m.raw, seq)
		}},
		{name: "split, with UIDs", all: true, answer: func(m *fakeMail, seq, _ int) string {
			return literal("* %[1]d FETCH (UID %[2]d FLAGS (\\Seen))\r\n* %[1]d FETCH (UID %[2]d BODY[] %[3]s)", m.raw, seq, m.uid)
		}},
		{name: "split, by number", all: true, answer: func(m *fakeMail, seq, _ int) string {
			return literal("* %[1]d FETCH (UID %[2]d)\r\n* %[1]d FETCH (BODY[] %[3]s)", m.raw, seq, m.uid)
		}},
		{name: "two answers with a body", all: true, answer: func(m *fakeMail, seq, _ int) string {
			one := literal("* %[1]d FETCH (UID %[2]d BODY[] %[3]s)", m.raw, seq, m.uid)
			return one + one
		}},
		{name: "an answer that nobody asked for", answer: func(m *fakeMail, seq, _ int) string {
			return literal("* 1 FETCH (UID 999 BODY[] %[3]s)\r\n* 5 FETCH (FLAGS ())\r\n* %[1]d FETCH (UID %[2]d BODY[] %[3]s)", m.raw, seq, m.uid)
		}},
		{name: "quoted", answer: func(m *fakeMail, seq, _ int) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] %q)\r\n", seq, m.uid, "Subject: m3")
		}},
		{name: "NIL at first", answer: func(m *fakeMail, seq, asked int) string {
			if asked == 1 {
				return fmt.Sprintf("* %d FETCH (UID %d BODY[] NIL)\r\n", seq, m.uid)
			}
			return ""
		}},
		{name: "NIL", bad: "sends no bytes", answer: func(m *fakeMail, seq, _ int) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] NIL)\r\n", seq, m.uid)
		}},
		{name: "empty", bad: "sends no bytes", answer: func(m *fakeMail, seq, _ int) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] {0}\r\n)\r\n", seq, m.uid)
		}},
		{name: "a part of it", bad: "sends no bytes", answer: func(m *fakeMail, seq, _ int) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[]<0> {4}\r\nSubj)\r\n", seq, m.uid)
		}},
		{name: "nothing", bad: "sends no bytes", answer: func(*fakeMail, int, int) string { return "* 5 EXISTS\r\n" }},
		{name: "nothing at first", answer: func(_ *fakeMail, _, asked int) string {
			if asked < 3 {
				return "* 5 EXISTS\r\n"
			}
			return ""
		}},
		{name: "unknown answer", bad: "cannot be read", answer: func(*fakeMail, int, int) string { return "* VANISHED 1:3\r\n" }},
		{name: "unknown answer, once", answer: func(_ *fakeMail, _, asked int) string {
			if asked == 1 {
				return "* VANISHED 1:3\r\n"
			}
			return ""
		}},
		{name: "unknown attribute", bad: "cannot be read", answer: func(m *fakeMail, seq, _ int) string {
			return fmt.Sprintf("* %d FETCH (UID %d X-GM-MSGID 12 BODY[] {2}\r\nab)\r\n", seq, m.uid)
		}},
		{name: "blank line", bad: "cannot be read", answer: func(*fakeMail, int, int) string { return "\r\n" }},
		{name: "negative size", bad: "cannot be read", answer: func(m *fakeMail, seq, _ int) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] {-1}\r\n)\r\n", seq, m.uid)
		}},
		{name: "more bytes than announced", bad: "cannot be read", answer: func(m *fakeMail, seq, _ int) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] {4}\r\nSubject: m3)\r\n", seq, m.uid)
		}},
		{name: "cut off", bad: "ended the connection", answer: func(m *fakeMail, seq, _ int) string {
			return fmt.Sprintf("* %d FETCH (UID %d BODY[] {400}\r\nSubject: m3\r\n", seq, m.uid) + hangUp
		}},
		{name: "server crashes", bad: "ended the session: internal error", answer: func(*fakeMail, int, int) string { return "* BYE internal error\r\n" + hangUp }},
		{name: "another one's UID behind the body", bad: "sent another message", answer: func(m *fakeMail, seq, _ int) string {
			return literal("* %[1]d FETCH (BODY[] %[3]s UID 999)", "Subject: another's\r\n", seq, m.uid)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, raws(5)...)
			asked := map[int]int{}
			f.answer = func(m *fakeMail, seq int, body bool) (string, bool) {
				if !body || !test.all && m.uid != victim {
					return "", false
				}
				asked[m.uid]++
				text := test.answer(m, seq, asked[m.uid])
				return text, text != ""
			}
			f.hangsUp()
			c := open(t, f.options())
			items := c.poll(10)
			for _, i := range items {
				got, taken := c.got[i.ID]
				bad := c.bad[i.ID]
				want := strings.HasSuffix(i.ID, "/30") && test.bad != ""
				switch {
				case taken == (bad != nil), want != (bad != nil):
					t.Errorf("%s: taken %t, told %v", i.ID, taken, bad)
				case want && (!strings.Contains(bad.Error(), test.bad) || bad.Gone):
					t.Errorf("%s is told of as %v, want %q", i.ID, bad, test.bad)
				case taken && !strings.HasPrefix(subject(got+"\r\n"), "m"+i.ID[len("INBOX/7/"):len("INBOX/7/")+1]):
					t.Errorf("%s is %q", i.ID, got)
				}
			}
			if len(items) != 5 {
				t.Errorf("%d were listed", len(items))
			}
		})
	}
}

// hangUp in an answer ends the connection there.
const hangUp = "\x00hang up"

func (f *fake) hangsUp() {
	answer := f.answer
	f.does = func(c *fakeConn, tag, command string) bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.answer = func(m *fakeMail, seq int, body bool) (string, bool) {
			text, ok := answer(m, seq, body)
			if before, _, found := strings.Cut(text, hangUp); found {
				_, _ = io.WriteString(c, before)
				c.Close()
				return "", true
			}
			return text, ok
		}
		return false
	}
}

// One bad message in a thousand costs few connections, wherever it is, also when it is not the first that lacks.
func TestNarrow(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(300)...)
	f.answer = func(m *fakeMail, seq int, body bool) (string, bool) {
		return "* ODD\r\n", body && (m.uid == 1230 || m.uid == 1240)
	}
	c := open(t, f.options())
	if items := c.poll(300); len(c.got) != 298 || len(c.bad) != 2 {
		t.Errorf("of %d came %d, %d were bad", len(items), len(c.got), len(c.bad))
	}
	if f.logins > 8 {
		t.Errorf("%d connections were made", f.logins)
	}
	// Where all are bad none is, and it ends.
	f = newFake(t, raws(300)...)
	f.answer = func(m *fakeMail, seq int, body bool) (string, bool) { return "* ODD\r\n", body }
	c = open(t, f.options())
	b := c.list(300)
	if err := c.s.Fetch(t.Context(), b.Items, c.take); err == nil || f.logins > 15 {
		t.Errorf("%v, after %d connections", err, f.logins)
	}
}

// Descriptions that cannot be read cost a mail its size, not its place; what is told for n:* is not listed twice.
func TestDescriptions(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(9)...)
	f.answer = func(m *fakeMail, seq int, body bool) (string, bool) {
		switch {
		case body:
			return "", false
		case m.uid == 40:
			return fmt.Sprintf("* %d FETCH (UID %d RFC822.SIZE -1)\r\n", seq, m.uid), true
		case m.uid == 60:
			return "", true // nothing
		}
		return "", false
	}
	c := open(t, f.options())
	items := c.poll(4)
	if len(items) != 9 || len(c.got) != 9-0 && len(c.bad) == 0 {
		t.Errorf("%d listed, %d came", len(items), len(c.got))
	}
	for _, i := range items {
		if strange := strings.HasSuffix(i.ID, "/40") || strings.HasSuffix(i.ID, "/60"); strange != (i.Size == -1) {
			t.Errorf("%+v", i)
		}
	}
	if again := c.poll(4); len(again) != 0 {
		t.Errorf("listed again: %v", again)
	}
}

// News of a flag in the place of a description, and a SEARCH that finds all there could be.
func TestListTraps(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(4)...)
	f.answer = func(m *fakeMail, seq int, body bool) (string, bool) {
		news := fmt.Sprintf("* %d FETCH (UID %d FLAGS (\\Seen))\r\n", seq, m.uid)
		first := m.uid == 20 && !body && m.flags == ""
		m.flags += " "
		return news + fmt.Sprintf("* %d FETCH (UID %d RFC822.SIZE 7)\r\n", seq, m.uid), first
	}
	c := open(t, f.options())
	if b := c.list(10); len(b.Items) != 4 || b.Items[1].Size <= 7 {
		t.Errorf("%+v", b.Items)
	}
	for _, exists := range []string{"4", "4294967295"} {
		f.mu.Lock()
		f.does = func(c *fakeConn, tag, command string) bool {
			switch {
			case strings.HasPrefix(command, "SELECT"):
				c.say("* %s EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 99] x\r\n%s OK x", exists, tag)
				return true
			case strings.HasPrefix(command, "UID SEARCH"):
				c.say(`* ESEARCH (TAG "%s") UID ALL 1:4294967295`, tag)
			}
			return false
		}
		f.mu.Unlock()
		c = open(t, f.options())
		if _, err := c.s.List(t.Context(), nil, 10); err == nil || !strings.Contains(err.Error(), "more messages than") {
			t.Errorf("got %v", err)
		}
	}
	// Behind the last UID that there can be is nothing.
	f.mu.Lock()
	f.does = func(c *fakeConn, tag, command string) bool {
		if strings.HasPrefix(command, "SELECT") { // no UIDNEXT
			c.say("* 4 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n%s OK x", tag)
			return true
		}
		return false
	}
	f.mu.Unlock()
	c = open(t, f.options())
	c.cursor = []byte(`{"folders": {"INBOX": {"validity": 7, "last": 4294967295}}}`)
	if b := c.list(10); len(b.Items) != 0 || b.More {
		t.Errorf("%+v", b)
	}
}

// A number means another message once something before it was expunged, whether that is told before the number is used or while: the
// body that comes by it is not taken.
func TestNumbersShift(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		f := newFake(t, raws(4)...)
		shifted := false
		f.answer = func(m *fakeMail, seq int, body bool) (string, bool) {
			// Bodies come without a UID, so that the number decides.
			return literal("* %d FETCH (BODY[] %[2]s)", m.raw, seq), body
		}
		f.does = func(c *fakeConn, tag, command string) bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			switch {
			case shifted:
			case before && command == "UID FETCH 30 (UID)":
				shifted = true
				c.say("* 3 FETCH (UID 30)\r\n* 1 EXPUNGE\r\n%s OK done", tag)
				f.remove(f.mails[:1])
				return true
			case !before && strings.HasPrefix(command, "FETCH 3 "):
				shifted = true
				f.remove(f.mails[:1])
				c.say("* 1 EXPUNGE")
			}
			return false
		}
		c := open(t, f.options())
		c.poll(10)
		for id, raw := range c.got {
			if want := "m" + id[len("INBOX/7/"):len("INBOX/7/")+1]; subject(raw) != want {
				t.Errorf("%s is %s", id, subject(raw))
			}
		}
		if len(c.got)+len(c.bad) != 4 || len(c.got) < 3 || !shifted {
			t.Errorf("%d came, %d bad, shifted %t", len(c.got), len(c.bad), shifted)
		}
	}
}

// NO to a FETCH, with those sent that are still there (RFC 2180 section 4.1.2).
func TestFetchRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(4)...)
	f.does = func(c *fakeConn, tag, command string) bool {
		if !strings.HasPrefix(command, "UID FETCH") || !strings.Contains(command, "PEEK") || !strings.Contains(command, "FETCH 10,") {
			return false
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.remove(f.mails[1:2])
		c.fetch(f.mails[0], 1, "BODY.PEEK[]")
		c.say("%s NO some of the messages are no longer there", tag)
		return true
	}
	c := open(t, f.options())
	c.poll(10)
	if bad := c.bad["INBOX/7/20"]; c.subjects() != "m1 m3 m4" || bad == nil || !bad.Gone {
		t.Errorf("came %s; of the second is told %v", c.subjects(), bad)
	}
}

// A SEARCH that leaves mails out loses none: they come in their order, and no more at once than asked for.
func TestSearchForgets(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(9)...)
	f.does = func(c *fakeConn, tag, command string) bool {
		if strings.HasPrefix(command, "UID SEARCH UID 1:*") {
			c.say("* SEARCH 30 40 90\r\n%s OK done", tag)
			return true
		}
		return false
	}
	c := open(t, f.options())
	items := c.poll(2)
	if c.subjects() != "m1 m2 m3 m4 m5 m6 m7 m8 m9" || len(items) != 9 {
		t.Errorf("came %s, of %d", c.subjects(), len(items))
	}
}

// A server that refuses everything for a while, or whose FETCH forgets a mail, has not lost it: nothing is told to be gone.
func TestNotGone(t *testing.T) {
	t.Parallel()
	for _, refuse := range []bool{true, false} {
		f := newFake(t, raws(3)...)
		c := open(t, f.options())
		items := c.list(10).Items
		f.mu.Lock()
		f.answer = func(m *fakeMail, _ int, _ bool) (string, bool) { return "", m.uid == 20 }
		f.does = func(c *fakeConn, tag, command string) bool {
			if refuse && strings.HasPrefix(command, "UID FETCH") {
				c.say("%s NO [UNAVAILABLE] try later", tag)
			}
			return refuse && strings.HasPrefix(command, "UID FETCH")
		}
		f.mu.Unlock()
		c.must(c.s.Fetch(t.Context(), items, c.take))
		for _, i := range items {
			if bad := c.bad[i.ID]; c.got[i.ID] == "" && (bad == nil || bad.Gone) {
				t.Errorf("refuse %t: of %s is told %v", refuse, i.ID, bad)
			}
		}
		if want := map[bool]int{true: 0, false: 2}[refuse]; len(c.got) != want {
			t.Errorf("refuse %t: %d came", refuse, len(c.got))
		}
	}
}

// Servers that are silent, slow or endless end by our clock.
func TestBounds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		greeting string
		does     func(c *fakeConn, tag, command string) bool
		want     string
	}{
		{name: "no greeting", greeting: "none", want: "silent for 400ms"},
		{name: "another protocol", greeting: "220 mail.example.com ESMTP", want: "check that this is an IMAP server"},
		{name: "refused", greeting: "* BYE [ALERT] Too many connections from your IP", want: "Too many connections from your IP"},
		{name: "silent", want: "silent for 400ms", does: func(c *fakeConn, _, command string) bool { return strings.HasPrefix(command, "SELECT") }},
		{name: "drips", want: "too slow", does: func(c *fakeConn, tag, command string) bool {
			if !strings.HasPrefix(command, "SELECT") {
				return false
			}
			for range 100 {
				if _, err := c.Write([]byte("* OK x")); err != nil {
					return true
				}
				time.Sleep(50 * time.Millisecond)
			}
			return true
		}},
		{name: "endless line", want: "more than it was asked for", does: func(c *fakeConn, tag, command string) bool {
			if !strings.HasPrefix(command, "SELECT") {
				return false
			}
			_, _ = c.Write([]byte("* OK "))
			for b := []byte(strings.Repeat("x", 1<<20)); ; {
				if _, err := c.Write(b); err != nil {
					return true
				}
			}
		}},
		{name: "huge string", want: "more than it was asked for", does: func(c *fakeConn, tag, command string) bool {
			if !strings.HasPrefix(command, "SELECT") {
				return false
			}
			_, _ = c.Write([]byte("* LIST () NIL {900000000}\r\n"))
			for b := []byte(strings.Repeat("x", 1<<20)); ; {
				if _, err := c.Write(b); err != nil {
					return true
				}
			}
		}},
		{name: "BYE", want: "ended the session: Server shutting down", does: func(c *fakeConn, tag, command string) bool {
			if strings.HasPrefix(command, "SELECT") {
				c.say("* BYE Server \x1b[31mshutting down")
				c.Close()
			}
			return strings.HasPrefix(command, "SELECT")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, raws(1)...)
			f.does = test.does
			if test.greeting != "" {
				f.greeting = strings.TrimPrefix(test.greeting, "none")
			}
			o := f.options()
			o.Patience = 400 * time.Millisecond
			begun := time.Now()
			s, err := imap.New(o).Open(t.Context())
			if err == nil {
				_, err = s.List(t.Context(), nil, 10)
				_ = s.Close()
			}
			want := strings.ReplaceAll(test.want, "Server shutting", "Server  [31mshutting")
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// A literal that never ends, a taker that has enough, one that does not read, and a context: each ends, and loses nothing.
func TestFetchEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(5)...)
	o := f.options()
	o.Patience = 300 * time.Millisecond
	f.answer = func(m *fakeMail, seq int, body bool) (string, bool) {
		return fmt.Sprintf("* %d FETCH (UID %d BODY[] {400}\r\nSubject: m3\r\n", seq, m.uid), body && m.uid == 30
	}
	c := open(t, o)
	c.poll(10)
	if bad := c.bad["INBOX/7/30"]; len(c.got) != 4 || bad == nil || !strings.Contains(bad.Error(), "silent") {
		t.Errorf("%d came, and %v", len(c.got), bad)
	}

	f.mu.Lock()
	f.answer = nil
	f.mu.Unlock()
	c = open(t, o)
	items := c.list(10).Items
	enough := errors.New("enough")
	n := 0
	err := c.s.Fetch(t.Context(), items, func(poller.Item, io.Reader, error) error {
		if n++; n == 3 {
			return enough
		}
		return nil // unread
	})
	if !errors.Is(err, enough) || n != 3 {
		t.Errorf("%v, after %d", err, n)
	}

	f.mu.Lock()
	f.does = func(c *fakeConn, tag, command string) bool { // and then nothing
		if strings.Contains(command, "PEEK") {
			c.say("* 1 FETCH (UID 10 BODY[] {400}\r\nSubject: m1")
			return true
		}
		return false
	}
	f.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	o.Patience = time.Minute
	c = open(t, o)
	err = c.s.Fetch(ctx, items, func(_ poller.Item, r io.Reader, _ error) error {
		cancel()
		_, err := io.ReadAll(r)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	_, err = imap.New(o).Open(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("opened with it: %v", err)
	}
}

// A taker that panics leaves nothing behind that waits, and the session can be closed.
func TestTakerPanics(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(5)...)
	f.mails[2].raw = strings.Repeat("x", 5<<20)
	c := open(t, f.options())
	items := c.list(10).Items
	func() {
		defer func() {
			if p := recover(); !strings.Contains(fmt.Sprint(p), "out of my depth") {
				t.Errorf("it ended with %v", p)
			}
		}()
		n := 0
		_ = c.s.Fetch(t.Context(), items, func(_ poller.Item, r io.Reader, _ error) error {
			if n++; n == 3 {
				_, _ = r.Read(make([]byte, 10))
				panic("out of my depth")
			}
			return nil
		})
	}()
	begun := time.Now()
	if err := c.s.Close(); err != nil || time.Since(begun) > time.Second {
		t.Errorf("closed after %s: %v", time.Since(begun), err)
	}
}

// A server that said a small size and sends a large mail.
func TestLargerThanSaid(t *testing.T) {
	t.Parallel()
	f := newFake(t, raws(3)...)
	f.mails[1].raw = strings.Repeat("x", 5000)
	f.answer = func(m *fakeMail, seq int, body bool) (string, bool) {
		return fmt.Sprintf("* %d FETCH (UID %d RFC822.SIZE 20)\r\n", seq, m.uid), !body && m.uid == 20
	}
	o := f.options()
	o.MaxSize = 4000
	c := open(t, o)
	c.poll(10)
	if bad := c.bad["INBOX/7/20"]; c.subjects() != "m1 m3" || !fault.Is(bad.Err, fault.TooLarge) {
		t.Errorf("came %s, and %v", c.subjects(), bad)
	}
}
