package imap_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"postern/poller"
	"postern/poller/imap"
)

// A server says what it wants: each command's answer is a part of the input, with $ for the tag; an empty part is what a server
// would say. However it ends, every item that was fetched without an error was taken once or told of, and it does end.
func FuzzServer(f *testing.F) {
	for _, seed := range []string{
		"", "\x1e\x1e\x1e* 3 EXISTS\r\n$ OK x\r\n", "\x1e\x1e\x1e* SEARCH 10 20 30\r\n",
		"\x1e\x1e\x1e\x1e\x1e\x1e* 1 FETCH (UID 10 BODY[] {5}\r\nhello)\r\n* 2 FETCH (BODY[] {3}\r\nabc UID 20)\r\n* 3 FETCH (UID 30 BODY[] NIL)\r\n",
		"\x1e* CAPABILITY IMAP4rev2 IMAP4rev1\r\n\x1e$ OK [CAPABILITY IMAP4rev1] in\r\n\x1e* OK [UIDVALIDITY 8] x\r\n* 4294967295 EXISTS\r\n",
		"\x1e\x1e\x1e\x1e\x1e\x1e* VANISHED 1\r\n\x1e\x1e* BYE x\r\n", "\x1e\x1e\x1e* ESEARCH (TAG \"$\") UID ALL 1:4294967295\r\n",
		"\x1e\x1e\x1e\x1e\x1e\x1e* 1 FETCH (UID 10 BODY[] {999}\r\nhello",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, input string) {
		s := newFake(t, raws(3)...)
		parts := strings.Split(input, "\x1e")
		s.does = func(c *fakeConn, tag, command string) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(parts) == 0 || parts[0] == "" {
				if len(parts) > 0 {
					parts = parts[1:]
				}
				return false
			}
			part := parts[0]
			parts = parts[1:]
			_, _ = io.WriteString(c, strings.ReplaceAll(part, "$", tag))
			return strings.Contains(part, "$")
		}
		o := s.options()
		o.Patience, o.MaxSize = 50*time.Millisecond, 10_000
		begun := time.Now()
		session, err := imap.New(o).Open(t.Context())
		if err != nil {
			return
		}
		defer session.Close()
		b, err := session.List(t.Context(), nil, 5)
		if err != nil {
			return
		}
		if len(b.Items) > 5 {
			t.Errorf("%d items", len(b.Items))
		}
		seen := map[string]int{}
		err = session.Fetch(t.Context(), b.Items, func(i poller.Item, r io.Reader, err error) error {
			if err == nil {
				if _, err := io.Copy(io.Discard, r); err != nil {
					return err
				}
			} else if bad := (*poller.ItemError)(nil); !errors.As(err, &bad) || bad.Item.ID != i.ID {
				t.Errorf("%s is told of as %v", i.ID, err)
			}
			seen[i.ID]++
			return nil
		})
		for _, i := range b.Items {
			if n := seen[i.ID]; n > 1 || n == 0 && err == nil {
				t.Errorf("%s was taken %d times, %v", i.ID, n, err)
			}
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}
