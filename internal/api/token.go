package api

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// secretPrefix lets people and scanners recognise a leaked token.
const secretPrefix = "pst_"

const maxTokens = 1000

// A NewToken is what POST /api/v1/tokens takes.
type NewToken struct {
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
}

// A MadeToken is a token with its secret, which is shown this once.
type MadeToken struct {
	issue.Token
	Secret string `json:"token"`
}

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Mint makes a token: a secret of 256 random bits to hand out once, and what the store keeps, which has only its hash.
func Mint(n NewToken, now time.Time) (MadeToken, error) {
	if !tokenName.MatchString(n.Name) {
		return MadeToken{}, say(fault.Invalid, "name must be 1 to 64 letters, digits, dots, dashes and underscores")
	}
	if len(n.Scopes) == 0 {
		return MadeToken{}, say(fault.Invalid, "scopes is missing: one or more of %s", strings.Join(Scopes(), ", "))
	}
	for _, s := range n.Scopes {
		if !slices.Contains(Scopes(), s) {
			return MadeToken{}, say(fault.Invalid, "scopes are %s", strings.Join(Scopes(), ", "))
		}
	}
	t := issue.Token{ID: issue.NewID(now), Name: n.Name, CreatedAt: issue.Time(now)}
	t.Scopes = slices.Clone(n.Scopes)
	slices.Sort(t.Scopes)
	t.Scopes = slices.Compact(t.Scopes)
	if n.ExpiresAt != nil {
		e := issue.Time(*n.ExpiresAt)
		if !e.After(now) {
			return MadeToken{}, say(fault.Invalid, "expiresAt has passed")
		}
		t.ExpiresAt = &e
	}
	var b [32]byte
	rand.Read(b[:])
	secret := secretPrefix + base64.RawURLEncoding.EncodeToString(b[:])
	t.Hash = hashOf(secret)
	return MadeToken{t, secret}, nil
}

func hashOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func (a *API) listTokens(c *call) error {
	tokens, err := a.o.Store.Tokens(c.Request().Context())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, list(tokens, ""))
}

func (a *API) makeToken(c *call) error {
	var n NewToken
	if err := c.read(&n); err != nil {
		return err
	}
	ctx := c.Request().Context()
	there, err := a.o.Store.Tokens(ctx)
	if err != nil {
		return err
	}
	if len(there) >= maxTokens {
		return say(fault.TooLarge, "there are %d tokens already: revoke some", len(there)).as(http.StatusConflict)
	}
	for _, t := range there {
		if t.Name == n.Name { // events name the actor by it
			return say(fault.Conflict, "there is a token of that name")
		}
	}
	made, err := Mint(n, a.o.Now())
	if err != nil {
		return err
	}
	if err := a.o.Store.AddToken(ctx, made.Token); err != nil {
		return err
	}
	a.guard.forget()
	if err := a.o.Store.AppendEvent(ctx, a.event(c, "token.make", "token:"+made.ID, made.Name+": "+strings.Join(made.Scopes, " "))); err != nil {
		return err
	}
	c.Response().Header().Set("Location", "/api/v1/tokens/"+made.ID)
	return c.json(http.StatusCreated, made)
}

func (a *API) revokeToken(c *call) error {
	ctx, id := c.Request().Context(), c.param("id")
	err := a.o.Store.RevokeToken(ctx, id)
	if err == nil {
		a.guard.forget()
		err = a.o.Store.AppendEvent(ctx, a.event(c, "token.revoke", "token:"+id, ""))
	}
	if fault.Is(err, fault.NotFound) {
		return say(fault.NotFound, "there is no such token").because(err)
	}
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// event is what the caller did, now.
func (a *API) event(c *call, action, subject, detail string) issue.Event {
	now := a.o.Now()
	return issue.Event{
		ID: issue.NewID(now), At: issue.Time(now), Actor: c.who.actor, Action: action, Subject: subject, Detail: detail,
	}
}
