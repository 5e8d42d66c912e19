package lsp

import (
	"context"
	"encoding/json"
	"path/filepath"
	"reflect"
	"time"

	"postern/dsl"
	"postern/rules"
)

// A document is a rules file that is open in the editor.
type document struct {
	uri     string
	dir     string // the folder: its set
	name    string // in the folder
	text    string
	version int
}

// A ruleSet is a folder of rules of which a file is open.
type ruleSet struct {
	dir       string
	workspace *dsl.Workspace // nil where something changed that it does not know
	words     dsl.Vocabulary
	trouble   string          // of its configuration, as it was told
	told      map[string]bool // files of which something wrong was told, by URI
	changes   int             // counts them
	checking  bool
	timer     *time.Timer
}

func (s *server) opened(ctx context.Context, params json.RawMessage) {
	var p struct {
		TextDocument textDocumentItem `json:"textDocument"`
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	path, ok := filePath(p.TextDocument.URI)
	if !ok || !rules.IsRulesFile(filepath.Base(path)) || len(s.documents) >= mostDocuments || len(p.TextDocument.Text) > mostText {
		return
	}
	d := &document{uri: p.TextDocument.URI, dir: filepath.Dir(path), name: filepath.Base(path), text: p.TextDocument.Text, version: p.TextDocument.Version}
	s.documents[d.uri] = d
	set := s.sets[d.dir]
	if set == nil {
		set = &ruleSet{dir: d.dir, told: map[string]bool{}}
		s.sets[d.dir] = set
	}
	set.workspace = nil
	s.changed(ctx, set)
}

// changed checks a set when nothing has changed for a while.
func (s *server) changed(ctx context.Context, set *ruleSet) {
	set.changes++
	if set.timer != nil {
		set.timer.Stop()
	}
	set.timer = time.AfterFunc(s.o.Pause, func() { s.later(ctx, func() { s.check(ctx, set) }) })
}

func (s *server) edited(ctx context.Context, params json.RawMessage) {
	var p changeParams
	if json.Unmarshal(params, &p) != nil {
		return
	}
	d := s.documents[p.TextDocument.URI]
	if d == nil {
		return
	}
	for _, c := range p.ContentChanges {
		if c.Range == nil {
			d.text = c.Text
			continue
		}
		t := newText(d.text)
		from, to := t.offset(c.Range.Start), t.offset(c.Range.End)
		d.text = d.text[:from] + c.Text + d.text[max(from, to):]
	}
	d.version = p.TextDocument.Version
	set := s.sets[d.dir]
	if len(d.text) > mostText {
		s.forget(set, d)
	}
	if s.sets[d.dir] != set {
		return
	}
	if set.workspace != nil {
		set.workspace = set.workspace.With(d.name, []byte(d.text))
	}
	s.changed(ctx, set)
}

func (s *server) closed(ctx context.Context, params json.RawMessage) {
	var p struct {
		TextDocument textDocumentIdentifier `json:"textDocument"`
	}
	if json.Unmarshal(params, &p) != nil {
		return
	}
	if d := s.documents[p.TextDocument.URI]; d != nil {
		s.forget(s.sets[d.dir], d)
		if set := s.sets[d.dir]; set != nil {
			s.changed(ctx, set)
		}
	}
}

// forget closes a document, and with the last one its set.
func (s *server) forget(set *ruleSet, d *document) {
	delete(s.documents, d.uri)
	set.workspace = nil
	for _, o := range s.documents {
		if o.dir == d.dir {
			return
		}
	}
	set.timer.Stop()
	delete(s.sets, d.dir)
	for uri := range set.told {
		s.out.notify("textDocument/publishDiagnostics", publishParams{URI: uri, Diagnostics: []diagnostic{}})
	}
}

// touched is told of files that changed on disk: lists, rules that are not open, configurations.
func (s *server) touched(ctx context.Context, _ json.RawMessage) {
	for _, set := range s.sets {
		set.workspace = nil
		s.changed(ctx, set)
	}
}

// open are the texts of a set's open files by name.
func (s *server) open(dir string) map[string][]byte {
	out := map[string][]byte{}
	for _, d := range s.documents {
		if d.dir == dir {
			out[d.name] = []byte(d.text)
		}
	}
	return out
}

// at is the workspace of a document, and its place in it; false of a document that is not open.
func (s *server) at(p placeParams) (place, bool) {
	d := s.documents[p.TextDocument.URI]
	if d == nil {
		return place{}, false
	}
	set := s.sets[d.dir]
	if set.workspace == nil {
		set.words, _ = s.o.Vocabulary(d.dir)
		set.workspace = rules.NewDraft(d.dir, s.open(d.dir), rules.LoadOptions{Vocabulary: set.words}).Workspace()
	}
	t := newText(d.text)
	return place{Workspace: set.workspace, server: s, document: d, text: t, offset: t.offset(p.Position)}, true
}

// A place is where in a document the editor asks.
type place struct {
	*dsl.Workspace
	server   *server
	document *document
	text     *text
	offset   int
}

// location is a place of the set as LSP names it.
func (p place) location(l dsl.Location) location {
	out := location{URI: p.server.uriOf(p.document.dir, l.File)}
	if s := p.Text(l.File); s != "" {
		out.Range = newText(s).span(l.Span)
	}
	return out
}

// uriOf is how the editor calls a file: as it did when it opened it.
func (s *server) uriOf(dir, name string) string {
	for _, d := range s.documents {
		if d.dir == dir && d.name == name {
			return d.uri
		}
	}
	return fileURI(pathIn(dir, name))
}

// knows takes the names of a configuration that may have changed.
func (set *ruleSet) knows(v dsl.Vocabulary) {
	if !reflect.DeepEqual(v, set.words) {
		set.words, set.workspace = v, nil
	}
}
