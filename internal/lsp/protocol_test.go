package lsp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"postern/internal/lsp"
)

// What an editor may not do gets the error that LSP 3.17 names for it, and the session goes on.
func TestProtocol(t *testing.T) {
	t.Parallel()
	c := connect(t, options())
	code := func(e map[string]any) any { return e["code"] }
	if _, e := c.ask("textDocument/hover", nil); code(e) != -32002.0 {
		t.Errorf("before initialize: %v", e)
	}
	c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": "file:///x/a.rules", "text": "rule"}})
	if _, e := c.ask("initialize", "text"); code(e) != -32602.0 {
		t.Errorf("parameters of another kind: %v", e)
	}
	c.initialize()
	c.next() // client/registerCapability
	if _, e := c.ask("initialize", map[string]any{}); code(e) != -32600.0 {
		t.Errorf("a second initialize: %v", e)
	}
	if _, e := c.ask("textDocument/nonsense", nil); code(e) != -32601.0 {
		t.Errorf("an unknown method: %v", e)
	}
	c.notify("textDocument/nonsense", nil)
	c.notify("$/nonsense", nil)
	for _, method := range []string{"textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "workspace/didChangeWatchedFiles"} {
		for _, params := range []any{nil, 7, "x", []any{}, map[string]any{"textDocument": 7}, map[string]any{"contentChanges": []any{nil}}} {
			c.notify(method, params)
		}
	}
	if r, e := c.ask("textDocument/hover", map[string]any{"textDocument": map[string]any{"uri": "file:///x/a.rules"}, "position": map[string]any{"line": -7, "character": 1 << 40}}); r != nil || e != nil {
		t.Errorf("what was opened before initialize: %v, %v", r, e)
	}
	if _, e := c.ask("textDocument/completion", []any{1}); code(e) != -32602.0 {
		t.Errorf("parameters of another kind: %v", e)
	}
	for frame, want := range map[string]float64{
		"{":                       -32700,
		"":                        -32700,
		"[]":                      -32600,
		"7":                       -32600,
		`{"id":{},"method":"x"}`:  -32600,
		`{"id":[1],"method":"x"}`: -32600,
		`{"method":7}`:            -32600,
	} {
		c.raw(fmt.Sprintf("Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n%s", len(frame), frame))
		m := c.next()
		e, _ := m["error"].(map[string]any)
		if _, has := m["id"]; !has || m["id"] != nil || code(e) != want {
			t.Errorf("%s: %v", frame, m)
		}
	}
	c.raw("content-length: 2\n\n{}") // a case and line ends of their own
	big := 16<<20 + 1
	c.raw(fmt.Sprintf("Content-Length: %d\r\n\r\n", big))
	c.raw(strings.Repeat(" ", big))
	if m := c.next(); code(m["error"].(map[string]any)) != -32600.0 {
		t.Errorf("a large message: %v", m)
	}
	c.get("shutdown", nil)
	if _, e := c.ask("textDocument/hover", nil); code(e) != -32600.0 {
		t.Errorf("after shutdown: %v", e)
	}
}

// A request that is cancelled before its turn gets that answer.
func TestCancel(t *testing.T) {
	t.Parallel()
	c := connect(t, options())
	c.initialize()
	c.next()
	// The server is kept waiting by an answer that nobody reads, so that it has not come to the request when it reads the next.
	dir := write(t, nil)
	text := strings.Repeat("rule \"a\" { then { tag(\"a\") } }\n", 1000)
	uri := c.open(dir+"/a.rules", text)
	for range 5 {
		c.send(map[string]any{"id": "slow", "method": "textDocument/documentSymbol", "params": at(uri, text, "")})
	}
	c.send(map[string]any{"id": "gone", "method": "textDocument/hover", "params": at(uri, text, "ru")})
	c.notify("$/cancelRequest", map[string]any{"id": "gone"})
	c.notify("$/cancelRequest", map[string]any{"id": "never asked"})
	c.notify("$/cancelRequest", 7)
	for {
		if m := c.next(); m["id"] == "gone" {
			if e, ok := m["error"].(map[string]any); ok && e["code"] != -32800.0 {
				t.Errorf("%v", m)
			} else if !ok {
				t.Log("it was answered before the cancel was read")
			}
			return
		}
	}
}

