package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"time"

	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/logkey"
	"postern/internal/spool"
)

// controlSocket is where local commands reach a running server: whoever may open it may do everything.
const controlSocket = "postern.sock"

// control serves local commands: the whole API, and what only somebody on this machine may ask. Without a running server
// the commands open the store themselves and call the very same handler.
func (a *App) control() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/api/", a.api.SocketHandler("local"))
	mux.HandleFunc("POST /control/deliver", a.answer(a.controlDeliver))
	mux.HandleFunc("POST /control/eval", a.answer(a.controlEval))
	mux.HandleFunc("POST /control/replay", a.answer(func(r *http.Request) (any, error) {
		var q intake.ReplayQuery
		if err := json.NewDecoder(io.LimitReader(r.Body, maxQuery)).Decode(&q); err != nil {
			return nil, fault.Errorf(fault.Invalid, "read which messages: %w", err)
		}
		return a.intake.ReplayAll(r.Context(), q, api.Local(r))
	}))
	a.loginRoutes(mux)
	a.testRoutes(mux)
	mux.HandleFunc("POST /control/backup", a.answer(a.controlBackup))
	mux.HandleFunc("POST /control/reload", a.answer(func(*http.Request) (any, error) { a.Reload(); return nil, nil }))
	mux.HandleFunc("GET /control/status", a.answer(func(r *http.Request) (any, error) {
		details, ok := a.health(r.Context())
		details["ok"] = ok
		return details, nil
	}))
	return mux
}

// maxQuery bounds the JSON in which a local command says what it wants.
const maxQuery = 1 << 20

