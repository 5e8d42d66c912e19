package imap

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/emersion/go-imap/v2"

	"postern/internal/fault"
	"postern/poller/wire"
)

var errLoginDisabled = errors.New("the server takes no passwords here")

// refusals are what servers say when they let nobody in, and what it means. The first that fits counts; text is in lower case, with its
// response code (RFC 5530).
var refusals = []struct {
	says string
	kind fault.Kind
	todo string
}{
	// Exchange Online, by learn.microsoft.com "Authenticate an IMAP, POP or SMTP connection using OAuth".
	{"authenticated but not connected", fault.Denied, "the token is good, and this mailbox is not open to it: IMAP is switched off for the mailbox (Set-CASMailbox -ImapEnabled $true), or user names a mailbox that the token's owner, or the app, has no full access to; for a shared mailbox user is the shared mailbox's own address"},
	{"basicauthblocked", fault.Denied, "the server takes no passwords any more: use oauth"},
	// Gmail, by support.google.com "IMAP errors".
	{"application-specific password required", fault.Denied, "make an app password for Postern at the account's security page, or use oauth"},
	{"web login required", fault.Denied, "log in to this account once in a browser, and allow the new device; then try again"},
	{"not enabled for imap", fault.Denied, "switch IMAP on in the account's settings"},
	{"imap access is disabled", fault.Denied, "switch IMAP on: in the account's settings, or for the domain in its administrator's console"},
	{"too many simultaneous connections", fault.Unavailable, "the account has as many connections as it may: other programs and nodes use it too (Gmail allows about 15)"},
	{"maximum number of connections", fault.Unavailable, "the account has as many connections as it may: other programs and nodes use it too"},
	{"too many", fault.Unavailable, "the server wants fewer connections or logins: poll less often, and look which other programs use the account"},
	{"bandwidth", fault.Unavailable, "the account has spent its daily volume; it opens again by itself"},
	{"[unavailable]", fault.Unavailable, "the server cannot check logins at the moment: it is tried again"},
	{"[inuse]", fault.Unavailable, "another program has the mailbox for itself: it is tried again"},
	{"[limit]", fault.Unavailable, "the server's limit for this account is reached: it is tried again"},
	{"[expired]", fault.Denied, "the password has expired: set a new one at the server, and write it into password-file"},
	{"[privacyrequired]", fault.Denied, "the server takes no passwords without TLS: use tls: on or starttls"},
	{"[contactadmin]", fault.Denied, "the server's administrator has locked this account"},
	{"[authorizationfailed]", fault.Denied, "the login is right, and may not use this mailbox: check user, and who has access to the mailbox"},
}

// loginProblem says what a refused login means.
func loginProblem(o *Options, err error) error {
	var g *gone
	var token tokenRefused
	says := said(err)
	p := &wire.Problem{Step: "login", Says: "login as " + o.User + " is refused: " + says, Err: fault.As(fault.Denied, err)}
	lower := strings.ToLower(says)
	for _, r := range refusals {
		if strings.Contains(lower, r.says) {
			p.Todo, p.Err = r.todo, fault.As(r.kind, err)
			return p
		}
	}
	switch {
	case errors.As(err, &token):
		p.Says, p.Todo = "login as "+o.User+" is refused: "+token.Error(), tokenTodo(string(token))
	case errors.Is(err, errLoginDisabled):
		p.Says, p.Todo = err.Error(), "use oauth, or a TLS mode in which the server takes passwords"
	case errors.As(err, &g):
		p.Says, p.Err = "no login as "+o.User+": "+g.Error(), g.err
	case refused(err) && o.Token != nil:
		p.Todo = "check that user is the mailbox's own address (a shared mailbox's, not its owner's), that IMAP is on for it, and that the token is for IMAP: Microsoft's scope IMAP.AccessAsUser.All, or for an app IMAP.AccessAsApp and a service principal with access to the mailbox; Google's https://mail.google.com/"
	case refused(err):
		p.Todo = "check user and password-file; where the account has a second factor it needs an app password, and Microsoft 365 and others take oauth only"
	}
	return p
}

// tokenTodo reads a refusal's JSON. Its status is an HTTP one (Google, Microsoft) or a word of RFC 6750 (RFC 7628).
func tokenTodo(text string) string {
	var c struct {
		Status string `json:"status"`
		Scope  string `json:"scope"`
	}
	_ = json.Unmarshal([]byte(text), &c)
	scope := ""
	if c.Scope != "" {
		scope = "; the server wants the scope " + wire.Said(c.Scope)
	}
	switch c.Status {
	case "401", "invalid_token":
		return "the token has expired, was revoked, or is another user's: log in again by postern login, and check user" + scope
	case "403", "insufficient_scope":
		return "the token is not for IMAP: ask for it with the right scope" + scope
	}
	return "the token does not open this mailbox: check user, that IMAP is on for it, and the token's scope (Google: https://mail.google.com/; Microsoft: IMAP.AccessAsUser.All or IMAP.AccessAsApp)" + scope
}

// greetingProblem says why a server would not talk to us.
func greetingProblem(address string, err error) error {
	p := &wire.Problem{Step: "login", Says: address + " does not greet us: " + said(err), Err: fault.As(fault.Unavailable, err)}
	var no *imap.Error
	switch {
	case errors.As(err, &no):
		p.Todo = "it may have too many connections from here: it is tried again; if it stays so, ask who runs it whether this address is blocked"
	default:
		p.Todo = "check that this is an IMAP server, and that tls fits its port: on for 993, starttls for 143"
	}
	return p
}
