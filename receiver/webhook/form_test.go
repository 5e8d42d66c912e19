package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
	"postern/internal/spool"
)

// tools are those of a server, with a spool of their own; its folder is returned too.
func tools(t testing.TB) (*Tools, string) {
	t.Helper()
	path := t.TempDir()
	d, err := spool.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return &Tools{Spool: d, Now: time.Now, Limits: Limits{Body: 64 << 20, Mail: 32 << 20, Mails: 100, Parts: 200}}, path
}

func formRequest(contentType, body string) *Request {
	return &Request{Method: "POST", Header: http.Header{"Content-Type": {contentType}}, Body: spool.Bytes([]byte(body))}
}

// left fails where the spool holds anything.
func left(t testing.TB, path string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) > 0 {
		t.Errorf("%d files left in the spool", len(entries))
	}
}

type plainField struct{ Name, File, Type, Value string }

func plain(t testing.TB, f *form) []plainField {
	t.Helper()
	got := []plainField{}
	for _, fl := range f.Fields {
		in, err := fl.Body.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		_ = in.Close()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, plainField{fl.Name, fl.File, fl.Type, string(b)})
	}
	return got
}

func crlf(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }

const multi = "multipart/form-data; boundary=xYz"

func part(header, value string) string { return "--xYz\n" + header + "\n\n" + value + "\n" }

func TestForms(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, kind, body string
		want             []plainField
	}{
		{"plain fields, doubled, empty and without a name", multi, crlf(
			part(`Content-Disposition: form-data; name="a"`, "one") + part(`Content-Disposition: form-data; name="a"`, "two") +
				part(`Content-Disposition: form-data; name=""`, "x") + part(`Content-Disposition: form-data`, "") + "--xYz--\n"),
			[]plainField{{"a", "", "", "one"}, {"a", "", "", "two"}, {"", "", "", "x"}, {"", "", "", ""}}},
		{"what only looks like a boundary", multi, "--xYz\r\ncontent-disposition: FORM-DATA; name=b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n\xe9\x00\r\n--xYzz\r\n--xY\r\n\r\n--xYz \t\r\n" +
			"content-disposition: form-data; name=c\r\n\r\n\r\n\r\n--xYz--tail",
			[]plainField{{"b", "", "text/plain; charset=iso-8859-1", "\xe9\x00\r\n--xYzz\r\n--xY\r\n"}, {"c", "", "", "\r\n"}}},
		{"a preamble, an epilogue, a part with no empty line", multi, crlf("before\n--xYz\nContent-Disposition: form-data; name=a\n\n--xYz--\nafter\n--xYz\n"),
			[]plainField{{"a", "", "", ""}}},
		{"line feeds alone", multi, part("Content-Disposition: form-data; name=a", "1\r") + "--xYz--", []plainField{{"a", "", "", "1\r"}}},
		{"none", multi, "--xYz--", []plainField{}},
		{"file names", multi, crlf(
			part(`Content-Disposition: form-data; name="f"; filename="a \"b\"; c.txt"`, "") +
				part(`Content-Disposition: form-data; name="f"; filename="C:\temp\n.txt"`, "") +
				part(`Content-Disposition: form-data; filename=plain.txt ; name=f`, "") +
				part("Content-Disposition: form-data; name=\"f\"; filename=\"gr\xfc\xdfe.txt\"", "") +
				part(`Content-Disposition: form-data; name="f"; filename="Grüße.txt"`, "") +
				part(`Content-Disposition: form-data; name="f"; filename="x"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%22.txt`, "") +
				part(`Content-Disposition: form-data; name="f"; filename*=iso-8859-1'de'Gr%FC%DFe.txt`, "") +
				part(`Content-Disposition: form-data; name="f"; filename*0="long"; filename*1=".txt"`, "") +
				part(`Content-Disposition: form-data; name="f"; filename="../../etc/passwd"; filename="second"`, "") +
				part(`Content-Disposition: form-data; name="f"; filename="%22.txt"; filename*=broken`, "") +
				part(`Content-Disposition: form-data; name="f"; odd; =; filename="open`, "") +
				part("Content-Disposition: form-data; name=\"f\";\n\tfilename=\"folded.txt\"", "") + "--xYz--\n"),
			[]plainField{{"f", `a "b"; c.txt`, "", ""}, {"f", `C:\temp\n.txt`, "", ""}, {"f", "plain.txt", "", ""}, {"f", "gr\xfc\xdfe.txt", "", ""}, {"f", "Grüße.txt", "", ""},
				{"f", `Grüße ".txt`, "", ""}, {"f", "Grüße.txt", "", ""}, {"f", "long.txt", "", ""}, {"f", "../../etc/passwd", "", ""}, {"f", "%22.txt", "", ""}, {"f", "open", "", ""},
				{"f", "folded.txt", "", ""}}},
		{"urlencoded", "application/x-www-form-urlencoded; charset=utf-8", "a=1+2&b=%c3%a9%00&&a=&=x&c&d=%3D=%26&e=;",
			[]plainField{{"a", "", "", "1 2"}, {"b", "", "", "é\x00"}, {"a", "", "", ""}, {"", "", "", "x"}, {"c", "", "", ""}, {"d", "", "", "==&"}, {"e", "", "", ";"}}},
		{"urlencoded, nothing", "application/x-www-form-urlencoded", "", []plainField{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tl, path := tools(t)
			f, err := readForm(context.Background(), tl, formRequest(tc.kind, tc.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, plain(t, f)); diff != "" {
				t.Error(diff)
			}
			f.Close()
			left(t, path)
		})
	}
}

