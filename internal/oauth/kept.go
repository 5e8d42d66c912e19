package oauth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"postern/internal/fault"
	"postern/internal/keys"
	"postern/internal/logkey"
)

// kept is what the store keeps of a login, sealed under the source's name.
type kept struct {
	Refresh string    `json:"refresh,omitempty"`
	Access  string    `json:"access,omitempty"`
	Renew   time.Time `json:"renew,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	For     string    `json:"for"` // the token's purpose: see Source.purpose
	Scopes  []string  `json:"scopes"`
	Account string    `json:"account,omitempty"` // who logged in, as far as the provider tells
	By      string    `json:"by,omitempty"`      // who typed the command
	At      time.Time `json:"at,omitzero"`
	Seed    string    `json:"seed,omitempty"` // the hash of the refresh token that the configuration gave then
	Lost    *Refusal  `json:"lost,omitempty"` // why it is good for nothing any more

	version int64
}

// load reads what is kept; nothing is nil.
func (s *Source) load(ctx context.Context) (*kept, error) {
	sealed, version, err := s.o.Store.Credential(ctx, s.o.Source)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "read the login of %s: %w", s.o.Source, err)
	}
	k := &kept{version: version}
	text, err := s.o.Keys.Open(keys.Tokens, s.o.Source, sealed)
	if err == nil {
		err = json.Unmarshal(text, k)
	}
	if err != nil {
		// As good as none: the key that sealed it is gone. A new login replaces it.
		s.o.Log.WarnContext(ctx, "the login that is kept cannot be read", logkey.Source, s.o.Source, logkey.Error, err)
		return &kept{version: version, Lost: s.mustLogin("the login that is kept was sealed with a key that is not in this node's key file")}, nil
	}
	return k, nil
}

// save replaces what is kept, unless somebody else did meanwhile: then it is a Conflict.
func (s *Source) save(ctx context.Context, k *kept) error {
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("keep the login of %s: %w", s.o.Source, err)
	}
	version, err := s.o.Store.PutCredential(ctx, s.o.Source, s.o.Keys.Seal(keys.Tokens, s.o.Source, text), k.version)
	if err != nil {
		if fault.Is(err, fault.Conflict) {
			return err
		}
		return fault.Errorf(fault.Unavailable, "keep the login of %s: %w", s.o.Source, err)
	}
	k.version = version
	return nil
}

// keep saves a renewed login. A newer one has the way; but who found the refresh token spent, because we spent it, knows less than we.
func (s *Source) keep(ctx context.Context, k *kept) error {
	err := s.save(ctx, k)
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	if now, loadErr := s.load(ctx); loadErr == nil && now != nil && now.Lost != nil && now.At.Equal(k.At) && now.For == k.For {
		k.version = now.version
		return s.save(ctx, k)
	}
	return err
}

// asPerson uses what a person's login left.
func (s *Source) asPerson(ctx context.Context) (access, error) {
	if err := s.saveLate(ctx); err != nil {
		return access{}, err
	}
	// Once more for each time that another node, or a login, was faster.
	var last error
	for range 3 {
		k, err := s.current(ctx)
		if err != nil {
			return access{}, err
		}
		if now := s.o.Now(); k.Access != "" && now.Before(k.Renew) && !s.refusedToken(k.Access) {
			return access{k.Access, k.Renew, k.Expires}, nil
		}
		got, err := s.refresh(ctx, k)
		if !fault.Is(err, fault.Conflict) {
			return got, err
		}
		last = err
	}
	return access{}, fault.As(fault.Unavailable, last)
}

// refusedToken reports whether a server did not take this token.
func (s *Source) refusedToken(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token.token == token && s.token.expires.IsZero()
}

// saveLate saves what an earlier renewal could not: until then the new refresh token is in memory only.
func (s *Source) saveLate(ctx context.Context) error {
	s.mu.Lock()
	k := s.saving
	s.mu.Unlock()
	if k == nil {
		return nil
	}
	if err := s.keep(ctx, k); err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	s.mu.Lock()
	s.saving = nil
	s.mu.Unlock()
	return nil
}

// current is the login to use, or why there is none.
func (s *Source) current(ctx context.Context) (*kept, error) {
	k, err := s.load(ctx)
	if err != nil {
		return nil, err
	}
	seed := hash(reveal(s.o.Refresh))
	switch {
	case seed != "" && (k == nil || k.Seed != seed):
		given := &kept{Refresh: reveal(s.o.Refresh), For: s.purpose(), Scopes: s.scopes, Seed: seed, At: s.o.Now()}
		if k != nil {
			given.version = k.version
		}
		return given, nil
	case k == nil:
		return nil, fault.As(fault.Denied, s.mustLogin("nobody has logged in yet"))
	case k.Lost != nil:
		return nil, fault.As(fault.Denied, k.Lost)
	case k.For != s.purpose():
		return nil, fault.As(fault.Denied, s.mustLogin("the login that is kept is for another app or provider"))
	case !sameScopes(k.Scopes, s.scopes):
		return nil, fault.As(fault.Denied, s.mustLogin("the login that is kept is for other scopes"))
	}
	return k, nil
}

// refresh spends a refresh token: RFC 6749 section 6. Where the provider gives another in its place it is saved first.
func (s *Source) refresh(ctx context.Context, k *kept) (access, error) {
	f := s.client()
	f.Set("grant_type", "refresh_token")
	f.Set("refresh_token", k.Refresh)
	f.Set("scope", s.scope())
	a, err := s.post(ctx, s.at.token, f)
	if no, ok := refusal(err); ok && no.Login {
		return access{}, s.lose(ctx, k, no, err)
	}
	if err != nil {
		return access{}, err
	}
	got := s.access(a)
	next := *k
	next.Access, next.Renew, next.Expires = got.token, got.renew, got.expires
	if a.RefreshToken != "" {
		next.Refresh = a.RefreshToken
	}
	if next.Account == "" {
		next.Account = account(a)
	}
	if err := s.keep(ctx, &next); err != nil {
		if !fault.Is(err, fault.Conflict) {
			s.mu.Lock()
			s.saving = &next
			s.mu.Unlock()
		}
		return access{}, err
	}
	return got, nil
}

// lose notes that a login is good for nothing any more, for all nodes, unless there is a newer one already.
func (s *Source) lose(ctx context.Context, k *kept, no *Refusal, err error) error {
	lost := *k
	lost.Lost, lost.Access, lost.Refresh = no, "", ""
	switch saved := s.save(ctx, &lost); {
	case fault.Is(saved, fault.Conflict):
		return saved
	case saved != nil:
		s.o.Log.WarnContext(ctx, "that a login is lost could not be kept", logkey.Source, s.o.Source, logkey.Error, saved)
	}
	s.o.Log.ErrorContext(ctx, "a source must be logged in again", logkey.Source, s.o.Source, logkey.Error, err)
	return err
}

func hash(secret string) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// A Status is what is known of a source's tokens, without asking anybody.
type Status struct {
	Provider string    `json:"provider"`
	Flow     string    `json:"flow"`
	LoggedIn bool      `json:"loggedIn"` // for Flow Login: there is a login, and it was not lost as far as we know
	Account  string    `json:"account,omitempty"`
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at,omitzero"`      // when somebody logged in
	Expires  time.Time `json:"expires,omitzero"` // of the token that is in use; it is renewed before
	Problem  string    `json:"problem,omitempty"`
}

// Status says what is known.
func (s *Source) Status(ctx context.Context) (*Status, error) {
	st := &Status{Provider: s.o.Provider, Flow: s.o.Flow}
	if s.err != nil {
		st.Problem = s.err.Error()
		return st, nil
	}
	s.mu.Lock()
	st.Expires = s.token.expires
	if s.no != nil && s.o.Flow != Login {
		st.Problem = s.no.Error()
	}
	s.mu.Unlock()
	if s.o.Flow != Login {
		return st, nil
	}
	k, err := s.current(ctx)
	if no, ok := refusal(err); ok {
		st.Problem = no.Error()
		return st, nil
	}
	if err != nil {
		return nil, err
	}
	st.LoggedIn, st.Account, st.By, st.At = true, k.Account, k.By, k.At
	if k.Expires.After(st.Expires) {
		st.Expires = k.Expires
	}
	return st, nil
}
