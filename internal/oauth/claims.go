package oauth

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
)

// Claims are what a token says of itself. They are not verified: good for telling an administrator what was granted, never for deciding.
type Claims struct {
	Roles    []string // of an app of its own right
	Scopes   []string // of a person's login
	App      string   // the app's id
	Tenant   string
	Account  string // who logged in
	Audience string
}

// ReadClaims reads a token, where it is a JSON Web Token: Microsoft's are, Google's are not.
func ReadClaims(token string) (Claims, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return Claims{}, false
	}
	body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return Claims{}, false
	}
	var c struct {
		Roles   []string `json:"roles"`
		Scp     string   `json:"scp"`
		AppID   string   `json:"appid"`
		Azp     string   `json:"azp"`
		Tid     string   `json:"tid"`
		UPN     string   `json:"upn"`
		Name    string   `json:"preferred_username"`
		Unique  string   `json:"unique_name"`
		Email   string   `json:"email"`
		Aud     any      `json:"aud"`
		Subject string   `json:"sub"`
	}
	if json.Unmarshal(body, &c) != nil {
		return Claims{}, false
	}
	aud, _ := c.Aud.(string)
	out := Claims{Scopes: strings.Fields(printable(c.Scp, 2000)), App: printable(first(c.AppID, c.Azp), 80), Tenant: printable(c.Tid, 80),
		Account: printable(first(c.UPN, c.Name, c.Unique, c.Email), 200), Audience: printable(aud, 200)}
	for _, r := range c.Roles {
		out.Roles = append(out.Roles, printable(r, 100))
	}
	return out, true
}

// Has reports whether a token says that it was granted one of these, as a role or a scope.
func (c Claims) Has(names ...string) bool {
	for _, n := range names {
		if slices.Contains(c.Roles, n) || slices.Contains(c.Scopes, n) {
			return true
		}
	}
	return false
}

// account is who logged in, as far as an answer tells.
func account(a *answer) string {
	for _, t := range []string{a.IDToken, a.AccessToken} {
		if c, ok := ReadClaims(t); ok && c.Account != "" {
			return c.Account
		}
	}
	return ""
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}
