package api

import (
	"net/http"

	"postern/internal/intake"
	"postern/internal/issue"
)

var (
	everyScope = Scopes()
	reading    = []string{ScopeRead}
	// Rules name customers and partners, and say what passes: they are not for everybody who reads issues.
	ruleReaders = []string{ScopeRules}
)

const maxLimit = 500

func paging(more ...param) []param {
	return append(more,
		param{name: "limit", kind: number, max: maxLimit, means: "how many items, 50 unless told"},
		param{name: "after", kind: text, max: 1000, means: "the next of the piece before; leave it out for the first"},
	)
}

func ok(means string, c content) []answer { return []answer{{http.StatusOK, means, c}} }

func done(means string) []answer { return []answer{{http.StatusNoContent, means, content{}}} }

// table is the API: what is not here does not exist.
func (a *API) table() []*route {
	var (
		q         = param{name: "q", kind: text, max: 500, means: "words that must all occur, in any order and case; nothing in it is syntax"}
		mailbox   = param{name: "mailbox", kind: text, max: 200, means: "in this mailbox"}
		since     = param{name: "since", kind: instant, means: "at or after this time"}
		author    = param{name: "author", kind: text, max: 320, means: "whose From has this address"}
		verdict   = param{name: "verdict", kind: text, max: 20, means: "with this verdict", one: []string{"committed", "rejected", "discarded", "quarantined", "try later"}}
		item      = param{name: "item", kind: text, max: 2000, required: true, means: "the mail's id at its server, as in pendingItems and parkedItems"}
		notFound  = []int{http.StatusNotFound}
		bytes     = content{media: "application/octet-stream"}
		mail      = content{media: "message/rfc822"}
		plain     = content{media: "text/plain"}
		held      = []int{http.StatusNotFound, http.StatusConflict}
		fileMeans = "the file; a PNG, JPEG, GIF or WebP under its own type, all else as a download of bytes; ranges are answered"
	)
	get := func(path, name, does string, scopes []string, query []param, answers []answer, faults []int, h func(*call) error) *route {
		return &route{method: http.MethodGet, path: path, name: name, does: does, scopes: scopes, query: query, answers: answers, faults: faults, handle: h}
	}
	// post asks about rules that are sent along, and changes nothing.
	post := func(path, name, does string, body *content, answers []answer, h func(*call) error) *route {
		return &route{method: http.MethodPost, path: path, name: name, does: does, scopes: ruleReaders, body: body, answers: answers,
			faults: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}, handle: h}
	}
	return []*route{
		get("/api/v1/issues", "listIssues", "Issues, newest first.", reading, paging(q,
			param{name: "status", kind: text, max: 100, means: "with this status"}, mailbox,
			param{name: "requester", kind: text, max: 320, means: "of the person with this address"},
			param{name: "assignee", kind: text, max: 320, means: "assigned to"},
			param{name: "tag", kind: text, max: 200, means: "with this tag"},
			param{name: "withdrawn", kind: flag, means: "those that a replay withdrew, and no others"},
		), ok("a piece of the list", jsonOf[List[*issue.Issue]]()), nil, a.listIssues),
		get("/api/v1/issues/{number}", "getIssue", "One issue with its first notes and its files.", reading, nil,
			ok("the issue", jsonOf[IssueDetail]()), notFound, a.getIssue),
		get("/api/v1/issues/{number}/notes", "listNotes", "An issue's notes, oldest first.", reading, paging(),
			ok("a piece of the list", jsonOf[List[*issue.Note]]()), notFound, a.listNotes),
		get("/api/v1/issues/{number}/explanation", "explainIssue", "Why the issue is as it is: which rule gave each field its value, on which of its mails.", reading, nil,
			ok("the reasons", jsonOf[intake.IssueExplanation]()), notFound, a.explainIssue),
		get("/api/v1/issues/{number}/attachments/{sha256}", "getIssueAttachment", "A file of one of the issue's mails.", reading, nil,
			ok(fileMeans, bytes), notFound, a.issueFile),

		get("/api/v1/messages", "listMessages", "Messages, newest first, without their text and trace.", reading, paging(verdict, mailbox,
			param{name: "issue", kind: number, max: 1 << 53, means: "of this issue"}, author, since,
			param{name: "messageId", kind: text, max: 1000, means: "with this Message-ID"},
			param{name: "run", kind: text, max: 64, means: "that this replay decided last"},
		), ok("a piece of the list", jsonOf[List[*issue.Message]]()), nil, a.listMessages),
		{
			method: http.MethodPost, path: "/api/v1/messages", name: "postMessage", scopes: []string{ScopeWrite},
			does:  "Hand in a mail. It takes the same road as any other and is trusted no more than a stranger's; the answer comes when it is on disk.",
			query: []param{{name: "to", kind: text, max: 320, required: true, means: "the recipient's address, which chooses the mailbox"}},
			body:  &mail,
			answers: []answer{
				{http.StatusCreated, "it was taken: committed, discarded or quarantined", jsonOf[Delivered]()},
				{http.StatusOK, "it was here before; the verdict is what it was then", jsonOf[Delivered]()},
			},
			faults: []int{http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity},
			handle: a.postMessage,
		},
		get("/api/v1/messages/{id}", "getMessage", "One message with its decision, trace and copies.", reading, nil,
			ok("the message", jsonOf[MessageDetail]()), notFound, a.getMessage),
		get("/api/v1/messages/{id}/explanation", "explainMessage", "Why the message became what it is; with the scope rules, too, which rules nearly matched and what was missing.", reading,
			[]param{{name: "rule", kind: text, max: 200, means: "tell of this rule alone why it did not match; asks for the scope rules"}},
			ok("the reasons", jsonOf[intake.Explanation]()), notFound, a.explainMessage),
		get("/api/v1/messages/{id}/raw", "getRaw", "The mail as it came, below our Return-Path and Received.", []string{ScopeRead, ScopeQuarantine}, nil,
			ok("the mail; ranges are answered", mail), notFound, a.getRaw),
		get("/api/v1/messages/{id}/html", "getMessageHTML", "The mail's HTML, made harmless: no script, form or frame, and nothing is fetched but its own pictures.", reading,
			[]param{{name: "remote", kind: flag, means: "also pictures of other hosts, whose owners then learn that the mail is read"}},
			ok("a page, with a policy for browsers; its header X-Blocked-Pictures says how many pictures of other hosts were left out", content{media: "text/html"}), notFound, a.getHTML),
		get("/api/v1/messages/{id}/attachments/{sha256}", "getMessageAttachment", "A file of the mail.", reading, nil,
			ok(fileMeans, bytes), notFound, a.messageFile),
		get("/api/v1/attachments/{sha256}", "getAttachment", "A file of any mail.", reading, nil,
			ok(fileMeans, bytes), notFound, a.anyFile),

		get("/api/v1/ledger", "listLedger", "What happened to each attempt to hand in mail, newest first.", reading, paging(
			param{name: "q", kind: text, max: 500, means: "pieces of text that must all occur in peer, from, to, author, subject or messageId, in any case; nothing in it is syntax"},
			param{name: "address", kind: text, max: 320, means: "whose envelope sender, recipient or author is this"}, since,
		), ok("a piece of the list", jsonOf[List[*issue.LedgerLine]]()), nil, a.listLedger),
		get("/api/v1/events", "listEvents", "What people and programs did here, newest first.", reading, paging(),
			ok("a piece of the list", jsonOf[List[*issue.Event]]()), nil, a.listEvents),

		get("/api/v1/quarantine", "listQuarantine", "Messages that wait for a person, newest first; a piece may be shorter than its limit.",
			[]string{ScopeQuarantine, ScopeRead}, paging(mailbox, author, since),
			ok("a piece of the list", jsonOf[List[*issue.Message]]()), nil, a.listQuarantine),
		{
			method: http.MethodPost, path: "/api/v1/quarantine/{id}/release", name: "releaseMessage", scopes: []string{ScopeQuarantine},
			does: "Decide a held message again, past the rule that stopped it.", answers: ok("what it became", jsonOf[Delivered]()), faults: held, handle: a.release,
		},
		{
			method: http.MethodPost, path: "/api/v1/quarantine/{id}/reject", name: "rejectMessage", scopes: []string{ScopeQuarantine},
			does: "Refuse a held message for good. Its sender hears nothing.", answers: done("refused"), faults: held, handle: a.reject,
		},
		{
			method: http.MethodDelete, path: "/api/v1/quarantine/{id}", name: "deleteMessage", scopes: []string{ScopeQuarantine},
			does: "Delete a held message's raw mail, text and files.", answers: done("deleted"), faults: held, handle: a.deleteHeld,
		},

		get("/api/v1/rulesets", "listRulesets", "Sets of rules as they were published, newest first, without their files: the first is the one that decides.", ruleReaders,
			paging(param{name: "version", kind: text, max: 64, means: "whose version begins so"}),
			ok("a piece of the list", jsonOf[List[*issue.Ruleset]]()), nil, a.listRulesets),
		get("/api/v1/rulesets/{id}", "getRuleset", "A published set with its files: by its number, 8 or more digits of its version, or latest.", ruleReaders, nil,
			ok("the set", jsonOf[issue.Ruleset]()), notFound, a.getRuleset),
		get("/api/v1/rulesets/{id}/stats", "rulesetStats", "What each rule of a published set did: matches, errors, time, the last match; idle ones have not matched for 90 days.", ruleReaders, nil,
			ok("the rules in their order", jsonOf[RulesetStats]()), notFound, a.rulesetStats),
		get("/api/v1/rulesets/{id}/diff", "diffRulesets", "How a published set differs from another, file by file.", ruleReaders,
			[]param{{name: "from", kind: text, max: 64, means: "the other one; the publication before it unless told"}},
			ok("the difference", jsonOf[RulesetDiff]()), notFound, a.diffRulesets),
		{
			method: http.MethodPost, path: "/api/v1/rulesets", name: "publishRuleset", scopes: []string{ScopeRules},
			does:  "Publish a set of rules: checked, tested, and only while no other came after the one it was made from.",
			query: []param{{name: "check", kind: flag, means: "only check and test it"}}, body: bodyOf[NewRuleset](),
			answers: []answer{
				{http.StatusCreated, "it decides now, on other nodes within seconds", jsonOf[PublishedRuleset]()},
				{http.StatusOK, "it was the one that decides already; with check, nothing is wrong with it, and only warnings is there", jsonOf[PublishedRuleset]()},
			},
			faults: []int{http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity},
			handle: a.publishRuleset,
		},
		{
			method: http.MethodPost, path: "/api/v1/rulesets/{id}/rollback", name: "rollbackRuleset", scopes: []string{ScopeRules},
			does: "Publish an earlier set again. It is compiled, and not tested again.", body: bodyOf[RollBack](),
			answers: []answer{{http.StatusCreated, "it decides now, on other nodes within seconds", jsonOf[issue.Ruleset]()}},
			faults:  []int{http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity},
			handle:  a.rollbackRuleset,
		},

		post("/api/v1/rules/check", "checkRules", "What is wrong with a set of rules that somebody is writing, and what its author may not have meant. Its tests are not run.",
			bodyOf[RulesDraft](), ok("what was found, in the order of its places", jsonOf[RulesFound]()), a.checkRules),
		post("/api/v1/rules/complete", "completeRules", "What could stand at a place of a file that somebody is writing, with types and documentation.",
			bodyOf[RulesQuestion](), ok("what could stand there, the likeliest first", jsonOf[RulesCompletions]()), a.completeRules),
		post("/api/v1/rules/hover", "hoverRules", "What the word or text at a place of a file that somebody is writing is.",
			bodyOf[RulesQuestion](), ok("what there is to say", jsonOf[RulesHover]()), a.hoverRules),

		get("/api/v1/shadow", "getShadow", "What the candidate set would have decided differently, by rule, with examples.", ruleReaders, nil,
			ok("the report", jsonOf[ShadowReport]()), notFound, a.shadowReport),
		{
			method: http.MethodPost, path: "/api/v1/shadow", name: "startShadow", scopes: []string{ScopeRules},
			does: "Have a candidate set of rules asked about real mail, beside the one that decides. It changes and delays nothing.", body: bodyOf[NewShadow](),
			answers: []answer{{http.StatusCreated, "it is asked now, on other nodes within seconds; which of its tests fail is among the warnings", jsonOf[StartedShadow]()}},
			faults:  []int{http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity},
			handle:  a.startShadow,
		},
		{
			method: http.MethodDelete, path: "/api/v1/shadow", name: "stopShadow", scopes: []string{ScopeRules},
			does: "Stop asking the candidate. Its report stays until the next one starts.", answers: ok("it is over", jsonOf[issue.Shadow]()), faults: notFound,
			handle: a.stopShadow,
		},
		{
			method: http.MethodPost, path: "/api/v1/backtest", name: "backtest", scopes: []string{ScopeRules},
			does: "What would another set of rules have made of stored mail? Decides it again with the facts of its own time, and changes nothing. Asks for the scope read, too.",
			body: bodyOf[NewBacktest](), answers: ok("the differences, by rule", jsonOf[intake.BacktestReport]()),
			faults: []int{http.StatusNotFound, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity},
			handle: a.backtest,
		},

		get("/api/v1/sources", "listSources", "Accounts that mail is fetched from, and hooks: what was heard of each on all nodes, what is wrong, what waits.", reading, nil,
			ok("all of them, by name", jsonOf[List[SourceStatus]]()), nil, a.listSources),
		get("/api/v1/sources/{name}", "getSource", "One of them, with the mails that could not be taken.", reading, nil,
			ok("the source", jsonOf[SourceDetail]()), notFound, a.getSource),
		{
			method: http.MethodPost, path: "/api/v1/sources/{name}/poll", name: "pollSource", scopes: []string{ScopeAdmin},
			does: "Poll an account now.", answers: done("it is polled"), faults: held, handle: a.pollSource,
		},
		{
			method: http.MethodPost, path: "/api/v1/sources/{name}/check", name: "checkSource", scopes: []string{ScopeAdmin},
			does:    "Try each step of polling an account, and say what to do about what does not work. It changes nothing, unless a test mail is sent.",
			query:   []param{{name: "send", kind: flag, means: "also put a test mail there, wait until it is seen, and remove it; a check that has no fault before it only"}},
			answers: ok("what was found, in order", jsonOf[SourceCheck]()),
			faults:  notFound, handle: a.checkSource,
		},
		{
			method: http.MethodPost, path: "/api/v1/sources/{name}/retry", name: "retrySourceItem", scopes: []string{ScopeAdmin}, query: []param{item},
			does: "Have a parked or pending mail asked for again, now.", answers: done("it is asked for"), faults: held, handle: a.retrySource,
		},
		{
			method: http.MethodDelete, path: "/api/v1/sources/{name}/parked", name: "dropParked", scopes: []string{ScopeAdmin}, query: []param{item},
			does: "Forget a parked or pending mail. It stays at its server, and is not asked for any more.", answers: done("forgotten"), faults: held, handle: a.dropParked,
		},

		get("/api/v1/tokens", "listTokens", "Tokens, without their secrets.", []string{ScopeAdmin}, nil,
			ok("all of them", jsonOf[List[*issue.Token]]()), nil, a.listTokens),
		{
			method: http.MethodPost, path: "/api/v1/tokens", name: "makeToken", scopes: []string{ScopeAdmin},
			does: "Make a token. Its secret is in this answer and nowhere else.", body: bodyOf[NewToken](),
			answers: []answer{{http.StatusCreated, "the token, with its secret", jsonOf[MadeToken]()}},
			faults:  []int{http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}, handle: a.makeToken,
		},
		{
			method: http.MethodDelete, path: "/api/v1/tokens/{id}", name: "revokeToken", scopes: []string{ScopeAdmin},
			does: "Revoke a token. Other nodes may honour it for some seconds more.", answers: done("revoked"), faults: notFound, handle: a.revokeToken,
		},

		get("/api/v1/openapi.json", "getOpenAPI", "This document.", everyScope, nil, ok("OpenAPI 3.1", content{media: "application/json"}), nil, a.openapi),

		get("/healthz", "healthz", "Whether the process answers.", nil, nil, ok("ok", plain), nil, a.healthz),
		get("/readyz", "readyz", "Whether mail can be taken now, in one word. Details need a token with the scope read, or a listener of their own.", nil,
			[]param{{name: "details", kind: flag, means: "say more, as JSON"}},
			[]answer{{http.StatusOK, "ready", plain}, {http.StatusServiceUnavailable, "unready", plain}}, nil, a.readyz),
		get("/metrics", "metrics", "Counters for Prometheus.", reading, nil, ok("Prometheus text format", plain), notFound, a.metrics),
	}
}

func bodyOf[T any]() *content {
	c := jsonOf[T]()
	return &c
}
