package lsp

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"postern/dsl"
)

type (
	requestHandler      func(s *server, ctx context.Context, params json.RawMessage) (any, *responseError)
	notificationHandler func(s *server, ctx context.Context, params json.RawMessage)
)

var requests = map[string]requestHandler{
	"initialize":                  (*server).initialize,
	"shutdown":                    (*server).shutdown,
	"textDocument/completion":     atPlace((*server).complete),
	"textDocument/hover":          atPlace((*server).hover),
	"textDocument/definition":     atPlace((*server).definition),
	"textDocument/references":     atPlace((*server).references),
	"textDocument/prepareRename":  atPlace((*server).prepareRename),
	"textDocument/rename":         atPlace((*server).rename),
	"textDocument/signatureHelp":  atPlace((*server).signature),
	"textDocument/documentSymbol": atPlace((*server).symbols),
	"textDocument/formatting":     atPlace((*server).format),
}

var notifications = map[string]notificationHandler{
	"initialized":                     (*server).initialized,
	"textDocument/didOpen":            (*server).opened,
	"textDocument/didChange":          (*server).edited,
	"textDocument/didClose":           (*server).closed,
	"textDocument/didSave":            (*server).touched,
	"workspace/didChangeWatchedFiles": (*server).touched,
}

func (s *server) initialize(_ context.Context, params json.RawMessage) (any, *responseError) {
	if s.state != stateNew {
		return nil, &responseError{codeInvalidRequest, "initialize came before"}
	}
	var p initializeParams
	if err := json.Unmarshal(params, &p); err != nil {
		return nil, &responseError{codeInvalidParams, "these parameters of initialize cannot be read"}
	}
	s.state, s.client = stateReady, p.Capabilities
	return map[string]any{
		"serverInfo": map[string]any{"name": "postern", "version": s.o.Version},
		"capabilities": map[string]any{
			"positionEncoding":           "utf-16",
			"textDocumentSync":           map[string]any{"openClose": true, "change": 2, "save": map[string]any{}},
			"completionProvider":         map[string]any{"triggerCharacters": []string{".", "\"", "'", "{", "#", "/"}},
			"hoverProvider":              true,
			"definitionProvider":         true,
			"referencesProvider":         true,
			"documentSymbolProvider":     true,
			"documentFormattingProvider": true,
			"renameProvider":             map[string]any{"prepareProvider": true},
			"signatureHelpProvider":      map[string]any{"triggerCharacters": []string{"(", ","}},
		},
	}, nil
}

// initialized asks to be told of what changes on disk, where the editor offers that.
func (s *server) initialized(context.Context, json.RawMessage) {
	if !s.client.Workspace.DidChangeWatchedFiles.DynamicRegistration {
		return
	}
	var watchers []map[string]string
	for _, glob := range []string{"**/*.rules", "**/*.{txt,csv,tsv,json,yaml,yml,eml}"} {
		watchers = append(watchers, map[string]string{"globPattern": glob})
	}
	s.requests++
	s.out.send(map[string]any{"jsonrpc": "2.0", "id": fmt.Sprintf("postern-%d", s.requests), "method": "client/registerCapability", "params": map[string]any{
		"registrations": []map[string]any{{"id": "files", "method": "workspace/didChangeWatchedFiles", "registerOptions": map[string]any{"watchers": watchers}}},
	}})
}

func (s *server) shutdown(context.Context, json.RawMessage) (any, *responseError) {
	s.state = stateShutdown
	return nil, nil
}

// atPlace reads where the editor asks. Of a document that is not open, or is none of rules, there is nothing to say.
func atPlace(h func(*server, place, placeParams) (any, *responseError)) requestHandler {
	return func(s *server, _ context.Context, params json.RawMessage) (any, *responseError) {
		var p placeParams
		if err := json.Unmarshal(params, &p); err != nil {
			return nil, &responseError{codeInvalidParams, "these parameters cannot be read"}
		}
		at, ok := s.at(p)
		if !ok {
			return nil, nil
		}
		return h(s, at, p)
	}
}

func (s *server) hover(at place, _ placeParams) (any, *responseError) {
	h := at.Hover(at.document.name, at.offset)
	if h == nil {
		return nil, nil
	}
	return hover{markdown(h.Markdown()), at.text.span(h.Span)}, nil
}

func (s *server) definition(at place, _ placeParams) (any, *responseError) {
	l, ok := at.Definition(at.document.name, at.offset)
	if !ok {
		return nil, nil
	}
	return at.location(l), nil
}

func (s *server) references(at place, p placeParams) (any, *responseError) {
	out := []location{}
	declared, _ := at.Definition(at.document.name, at.offset)
	for _, l := range at.Uses(at.document.name, at.offset) {
		if l != declared || p.Context.IncludeDeclaration {
			out = append(out, at.location(l))
		}
	}
	return out, nil
}

func (s *server) prepareRename(at place, _ placeParams) (any, *responseError) {
	name, ok := at.Renamable(at.document.name, at.offset)
	if !ok {
		return nil, nil
	}
	return at.text.span(name), nil
}

