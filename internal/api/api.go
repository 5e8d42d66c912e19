// Package api is Postern's HTTP interface for programs: issues, messages with their decisions, the ledger, the
// quarantine, and a way in for raw mail. Pages for people are elsewhere.
//
// One table, routes.go, says for each route its path, query parameters, Go types and scopes. The server is
// registered from it, requests are checked against it, and the OpenAPI document is written from it, so the three
// agree.
//
// A request passes these stations: an id and the headers that every answer carries (around.go), the token or the
// loopback rule (auth.go), its query parameters (query.go), its handler. A handler returns an error; problem.go
// turns it into application/problem+json by one table. What went wrong inside us is in the log under the request's
// id, and never in the answer.
package api

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	gommon "github.com/labstack/gommon/log"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/spool"
)

// Options are what an API is made of. Store, Log and Now must be there.
type Options struct {
	Store issue.Store
	Spool *spool.Dir
	Log   *slog.Logger
	Now   func() time.Time

	// Deliver hands a mail to the one road. Peer is the client, the zero Addr on a unix socket; token names who sent
	// it. A recipient that is refused is an *intake.Refusal. Without it POST /api/v1/messages answers 503.
	Deliver func(ctx context.Context, recipient string, raw *spool.Body, peer netip.Addr, token string) (intake.Outcome, error)
	// Release and Reject decide about a quarantined message and record who did. Without them both answer 503.
	Release func(ctx context.Context, id, actor string) (intake.Outcome, error)
	Reject  func(ctx context.Context, id, actor string) error
	// Health says whether mail can be taken now, with details for whoever may see them. Nil: it asks the store.
	Health func(ctx context.Context) (details map[string]any, ok bool)

	// Rules publishes sets of rules. Without it that is answered with 503.
	Rules RuleSets
	// Draft takes a set of rules that somebody is writing, by the names of the configuration. Without it that is answered with 503.
	Draft func(files map[string]string) (Draft, error)
	// Shadows has a candidate asked beside the rules that decide. Without it that is answered with 503.
	Shadows Shadows

	// Sources tells of accounts and hooks. Without it that is answered with 503.
	Sources Sources

	// Statistics say what the rules of a published set did. Without it that is answered with 503.
	Statistics func(ctx context.Context, r *issue.Ruleset) ([]RuleStatistic, error)
	// Explain says why messages and issues are as they are. Without it that is answered with 503.
	Explain interface {
		Explain(ctx context.Context, id string, o intake.ExplainOptions) (*intake.Explanation, error)
		ExplainIssue(ctx context.Context, number int64) (*intake.IssueExplanation, error)
	}
	// Backtest tries a set, given by its files or the live one, on stored mail. What is wrong with it is an *InvalidRules. Without it that
	// is answered with 503.
	Backtest func(ctx context.Context, files map[string]string, b intake.Backtest) (*intake.BacktestReport, error)

	Hooks    http.Handler // what answers below /hooks/; nil: 404
	Metrics  http.Handler // what /metrics answers; nil: 404
	Observer Observer     // hears of each request; may be nil

	Version   string
	Hostname  string         // what Received lines call us
	PublicURL string         // where browsers reach us, when that is not the address we listen on
	Proxies   []netip.Prefix // whose X-Forwarded-For is believed
	Loopback  bool           // every listener that serves Handler is bound to a loopback address
	MaxBody   int64          // bytes of a posted mail; 0 means 50 MiB
	MaxWords  int            // of one search; 0 means 20
}

// An Observer hears of each request that was answered. Route is the pattern, "" where none matched.
type Observer interface {
	Request(method, route string, status int, took time.Duration)
}

// An API answers requests. It is safe for any number of goroutines.
type API struct {
	o      Options
	echo   *echo.Echo
	routes []*route
	guard  *guard
	cross  *http.CrossOriginProtection
	health healthCache
	doc    []byte        // the OpenAPI document
	drafts chan struct{} // one for each draft that is looked at
}

// New makes an API.
func New(o Options) *API {
	if o.MaxBody == 0 {
		o.MaxBody = 50 << 20
	}
	if o.MaxWords == 0 {
		o.MaxWords = 20
	}
	if o.Hostname == "" {
		o.Hostname = "localhost"
	}
	a := &API{o: o, echo: echo.New(), guard: newGuard(o.Store, o.Now), cross: http.NewCrossOriginProtection(), drafts: make(chan struct{}, draftsAtOnce)}
	if u, err := url.Parse(o.PublicURL); err == nil && u.Host != "" {
		_ = a.cross.AddTrustedOrigin(u.Scheme + "://" + u.Host) // an origin that cannot be trusted is simply not
	}
	a.routes = a.table()
	a.doc = document(a.routes, o)
	a.echo.Logger.SetOutput(io.Discard) // it has a logger of its own; ours is slog
	a.echo.Logger.SetLevel(gommon.OFF)
	a.echo.Use(a.around)
	for _, rt := range a.routes {
		a.register(rt)
	}
	return a
}

// Handler answers /api/v1, /healthz, /readyz and /metrics, and has Hooks answer below /hooks/.
func (a *API) Handler() http.Handler {
	if a.o.Hooks == nil {
		return a.echo
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/hooks/") {
			a.o.Hooks.ServeHTTP(w, r)
			return
		}
		a.echo.ServeHTTP(w, r)
	})
}

// MetricsHandler answers /metrics, /healthz and /readyz, the last with its details, to whoever asks. It is for a listener of its
// own, which only those who may see them can reach.
func (a *API) MetricsHandler() http.Handler {
	return a.as(caller{actor: "metrics", scopes: []string{ScopeRead}, only: []string{"/metrics", "/healthz", "/readyz"}})
}

// UserHeader is where a command on the socket says who called it, for the record: "local" becomes "local:ann".
const UserHeader = "Postern-User"

// SocketHandler answers everything without a token, as the given actor. It is for a unix socket that only the
// server's own user can open.
func (a *API) SocketHandler(actor string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.as(caller{actor: named(actor, r), scopes: []string{ScopeAdmin}}).ServeHTTP(w, r)
	})
}

// Local is who called on the socket, for the record.
func Local(r *http.Request) string { return named("local", r) }

func named(actor string, r *http.Request) string {
	if user := r.Header.Get(UserHeader); tokenName.MatchString(user) {
		actor += ":" + user
	}
	return actor
}

type trustedKey struct{}

// as serves requests whose caller the listener itself vouches for.
func (a *API) as(who caller) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.echo.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), trustedKey{}, who)))
	})
}

// Server is an http.Server for Handler with limits on what a client can hold: 10 s for a request's headers, 32 KiB of them,
// 2 min between requests. Bodies have deadlines by their size, set as each route needs. Whoever calls it owns
// listener, TLS and shutdown.
func (a *API) Server(addr string) *http.Server { return a.server(addr, a.Handler()) }

// MetricsServer is the same for MetricsHandler.
func (a *API) MetricsServer(addr string) *http.Server { return a.server(addr, a.MetricsHandler()) }

func (a *API) server(addr string, h http.Handler) *http.Server {
	return &http.Server{
		Addr: addr, Handler: h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(a.o.Log.Handler(), slog.LevelDebug), // strangers' TLS handshakes; our panics are logged by around
		BaseContext:       func(net.Listener) context.Context { return context.Background() },
	}
}
