package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"postern/internal/config"
	"postern/internal/intake"
	"postern/internal/logkey"
	"postern/receiver/smtp"
)

// Run listens and serves until ctx ends, then drains: no new mail, what is under way is finished, the rest is closed.
func (a *App) Run(ctx context.Context) (err error) {
	c := a.conf.Config()
	if err := proven(c); err != nil {
		return err
	}
	open, err := a.listen(ctx, c)
	if err != nil {
		return err
	}
	mail, err := a.receiver(c, open)
	if err != nil {
		open.close()
		return err
	}
	// Mail is drained first, while store, rules and ledger still work; then the rest is told to end.
	g, gctx := errgroup.WithContext(ctx)
	back, stopBack := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBack()
	var rest errgroup.Group
	rest.Go(func() error { return a.intake.Run(back) })
	rest.Go(func() error { a.rules.Watch(back); return nil })
	rest.Go(func() error { return a.conf.Run(back) })
	rest.Go(func() error { a.housekeeping(back); return nil })
	rest.Go(func() error { a.keepCounts(back); return nil })
	rest.Go(func() error { a.shadow.run(back); return nil })
	rest.Go(func() error { return a.hooks.Run(back) })
	rest.Go(func() error { a.silence.run(back); return nil })
	g.Go(func() error { return mail.Run(gctx) })
	g.Go(func() error { return a.poller.Run(gctx) })
	for _, h := range open.http {
		g.Go(func() error { return serveHTTP(gctx, h) })
	}
	a.mail.Store(mail)
	close(a.ready)
	a.log.InfoContext(ctx, "postern is running", "version", a.o.Version, "smtp", a.addrs.SMTP, "lmtp", a.addrs.LMTP, "http", a.addrs.HTTP,
		"store", a.store.Kind(), logkey.Ruleset, a.rules.Current().Short())
	err = g.Wait()
	stopBack()
	return errors.Join(err, rest.Wait())
}

// Reload reads configuration and rules again, as for SIGHUP. What is broken is reported and changes nothing.
func (a *App) Reload() {
	a.log.Info("configuration and rules are read again")
	_ = a.conf.Reload(context.Background()) // it has logged what is wrong
	a.rules.Reload()
}

// Ready is closed when everything listens.
func (a *App) Ready() <-chan struct{} { return a.ready }

// Addrs are what Run listens on, after Ready.
func (a *App) Addrs() Addrs { return a.addrs }

// listeners are what is open.
type listeners struct {
	mail []smtp.Listener
	http []*httpListener
}

type httpListener struct {
	server *http.Server
	net    net.Listener
}

func (l *listeners) close() {
	for _, m := range l.mail {
		_ = m.Net.Close()
	}
	for _, h := range l.http {
		_ = h.net.Close()
	}
}

// maxHTTP is how many connections one HTTP listener has at once; more wait to be accepted. Whoever opens them all takes the API
// away, and not the file descriptors that mail needs.
const maxHTTP = 300

