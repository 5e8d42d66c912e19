package app

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"postern/internal/intake"
	"postern/internal/logkey"
	"postern/receiver/smtp"
	"postern/rules"
)

var _ intake.Observer = (*App)(nil)

// Delivered counts what became of a mail, and greets the first one.
func (a *App) Delivered(env *intake.Envelope, o intake.Outcome, size int64, took time.Duration) {
	verdict := string(o.Verdict)
	if o.Again {
		verdict = string(intake.Duplicate)
	}
	a.silence.came(env)
	a.metrics.Message(env.Source, o.Mailbox, verdict, took, size)
	if env.Protocol == "HTTP" && o.Verdict != intake.TryLater && env.Source != "api" { // what is fetched tells its own
		lag := took
		if !env.Arrived.IsZero() {
			lag = max(0, a.o.Now().Sub(env.Arrived))
		}
		a.metrics.Lag(env.Source, lag)
		a.lags.Store(env.Source, lag)
	}
	if o.Verdict == intake.Committed && o.Issue == 1 && !o.Again && a.greeted.CompareAndSwap(false, true) && len(a.addrs.HTTP) > 0 {
		a.log.Info(fmt.Sprintf("your first mail is issue 1: read it at %s/api/v1/issues/1", a.apiURL()), logkey.Issue, o.Issue)
	}
}

// apiURL is where somebody on this machine, or anywhere if so configured, finds the API.
func (a *App) apiURL() string {
	c := a.conf.Config().HTTP
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	scheme, addr := "http", a.addrs.HTTP[0]
	if c.TLS.Enabled() {
		scheme = "https"
	}
	if at, err := netip.ParseAddrPort(addr); err == nil && at.Addr().IsUnspecified() {
		addr = fmt.Sprintf("localhost:%d", at.Port())
	}
	return scheme + "://" + addr
}

// Decided counts what each rule did.
func (a *App) Decided(set string, trace []rules.Entry) {
	a.counter.Add(set, trace, a.o.Now())
	for _, e := range trace {
		if e.Rule != "" {
			a.metrics.Rule(e.Rule, e.Matched, e.Error != "", time.Duration(e.TookMicros)*time.Microsecond)
		}
	}
}

func (a *App) smtpObserver() smtp.Observer {
	return smtp.Observer{
		Connected: func(string) { a.metrics.Connected() },
		Closed:    func(string, time.Duration) { a.metrics.Disconnected() },
		Refused:   func(_, reason string) { a.metrics.Refused(reason) },
	}
}

// ruleset says which rule set decides, whether a newer one cannot, and how many of its rules fail again and again.
func (a *App) ruleset() (version string, failed bool, failing int) {
	st := a.rules.Status()
	return st.Version, st.LastError != "" || st.Behind != "", len(st.Failing)
}

// health says whether mail can be taken now, and what is wrong where not.
func (a *App) health(ctx context.Context) (map[string]any, bool) {
	ok := true
	d := map[string]any{"version": a.o.Version, "store": a.store.Kind()}
	if err := a.store.Ping(ctx); err != nil {
		ok = false
		d["storeError"] = err.Error()
	}
	st := a.rules.Status()
	d["rules"] = st
	if st.Behind != "" { // this node decides otherwise than the others
		ok = false
	}
	if silent := a.silence.names(); len(silent) > 0 {
		d["silentSources"] = silent
	}
	if st := a.conf.Status(); st.Err != nil {
		d["configurationError"] = st.Err.Error()
	} else if len(st.Restart) > 0 {
		d["restartNeeded"] = st.Restart
	}
	return d, ok
}