func (s *server) rename(at place, p placeParams) (any, *responseError) {
	places, err := at.Rename(at.document.name, at.offset, p.NewName)
	if err != nil {
		return nil, &responseError{codeFailed, err.Error()}
	}
	edit := workspaceEdit{Changes: map[string][]textEdit{}}
	for _, l := range places {
		to := at.location(l)
		edit.Changes[to.URI] = append(edit.Changes[to.URI], textEdit{to.Range, p.NewName})
	}
	return edit, nil
}

func (s *server) signature(at place, _ placeParams) (any, *responseError) {
	call := at.Signature(at.document.name, at.offset)
	if call == nil {
		return nil, nil
	}
	info := signatureInformation{Label: call.Reference.Signature, Documentation: markdown(call.Doc), Parameters: []parameterInformation{}}
	for i, name := range call.Names {
		p := parameterInformation{Label: name}
		if i < len(call.Params) {
			_, p.Documentation, _ = strings.Cut(call.Params[i], ": ")
		}
		info.Parameters = append(info.Parameters, p)
	}
	return signatureHelp{Signatures: []signatureInformation{info}, ActiveParameter: call.Argument}, nil
}

// symbolKinds are those of LSP, "SymbolKind".
var symbolKinds = map[string]int{
	dsl.KindList: 18, dsl.KindDefine: 14, dsl.KindRule: 12, dsl.KindToken: 24, dsl.KindTest: 6, dsl.KindLet: 13,
}

func (s *server) symbols(at place, _ placeParams) (any, *responseError) {
	return at.outline(at.Symbols(at.document.name)), nil
}

func (p place) outline(symbols []dsl.Symbol) []documentSymbol {
	out := []documentSymbol{}
	for _, s := range symbols {
		out = append(out, documentSymbol{Name: s.Name, Detail: s.Detail, Kind: symbolKinds[s.Kind], Range: p.text.span(s.Whole), SelectionRange: p.text.span(s.At), Children: p.outline(s.In)})
	}
	return out
}

// format lays the document out as postern fmt does. What changes is told as one piece, so that the rest of the editor's view stays put.
func (s *server) format(at place, _ placeParams) (any, *responseError) {
	was := at.document.text
	formatted, err := dsl.Format(at.document.name, []byte(was))
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, &responseError{codeFailed, "it cannot be laid out while something cannot be read: " + first}
	}
	is := string(formatted)
	if was == is {
		return []textEdit{}, nil
	}
	from := 0
	for {
		end := strings.IndexByte(was[from:], '\n') + 1
		if end == 0 || !strings.HasPrefix(is[from:], was[from:from+end]) {
			break
		}
		from += end
	}
	to := 0
	for {
		line := was[from : len(was)-to]
		start := strings.LastIndexByte(strings.TrimSuffix(line, "\n"), '\n') + 1
		if line == "" || start == 0 || !strings.HasSuffix(is[from:len(is)-to], line[start:]) {
			break
		}
		to += len(line) - start
	}
	return []textEdit{{at.text.span(dsl.Span{Start: from, End: len(was) - to}), is[from : len(is)-to]}}, nil
}

// completionKinds are those of LSP, "CompletionItemKind".
var completionKinds = map[string]int{
	dsl.KindKeyword: 14, dsl.KindOperator: 24, dsl.KindConstant: 21, dsl.KindName: 6, dsl.KindMember: 5, dsl.KindMethod: 2, dsl.KindFunction: 3,
	dsl.KindAction: 23, dsl.KindList: 13, dsl.KindDefine: 21, dsl.KindLet: 6, dsl.KindValue: 12, dsl.KindMailbox: 12, dsl.KindFile: 17,
}

func (s *server) complete(at place, _ placeParams) (any, *responseError) {
	found := at.Complete(at.document.name, at.offset)
	out := completionList{IsIncomplete: found.More, Items: []completionItem{}}
	where := at.text.span(found.Span)
	for i, c := range found.Items {
		item := completionItem{
			Label: c.Label, Kind: completionKinds[c.Kind], Detail: c.Type, SortText: fmt.Sprintf("%04d", i), InsertTextFormat: 1,
			TextEdit: &textEdit{where, c.Insert}, Documentation: markdown(documentation(c)),
		}
		switch {
		case c.Snippet && s.client.TextDocument.Completion.CompletionItem.SnippetSupport:
			item.InsertTextFormat, item.InsertTextMode = 2, 2 // lines behind the first are set in as it is
		case c.Snippet:
			item.TextEdit.NewText = plainSnippet(c.Insert)
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

func documentation(c dsl.Completion) string {
	out := c.Doc
	if c.Example != "" {
		out += "\n\n```rules\n" + c.Example + "\n```"
	}
	return out
}

var hole = regexp.MustCompile(`\$\{\d+:((?:[^}\\]|\\.)*)\}|\$\d+`)

// plainSnippet is a snippet's text for an editor that has none.
func plainSnippet(s string) string {
	return strings.NewReplacer(`\}`, "}", `\$`, "$", `\\`, `\`).Replace(hole.ReplaceAllString(s, "$1"))
}

func pathIn(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