// listen opens every address, or none.
func (a *App) listen(ctx context.Context, c *config.Config) (_ *listeners, err error) {
	l := &listeners{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	for _, one := range c.SMTP.Listen {
		n, err := open(ctx, one)
		if err != nil {
			return nil, err
		}
		l.mail = append(l.mail, smtp.Listener{Net: n, TLS: one.TLS})
		a.addrs.SMTP = append(a.addrs.SMTP, n.Addr().String())
	}
	for _, one := range c.LMTP.Listen {
		n, err := open(ctx, one)
		if err != nil {
			return nil, err
		}
		l.mail = append(l.mail, smtp.Listener{Net: n, LMTP: true, TLS: one.TLS, Ours: c.LMTP.Ours})
		a.addrs.LMTP = append(a.addrs.LMTP, n.Addr().String())
	}
	cert, err := certificate(c.HTTP.TLS, a)
	if err != nil {
		return nil, err
	}
	for _, one := range c.HTTP.Listen {
		n, err := open(ctx, one)
		if err != nil {
			return nil, err
		}
		a.addrs.HTTP = append(a.addrs.HTTP, n.Addr().String())
		n = netutil.LimitListener(n, maxHTTP)
		if cert != nil {
			n = tls.NewListener(n, cert)
		}
		l.http = append(l.http, &httpListener{a.api.Server(""), n})
	}
	for _, one := range c.HTTP.MetricsListen {
		n, err := open(ctx, one)
		if err != nil {
			return nil, err
		}
		a.addrs.Metrics = append(a.addrs.Metrics, n.Addr().String())
		l.http = append(l.http, &httpListener{a.api.MetricsServer(""), netutil.LimitListener(n, maxHTTP)})
	}
	control := filepath.Join(c.Data, controlSocket)
	_ = os.Remove(control) // of a process that crashed: the lock on the folder says that none runs
	n, err := open(ctx, config.Listener{Network: "unix", Address: control})
	if err != nil {
		return nil, err
	}
	a.addrs.Control = control
	l.http = append(l.http, &httpListener{a.controlServer(), n})
	return l, nil
}

func open(ctx context.Context, l config.Listener) (net.Listener, error) {
	if l.Network == "unix" {
		if info, err := os.Stat(l.Address); err == nil && info.Mode()&os.ModeSocket != 0 {
			if conn, err := net.Dial("unix", l.Address); err == nil {
				_ = conn.Close()
				return nil, fmt.Errorf("listen on %s: another process does", l)
			}
			_ = os.Remove(l.Address) // left by a process that crashed
		}
	}
	n, err := (&net.ListenConfig{}).Listen(ctx, l.Network, l.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w%s", l, err, advice(err))
	}
	if l.Network == "unix" {
		if err := os.Chmod(l.Address, 0o660); err != nil {
			_ = n.Close()
			return nil, fmt.Errorf("listen on %s: %w", l, err)
		}
	}
	return n, nil
}

// advice is what to do when an address cannot be had.
func advice(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return ": another program listens there; stop it, or choose another address (smtp.listen, lmtp.listen, http.listen)"
	case errors.Is(err, syscall.EACCES):
		return ": a port below 1024 needs CAP_NET_BIND_SERVICE, a socket's folder must be ours to write"
	}
	return ""
}

func certificate(t config.TLS, a *App) (*tls.Config, error) {
	if !t.Enabled() {
		return nil, nil
	}
	certs, err := smtp.OpenCertificates(t.Cert, t.Key, a.part("tls"))
	if err != nil {
		return nil, err
	}
	return certs.Config(), nil
}

// receiver is the SMTP and LMTP server.
func (a *App) receiver(c *config.Config, l *listeners) (*smtp.Server, error) {
	cert, err := certificate(c.SMTP.TLS, a)
	if err != nil {
		return nil, err
	}
	return smtp.New(smtp.Options{
		Listeners: l.mail, Spool: a.spool, Hostname: c.Hostname(), TLS: cert, MaxMessageBytes: int64(c.SMTP.MaxSize),
		Timeouts: smtp.Timeouts{
			Command: c.SMTP.Limits.CommandTimeout, Block: c.SMTP.Limits.DataTimeout, MinRate: int64(c.SMTP.Limits.MinRate), Drain: c.SMTP.Limits.Drain,
		},
		Settings: settings(c), Log: a.part("receiver/smtp"), Now: a.o.Now, Observer: a.smtpObserver(),
		Begin: func(ctx context.Context, env intake.Envelope) (smtp.Transaction, error) {
			return a.intake.Begin(ctx, env)
		},
	})
}

// serveHTTP serves until ctx ends, then lets requests finish for a moment.
func serveHTTP(ctx context.Context, h *httpListener) error {
	failed := make(chan error, 1)
	go func() { failed <- h.server.Serve(h.net) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve http on %s: %w", h.net.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := h.server.Shutdown(last)
	<-failed
	if errors.Is(err, context.DeadlineExceeded) {
		return h.server.Close()
	}
	return err
}
