// Package oauthtest is a server that gives tokens as Microsoft and Google document it, for tests: it answers for their host names, on loopback.
// It holds us to what they hold us to (one-time codes, PKCE, intervals, secrets, signatures) and breaks as they break.
//
// After learn.microsoft.com/entra/identity-platform/{v2-oauth2-client-creds-grant-flow,v2-oauth2-device-code,v2-oauth2-auth-code-flow,reference-error-codes}
// and developers.google.com/identity/protocols/oauth2/{native-app,service-account,limited-input-device}.
package oauthtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/webclient"
)

// Hosts are those that the server answers for.
var Hosts = []string{"login.microsoftonline.com", "oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com", "idp.example.com", "evil.example.net"}

// An App is one that is registered.
type App struct {
	ID, Secret string   // no secret: a public client
	Expired    bool     // the secret is
	Roles      []string // what an administrator granted it of its own right
}

// A Server gives tokens. What a test changes it changes under Lock.
type Server struct {
	sync.Mutex
	Tenant   string
	Apps     map[string]*App
	Now      func() time.Time
	Interval int                       // seconds between polls of a device; 0: 5
	Life     int                       // seconds that a token lives; 0: 3599
	Reuse    bool                      // a refresh token that is spent twice ends the login: RFC 9700 section 4.14
	Keep     bool                      // refresh tokens are not replaced, as at Google
	Service  map[string]*rsa.PublicKey // service accounts by address
	Users    map[string]bool           // of the Workspace
	Trusted  bool                      // the service accounts may act for its users
	Down     []Answer                  // what the next requests get instead of an answer
	Gate     chan struct{}             // not nil: each request for a token waits for one
	Forms    []url.Values              // what came, each with "path" and "host"

	refuse  *refusal
	logins  map[string]*login // by refresh token, spent ones too
	devices map[string]*device
	codes   map[string]*code
	serial  int
	tls     *httptest.Server
	pool    *x509.CertPool
}

// An Answer is one that a server gives instead of what was asked for.
type Answer struct {
	Status int
	Header map[string]string
	Body   string
}

type refusal struct {
	code, says, sub string
	number          int
}

type login struct {
	account, scope, client string
	spent                  bool
	family                 *bool
}

// New starts a server that ends with the test.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{Tenant: "contoso.example.com", Apps: map[string]*App{}, Now: time.Now, Service: map[string]*rsa.PublicKey{}, Users: map[string]bool{}, Trusted: true,
		logins: map[string]*login{}, devices: map[string]*device{}, codes: map[string]*code{}}
	s.tls, s.pool = Serve(t, s, Hosts, true)
	return s
}

// Serve starts a server over TLS that has a certificate for some names, and speaks HTTP/2 or not.
func Serve(t testing.TB, h http.Handler, names []string, http2 bool) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// Certificates are checked by the real clock.
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Postern's tests"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: names, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	srv := httptest.NewUnstartedServer(h)
	srv.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	srv.EnableHTTP2 = http2
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv, pool
}

// Client reaches the server by its hosts' names, and nothing else.
func (s *Server) Client() *webclient.Client { return Client(s.tls, s.pool) }

// Client reaches a server of Serve.
func Client(srv *httptest.Server, pool *x509.CertPool) *webclient.Client {
	return webclient.New(webclient.Options{Timeout: 20 * time.Second, Roots: pool, Private: true, Dial: func(string) string { return srv.Listener.Addr().String() }})
}

// Pool and Address are for clients of other kinds.
func (s *Server) Pool() *x509.CertPool { return s.pool }

// Address is where it listens.
func (s *Server) Address() string { return s.tls.Listener.Addr().String() }

// Refuse makes the server refuse each request for a token with one of Microsoft's numbers.
func (s *Server) Refuse(code string, number int) {
	s.Lock()
	defer s.Unlock()
	s.refuse = &refusal{code: code, number: number, says: fmt.Sprintf("AADSTS%d: As documented. Trace ID: 0000aaaa-11bb-cccc-dd22-eeeeee333333 Correlation ID: aaaa0000 Timestamp: 2026-01-09 02:02:12Z", number)}
}

// Say makes it refuse in other words; no code ends that.
func (s *Server) Say(code, says, sub string) {
	s.Lock()
	defer s.Unlock()
	s.refuse = nil
	if code != "" {
		s.refuse = &refusal{code: code, says: says, sub: sub}
	}
}

// Revoke ends all logins.
func (s *Server) Revoke() {
	s.Lock()
	defer s.Unlock()
	for _, l := range s.logins {
		*l.family = true
	}
}

// Asked counts requests of a grant type, or of a path's end.
func (s *Server) Asked(what string) int {
	s.Lock()
	defer s.Unlock()
	n := 0
	for _, f := range s.Forms {
		if f.Get("grant_type") == what || strings.HasSuffix(f.Get("path"), what) {
			n++
		}
	}
	return n
}

// Plain starts the same server without TLS, as idp.example.com, and says where: for programs that know no other way to it.
func (s *Server) Plain(t testing.TB) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = "idp.example.com"
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	f := r.PostForm
	f.Set("path", r.URL.Path)
	f.Set("host", r.Host)
	if s.Gate != nil {
		select {
		case <-s.Gate:
		case <-r.Context().Done():
			return
		}
	}
	s.Lock()
	defer s.Unlock()
	s.Forms = append(s.Forms, f)
	if len(s.Down) > 0 {
		a := s.Down[0]
		s.Down = s.Down[1:]
		for k, v := range a.Header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.Status)
		_, _ = w.Write([]byte(a.Body))
		return
	}
	if r.Method != http.MethodPost || r.URL.RawQuery != "" {
		// Secrets belong into the body: RFC 6749 section 2.3.1.
		s.no(w, 400, "invalid_request", 900561, "The endpoint only accepts POST requests.")
		return
	}
	switch {
	case r.Host == "login.microsoftonline.com":
		s.microsoft(w, r.URL.Path, f)
	case r.Host == "oauth2.googleapis.com" && r.URL.Path == "/token":
		s.google(w, f)
	case r.Host == "oauth2.googleapis.com" && r.URL.Path == "/device/code":
		s.no(w, 400, "invalid_scope", 0, "Invalid device flow scope: "+f.Get("scope"))
	case r.Host == "idp.example.com" && r.URL.Path == "/device":
		s.begin(w, f)
	case r.Host == "idp.example.com" && r.URL.Path == "/token":
		s.token(w, f)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) no(w http.ResponseWriter, status int, code string, number int, says string) {
	v := map[string]any{"error": code, "error_description": says}
	if number != 0 {
		v["error_description"] = fmt.Sprintf("AADSTS%d: %s Trace ID: 0000aaaa-11bb-cccc-dd22-eeeeee333333 Correlation ID: aaaa0000-bb11-2222-33cc-444444dddddd Timestamp: 2026-01-09 02:02:12Z", number, says)
		v["error_codes"] = []int{number}
		v["trace_id"] = "0000aaaa-11bb-cccc-dd22-eeeeee333333"
	}
	answer(w, status, v)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// refused answers as Refuse and Say want it.
func (s *Server) refused(w http.ResponseWriter) bool {
	r := s.refuse
	if r == nil {
		return false
	}
	v := map[string]any{"error": r.code, "error_description": r.says}
	if r.number != 0 {
		v["error_codes"] = []int{r.number}
	}
	if r.sub != "" {
		v["error_subtype"] = r.sub
	}
	answer(w, 400, v)
	return true
}
