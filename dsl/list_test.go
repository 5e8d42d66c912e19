package dsl_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"postern/dsl"
)

// A listCase is a file, how it is named in a list, and what is in the list or wrong with the file.
type listCase struct {
	name, file, content, options string
	want                         []string // nil where it is an error
	wrong                        string
}

var listCases = []listCase{
	{name: "text", file: "a.txt", content: "# who\nOne.Example\n\n two.example # since May\nthree#four\r\n", want: []string{"one.example", "two.example", "three#four"}},
	{name: "text, no ending", file: "banned", content: "\uFEFFa\nb", want: []string{"a", "b"}},
	{name: "text in latin-1", file: "a.txt", content: "a\nb\nb\xfccher\n", wrong: "a.txt:3: this is not UTF-8"},
	{name: "text, long line", file: "a.txt", content: "a\n" + strings.Repeat("x", 70<<10), wrong: "a.txt:2: a line is longer than 64 KiB"},
	{name: "text with a column", file: "a.txt", content: "a", options: `{column: 1}`, wrong: "a.txt: a text file has one entry a line"},

	{name: "csv by name", file: "a.csv", content: "Name,Domain\n\"Big, Corp\",BIG.example\n# a comment\nSmall,small.example\nNone,\n", options: `{column: "domain"}`, want: []string{"big.example", "small.example"}},
	{name: "csv by number", file: "a.csv", content: "x,one\ny,two\n", options: `{column: 2}`, want: []string{"one", "two"}},
	{name: "csv by number with a header", file: "a.csv", content: "n,d\ny,two\n", options: `{column: 2, header: true}`, want: []string{"two"}},
	{name: "csv of one column", file: "a.csv", content: "one\ntwo\n", want: []string{"one", "two"}},
	{name: "csv with semicolons", file: "a.csv", content: "a;b\nc;d\n", options: `{column: 1, separator: ";"}`, want: []string{"a", "c"}},
	{name: "tsv", file: "a.tsv", content: "a\tb\n", options: `{column: 2}`, want: []string{"b"}},
	{name: "csv by format", file: "a.data", content: "a,b\n", options: `{format: "csv", column: 2}`, want: []string{"b"}},
	{name: "csv, lines in quotes", file: "a.csv", content: "n,d\n\"two\nlines\",a\nb\n", options: `{column: 2}`, wrong: "a.csv:4: this row has no column 2"},
	{name: "csv, which column", file: "a.csv", content: "a,secret\n", wrong: "a.csv:1: which of the columns?"},
	{name: "csv, no such column", file: "a.csv", content: "a,secret\n", options: `{column: "domain"}`, wrong: `a.csv:1: the first row names no column "domain"`},
	{name: "csv, quotes", file: "a.csv", content: "n\nsec\"ret\n", wrong: `a.csv:2: a " in a field`},
	{name: "csv, open quotes", file: "a.csv", content: "n\n\"secret\nx\n", wrong: `a.csv:2: a " in the wrong place`},
	{name: "csv with a path", file: "a.csv", content: "a", options: `{path: "x"}`, wrong: "a.csv: path is for json"},

	{name: "json", file: "a.json", content: `["A", " b ", ""]`, want: []string{"a", "b"}},
	{name: "json of objects", file: "a.json", content: `[{"n": {"x": [1]}, "d": "A"}, {"d": "b", "d2": null}]`, options: `{column: "d"}`, want: []string{"a", "b"}},
	{name: "json at a path", file: "a.json", content: `{"x": [1, {"y": 2}], "a": {"c": 1, "b": ["z"]}}`, options: `{path: "a.b"}`, want: []string{"z"}},
	{name: "json, empty", file: "a.json", content: `[]`, want: []string{}},
	{name: "json, broken", file: "a.json", content: "[\"a\",\n\"secret\n\"]", wrong: "a.json:2: this is not JSON"},
	{name: "json, not closed", file: "a.json", content: "[\"a\",\n\"b\"", wrong: "a.json:2: this is not JSON"},
	{name: "json, no array", file: "a.json", content: "{\"a\":\n [\"secret\"]}", wrong: "a.json:1: there is no array here"},
	{name: "json, no path", file: "a.json", content: "{\"a\": 1}", options: `{path: "b"}`, wrong: `a.json:1: path leads to "b", which is not there`},
	{name: "json, path into a text", file: "a.json", content: "{\"a\": \"secret\"}", options: `{path: "a.b"}`, wrong: `a.json:1: path leads to "b", where no object is`},
	{name: "json, objects", file: "a.json", content: "[\n{\"secret\": 1}]", wrong: "a.json:2: an entry is neither a text nor a number"},
	{name: "json, no field", file: "a.json", content: "[\n{\"secret\": 1}]", options: `{column: "d"}`, wrong: `a.json:2: an entry has no field "d"`},
	{name: "json, field of the wrong kind", file: "a.json", content: "[{\"d\": [\"secret\"]}]", options: `{column: "d"}`, wrong: `a.json:1: the field "d" is neither`},
	{name: "json, deep", file: "a.json", content: strings.Repeat("[", 20_000), wrong: "a.json:1: an entry is neither"},
	{name: "json, deep in objects", file: "a.json", content: "[" + strings.Repeat(`{"x":`, 20_000), options: `{column: "d"}`, wrong: "a.json:1: this is not JSON"},

	{name: "yaml", file: "a.yaml", content: "# who\n- A\n- 'b: c'\n- >\n  folded\n  text\n", want: []string{"a", "b: c", "folded text"}},
	{name: "yaml of mappings", file: "a.yml", content: "- d: A\n  n: x\n- n: [1]\n  d: b\n- {d: c}\n", options: `{column: "d"}`, want: []string{"a", "b", "c"}},
	{name: "yaml at a path", file: "a.yaml", content: "a:\n  x: 1\n  b:\n    - z\n", options: `{path: "a.b"}`, want: []string{"z"}},
	{name: "yaml at a path of one key", file: "a.yaml", content: "a: [z, y]\n", options: `{path: "a"}`, want: []string{"z", "y"}},
	{name: "yaml, empty", file: "a.yaml", content: "[]", want: []string{}},
	{name: "yaml, nothing", file: "a.yaml", content: "# none\n", wrong: "a.yaml: it is empty"},
	{name: "yaml, broken", file: "a.yaml", content: "- a\n- [secret\n", wrong: "a.yaml"},
	{name: "yaml, no list", file: "a.yaml", content: "secret: 1", wrong: "a.yaml:1: there is no list here"},
	{name: "yaml, no path", file: "a.yaml", content: "a:\n  c: 1\n", options: `{path: "a.b"}`, wrong: `path leads to "b", which is not there`},
	{name: "yaml, anchors", file: "a.yaml", content: "- &a x\n- *a\n", wrong: "a.yaml:1: anchors, aliases and tags are not read here"},
	{name: "yaml, deep", file: "a.yaml", content: strings.Repeat("[", 10_000), wrong: "a.yaml:1: this lies too deep"},
	{name: "yaml, deep dashes", file: "a.yaml", content: strings.Repeat("- ", 10_000) + "x", wrong: "a.yaml:1: this lies too deep"},
	{name: "yaml, null", file: "a.yaml", content: "- a\n- ~\n", wrong: "a.yaml:2: an entry is neither a text nor a number"},
	{name: "yaml, large", file: "a.yaml", content: strings.Repeat("- a\n", 300_000), wrong: "a.yaml: it is larger than 1 MiB"},

	{name: "no such option", file: "a.csv", options: `{colum: "d"}`, wrong: `file has no option "colum"; did you mean column?`},
	{name: "wrong option", file: "a.csv", options: `{column: 0}`, wrong: "column needs a name, or a number from 1"},
	{name: "long separator", file: "a.csv", options: `{separator: "ab"}`, wrong: "separator needs one character"},
	{name: "no map", file: "a.csv", options: `"d"`, wrong: "the options of file stand in braces"},
	{name: "outside", file: "../a.csv", wrong: "a list's file must lie below the rules folder"},
	{name: "absolute", file: "/etc/passwd", wrong: "a list's file must lie below the rules folder"},
}