// TestWrongForms: what is not as its type says is refused, and nothing of it stays.
func TestWrongForms(t *testing.T) {
	t.Parallel()
	big := part(`Content-Disposition: form-data; name="big"`, strings.Repeat("0123456789abcdef", 40<<10))
	for name, tc := range map[string]struct {
		kind, body string
		want       fault.Kind
	}{
		"another type":                  {"application/json", "{}", fault.Invalid},
		"no type":                       {"", "a=b", fault.Invalid},
		"no boundary":                   {"multipart/form-data", "", fault.Invalid},
		"multipart/mixed":               {"multipart/mixed; boundary=xYz", crlf(part("Content-Disposition: form-data; name=a", "") + "--xYz--"), fault.Invalid},
		"empty":                         {multi, "", fault.Invalid},
		"boundary never comes":          {multi, "hello\r\nhello\r\n", fault.Invalid},
		"ends in a header":              {multi, crlf(big + "--xYz\nContent-Disposition: form-data"), fault.Invalid},
		"ends in content":               {multi, crlf(big), fault.Invalid},
		"ends in the last boundary":     {multi, crlf(big + "--xYz-"), fault.Invalid},
		"ends behind a boundary":        {multi, crlf(big + "--xYz\n"), fault.Invalid},
		"no form-data":                  {multi, crlf(big + part("Content-Type: text/plain", "x") + "--xYz--"), fault.Invalid},
		"no header field":               {multi, crlf(big + part("Content-Disposition form-data", "x") + "--xYz--"), fault.Invalid},
		"a header that begins folded":   {multi, crlf(big + part(" x: y", "x") + "--xYz--"), fault.Invalid},
		"a header of 20 KiB":            {multi, crlf(big + part("X: "+strings.Repeat("x", 20<<10), "x") + "--xYz--"), fault.TooLarge},
		"a header of 200 lines":         {multi, crlf(big + part(strings.TrimSpace(strings.Repeat("X: y\n", 200)), "x") + "--xYz--"), fault.TooLarge},
		"a header line of 64 KiB":       {multi, crlf(big + part("X: "+strings.Repeat("x", 64<<10), "x") + "--xYz--"), fault.TooLarge},
		"a preamble line of 64 KiB":     {multi, crlf(strings.Repeat("x", 64<<10) + "\n" + big + "--xYz--"), fault.TooLarge},
		"201 parts":                     {multi, crlf(strings.Repeat(part("Content-Disposition: form-data; name=a", ""), 201) + "--xYz--"), fault.TooLarge},
		"201 urlencoded fields":         {"application/x-www-form-urlencoded", strings.Repeat("a=b&", 201), fault.TooLarge},
		"a name of 5,000 bytes":         {"application/x-www-form-urlencoded", "a=b&" + strings.Repeat("n", 5000), fault.TooLarge},
		"half a percent":                {"application/x-www-form-urlencoded", "a=b&c=%4", fault.Invalid},
		"no hex":                        {"application/x-www-form-urlencoded", "a=b&c=%zz", fault.Invalid},
		"half a percent in a name":      {"application/x-www-form-urlencoded", "a=b&%4", fault.Invalid},
		"a part of more than the limit": {multi, crlf(big + part("Content-Disposition: form-data; name=a", strings.Repeat("x", 800<<10)) + "--xYz--"), fault.TooLarge},
		"more than the limit in all":    {multi, crlf(strings.Repeat(big, 4)) + "--xYz--", fault.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tl, path := tools(t)
			tl.Limits.Mail, tl.Limits.Body = 700<<10, 2<<20
			f, err := readForm(context.Background(), tl, formRequest(tc.kind, tc.body))
			if f != nil || err == nil || fault.KindOf(err) != tc.want {
				t.Errorf("got %v, %v (%v), want %v", f, err, fault.KindOf(err), tc.want)
			}
			left(t, path)
		})
	}
}

