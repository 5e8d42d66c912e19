package lsp_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postern/dsl"
	"postern/internal/lsp"
)

// A client is an editor at the other end of two pipes.
type client struct {
	*testing.T
	in       *io.PipeWriter
	messages chan map[string]any
	ids      int
	told     map[string][]any // the last diagnostics of each file
	shown    []string
	done     chan struct{}
	orderly  bool
	err      error
}

func options() lsp.Options {
	return lsp.Options{
		Vocabulary: func(string) (dsl.Vocabulary, string) {
			return dsl.Vocabulary{Mailboxes: []string{"support"}, Priorities: []string{"low", "urgent"}, Fields: []string{"order"}}, ""
		},
		Log: slog.New(slog.DiscardHandler), Pause: 10 * time.Millisecond, Version: "test",
	}
}

func connect(t *testing.T, o lsp.Options) *client {
	t.Helper()
	toServer, in := io.Pipe()
	out, fromServer := io.Pipe()
	c := &client{T: t, in: in, messages: make(chan map[string]any, 1000), told: map[string][]any{}, done: make(chan struct{})}
	go func() {
		defer close(c.done)
		c.orderly, c.err = lsp.Serve(context.Background(), toServer, fromServer, o)
		fromServer.Close()
		toServer.Close()
	}()
	go func() {
		defer close(c.messages)
		r := bufio.NewReader(out)
		for {
			m, err := readMessage(r)
			if err != nil {
				if err != io.EOF {
					t.Error(err)
				}
				return
			}
			c.messages <- m
		}
	}()
	t.Cleanup(func() { in.Close(); <-c.done })
	return c
}

func readMessage(r *bufio.Reader) (map[string]any, error) {
	length := 0
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		if line = strings.TrimSuffix(line, "\r\n"); line == "" {
			break
		}
		if n, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(n)
		}
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	var m map[string]any
	return m, json.Unmarshal(b, &m)
}

func (c *client) raw(s string) { _, _ = io.WriteString(c.in, s) }

func (c *client) send(m map[string]any) {
	c.Helper()
	m["jsonrpc"] = "2.0"
	b, err := json.Marshal(m)
	if err != nil {
		c.Fatal(err)
	}
	c.raw(fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(b), b))
}

func (c *client) notify(method string, params any) {
	c.Helper()
	c.send(map[string]any{"method": method, "params": params})
}

// next is the next message, keeping diagnostics.
func (c *client) next() map[string]any {
	c.Helper()
	select {
	case m, ok := <-c.messages:
		if !ok {
			c.Fatal("the server hung up")
		}
		params, _ := m["params"].(map[string]any)
		switch m["method"] {
		case "textDocument/publishDiagnostics":
			c.told[params["uri"].(string)] = params["diagnostics"].([]any)
		case "window/showMessage":
			c.shown = append(c.shown, params["message"].(string))
		}
		return m
	case <-time.After(30 * time.Second):
		c.Fatal("no message came")
	}
	return nil
}

// ask sends a request and waits for its answer.
func (c *client) ask(method string, params any) (result any, e map[string]any) {
	c.Helper()
	c.ids++
	c.send(map[string]any{"id": c.ids, "method": method, "params": params})
	for {
		if m := c.next(); m["id"] == float64(c.ids) && m["method"] == nil {
			e, _ = m["error"].(map[string]any)
			return m["result"], e
		}
	}
}

// get is ask where there is no error.
func (c *client) get(method string, params any) any {
	c.Helper()
	result, e := c.ask(method, params)
	if e != nil {
		c.Fatalf("%s: %v", method, e)
	}
	return result
}

func (c *client) initialize() map[string]any {
	c.Helper()
	result := c.get("initialize", map[string]any{"processId": nil, "rootUri": nil, "capabilities": map[string]any{
		"textDocument": map[string]any{"completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}}},
		"workspace":    map[string]any{"didChangeWatchedFiles": map[string]any{"dynamicRegistration": true}},
	}})
	c.notify("initialized", map[string]any{})
	return result.(map[string]any)
}

// until waits for diagnostics that are as wanted.
func (c *client) until(what string, ok func() bool) {
	c.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			c.Fatalf("never: %s; told %v", what, c.told)
		}
		c.next()
	}
}

func (c *client) open(path, text string) string {
	c.Helper()
	uri := "file://" + path
	c.notify("textDocument/didOpen", map[string]any{"textDocument": map[string]any{"uri": uri, "languageId": "rules", "version": 1, "text": text}})
	return uri
}

func (c *client) change(uri string, version int, text string) {
	c.Helper()
	c.notify("textDocument/didChange", map[string]any{"textDocument": map[string]any{"uri": uri, "version": version}, "contentChanges": []any{map[string]any{"text": text}}})
}

// at is a place behind the first occurrence of a piece of the text, which is ASCII up to there.
func at(uri, text, behind string) map[string]any {
	offset := strings.Index(text, behind) + len(behind)
	line := strings.Count(text[:offset], "\n")
	return map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": offset - strings.LastIndex(text[:offset], "\n") - 1}}
}

// write makes files below a new folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func show(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}
