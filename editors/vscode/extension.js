// Starts `postern lsp` and shows what it says. It speaks the Language Server Protocol itself, so that it needs nothing but VS Code.
"use strict";
const vscode = require("vscode");
const { spawn } = require("child_process");

const language = "postern-rules";
let client;

// A Client is one `postern lsp`.
class Client {
  constructor(command, told) {
    this.told = told; // of notifications
    this.waiting = new Map();
    this.next = 1;
    this.buffer = Buffer.alloc(0);
    this.process = spawn(command[0], command.slice(1), { stdio: ["pipe", "pipe", "pipe"] });
    this.ended = new Promise((done) => {
      this.process.on("error", (e) => done(e.message));
      this.process.on("exit", (code) => done(`it ended with exit code ${code}`));
    });
    this.ended.then((why) => {
      this.dead = why;
      for (const { reject } of this.waiting.values()) reject(new Error(why));
      this.waiting.clear();
    });
    this.process.stdin.on("error", () => {}); // told by exit
    this.process.stdout.on("data", (data) => this.take(data));
  }

  take(data) {
    this.buffer = Buffer.concat([this.buffer, data]);
    for (;;) {
      const end = this.buffer.indexOf("\r\n\r\n");
      const header = end < 0 ? null : /content-length: *(\d+)/i.exec(this.buffer.toString("ascii", 0, end));
      if (!header || this.buffer.length < end + 4 + Number(header[1])) return;
      const from = end + 4, to = from + Number(header[1]);
      const message = JSON.parse(this.buffer.toString("utf8", from, to));
      this.buffer = this.buffer.subarray(to);
      this.handle(message);
    }
  }

  handle(message) {
    if (message.method === undefined) {
      const asked = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (!asked) return;
      if (message.error) asked.reject(new Error(message.error.message));
      else asked.resolve(message.result);
      return;
    }
    if (message.id !== undefined) this.send({ id: message.id, result: null });
    else this.told(message.method, message.params);
  }

  send(message) {
    if (this.dead) return;
    const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }), "utf8");
    this.process.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    this.process.stdin.write(body);
  }

  notify(method, params) { this.send({ method, params }); }

  ask(method, params, token) {
    if (this.dead) return Promise.reject(new Error(this.dead));
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      if (token) token.onCancellationRequested(() => this.notify("$/cancelRequest", { id }));
      this.send({ id, method, params });
    });
  }

  async stop() {
    const late = setTimeout(() => this.process.kill(), 2000);
    try { await this.ask("shutdown"); } catch { /* it is gone */ }
    this.notify("exit");
    await this.ended;
    clearTimeout(late);
  }
}

const position = (p) => new vscode.Position(p.line, p.character);
const range = (r) => new vscode.Range(position(r.start), position(r.end));
const location = (l) => new vscode.Location(vscode.Uri.parse(l.uri), range(l.range));
const markdown = (m) => (m ? new vscode.MarkdownString(m.value) : undefined);
const edit = (e) => new vscode.TextEdit(range(e.range), e.newText);
const at = (document, p) => ({ textDocument: { uri: document.uri.toString() }, position: { line: p.line, character: p.character } });

function completion(item) {
  const out = new vscode.CompletionItem(item.label, item.kind - 1); // VS Code counts from 0
  out.detail = item.detail;
  out.documentation = markdown(item.documentation);
  out.sortText = item.sortText;
  out.range = range(item.textEdit.range);
  out.insertText = item.insertTextFormat === 2 ? new vscode.SnippetString(item.textEdit.newText) : item.textEdit.newText;
  return out;
}

function symbol(s) {
  const out = new vscode.DocumentSymbol(s.name, s.detail || "", s.kind - 1, range(s.range), range(s.selectionRange));
  out.children = (s.children || []).map(symbol);
  return out;
}

function diagnostic(d) {
  const out = new vscode.Diagnostic(range(d.range), d.message, d.severity - 1);
  out.source = d.source;
  out.code = d.code;
  out.relatedInformation = (d.relatedInformation || []).map((r) => new vscode.DiagnosticRelatedInformation(location(r.location), r.message));
  return out;
}