func TestFormGet(t *testing.T) {
	t.Parallel()
	tl, path := tools(t)
	f, err := readForm(context.Background(), tl, formRequest(multi, crlf(
		part(`Content-Disposition: form-data; name="a"; filename="f"`, "file")+part(`Content-Disposition: form-data; name="a"`, "text")+
			part(`Content-Disposition: form-data; name="full"`, strings.Repeat("x", 64<<10))+part(`Content-Disposition: form-data; name="long"`, strings.Repeat("x", 64<<10+1))+
			part(`Content-Disposition: form-data; name="file"; filename="f"`, strings.Repeat("x", 300<<10))+"--xYz--")))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := f.Get("a"); v != "text" || !ok {
		t.Errorf("a: %q, %t", v, ok)
	}
	if v, ok := f.Get("full"); len(v) != 64<<10 || !ok {
		t.Errorf("full: %d bytes, %t", len(v), ok)
	}
	for _, name := range []string{"long", "file", "none"} {
		if v, ok := f.Get(name); v != "" || ok {
			t.Errorf("%s: %d bytes, %t", name, len(v), ok)
		}
	}
	if n := len(f.All("a")); n != 2 || f.Field("a").File != "f" || f.Field("none") != nil {
		t.Errorf("%d fields of one name", n)
	}
	b := f.Field("file").take()
	f.Close()
	if in, err := b.Open(); err != nil {
		t.Errorf("what was taken is gone: %v", err)
	} else {
		_ = in.Close()
	}
	_ = b.Close()
	left(t, path)
}

// TestFormContext: a form whose request is given up is given up.
func TestFormContext(t *testing.T) {
	t.Parallel()
	tl, path := tools(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := readForm(ctx, tl, formRequest(multi, crlf(part("Content-Disposition: form-data; name=a", strings.Repeat("x", 300<<10))+"--xYz--"))); !errors.Is(err, context.Canceled) || !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
	left(t, path)
}

// TestFormMemory: neither a file of 25 MiB nor 150 fields of 200 KiB are held in memory.
func TestFormMemory(t *testing.T) {
	if Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	for name, sizes := range map[string][]int{"one file": {25 << 20}, "many fields": make([]int, 150)} {
		t.Run(name, func(t *testing.T) {
			tl, path := tools(t)
			w := tl.Spool.Create()
			m := multipart.NewWriter(w)
			for i, size := range sizes {
				if size == 0 {
					size = 200 << 10
				}
				p, err := m.CreateFormField(fmt.Sprintf("f%d", i))
				if err != nil {
					t.Fatal(err)
				}
				for range size / 1024 {
					_, _ = p.Write(make([]byte, 1024))
				}
			}
			_ = m.Close()
			body, err := w.Body()
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			f, err := readForm(context.Background(), tl, &Request{Header: http.Header{"Content-Type": {m.FormDataContentType()}}, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if held, made := int64(after.HeapAlloc)-int64(before.HeapAlloc), after.TotalAlloc-before.TotalAlloc; held > 3<<20 || made > 12<<20 {
				t.Errorf("holds %d KiB, made %d KiB", held>>10, made>>10)
			}
			if len(f.Fields) != len(sizes) {
				t.Errorf("%d fields", len(f.Fields))
			}
			f.Close()
			_ = body.Close()
			left(t, path)
		})
	}
}

// FuzzForm: no form is too odd, what mime/multipart and net/url read without an error is read the same, and nothing stays behind.
func FuzzForm(f *testing.F) {
	for _, body := range []string{crlf(part(`Content-Disposition: form-data; name="a"; filename="b"`, "c") + "--xYz--\n"), part("Content-Disposition: form-data; name=a", "") + "--xYz--", "--xYz\r\n\r\n--xYz--", "--xYz--"} {
		f.Add(true, body)
	}
	f.Add(false, "a=b&c=%41+&&=")
	f.Fuzz(func(t *testing.T, isMulti bool, body string) {
		tl, path := tools(t)
		kind := "application/x-www-form-urlencoded"
		if isMulti {
			kind = multi
		}
		got, err := readForm(context.Background(), tl, formRequest(kind, body))
		if err != nil {
			if k := fault.KindOf(err); k != fault.Invalid && k != fault.TooLarge {
				t.Errorf("%v", err)
			}
			left(t, path)
			return
		}
		fields := plain(t, got)
		got.Close()
		left(t, path)
		if !isMulti {
			want, err := url.ParseQuery(body)
			if err != nil { // it knows no semicolons
				return
			}
			have := url.Values{}
			for _, fl := range fields {
				have.Add(fl.Name, fl.Value)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Error(diff)
			}
			return
		}
		var again bytes.Buffer // written by others it is read as the same
		w := multipart.NewWriter(&again)
		for _, fl := range fields {
			p, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {"form-data; name=x"}})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(p, fl.Value)
		}
		_ = w.Close()
		second, err := readForm(context.Background(), tl, formRequest(w.FormDataContentType(), again.String()))
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		for i, fl := range plain(t, second) {
			if fl.Value != fields[i].Value {
				t.Errorf("field %d: %q, then %q", i, fields[i].Value, fl.Value)
			}
		}
		theirs := multipart.NewReader(strings.NewReader(body), "xYz")
		var values []string
		for {
			p, err := theirs.NextRawPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return
			}
			b, err := io.ReadAll(p)
			if err != nil {
				return
			}
			values = append(values, string(b))
		}
		var ours []string
		for _, fl := range fields {
			ours = append(ours, fl.Value)
		}
		if diff := cmp.Diff(values, ours); diff != "" {
			t.Errorf("%q: mime/multipart reads otherwise: %s", body, diff)
		}
	})
}
