package lsp

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"postern/dsl"
	"postern/internal/logkey"
	"postern/rules"
)

// check looks for what is wrong with a set, beside everything else that the editor asks meanwhile. What it finds is told where nothing
// changed since.
func (s *server) check(ctx context.Context, set *ruleSet) {
	if s.sets[set.dir] != set || set.checking { // when it is done it is asked for again
		return
	}
	set.checking = true
	changes, open, versions := set.changes, s.open(set.dir), map[string]int{}
	for _, d := range s.documents {
		if d.dir == set.dir {
			versions[d.name] = d.version
		}
	}
	go func() {
		found := s.find(ctx, set.dir, open)
		s.later(ctx, func() {
			set.checking = false
			if s.sets[set.dir] != set {
				return
			}
			if set.changes != changes {
				s.changed(ctx, set)
				return
			}
			s.tell(set, found, versions)
		})
	}()
}

// A finding is what a check found.
type finding struct {
	words   dsl.Vocabulary
	trouble string
	files   map[string][]diagnostic // by name
}

func (s *server) find(ctx context.Context, dir string, open map[string][]byte) (f finding) {
	defer func() {
		if r := recover(); r != nil {
			s.o.Log.ErrorContext(ctx, "a set of rules cannot be checked", logkey.Error, fmt.Sprint(r))
		}
	}()
	f.files = map[string][]diagnostic{}
	f.words, f.trouble = s.o.Vocabulary(dir)
	draft := rules.NewDraft(dir, open, rules.LoadOptions{Vocabulary: f.words})
	w := draft.Workspace()
	for _, name := range w.Names() {
		f.files[name] = []diagnostic{}
	}
	texts := map[string]*text{}
	for _, d := range draft.Check() {
		name := d.File
		if _, ok := f.files[name]; !ok { // of the folder as a whole, or of a file that cannot be read
			if name = firstOf(open); name == "" {
				continue
			}
			d.Message, d.Pos, d.End = d.Pos.String()+": "+d.Message, dsl.Pos{File: name, Line: 1, Column: 1}, dsl.Pos{}
		}
		if texts[name] == nil {
			texts[name] = newText(w.Text(name))
		}
		f.files[name] = append(f.files[name], s.diagnostic(dir, w, texts[name], d))
	}
	return f
}

func firstOf(open map[string][]byte) string {
	if names := slices.Sorted(maps.Keys(open)); len(names) > 0 {
		return names[0]
	}
	return ""
}

func (s *server) diagnostic(dir string, w *dsl.Workspace, t *text, d dsl.Diagnostic) diagnostic {
	out := diagnostic{Range: t.span(w.Marked(d)), Severity: 1, Code: d.Code, Source: "postern", Message: d.Message}
	if d.Severity == dsl.SeverityWarning {
		out.Severity = 2
	}
	if d.Hint != "" {
		out.Message += "\n" + d.Hint
	}
	for _, r := range d.Related {
		at := newText(w.Text(r.File)).span(w.Marked(dsl.Diagnostic{Pos: r.Pos}))
		out.RelatedInformation = append(out.RelatedInformation, relatedInfo{location{fileURI(pathIn(dir, r.File)), at}, r.Message})
	}
	return out
}

// tell publishes what was found, of each file of the set in which something is or was wrong, or which is open.
func (s *server) tell(set *ruleSet, f finding, versions map[string]int) {
	if f.files == nil {
		return
	}
	set.knows(f.words)
	if f.trouble != set.trouble {
		if set.trouble = f.trouble; f.trouble != "" {
			s.out.notify("window/showMessage", map[string]any{"type": 2, "message": f.trouble})
		}
	}
	told := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		uri, found := s.uriOf(set.dir, name), f.files[name]
		version, open := versions[name]
		if len(found) == 0 && !open && !set.told[uri] {
			continue
		}
		p := publishParams{URI: uri, Diagnostics: found}
		if open {
			p.Version = &version
		}
		s.out.notify("textDocument/publishDiagnostics", p)
		if delete(set.told, uri); len(found) > 0 {
			told[uri] = true
		}
	}
	for uri := range set.told { // files that are gone
		s.out.notify("textDocument/publishDiagnostics", publishParams{URI: uri, Diagnostics: []diagnostic{}})
	}
	set.told = told
}
