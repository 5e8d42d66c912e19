package webhook

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/internal/fault"
	"postern/internal/spool"
)

func jsonTools(t testing.TB) *Tools {
	t.Helper()
	d, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &Tools{Spool: d, Limits: Limits{Body: 1 << 30, Mail: 100 << 20, Mails: 1000, Parts: 1000}}
}

func jsonOf(t testing.TB, doc string) *value {
	t.Helper()
	v, err := readJSON(jsonTools(t), spool.Bytes([]byte(doc)))
	if err != nil {
		t.Fatalf("%.200s: %v", doc, err)
	}
	return v
}

// plainJSON is a value as encoding/json gives it.
func plainJSON(t testing.TB, v *value) any {
	switch v.Kind() {
	case "null":
		return nil
	case "bool":
		b, _ := v.Bool()
		return b
	case "number":
		n, ok := v.Number()
		if !ok {
			t.Fatalf("%s is no number", v.text)
		}
		return n
	case "text":
		r, err := v.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if s, ok := v.Text(); ok != (len(b) <= maxText) || ok && s != string(b) {
			t.Fatalf("Text is %.40q, Open %.40q", s, b)
		}
		return string([]rune(string(b))) // bytes that are no UTF-8 become U+FFFD, one each, as encoding/json does it
	case "list":
		l := []any{}
		for _, i := range v.List() {
			l = append(l, plainJSON(t, i))
		}
		return l
	case "object":
		o := map[string]any{}
		for _, k := range v.Keys() {
			o[string([]rune(k))] = plainJSON(t, v.Get(k))
		}
		return o
	}
	t.Fatalf("kind %s", v.Kind())
	return nil
}

// TestJSONAgrees: what both take, both read alike, wherever a buffer ends.
func TestJSONAgrees(t *testing.T) {
	t.Parallel()
	docs := []string{
		`null`, ` true `, "\t[false\r\n]", `0`, `-0`, `-12.5e+3`, `1E-2`, `""`, `"a\"\\\/\b\f\n\r\tz"`, `"\u0041\u00e9\u20ac"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ude00\ud83d"`,
		`"\ud83d\ud83d\ude00"`, `"\ud83d\n"`, `"\ud83d\u0041"`, "\"\xff\xc3\"", `"😀é"`, `{}`, `[]`, `[[],{}]`, `{"":1,"a":{"b":[1,"2",null]}}`, "{\"\xff\":1}", `{"a":1,"A":2}`,
		`{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"k":[]}`, `"\u0000"`, "\"\u2028\"",
	}
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{`x`, `é`, `\n`, `\u00e9`, `\ud83d\ude00`, `\ud83d`, "\xff", `😀`, strings.Repeat("y", 500)}
	for _, n := range []int{jsonHeld - 1, jsonHeld, jsonHeld + 1, 32<<10 - 3, 32<<10 - 2, 32<<10 - 1, maxText, maxText + 1, 200_000} {
		docs = append(docs, `"`+strings.Repeat("a", n)+`"`, `["`+strings.Repeat("a", n)+`\ud83d\ude00b"]`)
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		docs = append(docs, `{"k":["`+b.String()+`",1]}`)
	}
	for _, doc := range docs {
		var want any
		if err := json.Unmarshal([]byte(doc), &want); err != nil {
			t.Fatalf("%.40q: %v", doc, err)
		}
		if got := plainJSON(t, jsonOf(t, doc)); !reflect.DeepEqual(got, want) {
			t.Errorf("%.60q: got %.60q, want %.60q", doc, got, want)
		}
	}
}

