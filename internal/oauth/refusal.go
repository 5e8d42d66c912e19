package oauth

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A Refusal is a provider's no, in words for an administrator.
type Refusal struct {
	Provider string    `json:"provider"`
	Code     string    `json:"code"`             // "invalid_grant": RFC 6749 section 5.2
	Number   int       `json:"number,omitempty"` // of Microsoft's AADSTS
	Says     string    `json:"says"`             // what happened
	Todo     string    `json:"todo"`             // what to do
	Detail   string    `json:"detail,omitempty"` // the provider's own words, where we have none
	Login    bool      `json:"login,omitempty"`  // nothing helps but that a person logs in again
	Lasting  bool      `json:"lasting"`          // it does not pass by itself
	At       time.Time `json:"at,omitzero"`
}

func (r *Refusal) Error() string {
	text := r.Provider + " gives no token: " + r.Says
	switch {
	case r.Number != 0:
		text += fmt.Sprintf(" (AADSTS%d)", r.Number)
	case r.Code != "":
		text += " (" + r.Code + ")"
	}
	if r.Detail != "" {
		text += ", it says: " + r.Detail
	}
	return text + ". " + r.Todo
}

// NeedsLogin reports whether nothing helps but that a person logs in again.
func (r *Refusal) NeedsLogin() bool { return r.Login }

// aadsts finds Microsoft's numbers in an error's text, for answers without error_codes.
var aadsts = regexp.MustCompile(`AADSTS(\d{5,8})`)

func number(a *answer) int {
	if len(a.Numbers) > 0 {
		return a.Numbers[0]
	}
	if m := aadsts.FindStringSubmatch(a.Says); m != nil {
		n, _ := strconv.Atoi(m[1])
		return n
	}
	return 0
}

// transient reports whether a no is one for now only.
func transient(a *answer) bool {
	switch number(a) {
	case 50033, 50087, 50088, 90006, 90012, 90024, 90033, 90055, 90090, 40010:
		return true
	}
	return a.Code == "temporarily_unavailable" || a.Code == "server_error"
}

// refuse puts a provider's no into words.
func (s *Source) refuse(a *answer, form url.Values) *Refusal {
	r := &Refusal{Provider: s.provider(), Code: printable(a.Code, 64), Lasting: true, At: s.o.Now()}
	refresh := form.Get("grant_type") == "refresh_token"
	m, known := meaning{}, false
	switch s.o.Provider {
	case Microsoft:
		r.Number = number(a)
		m, known = microsoft[r.Number]
	case Google:
		m, known = googleMeaning(a)
	}
	if !known {
		m, known = general[a.Code]
		if !known {
			m = meaning{says: "the request was refused", todo: "Look the code up in the provider's documentation."}
		}
		r.Detail = s.scrub(a.Says, form)
	}
	r.Says, r.Todo = s.fill(m.says), s.fill(m.todo)
	// A refresh token that is refused is spent, whatever the reason; what policy refuses may be allowed again.
	r.Login = s.o.Flow == Login && (m.login || refresh && a.Code == "invalid_grant" && !m.policy)
	if r.Login && !strings.Contains(r.Todo, "postern login") {
		r.Todo = strings.TrimSpace(r.Todo + " " + s.fill(again))
	}
	return r
}

func (s *Source) mustLogin(why string) *Refusal {
	return &Refusal{Provider: s.provider(), Says: why, Todo: s.fill(again), Login: true, Lasting: true, At: s.o.Now()}
}

func (s *Source) fill(text string) string {
	return strings.NewReplacer("{source}", s.o.Source, "{client}", s.o.ClientID, "{tenant}", s.o.Tenant, "{cloud}", s.o.Cloud, "{user}", s.o.User, "{scopes}", strings.Join(s.scopes, ","),
		"{subject}", s.serviceID()).Replace(text)
}

// scrub makes a provider's words fit for an error: short, printable, and without any secret that we sent.
func (s *Source) scrub(text string, form url.Values) string {
	for _, name := range []string{"client_secret", "refresh_token", "assertion", "device_code", "code", "code_verifier"} {
		if secret := form.Get(name); secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "***")
		}
	}
	text, _, _ = strings.Cut(text, "Trace ID:") // Microsoft's ids of the request
	return printable(text, 300)
}

// printable keeps what may stand in a log and a terminal.
func printable(text string, most int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strings.TrimSuffix(text, ".")
}
