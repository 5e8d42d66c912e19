package lsp

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
)

// A message is a request, a notification or an answer (JSON-RPC 2.0).
type message struct {
	ID     json.RawMessage `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`

	wrong *responseError // it cannot be read
}

func (m *message) isRequest() bool { return len(m.ID) > 0 && m.Method != "" }

// A responseError is why there is no result.
type responseError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// Codes of JSON-RPC and of LSP 3.17, "ErrorCodes".
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeUnknownMethod  = -32601
	codeInvalidParams  = -32602
	codeInternal       = -32603
	codeNotInitialized = -32002
	codeFailed         = -32803
	codeCancelled      = -32800
)

const (
	longestHeader = 4096 // bytes of one line
	mostHeaders   = 20
)

var errFrame = errors.New("the editor sent no message: a header Content-Length is needed")

// readFrame reads one message's bytes (LSP 3.17, "Base Protocol"). One that is too large is passed over, and nil.
func readFrame(r *bufio.Reader) ([]byte, error) {
	length := -1
	for n := 0; ; n++ {
		line, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0 && n == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF
		case err != nil || n > mostHeaders: // a line is larger than the reader's buffer
			return nil, errFrame
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, errFrame
		}
		if strings.EqualFold(strings.TrimSpace(name), "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil || length < 0 {
				return nil, errFrame
			}
		}
	}
	if length < 0 {
		return nil, errFrame
	}
	if length > mostMessage {
		if _, err := io.CopyN(io.Discard, r, int64(length)); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		return nil, nil
	}
	var b bytes.Buffer // grows with what comes, not with what was announced
	if _, err := io.CopyN(&b, r, int64(length)); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return b.Bytes(), nil
}

// parseMessage reads a message; what is wrong with it is told to who sent it.
func parseMessage(b []byte) message {
	null := json.RawMessage("null")
	if b == nil {
		return message{ID: null, wrong: &responseError{codeInvalidRequest, fmt.Sprintf("a message is larger than %d MiB", mostMessage>>20)}}
	}
	var m message
	if !json.Valid(b) {
		return message{ID: null, wrong: &responseError{codeParse, "this is no JSON"}}
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return message{ID: null, wrong: &responseError{codeInvalidRequest, "this is no message of JSON-RPC"}}
	}
	if bytes.Equal(m.ID, null) {
		m.ID = nil
	}
	if len(m.ID) > 0 && m.ID[0] != '"' && m.ID[0] != '-' && (m.ID[0] < '0' || m.ID[0] > '9') || len(m.ID) > 1000 {
		return message{ID: null, wrong: &responseError{codeInvalidRequest, "an id is a number or a text"}}
	}
	return m
}

// An inbox reads ahead, so that a request is known to be cancelled before its turn comes.
type inbox struct {
	messages chan message
	err      error // why there are no more, nil where the editor hung up between two messages

	mu   sync.Mutex
	gone map[string]bool // cancelled requests
}

const mostCancelled = 1000

func newInbox() *inbox {
	return &inbox{messages: make(chan message, mostWaiting), gone: map[string]bool{}}
}

func (x *inbox) read(ctx context.Context, in io.Reader) {
	defer close(x.messages)
	r := bufio.NewReaderSize(in, longestHeader)
	for {
		b, err := readFrame(r)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				x.err = err
			}
			return
		}
		m := parseMessage(b)
		if m.Method == "$/cancelRequest" {
			x.cancel(m.Params)
			continue
		}
		select {
		case x.messages <- m:
		case <-ctx.Done():
			return
		}
	}
}

func (x *inbox) cancel(params json.RawMessage) {
	var p struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(params, &p) != nil || len(p.ID) > 1000 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.gone) >= mostCancelled { // those that came too late
		clear(x.gone)
	}
	x.gone[string(p.ID)] = true
}

func (x *inbox) cancelled(id json.RawMessage) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	was := x.gone[string(id)]
	delete(x.gone, string(id))
	return was
}

// A writer sends messages. After an error it sends nothing more.
type writer struct {
	w   io.Writer
	err error
}

func (w *writer) answer(id json.RawMessage, result any, e *responseError) {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	if e != nil {
		w.send(map[string]any{"jsonrpc": "2.0", "id": id, "error": e})
		return
	}
	w.send(map[string]any{"jsonrpc": "2.0", "id": id, "result": result})
}

func (w *writer) notify(method string, params any) {
	w.send(map[string]any{"jsonrpc": "2.0", "method": method, "params": params})
}

func (w *writer) send(m any) {
	if w.err != nil {
		return
	}
	b, err := json.Marshal(m)
	if err != nil { // our own types: cannot fail
		panic(err)
	}
	_, w.err = fmt.Fprintf(w.w, "Content-Length: %d\r\n\r\n%s", len(b), b)
}