// controlServer has no limit on how long a command may take: a backup takes its time.
func (a *App) controlServer() *http.Server {
	return &http.Server{Handler: a.control(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
}

// controlError is how a failure travels to the command that asked.
type controlError struct {
	Error string `json:"error"`
	Kind  string `json:"kind"`
}

func (a *App) answer(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		w.Header().Set("Content-Type", "application/json")
		if err != nil {
			a.log.InfoContext(r.Context(), "a local command failed", logkey.Path, r.URL.Path, logkey.Error, err)
			status := http.StatusBadRequest
			if k := fault.KindOf(err); k == fault.Unavailable || k == fault.Internal {
				status = http.StatusServiceUnavailable
			}
			w.WriteHeader(status)
			v = controlError{err.Error(), fault.KindOf(err).String()}
		}
		_ = json.NewEncoder(w).Encode(v)
	}
}

// Delivered is what became of a mail that a local command handed over: one outcome a recipient, those that were refused before the
// mail was looked at among them.
type Delivered struct {
	Outcomes []intake.Outcome `json:"outcomes"`
	Refused  string           `json:"refused,omitempty"` // why no recipient was accepted
	Later    bool             `json:"later,omitempty"`   // and one of them for now only
}

func (a *App) controlDeliver(r *http.Request) (any, error) {
	q := r.URL.Query()
	raw, err := a.spoolBody(r)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	env := intake.Envelope{Source: "deliver", From: q.Get("from"), Ours: true, Protocol: "local", EachAnswered: false}
	return a.deliver(r.Context(), env, q.Get("mailbox"), q["to"], raw)
}

// deliver takes one mail down the road: to a mailbox, whatever the recipients are, or "" to those that they lead to.
func (a *App) deliver(ctx context.Context, env intake.Envelope, mailbox string, to []string, raw *spool.Body) (*Delivered, error) {
	t, err := a.intake.Begin(ctx, env)
	if err != nil {
		return nil, err
	}
	d := &Delivered{Outcomes: []intake.Outcome{}}
	if mailbox != "" && len(to) == 0 {
		to = []string{""}
	}
	for _, rcpt := range to {
		var no *intake.Refusal
		var err error
		if mailbox != "" {
			err = t.RecipientIn(ctx, mailbox, rcpt)
		} else {
			err = t.Recipient(ctx, rcpt)
		}
		switch {
		case err == nil:
		case errors.As(err, &no):
			o := intake.Outcome{Recipient: rcpt, Verdict: intake.Rejected, Reason: no.Reason}
			if no.Temporary {
				o.Verdict = intake.TryLater
			}
			d.Outcomes = append(d.Outcomes, o)
		default:
			return nil, err
		}
	}
	if len(d.Outcomes) == len(to) {
		one := intake.Combine(d.Outcomes)
		d.Refused, d.Later = one.Reason, one.Verdict == intake.TryLater
		t.Abandon(ctx, "no recipient was accepted")
		return d, nil
	}
	d.Outcomes = append(d.Outcomes, t.Deliver(context.WithoutCancel(ctx), raw)...)
	return d, nil
}

func (a *App) spoolBody(r *http.Request) (*spool.Body, error) {
	limit := int64(a.conf.Config().SMTP.MaxSize)
	w := a.spool.Create()
	n, err := io.Copy(w, io.LimitReader(r.Body, limit+1))
	if err != nil {
		w.Abort()
		return nil, fault.Errorf(fault.Unavailable, "take the mail: %w", err)
	}
	if n > limit {
		w.Abort()
		return nil, fault.Errorf(fault.TooLarge, "the mail is larger than %s (smtp.max-size)", a.conf.Config().SMTP.MaxSize)
	}
	return w.Body()
}

func (a *App) controlEval(r *http.Request) (any, error) {
	q := r.URL.Query()
	raw, err := a.spoolBody(r)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	to := q.Get("to")
	if name := q.Get("mailbox"); name != "" {
		mb, ok := a.conf.Config().Mailbox(name)
		if !ok {
			return nil, fault.Errorf(fault.Invalid, "no mailbox is called %q", name)
		}
		to = sample(mb.Addresses)
	}
	env := intake.Envelope{Source: "eval", From: q.Get("from"), Peer: netip.IPv6Loopback()}
	return a.intake.Eval(r.Context(), env, to, raw)
}

// sample is an address that a mailbox takes.
func sample(patterns []string) string {
	for _, p := range patterns {
		switch {
		case p == "*":
			return "anybody@example.com"
		case p[0] == '@':
			return "anybody" + p
		default:
			out := []byte{}
			for _, c := range []byte(p) {
				if c != '*' {
					out = append(out, c)
				}
			}
			return string(out)
		}
	}
	return ""
}

func (a *App) controlBackup(r *http.Request) (any, error) {
	dir := r.URL.Query().Get("dir")
	if dir == "" {
		return nil, fault.Errorf(fault.Invalid, "backup needs a folder")
	}
	if err := a.store.Backup(r.Context(), dir); err != nil {
		return nil, fmt.Errorf("back up into %s: %w", dir, err)
	}
	return map[string]string{"dir": dir}, nil
}

// openAPI makes the API around store and road.
func (a *App) openAPI(c *config.Config) error {
	a.api = api.New(api.Options{
		Store: a.store, Spool: a.spool, Log: a.part("api"), Now: a.o.Now, Deliver: a.apiDeliver,
		Release: a.intake.Release, Reject: a.intake.Reject, Health: a.health, Metrics: a.metrics.Handler(), Observer: a.metrics,
		Version: a.o.Version, Hostname: c.Hostname(), PublicURL: c.HTTP.PublicURL, Proxies: c.HTTP.Proxies, Loopback: loopback(c), Hooks: a.hooks,
		MaxBody: int64(c.SMTP.MaxSize), Rules: ruleSets{a.rules}, Draft: a.draft, Shadows: a.shadow, Sources: sourceDesk{a}, Backtest: a.backtest, Statistics: a.statistics, Explain: a.intake,
	})
	return nil
}

// apiDeliver takes a mail that a program posted. It proves nothing about its author.
func (a *App) apiDeliver(ctx context.Context, recipient string, raw *spool.Body, peer netip.Addr, token string) (intake.Outcome, error) {
	t, err := a.intake.Begin(ctx, intake.Envelope{Source: "api", Peer: peer, Protocol: "HTTP", Ours: true})
	if err != nil {
		return intake.Outcome{}, err
	}
	if err := t.Recipient(ctx, recipient); err != nil {
		return intake.Outcome{}, err
	}
	return intake.Combine(t.Deliver(context.WithoutCancel(ctx), raw)), nil
}
