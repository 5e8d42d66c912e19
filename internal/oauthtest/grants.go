package oauthtest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

type device struct {
	login
	user     string
	expires  time.Time
	next     time.Time
	interval int
	state    string // "", "approved", "declined", "done"
}

type code struct {
	login
	challenge, redirect string
	spent               bool
}

func (s *Server) microsoft(w http.ResponseWriter, path string, f url.Values) {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if tenant != s.Tenant {
		s.no(w, 400, "invalid_request", 90002, "Tenant '"+tenant+"' not found.")
		return
	}
	app := s.Apps[f.Get("client_id")]
	if app == nil {
		s.no(w, 400, "unauthorized_client", 700016, "Application with identifier was not found in the directory.")
		return
	}
	if rest == "oauth2/v2.0/devicecode" {
		s.begin(w, f)
		return
	}
	secret := f.Get("client_secret")
	switch {
	case rest != "oauth2/v2.0/token":
		w.WriteHeader(http.StatusNotFound)
	case app.Secret == "" && secret != "":
		s.no(w, 401, "invalid_client", 700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
	case app.Secret != "" && secret == "":
		s.no(w, 401, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case app.Secret != secret:
		s.no(w, 401, "invalid_client", 7000215, "Invalid client secret provided.")
	case app.Secret != "" && app.Expired:
		s.no(w, 401, "invalid_client", 7000222, "The provided client secret keys for app are expired.")
	default:
		s.token(w, f)
	}
}

// token is the token endpoint, once the client is known.
func (s *Server) token(w http.ResponseWriter, f url.Values) {
	if s.refused(w) {
		return
	}
	switch f.Get("grant_type") {
	case "client_credentials":
		if !strings.HasSuffix(f.Get("scope"), "/.default") {
			s.no(w, 400, "invalid_scope", 1002012, "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.")
			return
		}
		resource := strings.TrimSuffix(f.Get("scope"), "/.default")
		if !slices.Contains([]string{"https://graph.microsoft.com", "https://outlook.office365.com"}, resource) {
			s.no(w, 400, "invalid_resource", 500011, "The resource principal was not found in the tenant.")
			return
		}
		s.give(w, map[string]any{"aud": resource, "roles": s.Apps[f.Get("client_id")].Roles, "appid": f.Get("client_id"), "tid": s.Tenant}, nil)
	case "refresh_token":
		s.refresh(w, f)
	case "urn:ietf:params:oauth:grant-type:device_code":
		s.poll(w, f)
	case "authorization_code":
		s.redeem(w, f)
	default:
		s.no(w, 400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
	}
}

func (s *Server) refresh(w http.ResponseWriter, f url.Values) {
	l := s.logins[f.Get("refresh_token")]
	switch {
	case l == nil || l.client != f.Get("client_id"):
		s.no(w, 400, "invalid_grant", 70000, "Provided grant is invalid or malformed.")
	case l.spent && s.Reuse && !s.Keep:
		*l.family = true
		s.no(w, 400, "invalid_grant", 0, "The refresh token was used already.")
	case *l.family:
		s.no(w, 400, "invalid_grant", 50173, "The provided grant has expired due to it being revoked, a fresh auth token is needed.")
	default:
		l.spent = true
		var next *login
		if !s.Keep {
			next = &login{account: l.account, scope: l.scope, client: l.client, family: l.family}
		}
		s.give(w, map[string]any{"scp": l.scope, "upn": l.account, "appid": l.client, "tid": s.Tenant}, next)
	}
}

// give answers with a token that has these claims, and a refresh token for a login.
func (s *Server) give(w http.ResponseWriter, claims map[string]any, l *login) {
	s.serial++
	life := s.Life
	if life == 0 {
		life = 3599
	}
	claims["iat"], claims["exp"], claims["jti"] = s.Now().Unix(), s.Now().Unix()+int64(life), s.serial
	head, _ := json.Marshal(map[string]string{"typ": "JWT", "alg": "none"})
	body, _ := json.Marshal(claims)
	b64 := base64.RawURLEncoding.EncodeToString
	v := map[string]any{"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": b64(head) + "." + b64(body) + "." + b64([]byte("signature"))}
	if l != nil {
		refresh := fmt.Sprintf("refresh-secret-%d", s.serial)
		s.logins[refresh] = l
		v["refresh_token"], v["scope"] = refresh, l.scope
	}
	answer(w, 200, v)
}

// begin is the device authorization endpoint: RFC 8628 section 3.1.
func (s *Server) begin(w http.ResponseWriter, f url.Values) {
	s.serial++
	d := &device{login: login{scope: f.Get("scope"), client: f.Get("client_id"), family: new(bool)}, user: fmt.Sprintf("CODE%05d", s.serial), expires: s.Now().Add(15 * time.Minute), interval: 5}
	if s.Interval > 0 {
		d.interval = s.Interval
	}
	d.next = s.Now().Add(time.Duration(d.interval) * time.Second)
	id := fmt.Sprintf("device-secret-%d", s.serial)
	s.devices[id] = d
	answer(w, 200, map[string]any{"device_code": id, "user_code": d.user, "verification_uri": "https://login.microsoft.com/device", "expires_in": 900, "interval": d.interval,
		"message": "To sign in, use a web browser to open the page and enter the code."})
}

// poll is RFC 8628 section 3.5. Microsoft's word for a no is authorization_declined.
func (s *Server) poll(w http.ResponseWriter, f url.Values) {
	d := s.devices[f.Get("device_code")]
	now := s.Now()
	switch {
	case d == nil || d.client != f.Get("client_id") || d.state == "done":
		s.no(w, 400, "bad_verification_code", 0, "The device_code was not recognized.")
	case !now.Before(d.expires):
		s.no(w, 400, "expired_token", 70019, "Verification code expired.")
	case now.Before(d.next):
		d.interval += 5
		d.next = now.Add(time.Duration(d.interval) * time.Second)
		s.no(w, 400, "slow_down", 0, "Polled too soon.")
	case d.state == "declined":
		s.no(w, 400, "authorization_declined", 70004, "The end user denied the authorization request.")
	case d.state == "":
		d.next = now.Add(time.Duration(d.interval) * time.Second)
		s.no(w, 400, "authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
	default:
		d.state = "done"
		s.welcome(w, &d.login)
	}
}

func (s *Server) welcome(w http.ResponseWriter, l *login) {
	claims := map[string]any{"scp": l.scope, "upn": l.account, "appid": l.client, "tid": s.Tenant}
	if !strings.Contains(l.scope, "offline_access") && !strings.Contains(l.scope, "mail.google.com") {
		l = nil
	}
	s.give(w, claims, l)
}

// Approve is a person who types the code of a device and says yes, or no.
func (s *Server) Approve(user, account string, yes bool) bool {
	s.Lock()
	defer s.Unlock()
	for _, d := range s.devices {
		if d.user == user && d.state == "" {
			d.account, d.state = account, map[bool]string{true: "approved", false: "declined"}[yes]
			return true
		}
	}
	return false
}

// Visit is a person who opens an address with a browser, logs in and says yes, or no; it returns where the browser is sent then.
func (s *Server) Visit(address, account string, yes bool) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	s.Lock()
	defer s.Unlock()
	q := u.Query()
	where := u.Host + u.Path
	if !slices.Contains([]string{"login.microsoftonline.com/" + s.Tenant + "/oauth2/v2.0/authorize", "accounts.google.com/o/oauth2/v2/auth", "idp.example.com/authorize"}, where) && u.Hostname() != "127.0.0.1" {
		return "", fmt.Errorf("nobody logs in at %s", where)
	}
	if q.Get("response_type") != "code" || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") == "" {
		return "", fmt.Errorf("not a request of RFC 7636: %s", address)
	}
	if strings.Contains(where, "google") && (q.Get("access_type") != "offline" || q.Get("prompt") != "consent") {
		return "", fmt.Errorf("google would give no refresh token: %s", address)
	}
	back := url.Values{"state": {q.Get("state")}}
	if yes {
		s.serial++
		id := fmt.Sprintf("code-%d", s.serial)
		s.codes[id] = &code{login: login{account: account, scope: q.Get("scope"), client: q.Get("client_id"), family: new(bool)}, challenge: q.Get("code_challenge"), redirect: q.Get("redirect_uri")}
		back.Set("code", id)
	} else {
		back.Set("error", "access_denied")
	}
	return q.Get("redirect_uri") + "?" + back.Encode(), nil
}

// redeem is RFC 6749 section 4.1.3 with RFC 7636 section 4.6.
func (s *Server) redeem(w http.ResponseWriter, f url.Values) {
	c := s.codes[f.Get("code")]
	sum := sha256.Sum256([]byte(f.Get("code_verifier")))
	switch {
	case c == nil || c.client != f.Get("client_id") || c.redirect != f.Get("redirect_uri"):
		s.no(w, 400, "invalid_grant", 70000, "The code is not known.")
	case c.spent:
		s.no(w, 400, "invalid_grant", 54005, "OAuth2 Authorization code was already redeemed.")
	case base64.RawURLEncoding.EncodeToString(sum[:]) != c.challenge:
		s.no(w, 400, "invalid_grant", 501481, "The Code_Verifier does not match the code_challenge.")
	default:
		c.spent = true
		s.welcome(w, &c.login)
	}
}

// google is its token endpoint: codes and refresh tokens as above, and the claims of service accounts.
func (s *Server) google(w http.ResponseWriter, f url.Values) {
	if f.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		app := s.Apps[f.Get("client_id")]
		if app == nil || app.Secret != f.Get("client_secret") {
			s.no(w, 401, "invalid_client", 0, "The OAuth client was not found.")
			return
		}
		s.token(w, f)
		return
	}
	if s.refused(w) {
		return
	}
	var head struct{ Alg string }
	var c struct {
		Iss, Sub, Scope, Aud string
		Iat, Exp             int64
	}
	parts := strings.Split(f.Get("assertion"), ".")
	if len(parts) != 3 || !decode(parts[0], &head) || !decode(parts[1], &c) || head.Alg != "RS256" {
		s.no(w, 400, "invalid_grant", 0, "Invalid JWT: Failed audience check.")
		return
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	sig, _ := base64.RawURLEncoding.DecodeString(parts[2])
	now := s.Now().Unix()
	switch key := s.Service[c.Iss]; {
	case key == nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) != nil:
		s.no(w, 400, "invalid_grant", 0, "Invalid JWT Signature.")
	case c.Aud != "https://oauth2.googleapis.com/token":
		s.no(w, 400, "invalid_grant", 0, "Invalid JWT: Failed audience check.")
	case c.Iat > now+300 || c.Exp < now || c.Exp-c.Iat > 3600:
		s.no(w, 400, "invalid_grant", 0, "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.")
	case !s.Users[c.Sub]:
		s.no(w, 400, "invalid_grant", 0, "Invalid email or User ID")
	case !s.Trusted || c.Scope != "https://mail.google.com/":
		s.no(w, 401, "unauthorized_client", 0, "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.")
	default:
		s.serial++
		answer(w, 200, map[string]any{"access_token": fmt.Sprintf("ya29.service-%d", s.serial), "expires_in": 3599, "token_type": "Bearer"})
	}
}

func decode(part string, v any) bool {
	b, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(b, v) == nil
}
