package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/fault"
)

func (p *program) login() *cobra.Command {
	var browser, status bool
	var port int
	c := p.withJSON(&cobra.Command{
		Use: "login SOURCE", Short: "Log a source in at Microsoft, Google or another provider", Args: cobra.MaximumNArgs(1),
		Long: `For sources whose oauth says flow: login. A person logs in once, with a browser on any machine; what is kept of it is a token in the store,
sealed with the key file, which is renewed from then on. The server need not be restarted.

With Microsoft a code is shown, to be typed at the address shown. With Google, and with --browser, a browser is sent back to this machine at the
end; where it runs on another machine, paste the address that it then fails to open, or forward the port: ssh -L 8400:127.0.0.1:8400.`,
		Example: `  postern login support
  postern login --browser --port 8400 support
  postern login --status`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !status {
				return usage(cmd, fmt.Errorf("name the source that is to be logged in"))
			}
			return p.with(cmd.Context(), func(c *client) error {
				if status {
					return p.loginStatus(cmd.Context(), c, args)
				}
				return p.logIn(cmd.Context(), c, args[0], browser, port)
			})
		},
	})
	c.Flags().BoolVar(&browser, "browser", false, "with a browser that is sent back to this machine, where a code would do: for directories whose policy blocks device codes")
	c.Flags().IntVar(&port, "port", 0, "the port on 127.0.0.1 that the browser is sent back to (default: a free one)")
	c.Flags().BoolVar(&status, "status", false, "only show who is logged in, and what is wrong; exits 1 where something is")
	return c
}

func (p *program) loginStatus(ctx context.Context, c *client, args []string) error {
	var all []app.LoginStatus
	if err := c.get(ctx, "/control/login", url.Values{"source": args}, &all); err != nil {
		return err
	}
	if p.json {
		if err := p.printJSON(all); err != nil {
			return err
		}
	}
	bad := false
	for _, s := range all {
		bad = bad || s.Problem != ""
		if p.json {
			continue
		}
		fmt.Fprintf(p.out, "%s: %s, %s", s.Source, s.Provider, s.Flow)
		if s.LoggedIn {
			fmt.Fprintf(p.out, ", logged in%s since %s", as(s.Account), s.At.Local().Format(time.DateTime))
		}
		if !s.Expires.IsZero() {
			fmt.Fprintf(p.out, ", token until %s", s.Expires.Local().Format(time.DateTime))
		}
		fmt.Fprintln(p.out)
		if s.Problem != "" {
			fmt.Fprintf(p.out, "        %s\n", s.Problem)
		}
	}
	if bad {
		return &exit{code: exitFailed}
	}
	return nil
}

func as(account string) string {
	if account == "" {
		return ""
	}
	return " as " + account
}

func (p *program) logIn(ctx context.Context, c *client, source string, browser bool, port int) error {
	step := app.LoginStep{}
	if !browser {
		if err := c.post(ctx, "/control/login", nil, app.LoginQuery{Source: source}, &step); err != nil {
			return err
		}
	}
	var err error
	if step.ID != "" {
		step, err = p.byCode(ctx, c, step)
	} else {
		step, err = p.byBrowser(ctx, c, source, step.Browser, port)
	}
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(map[string]any{"source": source, "account": step.Account})
	}
	fmt.Fprintf(p.out, "%s is logged in%s\n", source, as(step.Account))
	return nil
}

// byCode shows a code and waits until somebody has typed it.
func (p *program) byCode(ctx context.Context, c *client, step app.LoginStep) (app.LoginStep, error) {
	fmt.Fprintf(p.err, "Open %s in a browser, on any machine, and enter the code %s\nwaiting until %s\n", step.URL, step.Code, step.Expires.Local().Format(time.TimeOnly))
	for id := step.ID; ; {
		if err := c.post(ctx, "/control/login/wait", nil, app.LoginQuery{ID: id}, &step); err != nil || step.Done {
			return step, err
		}
		select {
		case <-time.After(time.Duration(step.Wait * float64(time.Second))):
		case <-ctx.Done():
			return step, ctx.Err()
		}
	}
}