func TestJSONErrors(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		``:                          `at $: the document ends too early, after 0 bytes: unexpected EOF`,
		`{"a":[1,2`:                 `at $.a: the document ends too early, after 9 bytes: unexpected EOF`,
		`{"a":"b`:                   `at $.a: the document ends too early, after 7 bytes: unexpected EOF`,
		`{"a`:                       `at $: the document ends too early, after 3 bytes: unexpected EOF`,
		`{"a":1,"a":2}`:             `at $: the key "a" comes twice (byte 10)`,
		`{"a":{"b b":[{"c":tru}]}}`: `at $.a["b b"][0].c: want true (byte 22)`,
		`[1,]`:                      `at $: a comma is followed by ']' (byte 3)`,
		`[,1]`:                      `at $[0]: want a value, got ',' (byte 1)`,
		`{"a":1,}`:                  `at $: a comma is followed by '}' (byte 7)`,
		`{a:1}`:                     `at $: want a key, got 'a' (byte 1)`,
		`{"a" 1}`:                   `at $.a: want a colon, got '1' (byte 5)`,
		`[1 2]`:                     `at $: want a comma or ']', got '2' (byte 3)`,
		`{} {}`:                     `at $: something follows the document (byte 3)`,
		`01`:                        `at $: something follows the document (byte 1)`,
		`-`:                         `at $: a digit is missing (byte 1)`,
		`1.`:                        `at $: a digit is missing (byte 2)`,
		`1e+`:                       `at $: a digit is missing (byte 3)`,
		`"\x"`:                      `at $: an escape that JSON does not have (byte 3)`,
		`"\u12g4"`:                  `at $: want four hexadecimal digits (byte 3)`,
		`"\u12`:                     `at $: the document ends too early, after 3 bytes: unexpected EOF`,
		"\"a\nb\"":                  `at $: a control character in a text (byte 2)`,
		"\xef\xbb\xbf1":             `at $: want a value, got 'ï' (byte 0)`,
		`'a'`:                       `at $: want a value, got '\'' (byte 0)`,
		strings.Repeat("[", 40):     `at $` + strings.Repeat("[0]", 32) + `: lists and objects are nested more than 32 deep`,
		`{"` + strings.Repeat("k", jsonKey+1) + `":1}`:        `at $: a key has more than 1024 bytes, or all keys more than 2097152`,
		strings.Repeat("1", jsonKey+1):                        `at $: a number has more than 1024 digits`,
		`[` + strings.Repeat("1,", forProven.values-1) + `1]`: `at $[199999]: the document has more than 200000 values`,
		`[` + strings.Repeat(" ", 100_000) + `{"a":nul`:       `at $[0].a: the document ends too early, after 100009 bytes: unexpected EOF`,
	} {
		_, err := readJSON(jsonTools(t), spool.Bytes([]byte(doc)))
		if err == nil || err.Error() != want {
			t.Errorf("%.60q:\n got %v\nwant %s", doc, err, want)
		}
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
			t.Errorf("%.60q: %s", doc, fault.KindOf(err))
		}
	}
}

