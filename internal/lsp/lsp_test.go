package lsp_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/dsl"
)

// What is wrong is told of every file of the set, at its UTF-16 range, and taken back when it is mended.
func TestDiagnostics(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{
		"10-lists.rules": "list vip = [\"example.org\"]\n",
		"20-other.rules": "rule \"o\" { when mail.from.domain in vipp then { stop() } }\n",
	})
	c := connect(t, options())
	c.initialize()
	text := "rule \"🙂\" {\n    when mail.subject == \"🙂🙂ä\" and mail.nothing == \"\" then { stop() }\n}\n"
	uri := c.open(dir+"/30-t.rules", text)
	other := "file://" + dir + "/20-other.rules"
	c.until("both files", func() bool { return len(c.told[uri]) == 1 && len(c.told[other]) == 1 })
	d := c.told[uri][0].(map[string]any)
	// the emoji are two UTF-16 units each, and four bytes
	start := len("    when mail.subject == \"") + 2 + 2 + 1 + len("\" and mail.")
	if got, want := show(d["range"]), show(map[string]any{"start": map[string]any{"line": 1, "character": start}, "end": map[string]any{"line": 1, "character": start + len("nothing")}}); got != want {
		t.Errorf("at %s, not %s", got, want)
	}
	if d["severity"] != 1.0 || !strings.Contains(d["message"].(string), "the mail has no field nothing") {
		t.Errorf("%v", d)
	}
	if d := show(c.told[other][0]); !strings.Contains(d, "did you mean vip?") {
		t.Error(d)
	}
	c.change(uri, 2, strings.Replace(text, "mail.nothing", "mail.html", 1))
	c.until("mended", func() bool { return len(c.told[uri]) == 0 && len(c.told[other]) == 1 })

	otherURI := c.open(dir+"/20-other.rules", "rule \"o\" { when mail.from.domain in vip then { stop() } }\n")
	c.until("the other too", func() bool { return len(c.told[otherURI]) == 0 })

	// What is open counts, saved or not; closed, the file on disk counts again.
	c.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": otherURI}})
	c.until("as on disk", func() bool { return len(c.told[otherURI]) == 1 })
	if err := os.WriteFile(filepath.Join(dir, "20-other.rules"), []byte("// nothing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.notify("workspace/didChangeWatchedFiles", map[string]any{"changes": []any{}})
	c.until("changed on disk", func() bool { return len(c.told[otherURI]) == 0 })

	c.change(uri, 3, "rule \"x\" {")
	c.until("broken", func() bool { return len(c.told[uri]) > 0 })
	c.notify("textDocument/didClose", map[string]any{"textDocument": map[string]any{"uri": uri}})
	c.until("the last is closed", func() bool { return len(c.told[uri]) == 0 })
}

// Line ends of other systems, a byte order mark on disk and characters beyond 16 bits change no place.
func TestPlaces(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"10-disk.rules": "\uFEFFlist vip = wrong\r\n"})
	c := connect(t, options())
	c.initialize()
	uri := c.open(dir+"/20-open.rules", "// 🙂\r\n\r\nrule \"🙂🙂\" { when mail.nothing then {\r\n  stop() } }\r\n")
	disk := "file://" + dir + "/10-disk.rules"
	c.until("both", func() bool { return len(c.told[uri]) == 1 && len(c.told[disk]) == 1 })
	for uri, want := range map[string]string{
		uri:  `{"end":{"character":31,"line":2},"start":{"character":24,"line":2}}`,
		disk: `{"end":{"character":16,"line":0},"start":{"character":11,"line":0}}`,
	} {
		if got := show(c.told[uri][0].(map[string]any)["range"]); got != want {
			t.Errorf("%s: %s", uri, got)
		}
	}
	place := map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": 3, "character": 4}}
	if h := show(c.get("textDocument/hover", place)); !strings.Contains(h, `"start":{"character":2,"line":3}`) {
		t.Error(h)
	}
	edits := c.get("textDocument/formatting", place).([]any)
	if len(edits) != 1 {
		t.Fatal(edits)
	}
	for _, edit := range edits {
		if e := show(edit); !strings.Contains(e, `"start":{"character":0`) {
			t.Error(e)
		}
	}
}