func TestListFiles(t *testing.T) {
	t.Parallel()
	for _, c := range listCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			call := fmt.Sprintf("file(%q", c.file)
			if c.options != "" {
				call += ", " + c.options
			}
			var want []string
			for _, s := range c.want {
				want = append(want, fmt.Sprintf("%q in l and l[%d] == %q", s, len(want), s))
			}
			want = append(want, fmt.Sprintf("len(l) == %d", len(c.want)))
			text := "list l = " + call + ")\nrule \"r\" { when " + strings.Join(want, " and ") + " then { stop() } }"
			opts := options()
			opts.Open = func(name string) (io.ReadCloser, error) {
				return fstest.MapFS{c.file: {Data: []byte(c.content)}}.Open(name)
			}
			p, diags := compile("t.rules", text, opts)
			if c.want == nil {
				if !strings.Contains(diags.Text(), c.wrong) || p != nil {
					t.Errorf("got %s, want %q", diags.Text(), c.wrong)
				}
				if strings.Contains(diags.Text(), "secret") {
					t.Errorf("it tells what is in the file: %s", diags.Text())
				}
				return
			}
			if p == nil {
				t.Fatal(diags.Text())
			}
			r := p.NewRun(t.Context(), view(), dsl.Budget{})
			defer r.Close()
			if ok, err := p.Rules[0].Match(r); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
}

