package api

import (
	"encoding/json"
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// Each route that the server has is in the document, and the other way round.
func TestEveryRouteIsDescribed(t *testing.T) {
	a := New(Options{Now: time.Now})
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(a.doc, &doc); err != nil {
		t.Fatal(err)
	}
	var has, described []string
	for _, r := range a.echo.Routes() {
		if r.Method != http.MethodHead { // beside every GET
			has = append(has, r.Method+" "+r.Path)
		}
	}
	for path, ops := range doc.Paths {
		for method := range ops {
			described = append(described, strings.ToUpper(method)+" "+strings.NewReplacer("{", ":", "}", "").Replace(path))
		}
	}
	slices.Sort(has)
	slices.Sort(described)
	if !slices.Equal(has, described) {
		t.Errorf("the server has\n%s\nthe document\n%s", strings.Join(has, "\n"), strings.Join(described, "\n"))
	}
	names := map[string]bool{}
	for _, rt := range a.routes {
		if names[rt.name] {
			t.Errorf("two routes are called %s", rt.name)
		}
		names[rt.name] = true
		if rt.changes() && rt.open() {
			t.Errorf("%s changes something and asks for no token", rt.name)
		}
	}
}

func FuzzContentDisposition(f *testing.F) {
	for _, s := range []string{"a.txt", "../../x", "a\"; filename=b", "Grüße\u202e.exe", "\xff\x00\r\nX: y", "%41", strings.Repeat("ü", 300)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		h := contentDisposition("attachment", name)
		for i := range len(h) {
			if h[i] < ' ' || h[i] > '~' {
				t.Fatalf("%q: byte %#x in %q", name, h[i], h)
			}
		}
		how, params, err := mime.ParseMediaType(h)
		got := params["filename"]
		if err != nil || how != "attachment" || len(params) != 1 {
			t.Fatalf("%q: %q reads as %q %v, %v", name, h, how, params, err)
		}
		if got != safeName(name) || got == "" || len(got) > maxName+1 || strings.ContainsAny(got, `/\:*?"<>|`) || got[0] == '.' || !utf8.ValidString(got) ||
			strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("%q: the name is %q", name, got)
		}
		if again := safeName(got); again != got {
			t.Fatalf("%q: %q becomes %q", name, got, again)
		}
	})
}
