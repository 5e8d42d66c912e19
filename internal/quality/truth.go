package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/net/idna"
)

// A Mail is a message to be measured, with what is known of it.
type Mail struct {
	name string // of the file, below its set
	raw  []byte
	want Truth
}

// A Truth is what somebody who did not ask a parser says of a mail. What is nil or empty is not known.
type Truth struct {
	Subject  *string
	From     *string
	FromName *string
	Kind     *string
	Files    *[]WantFile `json:"attachments"`
	Bounce   *WantBounce
	Calendar map[string]string
	Date     *string
	Reply    *bool
	Forward  *bool

	Lines   []string `json:"-"` // occur in the text, in this order
	Never   []string `json:"-"` // do not occur in the text
	Named   []string `json:"-"` // names that are among the attachments'
	NotKind string   `json:"-"` // a kind that it is not
	Charset bool     `json:"-"` // it is a case of a character set, of its subject and text
	New     *string  `json:"-"` // the new text
}

// A WantFile is an attachment. What is nil is not known.
type WantFile struct {
	Name   *string
	Type   *string
	Size   *int64
	SHA256 *string
}

// A WantBounce is what a bounce says. What is nil is not known.
type WantBounce struct {
	Recipients []string
	Status     *string
	Reason     *string
	MessageID  *string

	Reasons []string `json:"-"` // any of these will do
}

// readCases reads a folder of cases: txtar files with the mail and what is known of it.
func readCases(dir string) ([]Mail, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	if err != nil {
		return nil, err
	}
	var mails []Mail
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		m, err := parseCase(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		m.name = strings.TrimSuffix(filepath.Base(file), ".txtar")
		m.want.Charset = strings.Contains(m.name, "charset")
		mails = append(mails, m)
	}
	return mails, nil
}

func parseCase(data []byte) (m Mail, err error) {
	for _, f := range txtar.Parse(data).Files {
		switch f.Name {
		case "mail.eml":
			m.raw = f.Data
		case "mail.eml.b64":
			if m.raw, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(f.Data)), "")); err != nil {
				return m, err
			}
		case "want.json":
			dec := json.NewDecoder(bytes.NewReader(f.Data))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&m.want); err != nil {
				return m, fmt.Errorf("want.json: %w", err)
			}
		case "new.txt":
			s := string(f.Data)
			m.want.New = &s
		case "text.txt", "has.txt":
			m.want.Lines = lines(f.Data)
		case "hasnot.txt":
			m.want.Never = lines(f.Data)
		default:
			return m, fmt.Errorf("no such file in a case: %s", f.Name)
		}
	}
	if len(m.raw) == 0 {
		return m, fmt.Errorf("no mail.eml")
	}
	return m, nil
}

