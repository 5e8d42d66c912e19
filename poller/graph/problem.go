package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"postern/internal/fault"
)

// A Problem is an error of Graph's, in words for an administrator.
type Problem struct {
	Status  int
	Code    string // "ErrorAccessDenied"
	Message string // Graph's own words
	Says    string
	Todo    string
}

func (p *Problem) Error() string {
	text := "Microsoft Graph: " + p.Says
	if p.Code != "" {
		text += fmt.Sprintf(" (%d %s)", p.Status, p.Code)
	} else {
		text += fmt.Sprintf(" (%d)", p.Status)
	}
	if p.Todo != "" {
		text += ". " + p.Todo
	}
	return text
}

// gone reports whether what was asked for is not there.
func gone(err error) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == http.StatusNotFound && !p.mailbox()
}

// mailbox reports whether the problem is the whole mailbox's.
func (p *Problem) mailbox() bool {
	switch p.Code {
	case "MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "ErrorInvalidUser", "ErrorNonExistentMailbox", "ResourceNotFound", "Request_ResourceNotFound", "MailboxNotFound":
		return true
	}
	return strings.Contains(p.Message, "Default folder Root")
}

// expired reports whether a delta link is not known any more: learn.microsoft.com/graph/delta-query-overview, "Synchronization reset".
func expired(err error) bool {
	var p *Problem
	if !errors.As(err, &p) {
		return false
	}
	code := strings.ToLower(p.Code)
	return p.Status == http.StatusGone || p.Status == http.StatusBadRequest && (strings.Contains(code, "syncstate") || strings.Contains(code, "resyncrequired") || strings.Contains(code, "invalidsync"))
}

// problem reads an error's answer: learn.microsoft.com/graph/errors.
func problem(status int, text []byte, mailbox string) error {
	var said struct {
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	_ = json.Unmarshal(text, &said)
	p := &Problem{Status: status, Code: printable(said.Error.Code, 80), Message: printable(said.Error.Message, 300)}
	p.Says, p.Todo = words(p, mailbox)
	kind := fault.Invalid
	switch {
	case status >= 500:
		kind = fault.Unavailable
	case status == http.StatusNotFound, status == http.StatusGone:
		kind = fault.NotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		kind = fault.Denied
	case status == http.StatusConflict:
		kind = fault.Conflict
	}
	return fault.As(kind, p)
}

// words are after the errors that others met and told of (zammad-admin-documentation, channels/microsoft365-graph/common-errors) and
// learn.microsoft.com/graph/{errors,resolve-auth-errors,auth-limit-mailbox-access}.
func words(p *Problem, mailbox string) (says, todo string) {
	switch {
	case p.Code == "MailboxNotEnabledForRESTAPI", p.Code == "MailboxNotSupportedForRESTAPI":
		return mailbox + " has no mailbox in Exchange Online: it has no licence, is deleted or inactive, or lies on a server of your own",
			"Give it a licence with Exchange Online, or convert it into a shared mailbox, in the Microsoft 365 admin center. A mailbox on a server of your own is fetched by IMAP."
	case strings.Contains(p.Message, "Default folder Root"):
		return "the account that logged in may not open " + mailbox,
			"Give it full access: Exchange admin center, Mailboxes, the mailbox, Delegation, Read and manage. It can take an hour to count."
	case p.Code == "ErrorInvalidUser", p.Code == "Request_ResourceNotFound", p.Code == "ResourceNotFound", p.Code == "ErrorNonExistentMailbox", p.Code == "MailboxNotFound":
		return "there is no user or shared mailbox " + mailbox, "Check the address: it must be the user principal name or the primary address, not an alias, a group or a distribution list."
	case strings.Contains(p.Message, "RAOP"), strings.Contains(p.Message, "AccessPolicy"):
		return "an application access policy keeps the app from " + mailbox,
			"Add the mailbox to the policy's group, and try with Test-ApplicationAccessPolicy. It can take an hour to count."
	case p.Code == "ErrorAccessDenied", p.Code == "Authorization_RequestDenied", p.Status == http.StatusForbidden:
		return "it denies access to " + mailbox,
			"App: API permissions must have Mail.ReadWrite with admin consent, or Exchange a role assignment (RBAC for Applications) whose scope has the mailbox. Login of a person: Mail.ReadWrite.Shared and full access to the mailbox."
	case p.Code == "InvalidAuthenticationToken", p.Status == http.StatusUnauthorized:
		return "it does not take the token", "Check cloud, tenant and scopes of the source; a new token was tried already."
	case p.Status >= 300 && p.Status < 400:
		return "it points elsewhere, and the token goes nowhere else", "Check cloud, or graph-url, of the source."
	case p.Code == "ErrorQuotaExceeded":
		return "the mailbox is full", "Make room in it, or give it a larger quota."
	case p.Status >= 500:
		return "it failed", "It is tried again."
	}
	if p.Message != "" {
		return "it says: " + strings.TrimSuffix(p.Message, "."), ""
	}
	return "it refuses the request", ""
}

// printable keeps what may stand in a log and a terminal.
func printable(text string, most int) string {
	runes := []rune(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " "))
	if len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return string(runes)
}