// Warnings, and names of the configuration, which is told to be wrong once.
func TestConfiguration(t *testing.T) {
	t.Parallel()
	dir := write(t, nil)
	o := options()
	c := connect(t, o)
	c.initialize()
	uri := c.open(dir+"/a.rules", "rule \"a\" { when mail.from.domain == \"X.org\" then { priority(\"urgnt\") } }\n")
	c.until("an error and a warning", func() bool { return len(c.told[uri]) == 2 })
	if said := show(c.told[uri]); !strings.Contains(said, "did you mean urgent?") || !strings.Contains(said, `"severity":2`) {
		t.Error(said)
	}

	o.Vocabulary = func(string) (dsl.Vocabulary, string) { return dsl.Vocabulary{}, "postern.yaml:1:1: nonsense" }
	c = connect(t, o)
	c.initialize()
	uri = c.open(dir+"/a.rules", "rule \"a\" { then { priority(\"any\") } }\n")
	c.until("told", func() bool { return len(c.shown) == 1 && c.told[uri] != nil })
	if len(c.told[uri]) != 0 {
		t.Errorf("%v", c.told[uri])
	}
	c.change(uri, 2, "rule \"a\" { then { priority(\"any\") } \n")
	c.until("again", func() bool { return len(c.told[uri]) > 0 })
	if len(c.shown) != 1 {
		t.Errorf("told %v", c.shown)
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	dir := write(t, map[string]string{"10-lists.rules": "// 🙂\nlist vip = [\"example.org\"] // vip\n", "lists/a.txt": "one\n"})
	c := connect(t, options())
	if caps := show(c.initialize()["capabilities"]); !strings.Contains(caps, `"hoverProvider":true`) || !strings.Contains(caps, `"positionEncoding":"utf-16"`) {
		t.Error(caps)
	}
	if m := c.next(); m["method"] != "client/registerCapability" {
		t.Errorf("%v", m)
	} else {
		c.send(map[string]any{"id": m["id"], "result": nil})
	}
	text := "list a = file(\"lists/a.txt\")\nrule \"r\" {\n  let big = mail.size > 10\n  in support\n  when mail.from.domain in vip and big\n  then { priority(\"low\");  }\n}\n"
	uri := c.open(dir+"/20-r.rules", text)
	lists := "file://" + dir + "/10-lists.rules"

	labels := func(place map[string]any) (out []string) {
		for _, i := range c.get("textDocument/completion", place).(map[string]any)["items"].([]any) {
			out = append(out, i.(map[string]any)["label"].(string))
		}
		return out
	}
	if got := labels(at(uri, text, "mail.from.")); !slices.Equal(got, []string{"email", "name", "local", "domain", "display", "mixedScript"}) {
		t.Errorf("members: %v", got)
	}
	if got := labels(at(uri, text, "priority(\"")); !slices.Equal(got, []string{"low", "urgent"}) {
		t.Errorf("priorities: %v", got)
	}
	items := show(c.get("textDocument/completion", at(uri, text, "\"low\"); ")))
	for _, want := range []string{`"newText":"tag(\"${1:name}\")"`, `"insertTextFormat":2`, `"label":"vip"`, `"label":"big"`, "adds tags"} {
		if !strings.Contains(items, want) {
			t.Errorf("%s is not in %.2000s", want, items)
		}
	}

	if h := show(c.get("textDocument/hover", at(uri, text, "in vi"))); !strings.Contains(h, `list vip = [\"example.org\"]`) || !strings.Contains(h, "🙂") || !strings.Contains(h, "1 text") {
		t.Errorf("hover: %s", h)
	}
	if d := show(c.get("textDocument/definition", at(uri, text, "in vi"))); !strings.Contains(d, lists) || !strings.Contains(d, `"start":{"character":5,"line":1}`) {
		t.Errorf("definition: %s", d)
	}
	if d := show(c.get("textDocument/definition", at(uri, text, "lists/a"))); !strings.Contains(d, dir+"/lists/a.txt") {
		t.Errorf("definition of a file: %s", d)
	}
	if r := c.get("textDocument/references", at(uri, text, "in vi")).([]any); len(r) != 1 {
		t.Errorf("references: %v", r)
	}
	rename := at(uri, text, "in vi")
	rename["newName"] = "dear"
	if e := show(c.get("textDocument/rename", rename)); strings.Count(e, `"newText":"dear"`) != 2 || !strings.Contains(e, lists) {
		t.Errorf("rename: %s", e)
	}
	rename["newName"] = "mail"
	if _, e := c.ask("textDocument/rename", rename); e["code"] != -32803.0 || !strings.Contains(e["message"].(string), "taken") {
		t.Errorf("rename to what is taken: %v", e)
	}
	if p := show(c.get("textDocument/prepareRename", at(uri, text, "let bi"))); !strings.Contains(p, `"character":6`) {
		t.Errorf("prepareRename: %s", p)
	}
	if p := c.get("textDocument/prepareRename", at(uri, text, "mail.si")); p != nil {
		t.Errorf("prepareRename of a member: %v", p)
	}
	if s := show(c.get("textDocument/signatureHelp", at(uri, text, "priority("))); !strings.Contains(s, `"label":"priority(name)"`) {
		t.Errorf("signature: %s", s)
	}
	if s := show(c.get("textDocument/documentSymbol", at(uri, text, ""))); !strings.Contains(s, `"children":[{"detail":"let"`) || !strings.Contains(s, `"name":"r"`) {
		t.Errorf("symbols: %s", s)
	}
	edits := c.get("textDocument/formatting", at(uri, text, "")).([]any)
	want, err := dsl.Format("x", []byte(text))
	if err != nil || len(edits) != 1 {
		t.Fatalf("%v, %v", edits, err)
	}
	if got := apply(text, edits[0].(map[string]any)); got != string(want) {
		t.Errorf("laid out:\n%s", got)
	}
	c.change(uri, 2, string(want))
	if edits := c.get("textDocument/formatting", at(uri, text, "")).([]any); len(edits) != 0 {
		t.Errorf("again: %v", edits)
	}
	c.change(uri, 3, "rule {")
	if _, e := c.ask("textDocument/formatting", at(uri, text, "")); e == nil || !strings.Contains(e["message"].(string), "20-r.rules:1:6") {
		t.Errorf("a broken file: %v", e)
	}

	// An edit within a line, in UTF-16, is one too.
	c.change(uri, 4, "// 🙂 x\nlist b = vip\n")
	c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": uri, "version": 5}, "contentChanges": []any{
		map[string]any{"range": map[string]any{"start": map[string]any{"line": 0, "character": 5}, "end": map[string]any{"line": 1, "character": 7}}, "text": "\ndefine d "}}})
	if s := show(c.get("textDocument/documentSymbol", at(uri, text, ""))); !strings.Contains(s, `"name":"d"`) {
		t.Errorf("after an edit: %s", s)
	}

	// What is not open, or is no rules file, has nothing to say.
	c.open(dir+"/notes.txt", "rule")
	c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": "untitled:a.rules", "version": 1, "text": "rule"}})
	for _, uri := range []string{"file://" + dir + "/notes.txt", "untitled:a.rules", "", "::", "file:///none.rules"} {
		if h := c.get("textDocument/hover", at(uri, "rule", "ru")); h != nil {
			t.Errorf("%s: %v", uri, h)
		}
	}
	c.get("shutdown", nil)
	c.notify("exit", nil)
	if <-c.done; !c.orderly || c.err != nil {
		t.Errorf("orderly %v, %v", c.orderly, c.err)
	}
}

// apply carries out an edit of a text that is ASCII.
func apply(text string, edit map[string]any) string {
	offset := func(p any) int {
		m := p.(map[string]any)
		lines := strings.SplitAfter(text, "\n")
		return len(strings.Join(lines[:int(m["line"].(float64))], "")) + int(m["character"].(float64))
	}
	r := edit["range"].(map[string]any)
	return text[:offset(r["start"])] + edit["newText"].(string) + text[offset(r["end"]):]
}

func TestPlainSnippets(t *testing.T) {
	t.Parallel()
	dir := write(t, nil)
	c := connect(t, options())
	c.get("initialize", map[string]any{"capabilities": map[string]any{}})
	uri := c.open(dir+"/a.rules", "rule \"a\" { when ")
	items := show(c.get("textDocument/completion", at(uri, "rule \"a\" { when ", "when ")))
	if !strings.Contains(items, "has(text, words)") || strings.Contains(items, "${") || strings.Contains(items, `"insertTextFormat":2`) {
		t.Error(items)
	}
}
