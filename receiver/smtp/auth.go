package smtp

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-sasl"
	"golang.org/x/crypto/bcrypt"
)

// A User may authenticate (RFC 4954), over TLS only. One of Hash and Password is given.
type User struct {
	Name     string
	Hash     string   // bcrypt, "$2a$…"
	Password string   // in clear, from a secret file
	WriteAs  []string // From addresses, and "@domain"s, that the user may write as
}

type user struct {
	User
	sum [sha256.Size]byte // of Password
}

// users is what can authenticate. Names are compared without regard to case.
type users struct {
	byName map[string]*user
	dummy  []byte        // a hash that nobody's password has, for names that do not exist
	slots  chan struct{} // bcrypt is made to be slow: only so many at once
}

const (
	bcryptAtOnce = 2
	knownFor     = 24 * time.Hour // how long an address stays one from which a user has logged in
)

func newUsers(list []User) (*users, error) {
	u := &users{byName: make(map[string]*user, len(list)), slots: make(chan struct{}, bcryptAtOnce)}
	cost := bcrypt.MinCost
	for _, one := range list {
		key := strings.ToLower(one.Name)
		switch {
		case key == "":
			return nil, errors.New("an SMTP user has no name")
		case u.byName[key] != nil:
			return nil, fmt.Errorf("SMTP user %q is named twice", one.Name)
		case (one.Hash == "") == (one.Password == ""):
			return nil, fmt.Errorf("SMTP user %q needs either a bcrypt hash or a password", one.Name)
		}
		if one.Hash != "" {
			c, err := bcrypt.Cost([]byte(one.Hash))
			if err != nil {
				return nil, fmt.Errorf("SMTP user %q: the hash is not bcrypt", one.Name) // without the error: it may quote the hash
			}
			cost = max(cost, c)
		}
		u.byName[key] = &user{User: one, sum: sha256.Sum256([]byte(one.Password))}
	}
	if len(list) > 0 {
		var err error
		if u.dummy, err = bcrypt.GenerateFromPassword([]byte("nobody's"), cost); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// check returns the user whose name and password these are, or nil. It does the same work for names that do not exist.
func (u *users) check(name, password string) *user {
	one := u.byName[strings.ToLower(name)]
	hash := u.dummy
	if one != nil && one.Hash != "" {
		hash = []byte(one.Hash)
	}
	hashed := bcrypt.CompareHashAndPassword(hash, []byte(password)) == nil
	if one == nil {
		return nil
	}
	if one.Hash == "" {
		sum := sha256.Sum256([]byte(password))
		hashed = subtle.ConstantTimeCompare(sum[:], one.sum[:]) == 1
	}
	if !hashed {
		return nil
	}
	return one
}

// AuthMechanisms is what EHLO offers: nothing without TLS or without users.
func (s *session) AuthMechanisms() []string {
	if !s.w.tls || len(s.w.live.users.byName) == 0 {
		return nil
	}
	return []string{"PLAIN", "LOGIN"}
}

// Auth begins an exchange.
func (s *session) Auth(mech string) (sasl.Server, error) {
	switch {
	case !s.w.tls:
		return nil, answer(538, 5, 7, 11, "only over TLS")
	case len(s.w.live.users.byName) == 0:
		return nil, answer(502, 5, 5, 1, "not implemented")
	case mech == "PLAIN":
		return &plainExchange{s}, nil
	case mech == "LOGIN":
		return &loginExchange{s: s}, nil
	default:
		return nil, answer(504, 5, 5, 4, "mechanism not known, use PLAIN or LOGIN")
	}
}

// authenticate decides, and keeps the time until a refusal the same whatever is wrong.
func (s *session) authenticate(identity, name, password string) error {
	began := time.Now()
	u, limited := s.login(identity, name, password)
	switch {
	case limited:
		s.w.refused(WhyAuthLimit)
		s.w.end("too many failed logins")
		return answer(421, 4, 7, 0, "too many failed logins, try again later")
	case u == nil:
		s.w.refused(WhyAuth)
		s.w.log().Info("login refused") // no name: people type passwords there
		s.w.srv.sleep(s.ctx, s.w.live.limits.AuthDelay-time.Since(began))
		return answer(535, 5, 7, 8, "user name or password is wrong")
	}
	s.user = u
	return nil
}

// login looks at the limits, then at the password, with one of the few slots, so that guesses made at once count as well.
func (s *session) login(identity, name, password string) (_ *user, limited bool) {
	us := s.w.live.users
	us.slots <- struct{}{}
	defer func() { <-us.slots }()

	lim, p, key := &s.w.live.limits, s.w.srv.peers, s.w.limitKey()
	now, who := s.w.srv.o.Now(), strings.ToLower(cut(name, 256))
	// A user's own network is remembered: nobody else's guessing shuts the user out there.
	known := who + " " + s.w.peer.String()
	if key.IsValid() && p.authAddress.spent(key, lim.AuthFailures, lim.AuthWindow, now) ||
		p.authUser.spent(who, lim.AuthFailuresPerUser, lim.AuthWindow, now) && !p.authKnown.spent(known, 1, knownFor, now) {
		return nil, true
	}
	if u := us.check(name, password); u != nil && (identity == "" || strings.EqualFold(identity, name)) {
		p.authKnown.take(known, 1, knownFor, now)
		return u, false
	}
	if key.IsValid() {
		p.authAddress.take(key, lim.AuthFailures, lim.AuthWindow, now)
	}
	p.authUser.take(who, lim.AuthFailuresPerUser, lim.AuthWindow, now)
	return nil, false
}

var errMalformed = answer(501, 5, 5, 2, "response not understood")

// plainExchange is RFC 4616.
type plainExchange struct{ s *session }

func (p *plainExchange) Next(response []byte) (challenge []byte, done bool, err error) {
	if response == nil {
		return []byte{}, false, nil
	}
	f := bytes.Split(response, []byte{0})
	if len(f) != 3 {
		return nil, false, errMalformed
	}
	err = p.s.authenticate(string(f[0]), string(f[1]), string(f[2]))
	return nil, err == nil, err
}

// loginExchange is draft-murchison-sasl-login: obsolete, and what many devices still speak.
type loginExchange struct {
	s     *session
	name  string
	asked int
}

func (l *loginExchange) Next(response []byte) (challenge []byte, done bool, err error) {
	if response != nil && l.asked == 0 { // the name came with the command
		l.asked = 1
	}
	switch l.asked {
	case 0:
		l.asked = 1
		return []byte("Username:"), false, nil
	case 1:
		l.name, l.asked = string(response), 2
		return []byte("Password:"), false, nil
	case 2:
		l.asked = 3
		err = l.s.authenticate("", l.name, string(response))
		return nil, err == nil, err
	default:
		return nil, false, errMalformed
	}
}
