package testmail_test

import (
	"net/mail"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/internal/keys"
	"postern/internal/testmail"
)

var now = time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)

func ring(t testing.TB) *keys.Ring {
	t.Helper()
	r, _, err := keys.Open(filepath.Join(t.TempDir(), "postern.key"), now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A mark is known by the keys that made it, for a day, and by nothing else.
func TestRead(t *testing.T) {
	t.Parallel()
	ours, theirs := ring(t), ring(t)
	m := testmail.New(ours, now, "ann@example.org", "support@example.com")
	parsed, err := mail.ReadMessage(strings.NewReader(string(m.Raw)))
	if err != nil {
		t.Fatal(err)
	}
	mark := parsed.Header.Get(testmail.Field)
	if mark != m.Mark || parsed.Header.Get("Auto-Submitted") == "" || len(testmail.Field)+2+len(mark) > 990 {
		t.Fatalf("the mail is\n%s", m.Raw)
	}
	if id, ok := testmail.Read(ours, " "+mark+" ", now.Add(23*time.Hour)); !ok || id != m.ID {
		t.Errorf("its own mark: %q, %v", id, ok)
	}
	signed := func(said string) string { // by our own key, for another purpose
		return said + "." + strings.Repeat("A", 43)
	}
	for name, c := range map[string]struct {
		ring *keys.Ring
		mark string
		at   time.Time
	}{
		"another's key":      {theirs, mark, now},
		"old":                {ours, mark, now.Add(25 * time.Hour)},
		"from the future":    {ours, mark, now.Add(-time.Hour)},
		"another time":       {ours, strings.Replace(mark, ".1", ".2", 1), now},
		"another id":         {ours, strings.Replace(mark, m.ID, strings.Repeat("A", 22), 1), now},
		"another signature":  {ours, mark[:strings.LastIndex(mark, ".")+1] + strings.Repeat("A", 43), now},
		"no signature":       {ours, mark[:strings.LastIndex(mark, ".")], now},
		"cut":                {ours, mark[:len(mark)-1], now},
		"nothing":            {ours, "", now},
		"a dot":              {ours, ".", now},
		"made up":            {ours, signed("1.1.x"), now},
		"endless":            {ours, strings.Repeat("1.", 100_000), now},
		"a break in its end": {ours, mark + "\n\nx", now},
	} {
		if id, ok := testmail.Read(c.ring, c.mark, c.at); ok {
			t.Errorf("%s: it is taken for %q", name, id)
		}
	}
	if testmail.New(ours, now, "a@example.org", "b@example.org").Mark == m.Mark {
		t.Error("two mails have one mark")
	}
}

// After a rotation of the keys a mark made before is known.
func TestRotated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postern.key")
	before, _, err := keys.Open(path, now)
	if err != nil {
		t.Fatal(err)
	}
	m := testmail.New(before, now, "ann@example.org", "support@example.com")
	after, err := keys.Rotate(path, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := testmail.Read(after, m.Mark, now); !ok {
		t.Error("it is not known")
	}
}

func FuzzRead(f *testing.F) {
	r := ring(f)
	m := testmail.New(r, now, "a@example.org", "b@example.org")
	f.Add(m.Mark)
	f.Add("1.1.a.b")
	f.Fuzz(func(t *testing.T, mark string) {
		if _, ok := testmail.Read(r, mark, now); ok && strings.TrimSpace(mark) != m.Mark {
			t.Errorf("%q is taken for ours", mark)
		}
	})
}