// lines returns what is not blank, folded.
func lines(data []byte) []string {
	var out []string
	for l := range strings.Lines(string(data)) {
		if l = fold(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// A field is something that is measured: whether a truth says anything about it, and whether a reading agrees.
type field struct {
	name  string
	known func(w *Truth) bool
	right func(w *Truth, r *Reading) bool
}

var fields = []field{
	{"subject", func(w *Truth) bool { return w.Subject != nil }, func(w *Truth, r *Reading) bool { return fold(*w.Subject) == fold(r.Subject) }},
	{"sender", func(w *Truth) bool { return w.From != nil }, func(w *Truth, r *Reading) bool { return address(*w.From) == address(r.From) }},
	{"sender's name", func(w *Truth) bool { return w.FromName != nil }, func(w *Truth, r *Reading) bool { return fold(*w.FromName) == fold(r.FromName) }},
	{"charset", func(w *Truth) bool { return w.Charset }, func(w *Truth, r *Reading) bool {
		return (w.Subject == nil || fold(*w.Subject) == fold(r.Subject)) && holds(r.Text, w.Lines, w.Never) && (w.FromName == nil || fold(*w.FromName) == fold(r.FromName))
	}},
	{"date", func(w *Truth) bool { return w.Date != nil }, func(w *Truth, r *Reading) bool { return sameTime(*w.Date, r.Date) }},
	{"text", func(w *Truth) bool { return len(w.Lines)+len(w.Never) > 0 }, func(w *Truth, r *Reading) bool { return holds(r.Text, w.Lines, w.Never) }},
	{"attachments", func(w *Truth) bool { return w.Files != nil || w.Named != nil }, func(w *Truth, r *Reading) bool {
		return hasNames(w.Named, r.Files) && (w.Files == nil || sameFiles(*w.Files, r.Files))
	}},
	{"new text", func(w *Truth) bool { return w.New != nil }, func(w *Truth, r *Reading) bool { return fold(*w.New) == fold(r.New) }},
	{"kind", func(w *Truth) bool { return w.Kind != nil || w.NotKind != "" }, func(w *Truth, r *Reading) bool {
		return (w.Kind == nil || *w.Kind == r.Kind) && (w.NotKind == "" || w.NotKind != r.Kind)
	}},
	{"reply or not", func(w *Truth) bool { return w.Reply != nil }, func(w *Truth, r *Reading) bool { return *w.Reply == r.Reply }},
	{"forward or not", func(w *Truth) bool { return w.Forward != nil }, func(w *Truth, r *Reading) bool { return *w.Forward == r.Forward }},
	{"bounce: recipients", func(w *Truth) bool { return w.Bounce != nil && w.Bounce.Recipients != nil }, func(w *Truth, r *Reading) bool { return sameRecipients(w.Bounce.Recipients, r.bounce().Recipients) }},
	{"bounce: status", func(w *Truth) bool { return w.Bounce != nil && w.Bounce.Status != nil }, func(w *Truth, r *Reading) bool { return code(*w.Bounce.Status) == code(r.bounce().Status) }},
	{"bounce: reason", func(w *Truth) bool { return w.Bounce != nil && (w.Bounce.Reason != nil || w.Bounce.Reasons != nil) }, func(w *Truth, r *Reading) bool {
		return w.Bounce.Reason != nil && *w.Bounce.Reason == r.bounce().Reason || slices.Contains(w.Bounce.Reasons, r.bounce().Reason)
	}},
	{"bounce: id", func(w *Truth) bool { return w.Bounce != nil && w.Bounce.MessageID != nil }, func(w *Truth, r *Reading) bool { return bareID(*w.Bounce.MessageID) == bareID(r.bounce().MessageID) }},
	{"calendar", func(w *Truth) bool { return w.Calendar != nil }, func(w *Truth, r *Reading) bool { return sameCalendar(w.Calendar, r.Calendar) }},
}

func (r *Reading) bounce() *Bounce {
	if r.Bounce == nil {
		return &Bounce{}
	}
	return r.Bounce
}

// address makes two ways to write an address one: in lower case, the domain in ASCII, without quotes.
func address(s string) string {
	s = strings.ToLower(strings.ReplaceAll(s, `"`, ""))
	at := strings.LastIndexByte(s, '@')
	if domain, err := idna.Lookup.ToASCII(s[at+1:]); err == nil && at >= 0 {
		s = s[:at+1] + domain
	}
	return s
}

// code is a status without the comment that may follow it.
func code(s string) string { s, _, _ = strings.Cut(strings.TrimSpace(s), " "); return s }

func bareID(s string) string { return strings.Trim(strings.TrimSpace(s), "<>") }

func sameTime(want string, got time.Time) bool {
	if want == "" {
		return got.IsZero()
	}
	t, err := time.Parse(time.RFC3339, want)
	return err == nil && t.Equal(got)
}

// holds says whether the lines occur in a text in their order, and the others not at all.
func holds(text string, in, out []string) bool {
	text = fold(text)
	for _, l := range out {
		if strings.Contains(text, l) {
			return false
		}
	}
	for _, l := range in {
		i := strings.Index(text, l)
		if i < 0 {
			return false
		}
		text = text[i+len(l):]
	}
	return true
}

// sameFiles finds for each attachment that is wanted one that agrees, in any order, and none over.
func sameFiles(want []WantFile, got []File) bool {
	if len(want) != len(got) {
		return false
	}
	left := slices.Clone(got)
	for _, w := range want {
		i := slices.IndexFunc(left, func(f File) bool {
			return (w.Name == nil || fold(*w.Name) == fold(f.Name)) && (w.Type == nil || strings.EqualFold(*w.Type, f.Type)) &&
				(w.Size == nil || *w.Size == f.Size) && (w.SHA256 == nil || *w.SHA256 == f.SHA256)
		})
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

func hasNames(want []string, got []File) bool {
	for _, w := range want {
		if !slices.ContainsFunc(got, func(f File) bool { return fold(f.Name) == fold(w) }) {
			return false
		}
	}
	return true
}

func sameRecipients(want, got []string) bool {
	sorted := func(in []string) []string {
		var out []string
		for _, s := range in {
			out = append(out, strings.ToLower(strings.Trim(s, "<> ")))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	return slices.Equal(sorted(want), sorted(got))
}

func sameCalendar(want map[string]string, got *Calendar) bool {
	if got == nil {
		return len(want) == 0
	}
	data, _ := json.Marshal(got)
	var have map[string]string
	_ = json.Unmarshal(data, &have)
	for k, v := range want {
		if t, err := time.Parse(time.RFC3339, v); err == nil {
			v = stamp(t)
		}
		if !strings.EqualFold(fold(v), fold(have[k])) {
			return false
		}
	}
	return true
}
