// Package graphtest is a server that speaks the part of Microsoft Graph that fetching mail needs, for tests, as it is documented: folders,
// delta queries with pages and links that expire, raw mail, moves with both kinds of ids, limits, and errors in Graph's words. It breaks on demand.
//
// After learn.microsoft.com/graph/api/{message-delta,message-move,message-update,mailfolder-list-childfolders,mailfolder-post-childfolders},
// /graph/{delta-query-overview,outlook-get-mime-message,outlook-immutable-id,throttling,throttling-limits,errors}.
package graphtest

import (
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/oauthtest"
	"postern/internal/webclient"
)

// Base is where the API is.
const Base = "https://graph.microsoft.com/v1.0"

// A Server has mailboxes. What a test changes it changes under Lock.
type Server struct {
	sync.Mutex
	Valid    func(token string) bool // nil: any
	ReadOnly bool                    // the app may not write
	NoExpand bool                    // $expand is refused
	Strict   bool                    // eq minds case
	Now      func() time.Time
	PageSize int      // rows at most, whatever is asked for; 0: 1000
	Foreign  string   // not "": links lead to this host
	Faults   []*Fault // in their order, each as often as it says
	Requests []string // METHOD PATH

	mailboxes map[string]*Mailbox
	base      string // "" for Base's host
	most      int    // requests that were under way for a mailbox at once
	tls       *httptest.Server
	pool      *x509.CertPool
}

// A Fault is an answer in place of the right one.
type Fault struct {
	Match  string // a part of "METHOD PATH"
	Times  int    // 0: once
	Status int    // 0: the right answer, cut
	Header map[string]string
	Code   string // Graph's
	Says   string
	Cut    int  // so many bytes of the right answer come
	Blind  bool // and the connection ends without a word of how long it was to be (HTTP/1 only)
}

// New starts a server that ends with the test.
func New(t testing.TB, http2 bool) *Server {
	s := &Server{mailboxes: map[string]*Mailbox{}, Now: time.Now}
	s.tls, s.pool = oauthtest.Serve(t, s, []string{"graph.microsoft.com", "evil.example.net"}, http2)
	return s
}

// Plain starts the same server without TLS and says where its API is: for programs that know no other way to it.
func (s *Server) Plain(t testing.TB) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Lock()
		s.base = "http://" + r.Host
		s.Unlock()
		r.Host = "graph.microsoft.com"
		s.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/v1.0"
}

// Client reaches the server by its name.
func (s *Server) Client() *webclient.Client { return oauthtest.Client(s.tls, s.pool) }

// Pool and Address are for clients of other kinds.
func (s *Server) Pool() *x509.CertPool { return s.pool }

// Address is where it listens.
func (s *Server) Address() string { return s.tls.Listener.Addr().String() }

// Break adds a fault.
func (s *Server) Break(f Fault) {
	s.Lock()
	defer s.Unlock()
	s.Faults = append(s.Faults, &f)
}

// Asked counts requests whose METHOD PATH has this part.
func (s *Server) Asked(part string) int {
	s.Lock()
	defer s.Unlock()
	n := 0
	for _, r := range s.Requests {
		if strings.Contains(r, part) {
			n++
		}
	}
	return n
}

// Most is how many requests were under way for one mailbox at once.
func (s *Server) Most() int {
	s.Lock()
	defer s.Unlock()
	return s.most
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, err := url.PathUnescape(r.URL.EscapedPath())
	if err != nil {
		w.WriteHeader(400)
		return
	}
	what := r.Method + " " + path
	s.Lock()
	s.Requests = append(s.Requests, what)
	f := s.fault(what)
	valid := s.Valid == nil || s.Valid(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	s.Unlock()
	switch {
	case r.Host != "graph.microsoft.com":
		w.WriteHeader(404)
	case f != nil && f.Status != 0:
		f.answer(w)
	case !valid || r.Header.Get("Authorization") == "":
		w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"`)
		fail(w, 401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
	case f != nil:
		f.cut(w, r, s.route)
	default:
		s.route(w, r)
	}
}

// fault is the one that a request meets.
func (s *Server) fault(what string) *Fault {
	for i, f := range s.Faults {
		if strings.Contains(what, f.Match) {
			if f.Times--; f.Times <= 0 {
				s.Faults = append(s.Faults[:i:i], s.Faults[i+1:]...)
			}
			return f
		}
	}
	return nil
}

func (f *Fault) answer(w http.ResponseWriter) {
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	fail(w, f.Status, f.Code, f.Says)
}

// cut gives a part of the right answer.
func (f *Fault) cut(w http.ResponseWriter, r *http.Request, right http.HandlerFunc) {
	rec := httptest.NewRecorder()
	right(rec, r)
	part := rec.Body.Bytes()[:min(f.Cut, rec.Body.Len())]
	if f.Blind {
		conn, buf, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = buf.WriteString("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n")
		_, _ = buf.Write(part)
		_ = buf.Flush()
		_ = conn.Close()
		return
	}
	w.WriteHeader(rec.Code)
	_, _ = w.Write(part)
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func fail(w http.ResponseWriter, status int, code, says string) {
	if code == "" { // as a proxy answers, or as nobody should
		w.WriteHeader(status)
		_, _ = w.Write([]byte(says))
		return
	}
	answer(w, status, map[string]any{"error": map[string]any{"code": code, "message": says, "innerError": map[string]string{"request-id": "00000000-0000-0000-0000-000000000000"}}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
