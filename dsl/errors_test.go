package dsl_test

import (
	"flag"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
)

var update = flag.Bool("update", false, "write the golden files anew")

var vocabulary = dsl.Vocabulary{
	Mailboxes:  []string{"support", "sales", "monitoring"},
	Types:      []string{"Incident", "Incident/Hardware", "Question"},
	Classes:    []string{"internal", "customer"},
	Priorities: []string{"low", "normal", "high", "urgent"},
	Statuses:   []string{"new", "open", "pending", "closed"},
	Teams:      []string{"oncall", "billing"},
	Fields:     []string{"order", "host"},
}

var listFiles = fstest.MapFS{
	"lists/banned.txt":     {Data: []byte("# who may not write\nspam.example\nBad.Example # since May\n\n")},
	"lists/customers.csv":  {Data: []byte("name,domain\nBig Corp,bigcorp.com\n")},
	"lists/inventory.json": {Data: []byte(`{"hosts": [{"name": "web1"}, {"name": "db1"}]}`)},
	"lists/words.yaml":     {Data: []byte("- rack\n- power supply\n")},
	"mails/plain.eml":      {Data: []byte("Subject: plain\r\n\r\nhello\r\n")},
}

func options() dsl.Options {
	return dsl.Options{Vocabulary: vocabulary, Now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC), Open: func(name string) (io.ReadCloser, error) { return listFiles.Open(name) }}
}

var _ fs.FS = listFiles

// compile parses and compiles one file as a set of its own.
func compile(name, text string, opts dsl.Options) (*dsl.Program, dsl.Diagnostics) {
	f, diags := dsl.Parse(name, []byte(text))
	p, more := dsl.Compile([]*dsl.File{f}, opts)
	return p, append(diags, more...)
}

// Each file under testdata/errors has mistakes; what is said about them stands beside it, whole.
func TestErrors(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/errors/*.rules")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, diags := compile(name, string(text), options())
			got := diags.Text()
			golden := strings.TrimSuffix(path, ".rules") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("other words than in %s (-want +got):\n%s", golden, diff)
			}
		})
	}
}
