package pop3

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/poller/wire"
)

// refusals are what servers say when they let nobody in, and what it means. The first that fits counts; says is in lower case. Codes are those of
// RFC 2449 section 8 and RFC 3206.
var refusals = []struct {
	says string
	kind fault.Kind
	todo string
}{
	{"[in-use]", fault.Unavailable, "another program, or a session of ours that the server has not given up yet, has the mailbox: it is tried again; if it stays so, end the other program, or give it another mailbox"},
	{"[login-delay]", fault.Unavailable, "the server wants longer pauses between logins: it is tried again later; set every: to no less than it asks for"},
	{"[sys/temp]", fault.Unavailable, "something at the server does not work at the moment: it is tried again"},
	{"[sys/perm]", fault.Denied, "the server says that this will not mend itself: ask who runs it"},
	// Exchange Online, by learn.microsoft.com "Authenticate an IMAP, POP or SMTP connection using OAuth".
	{"authenticated but not connected", fault.Denied, "the token is good, and this mailbox is not open to it: POP is switched off for the mailbox (Set-CASMailbox -PopEnabled $true), or user names a mailbox that the token's owner, or the app, has no full access to"},
	{"basicauthblocked", fault.Denied, "the server takes no passwords any more: use oauth"},
	{"logondenied", fault.Denied, "check user and password; Microsoft 365 takes oauth only, and POP must be on for the mailbox (Set-CASMailbox -PopEnabled $true)"},
	// Gmail, by support.google.com "Read Gmail messages on other email clients using POP".
	{"application-specific password required", fault.Denied, "make an app password for Postern at the account's security page, or use oauth"},
	{"web login required", fault.Denied, "log in to this account once in a browser, and allow the new device; then try again"},
	{"not enabled for pop", fault.Denied, "switch POP on in the account's settings"},
	{"pop access is disabled", fault.Denied, "switch POP on: in the account's settings, or for the domain in its administrator's console"},
	{"too many", fault.Unavailable, "the server wants fewer connections or logins: poll less often, and look which other programs use the account"},
	{"drop lock", fault.Unavailable, "another program has the mailbox: it is tried again"},
	{"already locked", fault.Unavailable, "another program has the mailbox: it is tried again"},
	{"mailbox lock", fault.Unavailable, "another program has the mailbox: it is tried again"},
	{"in use", fault.Unavailable, "another program has the mailbox: it is tried again"},
	{"busy", fault.Unavailable, "another program has the mailbox, or the server has too much to do: it is tried again"},
	{"try again", fault.Unavailable, "the server cannot do it at the moment: it is tried again"},
}

// A throttled error says when to come again.
type throttled struct {
	error
	after time.Duration
}

func (t *throttled) Unwrap() error             { return t.error }
func (t *throttled) RetryAfter() time.Duration { return t.after }

// loginProblem says what a refused login means.
func (a *Account) loginProblem(err error, can caps) error {
	p := &wire.Problem{Step: "login", Says: "login as " + a.o.User + " is refused: " + err.Error(), Err: fault.As(fault.Denied, err)}
	var no *refusal
	if !errors.As(err, &no) {
		p.Says, p.Err = "no login as "+a.o.User+": "+err.Error(), err
		return p
	}
	lower := strings.ToLower(err.Error())
	for _, r := range refusals {
		if strings.Contains(lower, r.says) {
			p.Todo, p.Err = r.todo, fault.As(r.kind, err)
			if no.has("LOGIN-DELAY") {
				p.Err = &throttled{p.Err, max(time.Minute, time.Duration(min(can.number("LOGIN-DELAY"), 24*3600))*time.Second)}
			}
			return p
		}
	}
	var token *tokenRefused
	switch {
	case errors.As(err, &token):
		p.Todo = tokenTodo(token.json)
	case a.o.Token != nil:
		p.Todo = "check that user is the mailbox's own address, that POP is on for it, and that the token is for POP: Microsoft's scope POP.AccessAsUser.All, or for an app POP.AccessAsApp and a service principal with access to the mailbox; Google's https://mail.google.com/"
	case a.o.Mode() == wire.Off:
		p.Todo = "check user and password-file; many servers take passwords under TLS only: set tls: starttls or on"
	default:
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
		return "the token is not for POP: ask for it with the right scope" + scope
	}
	return "the token does not open this mailbox: check user, that POP is on for it, and the token's scope (Google: https://mail.google.com/; Microsoft: POP.AccessAsUser.All or POP.AccessAsApp)" + scope
}

// greetingProblem says why a server would not talk to us.
func greetingProblem(address string, err error) error {
	p := &wire.Problem{Step: "greeting", Says: address + " does not greet us: " + err.Error(), Err: fault.As(fault.Unavailable, err)}
	var no *refusal
	if errors.As(err, &no) {
		p.Says = address + " turns us away: " + no.text
		p.Todo = "it may have too many connections from here: it is tried again; if it stays so, ask who runs it whether this address is blocked"
	} else {
		p.Todo = "check that this is a POP3 server, and that tls fits its port: on for 995, starttls for 110"
	}
	return p
}
