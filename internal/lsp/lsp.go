// Package lsp helps people who write rules in an editor: a language server that speaks the Language Server Protocol 3.17 over a pair of
// pipes. It is protocol alone: messages, open documents and positions. What a place in a file means is asked of package dsl, and what is
// wrong with a set of package rules.
//
// A folder with *.rules files is a set. What is open in the editor lies over what is on disk, and what is wrong is told of every file of
// the set, a moment after somebody stopped typing.
package lsp

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"postern/dsl"
	"postern/internal/logkey"
)

// Options say what a server knows.
type Options struct {
	// Vocabulary is the names that the rules in a folder may use, by the configuration that goes with them, and what is wrong with that
	// configuration, "" for nothing. It is called by several goroutines.
	Vocabulary func(dir string) (v dsl.Vocabulary, trouble string)
	Version    string
	Log        *slog.Logger
	Pause      time.Duration // after the last change, until the set is checked; 0 means a fifth of a second
}

const (
	defaultPause  = 200 * time.Millisecond
	mostDocuments = 1000    // open at once
	mostText      = 2 << 20 // bytes of one of them: a rules file has 1 MiB at most, and a larger one is told so
	mostMessage   = 16 << 20
	mostWaiting   = 64 // messages
)

// A server is one session with an editor. Everything below out is touched by the goroutine of run alone.
type server struct {
	o      Options
	out    *writer
	events chan func() // what timers and checks have to say

	state     state
	client    clientCapabilities
	documents map[string]*document // by URI
	sets      map[string]*ruleSet  // by folder
	requests  int                  // of ours
}

type state uint8

const (
	stateNew state = iota
	stateReady
	stateShutdown
)

// Serve speaks with an editor until it says exit or hangs up. It reports whether the editor had asked for a shutdown before, as it should
// (LSP 3.17, "Exit Notification").
func Serve(ctx context.Context, in io.Reader, out io.Writer, o Options) (orderly bool, err error) {
	if o.Pause == 0 {
		o.Pause = defaultPause
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{o: o, out: &writer{w: out}, events: make(chan func()), documents: map[string]*document{}, sets: map[string]*ruleSet{}}
	box := newInbox()
	go box.read(ctx, in)
	for {
		select {
		case <-ctx.Done():
			return s.state == stateShutdown, ctx.Err()
		case event := <-s.events:
			event()
		case m, ok := <-box.messages:
			if !ok {
				return s.state == stateShutdown, box.err
			}
			if m.Method == "exit" {
				return s.state == stateShutdown, nil
			}
			s.handle(ctx, box, m)
		}
		if s.out.err != nil {
			return s.state == stateShutdown, fmt.Errorf("write to the editor: %w", s.out.err)
		}
	}
}

// handle answers a request, or takes a notification. A panic of ours costs that one answer.
func (s *server) handle(ctx context.Context, box *inbox, m message) {
	answered := false
	answer := func(result any, e *responseError) {
		if m.isRequest() && !answered {
			answered = true
			s.out.answer(m.ID, result, e)
		}
	}
	defer func() {
		if r := recover(); r != nil {
			s.o.Log.ErrorContext(ctx, "a message of the editor cannot be handled", logkey.Method, m.Method, logkey.Error, fmt.Sprint(r))
			answer(nil, &responseError{Code: codeInternal, Message: "this is a fault of ours"})
		}
	}()
	switch {
	case m.wrong != nil:
		s.out.answer(m.ID, nil, m.wrong)
		return
	case m.Method == "":
		return // an answer to what we asked
	case box.cancelled(m.ID):
		answer(nil, &responseError{Code: codeCancelled, Message: "cancelled"})
		return
	case s.state == stateNew && m.Method != "initialize":
		answer(nil, &responseError{Code: codeNotInitialized, Message: "the first request is initialize"})
		return
	case s.state == stateShutdown:
		answer(nil, &responseError{Code: codeInvalidRequest, Message: "after shutdown comes exit"})
		return
	}
	if m.isRequest() {
		h, ok := requests[m.Method]
		if !ok {
			answer(nil, &responseError{Code: codeUnknownMethod, Message: "unknown method " + m.Method})
			return
		}
		result, e := h(s, ctx, m.Params)
		answer(result, e)
		return
	}
	if h, ok := notifications[m.Method]; ok {
		h(s, ctx, m.Params)
	}
}

// later has run carry something out.
func (s *server) later(ctx context.Context, event func()) {
	select {
	case s.events <- event:
	case <-ctx.Done():
	}
}