async function activate(context) {
  const diagnostics = vscode.languages.createDiagnosticCollection(language);
  client = new Client(vscode.workspace.getConfiguration("postern").get("command"), (method, params) => {
    if (method === "textDocument/publishDiagnostics") diagnostics.set(vscode.Uri.parse(params.uri), params.diagnostics.map(diagnostic));
    if (method === "window/showMessage") vscode.window.showWarningMessage(params.message);
  });
  let stopping = false;
  client.ended.then((why) => {
    diagnostics.clear();
    if (!stopping) vscode.window.showErrorMessage(`postern lsp: ${why}. The setting postern.command says what is started.`);
  });
  context.subscriptions.push(diagnostics, { dispose: () => { stopping = true; } });
  await client.ask("initialize", { processId: process.pid, rootUri: null, capabilities: { textDocument: { completion: { completionItem: { snippetSupport: true } } } } });
  client.notify("initialized", {});

  const ours = (document) => document.languageId === language && document.uri.scheme === "file";
  const open = (d) => ours(d) && client.notify("textDocument/didOpen", { textDocument: { uri: d.uri.toString(), languageId: language, version: d.version, text: d.getText() } });
  vscode.workspace.textDocuments.forEach(open);
  const files = vscode.workspace.createFileSystemWatcher("**/*.{rules,txt,csv,tsv,json,yaml,yml,eml}");
  const changed = (uri) => client.notify("workspace/didChangeWatchedFiles", { changes: [{ uri: uri.toString(), type: 2 }] });
  const provide = (method, make, params = at) => async (document, p, token) => make(await client.ask(method, params(document, p), token));
  const file = (document) => ({ textDocument: { uri: document.uri.toString() } });
  const l = vscode.languages;
  context.subscriptions.push(
    files, files.onDidChange(changed), files.onDidCreate(changed), files.onDidDelete(changed),
    vscode.workspace.onDidOpenTextDocument(open),
    vscode.workspace.onDidCloseTextDocument((d) => ours(d) && client.notify("textDocument/didClose", file(d))),
    vscode.workspace.onDidChangeTextDocument((e) => ours(e.document) && client.notify("textDocument/didChange",
      { textDocument: { uri: e.document.uri.toString(), version: e.document.version }, contentChanges: [{ text: e.document.getText() }] })),
    l.registerCompletionItemProvider(language, { provideCompletionItems: provide("textDocument/completion",
      (r) => r && new vscode.CompletionList(r.items.map(completion), r.isIncomplete)) }, ".", "\"", "'", "{", "#", "/"),
    l.registerHoverProvider(language, { provideHover: provide("textDocument/hover", (r) => r && new vscode.Hover(markdown(r.contents), range(r.range))) }),
    l.registerDefinitionProvider(language, { provideDefinition: provide("textDocument/definition", (r) => r && location(r)) }),
    l.registerReferenceProvider(language, { provideReferences: async (d, p, c, token) =>
      ((await client.ask("textDocument/references", { ...at(d, p), context: c }, token)) || []).map(location) }),
    l.registerRenameProvider(language, {
      prepareRename: provide("textDocument/prepareRename", (r) => { if (!r) throw new Error("The names of lists, defines and lets can be changed."); return range(r); }),
      provideRenameEdits: async (d, p, newName, token) => {
        const out = new vscode.WorkspaceEdit();
        const result = await client.ask("textDocument/rename", { ...at(d, p), newName }, token);
        for (const [uri, edits] of Object.entries(result.changes)) out.set(vscode.Uri.parse(uri), edits.map(edit));
        return out;
      },
    }),
    l.registerSignatureHelpProvider(language, { provideSignatureHelp: provide("textDocument/signatureHelp", (r) => {
      if (!r) return null;
      const out = new vscode.SignatureHelp();
      out.signatures = r.signatures.map((s) => {
        const one = new vscode.SignatureInformation(s.label, markdown(s.documentation));
        one.parameters = s.parameters.map((p) => new vscode.ParameterInformation(p.label, p.documentation));
        return one;
      });
      out.activeSignature = r.activeSignature;
      out.activeParameter = r.activeParameter;
      return out;
    }) }, "(", ","),
    l.registerDocumentSymbolProvider(language, { provideDocumentSymbols: async (d, token) => ((await client.ask("textDocument/documentSymbol", file(d), token)) || []).map(symbol) }),
    l.registerDocumentFormattingEditProvider(language, { provideDocumentFormattingEdits: async (d, _, token) => ((await client.ask("textDocument/formatting", file(d), token)) || []).map(edit) }),
  );
}

module.exports = { activate, deactivate: () => client && client.stop() };