// Numbers of a file are numbers.
func TestListFilesOfNumbers(t *testing.T) {
	t.Parallel()
	for file, content := range map[string]string{"a.json": `[7, 8.5, "x"]`, "a.yaml": "- 7\n- 8.5\n- x\n"} {
		opts := options()
		opts.Open = func(name string) (io.ReadCloser, error) {
			return fstest.MapFS{file: {Data: []byte(content)}}.Open(name)
		}
		p, diags := compile("t.rules", fmt.Sprintf("list l = file(%q)\nrule \"r\" { when 7 in l and 8.5 in l and \"x\" in l and 9 not in l then { stop() } }", file), opts)
		if p == nil {
			t.Fatal(diags.Text())
		}
		r := p.NewRun(t.Context(), view(), dsl.Budget{})
		if ok, err := p.Rules[0].Match(r); !ok || err != nil {
			t.Errorf("%s: %v, %v", file, ok, err)
		}
		r.Close()
	}
}

// Entries hold what was put in, and nothing else, however many there are.
func TestEntries(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 7, 8, 1000, 50_000} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "d%d.example\n", i)
		}
		set := setOf(t, b.String()+"bücher.example\nann@bücher.example\n")
		for i := range n {
			if !set.Has(fmt.Sprintf("d%d.example", i)) {
				t.Fatalf("of %d entries %d is missing", n, i)
			}
		}
		for _, s := range []string{"bücher.example", "xn--bcher-kva.example", "ann@xn--bcher-kva.example"} {
			if !set.Has(s) {
				t.Errorf("%s is missing", s)
			}
		}
		for _, s := range []string{"", "d.example", fmt.Sprintf("d%d.example", n), "D0.example", "xn--bcher-kva"} {
			if set.Has(s) {
				t.Errorf("of %d entries one is %q", n, s)
			}
		}
	}
	if (*dsl.Entries)(nil).Has("x") {
		t.Error("nothing has something")
	}
}

// setOf is the set of a list in a text file, as an index gets it.
func setOf(t testing.TB, content string) *dsl.Entries {
	t.Helper()
	opts := options()
	opts.Open = func(name string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
	p, diags := compile("t.rules", "list l = file(\"l.txt\")\nrule \"r\" { when mail.from.domain in l then { stop() } }", opts)
	if p == nil {
		t.Fatal(diags.Text())
	}
	needs := p.Rules[0].Needs()
	if len(needs) != 1 || len(needs[0]) != 1 || needs[0][0].Set == nil {
		t.Fatalf("needs %v", needs)
	}
	return needs[0][0].Set
}

// A million domains are loaded in seconds, take less than thrice their text, and are looked up in no time.
func TestMillionDomains(t *testing.T) {
	alone(t)
	var b strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&b, "host-%d.example\n", i)
	}
	content := b.String()
	before, began := heap(), time.Now()
	set := setOf(t, content)
	took, grown := time.Since(began), int64(heap())-int64(before)
	t.Logf("%d bytes of text: loaded in %v, %d bytes of memory", len(content), took, grown)
	if grown > 60<<20 {
		t.Errorf("it takes %d MiB", grown>>20)
	}
	if took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
	if n := testing.AllocsPerRun(1000, func() {
		if !set.Has("host-777777.example") || set.Has("host-x.example") {
			t.Error("wrong")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	runtime.KeepAlive(set)
	runtime.KeepAlive(content)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// An empty list is told once, where it is used.
func TestEmptyList(t *testing.T) {
	t.Parallel()
	_, diags := compile("t.rules", "list nobody = []\nlist some = concat(nobody, [\"x\"])\nrule \"a\" { when mail.subject in nobody or mail.text in nobody then { stop() } }\nrule \"b\" { when mail.subject in some then { stop() } }", options())
	if got := diags.Error(); got != "t.rules:3:33: warning: the list nobody is empty: nothing is in it" {
		t.Errorf("got %s", got)
	}
	if diags.HasErrors() {
		t.Error("it is an error")
	}
}

func BenchmarkEntries(b *testing.B) {
	var text strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&text, "host-%d.example\n", i)
	}
	set := setOf(b, text.String())
	b.ReportAllocs()
	for b.Loop() {
		set.Has("host-777777.example")
	}
}