// How a session ends says what the exit code is.
func TestEnd(t *testing.T) {
	t.Parallel()
	frame := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(s), s) }
	begin := frame(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}`)
	shutdown, exit := frame(`{"jsonrpc":"2.0","id":2,"method":"shutdown"}`), frame(`{"jsonrpc":"2.0","method":"exit"}`)
	for _, c := range []struct {
		name, sent string
		orderly    bool
		err        string
	}{
		{"shutdown and exit", begin + shutdown + exit, true, ""},
		{"exit alone", begin + exit, false, ""},
		{"exit before anything", exit, false, ""},
		{"nothing", "", false, ""},
		{"shutdown and the end", begin + shutdown, true, ""},
		{"in the middle of a message", begin + "Content-Length: 10\r\n\r\n{", false, "unexpected EOF"},
		{"in the middle of a header", begin + "Content-Le", false, "unexpected EOF"},
		{"no header", begin + "GET / HTTP/1.1\r\n\r\n", false, "Content-Length"},
		{"a header without a length", "Content-Type: x\r\n\r\n", false, "Content-Length"},
		{"a length that is none", "Content-Length: x\r\n\r\n", false, "Content-Length"},
		{"a length below zero", "Content-Length: -1\r\n\r\n", false, "Content-Length"},
		{"a length that is very large", "Content-Length: 9223372036854775807\r\n\r\n{", false, "EOF"},
		{"a length beyond numbers", "Content-Length: 92233720368547758070\r\n\r\n{", false, "Content-Length"},
		{"an endless header", strings.Repeat("x", 1<<16), false, "Content-Length"},
		{"headers without end", strings.Repeat("a: b\r\n", 1000), false, "Content-Length"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			orderly, err := lsp.Serve(context.Background(), strings.NewReader(c.sent), io.Discard, options())
			if orderly != c.orderly || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, %v", orderly, err)
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	hung, w := io.Pipe()
	defer w.Close()
	if _, err := lsp.Serve(ctx, hung, io.Discard, options()); err != context.DeadlineExceeded {
		t.Errorf("an end from outside: %v", err)
	}
}

// Whatever an editor sends, the session ends with its input, and what was answered are messages.
func FuzzServe(f *testing.F) {
	frame := func(s string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(s), s) }
	begin := frame(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}`)
	opened := frame(`{"method":"textDocument/didOpen","params":{"textDocument":{"uri":"file:///nowhere/a.rules","version":1,"text":"rule \"a\" { when mail. then { tag(\"{mail.}\") } }"}}}`)
	place := `"params":{"textDocument":{"uri":"file:///nowhere/a.rules"},"position":{"line":0,"character":21},"newName":"x"}`
	all := begin + opened
	for _, method := range []string{"completion", "hover", "definition", "references", "rename", "prepareRename", "signatureHelp", "documentSymbol", "formatting"} {
		all += frame(`{"id":7,"method":"textDocument/` + method + `",` + place + `}`)
	}
	f.Add([]byte(all))
	f.Add([]byte(begin + opened + frame(`{"method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///nowhere/a.rules","version":2},"contentChanges":[{"range":{"start":{"line":9,"character":1},"end":{"line":0,"character":-1}},"text":"\ud83d"}]}}`)))
	f.Add([]byte(begin + frame(`{"method":"$/cancelRequest","params":{"id":7}}`) + frame(`{"id":8,"method":"shutdown"}`) + frame(`{"method":"exit"}`)))
	f.Add([]byte("Content-Length: 1\r\n\r\n{"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		var out bytes.Buffer
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		o := options()
		o.Pause = time.Microsecond
		_, _ = lsp.Serve(ctx, bytes.NewReader(sent), &out, o)
		if ctx.Err() != nil {
			t.Error("it went on")
		}
		for r := bufio.NewReader(&out); ; {
			m, err := readMessage(r)
			if err == io.EOF {
				return
			}
			if err != nil {
				t.Fatalf("%v in %q", err, out.String())
			}
			if e, ok := m["error"].(map[string]any); ok && e["code"] == -32603.0 {
				t.Errorf("a panic: %v", m)
			}
		}
	})
}
