package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/keys"
)

// A finding is one thing the doctor looked at.
type finding struct {
	What  string `json:"what"`
	State string `json:"state"` // "ok", "warning", "wrong"
	Says  string `json:"says,omitempty"`
	Do    string `json:"do,omitempty"`
}

func (p *program) doctor() *cobra.Command {
	var t mailTest
	c := p.withJSON(&cobra.Command{
		Use: "doctor [SOURCE]", Short: "Look whether all is well, and say what to do where it is not", Args: atMost("SOURCE"),
		Long: `Looks at configuration, rules and their tests, the key file, certificates, and the running server, or whether one could start.
With a source, each step of fetching mail from that account instead: its name, the connection, certificates, the login, folders, permissions, quota, IDLE.
That changes nothing. --send also puts a test mail into the mailbox, waits until it is seen there, says how long that took, and removes it; a Postern that polls
meanwhile knows it and makes no issue of it. --via has a mail server send it really, to an address of the mailbox, which shows the way there too.
Exits 1 when something is wrong; warnings alone exit 0.`,
		Example: `  postern doctor
  postern doctor support                        # why is no mail fetched from there?
  postern doctor support --send                 # and is a mail seen that lies there?
  postern doctor support --via mx.example.com:25 --to support@example.com
  postern doctor --json | jq '.[] | select(.state != "ok")'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var found []finding
			if len(args) > 0 {
				if err := t.complete(cmd); err != nil {
					return err
				}
				found = p.checkSource(cmd.Context(), args[0], &t)
			} else if t.wanted() {
				return usage(cmd, errors.New("a test mail is sent to a source: postern doctor SOURCE --send"))
			} else {
				found = p.examine(cmd.Context())
			}
			if p.json {
				if err := p.printJSON(found); err != nil {
					return err
				}
			}
			wrong := false
			for _, f := range found {
				wrong = wrong || f.State == "wrong"
				if !p.json {
					p.finding(f)
				}
			}
			if wrong {
				return &exit{code: exitFailed}
			}
			return nil
		},
	})
	t.flags(c)
	return c
}

func (p *program) finding(f finding) {
	mark := map[string]string{"ok": "ok     ", "warning": "WARNING", "wrong": "WRONG  "}[f.State]
	if colour := map[string]string{"warning": "33", "wrong": "31"}[f.State]; colour != "" && isTerminal(p.out) {
		mark = "\x1b[" + colour + "m" + mark + "\x1b[0m"
	}
	fmt.Fprintf(p.out, "%s %s", mark, f.What)
	if f.Says != "" {
		fmt.Fprintf(p.out, ": %s", f.Says)
	}
	fmt.Fprintln(p.out)
	if f.Do != "" {
		fmt.Fprintf(p.out, "        %s\n", f.Do)
	}
}

// examine looks at configuration, rules, keys, certificates, and then at the running server or what one would need.
func (p *program) examine(ctx context.Context) []finding {
	var out []finding
	say := func(state, what, says, do string) { out = append(out, finding{what, state, says, do}) }

	checked := app.Check(p.options())
	c := checked.Config
	for _, all := range checked.Problems {
		line, _, _ := strings.Cut(all, "\n")
		say("warning", "configuration and rules", line, "")
	}
	if checked.Wrong {
		say("wrong", "configuration and rules", "they cannot be used as they are", "postern check shows each place")
	} else {
		say("ok", "configuration and rules", "", "")
		if r := checked.Test(ctx); !r.OK() {
			say("wrong", "tests of the rules", fmt.Sprintf("%d of %d fail", r.Failed(), len(r.Tests)), "postern test shows why; until they pass, the rules before them stay live")
		}
	}
	if c == nil {
		return out
	}
	switch _, err := keys.Load(c.KeyPath()); {
	case fault.Is(err, fault.NotFound) && !began(c):
		say("ok", "key file", "none yet: the first start makes it", "")
	case err != nil:
		say("wrong", "key file", err.Error(), "")
	default:
		say("ok", "key file", c.KeyPath(), "")
	}
	if info, err := os.Stat(c.Data); err == nil && info.Mode().Perm()&0o007 != 0 {
		say("warning", "data folder", fmt.Sprintf("everybody may look into %s (mode %04o)", c.Data, info.Mode().Perm()), "chmod 700 "+c.Data)
	}
	for name, t := range map[string]config.TLS{"smtp.tls": c.SMTP.TLS, "http.tls": c.HTTP.TLS} {
		if t.Enabled() {
			out = append(out, certificate(name, t.Cert))
		}
	}
	out = append(out, hookFindings(c)...)
	if !c.SMTP.TLS.Enabled() {
		for _, l := range c.SMTP.Listen {
			if !l.Loopback() {
				say("warning", "smtp", fmt.Sprintf("%s takes mail without encryption", l), "set smtp.tls: {cert, key}")
			}
		}
	}
	return append(out, p.server(ctx, c)...)
}

// server asks the running server, or whether one could start.
func (p *program) server(ctx context.Context, c *config.Config) []finding {
	socket, err := app.ControlSocket(p.options())
	if err != nil {
		return nil
	}
	conn, err := net.Dial("unix", socket)
	switch {
	case err == nil:
		_ = conn.Close()
		return p.askStatus(ctx, "the running server")
	case errors.Is(err, fs.ErrPermission):
		return p.askStatus(ctx, "store")
	}
	out := []finding{{What: "store", State: "ok", Says: "none yet: the first start makes it"}}
	if began(c) {
		out = p.askStatus(ctx, "store")
	}
	for _, l := range slices.Concat(c.SMTP.Listen, c.LMTP.Listen, c.HTTP.Listen, c.HTTP.MetricsListen) {
		if l.Network != "tcp" {
			continue
		}
		n, err := net.Listen(l.Network, l.Address)
		if err != nil {
			out = append(out, finding{What: "listen on " + l.String(), State: "wrong", Says: err.Error(), Do: "another program has it, or the port needs a privilege (CAP_NET_BIND_SERVICE)"})
			continue
		}
		_ = n.Close()
	}
	return append(out, finding{What: "server", State: "warning", Says: "none is running on this data folder", Do: "postern serve"})
}

// askStatus is what a Postern says of itself.
func (p *program) askStatus(ctx context.Context, what string) (out []finding) {
	var st struct {
		OK                 bool     `json:"ok"`
		Store              string   `json:"store"`
		StoreError         string   `json:"storeError"`
		ConfigurationError string   `json:"configurationError"`
		RestartNeeded      []string `json:"restartNeeded"`
	}
	err := p.with(ctx, func(cl *client) error { return cl.get(ctx, "/control/status", nil, &st) })
	switch {
	case err != nil:
		return []finding{{What: what, State: "wrong", Says: err.Error()}}
	case st.OK:
		out = append(out, finding{What: what, State: "ok", Says: "keeps issues in " + st.Store})
	default:
		out = append(out, finding{What: what, State: "wrong", Says: st.StoreError, Do: "until it works, mail stays with its senders"})
	}
	if st.ConfigurationError != "" {
		out = append(out, finding{What: "configuration of the running server", State: "warning", Says: st.ConfigurationError, Do: "the one before it stays in use"})
	}
	if len(st.RestartNeeded) > 0 {
		out = append(out, finding{What: "configuration of the running server", State: "warning", Says: strings.Join(st.RestartNeeded, ", ") + " changed", Do: "restart it: these are read at start only"})
	}
	return out
}

func certificate(name, path string) finding {
	b, err := os.ReadFile(path)
	if err != nil {
		return finding{What: name, State: "wrong", Says: err.Error()}
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return finding{What: name, State: "wrong", Says: path + " holds no PEM certificate"}
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return finding{What: name, State: "wrong", Says: err.Error()}
	}
	switch left := time.Until(cert.NotAfter); {
	case left < 0:
		return finding{What: name, State: "wrong", Says: "the certificate ended on " + cert.NotAfter.Format(time.DateOnly), Do: "renew it; the server reads the new one by itself"}
	case left < 14*24*time.Hour:
		return finding{What: name, State: "warning", Says: "the certificate ends on " + cert.NotAfter.Format(time.DateOnly), Do: "renew it; the server reads the new one by itself"}
	}
	return finding{What: name, State: "ok", Says: "until " + cert.NotAfter.Format(time.DateOnly)}
}

// isTerminal reports whether w is a terminal: colour is for people only.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
