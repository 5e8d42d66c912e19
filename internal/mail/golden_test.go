package mail_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"postern/internal/mail"
)

var update = flag.Bool("update", false, "write what the parser says into testdata")

// TestGolden reads each mail of testdata/golden and compares what was understood with what stands
// beside it. The line ends of the files are LF; CRLF must make no difference. Mail that
// cannot be shared goes in testdata/private, which git ignores.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/golden/*.txtar")
	private, _ := filepath.Glob("testdata/private/*.txtar")
	if len(files) == 0 {
		t.Fatal("no files in testdata/golden")
	}
	for _, file := range append(files, private...) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			raw := ar.Files[0].Data
			m := parse(t, raw)
			got := []txtar.File{ar.Files[0], {Name: "parsed", Data: pretty(t, m)}, {Name: "kind", Data: kindLine(m)}, {Name: "spans", Data: spanLines(m)}}
			crlf := parse(t, bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n")))
			if len(m.Attachments) == 0 { // the bytes of files that are not encoded differ, and should
				if diff := cmp.Diff(string(pretty(t, m)), string(pretty(t, crlf))); diff != "" {
					t.Errorf("with CRLF it reads differently (-LF +CRLF):\n%s", diff)
				}
			}
			if *update {
				ar.Files = got
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(ar.Files, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", file, diff)
			}
		})
	}
}

// TestBroken holds one line for each file of testdata/broken, as postern parse prints it.
func TestBroken(t *testing.T) {
	files, _ := filepath.Glob("testdata/broken/*.eml")
	if len(files) < 25 {
		t.Fatalf("%d files in testdata/broken, want 25 at least", len(files))
	}
	var got strings.Builder
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		m := parse(t, raw)
		ln, err := m.MarshalParsed(filepath.Base(file))
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if bytes.IndexByte(ln, '\n') >= 0 {
			t.Errorf("%s: more than a line: %s", file, ln)
		}
		got.Write(ln)
		got.WriteByte('\n')
		check(t, m)
	}
	const golden = "testdata/broken.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func parse(t testing.TB, raw []byte) *mail.Message {
	t.Helper()
	m, err := mail.Parse(bytes.NewReader(raw), mail.Options{})
	if err != nil {
		t.Fatalf("parse %q: %v", raw, err)
	}
	return m
}

// pretty is the line of postern parse over many lines, to be read.
func pretty(t testing.TB, m *mail.Message) []byte {
	t.Helper()
	ln, err := m.MarshalParsed("mail")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, ln, "", "  "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// last is the end of s, of n bytes or a little less.
func last(s string, n int) string {
	return strings.ToValidUTF8(s[max(0, len(s)-n):], "")
}

func kindLine(m *mail.Message) []byte {
	return fmt.Appendf(nil, "%s, never answer: %t\n", m.Kind, m.AutoSubmitted)
}

func spanLines(m *mail.Message) []byte {
	b := []byte{}
	for _, s := range m.Spans {
		b = fmt.Appendf(b, "%d-%d %s (%s): %.60q\n", s.Start, s.End, s.Kind, s.Reason, m.Text[s.Start:s.End])
	}
	for _, s := range m.HTMLSpans {
		b = fmt.Appendf(b, "html %d-%d %s: %.60q … %q\n", s.Start, s.End, s.Kind, m.HTML[s.Start:s.End], last(m.HTML[s.Start:s.End], 20))
	}
	return b
}