// byBrowser listens for the browser that is sent back: RFC 8252 section 7.3. Where it cannot reach us, the address that it was sent to may be
// typed in.
func (p *program) byBrowser(ctx context.Context, c *client, source, host string, port int) (app.LoginStep, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return app.LoginStep{}, fmt.Errorf("listen for the browser: %w", err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	begin := func(host string) (step app.LoginStep, err error) {
		// Without a path, as it is registered at Microsoft: learn.microsoft.com/entra/identity-platform/reply-url.
		err = c.post(ctx, "/control/login", nil, app.LoginQuery{Source: source, Redirect: fmt.Sprintf("http://%s:%d", host, port)}, &step)
		return step, err
	}
	var step app.LoginStep
	if host == "" { // asked for, so that nobody has said yet what this machine is called there
		if step, err = begin("localhost"); err != nil {
			step, err = begin("127.0.0.1")
		}
	} else {
		step, err = begin(host)
	}
	if err != nil {
		_ = l.Close()
		return step, err
	}
	answers := make(chan browserAnswer)
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10, Handler: cameBack(ctx, answers)}
	go func() { _ = srv.Serve(l) }()
	defer func() { // once the browser has read how it went
		soon, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = srv.Shutdown(soon)
		_ = srv.Close()
	}()
	go p.typed(ctx, answers)
	fmt.Fprintf(p.err, "Open this address in a browser and log in:\n\n  %s\n\nWhere the browser cannot open %s at the end, paste here the address that it shows then.\nwaiting until %s\n",
		step.URL, fmt.Sprintf("127.0.0.1:%d", port), step.Expires.Local().Format(time.TimeOnly))
	shown, err := url.Parse(step.URL)
	if err != nil {
		return step, fmt.Errorf("the address of the provider: %w", err)
	}
	state := shown.Query().Get("state")
	late := time.NewTimer(time.Until(step.Expires))
	defer late.Stop()
	for {
		select {
		case a := <-answers:
			if a.query.Get("state") != state { // anybody on this machine may come here: it ends nothing
				a.said <- fault.Errorf(fault.Denied, "not the answer to this login")
				fmt.Fprintln(p.err, "what came back does not belong to this login: open the address above")
				continue
			}
			var done app.LoginStep
			err := c.post(ctx, "/control/login/finish", nil, app.LoginQuery{ID: step.ID, Answer: a.query}, &done)
			a.said <- err
			if err == nil || a.query.Get("code") == "" {
				return done, err
			}
			fmt.Fprintln(p.err, "postern: "+err.Error())
		case <-late.C:
			return step, fault.Errorf(fault.Denied, "nobody has logged in")
		case <-ctx.Done():
			return step, ctx.Err()
		}
	}
}

// A browserAnswer is what a browser brought, or what was typed.
type browserAnswer struct {
	query url.Values
	said  chan error
}

// give hands an answer over and waits for what comes of it.
func give(ctx context.Context, answers chan<- browserAnswer, q url.Values) error {
	a := browserAnswer{q, make(chan error, 1)}
	select {
	case answers <- a:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-a.said:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func cameBack(ctx context.Context, answers chan<- browserAnswer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		if r.Method != http.MethodGet || r.URL.Path != "/" || r.URL.RawQuery == "" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(r.Context(), stop)()
		if err := give(ctx, answers, r.URL.Query()); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintln(w, "That did not work; the terminal says why.")
			return
		}
		fmt.Fprintln(w, "Logged in. This window can be closed.")
	})
}

// typed reads addresses that are pasted into the terminal.
func (p *program) typed(ctx context.Context, answers chan<- browserAnswer) {
	for lines := bufio.NewScanner(p.in); lines.Scan(); {
		u, err := url.Parse(strings.TrimSpace(lines.Text()))
		if err == nil && u.RawQuery != "" {
			_ = give(ctx, answers, u.Query())
		}
	}
}