// TestJSONWants: what is not there, or is something else, is said where it is looked for.
func TestJSONWants(t *testing.T) {
	t.Parallel()
	v := jsonOf(t, `{"items":[{"Subject":["a"],"Text":"t","N":null,"Score":1.5}],"big":"`+strings.Repeat("b", maxText+1)+`","s":"x"}`)
	item := v.Get("items").List()[0]
	text := func(v *value, key string) error { _, err := v.NeedText(key); return err }
	may := func(v *value, key string) error { _, err := v.MayText(key); return err }
	number := func(v *value, key string) error { _, err := v.MayNumber(key); return err }
	list := func(v *value, key string) error { _, err := v.NeedList(key); return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{text(item, "Subject"), "at $.items[0].Subject: want text, got list (byte 21)"},
		{text(item, "none"), "at $.items[0].none: want text, got missing (byte 10)"},
		{text(item, "N"), "at $.items[0].N: want text, got null (byte 42)"},
		{text(item, "Text"), ""},
		{may(item, "N"), ""},
		{may(item.Get("N"), "x"), ""},
		{may(item.Get("Text"), "x"), "at $.items[0].Text: want object, got text (byte 34)"},
		{may(item, "none"), ""},
		{may(item, "Score"), "at $.items[0].Score: want text, got number (byte 55)"},
		{number(item, "Score"), ""},
		{number(item, "N"), ""},
		{number(item, "Text"), "at $.items[0].Text: want number, got text (byte 34)"},
		{list(item, "Text"), "at $.items[0].Text: want list, got text (byte 34)"},
		{list(v, "items"), ""},
		{text(v.Get("s").Get("a").Get("b"), "c"), "at $.s: want object, got text (byte 65611)"},
		{text(v, "big"), "at $.big: the text has more than 65536 bytes"},
		{text(nil, "x"), "at $: want text, got missing (byte 0)"},
	} {
		if got := fmt.Sprint(c.err); c.err == nil && c.want != "" || c.err != nil && got != c.want {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
	var none *value
	if none.Get("a").Get("b") != nil || none.List() != nil || none.Keys() != nil || none.Kind() != "missing" || none.Has("a") || item.Has("N") || !item.Has("Text") {
		t.Error("what is missing is something")
	}
	if _, ok := none.Text(); ok {
		t.Error("a missing text")
	}
	if _, err := none.Open(); err == nil {
		t.Error("opened a missing text")
	}
}

func TestJSONBase64(t *testing.T) {
	t.Parallel()
	tools := jsonTools(t)
	tools.Limits.Mail = 100_000
	data := make([]byte, 70_000)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	good := base64.StdEncoding.EncodeToString(data)
	broken := strings.Join(slices.Collect(func(yield func(string) bool) {
		for l := range slices.Chunk([]byte(good), 76) {
			if !yield(string(l)) {
				return
			}
		}
	}), `\r\n`)
	for name, c := range map[string]struct {
		text, want string
		kind       fault.Kind
	}{
		"one line":  {good, string(data), fault.Internal},
		"lines":     {broken + `\n`, string(data), fault.Internal},
		"blanks":    {` Q U\tJD `, "ABC", fault.Internal},
		"escaped":   {`\u0051UJD`, "ABC", fault.Internal},
		"empty":     {``, "", fault.Internal},
		"cut":       {good[:len(good)-5], "", fault.Invalid},
		"no end":    {`QUI`, "", fault.Invalid},
		"url":       {`QU-_`, "", fault.Invalid},
		"other":     {`QUJD*`, "", fault.Invalid},
		"two":       {`QQ==QQ==`, "", fault.Invalid},
		"two later": {strings.Repeat("QUJD", 255) + `QQ==` + good, "", fault.Invalid},
		"too large": {strings.Repeat("QUJD", 40_000), "", fault.TooLarge},
	} {
		v := jsonOf(t, `{"c":"`+c.text+`"}`)
		body, err := v.Get("c").Base64(tools)
		if c.kind != fault.Internal {
			if !fault.Is(err, c.kind) || !strings.HasPrefix(err.Error(), "at $.c: ") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f, err := body.Open()
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(f); string(got) != c.want {
			t.Errorf("%s: got %d bytes %.20q", name, len(got), got)
		}
		_ = f.Close()
		_ = body.Close()
	}
}

// TestJSONMemory: a text of 30 MB costs no memory, and the worst document of short values a bounded amount of it.
func TestJSONMemory(t *testing.T) {
	if Raced {
		t.Skip("memory is measured without the race detector: make check does both")
	}
	tools := jsonTools(t)
	spooled := func(write func(w io.Writer)) *spool.Body {
		w := tools.Spool.Create()
		write(w)
		b, err := w.Body()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return b
	}
	held := func(read func() any) int64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		v := read()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(v)
		return int64(after.HeapAlloc) - int64(before.HeapAlloc)
	}
	line := bytes.Repeat([]byte("QUJD"), 1<<18)
	large := spooled(func(w io.Writer) {
		_, _ = io.WriteString(w, `{"c":"`)
		for range 30 {
			_, _ = w.Write(line)
		}
		_, _ = io.WriteString(w, `"}`)
	})
	if n := held(func() any {
		v, err := readJSON(tools, large)
		if err != nil {
			t.Fatal(err)
		}
		b, err := v.Get("c").Base64(tools)
		if err != nil || b.Size() != 30<<20/4*3 {
			t.Fatal(err)
		}
		_ = b.Close()
		return v
	}); n > 1<<20 {
		t.Errorf("a long text costs %d bytes", n)
	}
	worst := spooled(func(w io.Writer) {
		_, _ = io.WriteString(w, `[`)
		text := strings.Repeat("x", 100)
		for i := range 66_000 {
			_, _ = fmt.Fprintf(w, `{"key%d":"%s"},`, i, text)
		}
		_, _ = io.WriteString(w, `{}]`)
	})
	if n := held(func() any {
		v, err := readJSON(tools, worst)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}); n > 48<<20 {
		t.Errorf("many values cost %d bytes", n)
	}
}

// FuzzJSON: what both take is read alike by encoding/json, what only one takes is one of the things that we are stricter about.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"\ud83d\ude00",null,true]}`, `{"a":1,"a":2}`, `[[[[]]]]`, `"` + strings.Repeat("long", 2000) + `"`, "\"\xff\"", `{"msys":{}}`, `1e999`} {
		f.Add([]byte(s))
	}
	tools := jsonTools(f)
	f.Fuzz(func(t *testing.T, doc []byte) {
		v, err := readJSON(tools, spool.Bytes(doc))
		var want any
		theirs := json.Unmarshal(doc, &want)
		switch {
		case err == nil && theirs == nil:
			if got := plainJSON(t, v); !reflect.DeepEqual(got, want) && utf8.Valid(doc) { // else two keys of ours may be one of theirs
				t.Errorf("got %q, want %q", got, want)
			}
		case err == nil:
			if _, range64 := theirs.(*json.UnmarshalTypeError); !range64 { // 1e999
				t.Errorf("only we take it: %v", theirs)
			}
		case theirs == nil:
			if !fault.Is(err, fault.TooLarge) && !strings.Contains(err.Error(), "comes twice") {
				t.Errorf("only we refuse it: %v", err)
			}
		}
		var items []*value
		whole, passing := readItems(spool.Bytes(doc), func(item *value) error { items = append(items, item); return nil })
		switch {
		case err == nil && v.Kind() != "list":
			if passing != nil || whole.Kind() != v.Kind() || len(items) > 0 {
				t.Errorf("as items: %v, %s, %d", passing, whole.Kind(), len(items))
			}
		case err == nil:
			if passing != nil || len(items) != len(v.List()) {
				t.Errorf("as items: %v, %d of %d", passing, len(items), len(v.List()))
			}
			for i, item := range v.List() {
				if !reflect.DeepEqual(plainJSON(t, item), plainJSON(t, items[i])) || items[i].path() != item.path() {
					t.Errorf("item %s is another", item.path())
				}
			}
		case fault.Is(err, fault.Invalid) && (passing == nil || len(items) > 0):
			t.Errorf("as items: %v, %d", passing, len(items))
		}
		if err == nil && v.Kind() == "text" {
			b, err := v.Base64(tools)
			if err == nil {
				_ = b.Close()
			} else if !fault.Is(err, fault.Invalid) {
				t.Error(err)
			}
		}
	})
}
