package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/intake"
	"postern/poller"
	"postern/poller/imap"
	"postern/poller/pop3"
	"postern/poller/wire"
)

// accounts are the protocols by which mail is fetched: how each makes an account of what is configured.
var accounts = map[string]func(a *App, s *config.Source) (poller.Account, error){
	"imap":  (*App).imapAccount,
	"pop3":  (*App).pop3Account,
	"graph": (*App).graphAccount,
}

// openSources makes the poller of the configured accounts; Run polls.
func (a *App) openSources(c *config.Config, node string) {
	a.poller = poller.New(poller.Options{
		Store: a.store, Spool: a.spool, Node: node, Log: a.part("poller"), Now: a.o.Now, Observer: a.metrics, Try: a.intake.EvalIn,
		Test: a.testMail,
		Begin: func(ctx context.Context, env intake.Envelope) (poller.Transaction, error) {
			return a.intake.Begin(ctx, env)
		},
	})
	a.poller.Apply(a.sources(c))
}

// sources are the accounts of a configuration, those that are active and feed a mailbox that is. What is for their other mailboxes waits: it
// goes to no other.
func (a *App) sources(c *config.Config) []*poller.Source {
	var out []*poller.Source
	for _, s := range c.SourceList() {
		feeds := slices.ContainsFunc(s.Mailboxes, func(name string) bool {
			m, ok := c.Mailbox(name)
			return ok && m.Active
		})
		if s.Active && feeds {
			out = append(out, a.source(&s))
		}
	}
	return out
}

func (a *App) source(s *config.Source) *poller.Source {
	out := &poller.Source{
		Name: s.Name, Protocol: s.Protocol(), Identity: identity(s), User: cmp.Or(s.Graph, s.User), Revision: revision(s), Mailboxes: s.Mailboxes, Every: s.Every,
		ImportRate: s.ImportRate, MaxSize: int64(s.MaxSize), DryRun: s.DryRun, FallbackFor: s.FallbackFor, Slow: s.Slow, SilentAfter: s.SilentAfter,
	}
	taken, rejected, quarantined := s.Afters()
	out.Taken, out.Rejected, out.Quarantined = poller.After(taken), poller.After(rejected), poller.After(quarantined)
	made := accounts[s.Protocol()]
	if made == nil {
		made = func(*App, *config.Source) (poller.Account, error) {
			return nil, fault.Errorf(fault.Invalid, "this version cannot fetch mail by %s", s.Protocol())
		}
	}
	account, err := made(a, s)
	if err != nil {
		account = unusable{err}
	}
	out.Account = account
	fresh := *s
	fresh.Start = "new"
	out.Fresh = func() (poller.Account, error) { return made(a, &fresh) }
	return out
}

// unusable is an account of which only this can be said.
type unusable struct{ err error }

func (u unusable) Open(context.Context) (poller.Session, error) { return nil, u.err }

func (u unusable) Check(_ context.Context, tell func(poller.Step)) {
	tell(poller.Step{Name: "configuration", Says: u.err.Error()})
}

func (a *App) imapAccount(s *config.Source) (poller.Account, error) {
	w, err := connection(s, s.IMAP)
	if err != nil {
		return nil, err
	}
	o := imap.Options{
		Options: w, User: s.User, Folders: s.Folders, Start: imap.Start{New: s.Start == "new", Since: s.Since()}, MaxSize: int64(s.MaxSize), NoIdle: !s.Idle,
		Log: a.part("poller/imap").With("source", s.Name), Now: a.o.Now,
	}
	var tokens *renewing
	o.Password, o.Token, tokens = a.login(s)
	for _, after := range afters(s) {
		if !slices.Contains(o.After, after) {
			o.After = append(o.After, after)
		}
	}
	return tokens.of(imap.New(o)), nil
}

func (a *App) pop3Account(s *config.Source) (poller.Account, error) {
	w, err := connection(s, s.POP3)
	if err != nil {
		return nil, err
	}
	o := pop3.Options{Options: w, User: s.User, Start: pop3.Start{New: s.Start == "new", Since: s.Since()}, MaxSize: int64(s.MaxSize)}
	var tokens *renewing
	o.Password, o.Token, tokens = a.login(s)
	return tokens.of(pop3.New(o)), nil
}

// afters are all that may become of mail at the server.
func afters(s *config.Source) []poller.After {
	taken, rejected, quarantined := s.Afters()
	return []poller.After{poller.After(taken), poller.After(rejected), poller.After(quarantined)}
}

// login is what a source logs in with: a password, or tokens.
func (a *App) login(s *config.Source) (password, token func(context.Context) (string, error), tokens *renewing) {
	if !s.OAuth.Enabled() {
		return func(context.Context) (string, error) { return s.Password.Reveal(), nil }, nil, nil
	}
	tokens = &renewing{tokens: a.token(s), last: new(atomic.Pointer[string])}
	return nil, tokens.token, tokens
}

func connection(s *config.Source, address string) (wire.Options, error) {
	w := wire.Options{Address: address, TLS: s.TLS, Insecure: s.Insecure}
	if s.CA == "" {
		return w, nil
	}
	w.Roots = x509.NewCertPool()
	if !w.Roots.AppendCertsFromPEM([]byte(s.Authorities)) {
		return w, fault.Errorf(fault.Invalid, "%s holds no PEM certificate", s.CA)
	}
	return w, nil
}

// identity names an account as far as a cursor depends on it. Whoever changes the folders keeps the cursors of those that stay: the
// protocols tell them apart.
func identity(s *config.Source) string {
	return strings.ToLower(s.Protocol() + "://" + s.User + "@" + s.IMAP + s.POP3 + s.Graph)
}

// revision is of all settings of a source, its secrets among them.
func revision(s *config.Source) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%+v", *s)
	for _, secret := range []config.SecretFile{s.Password, s.OAuth.ClientSecret, s.OAuth.RefreshToken, s.OAuth.ServiceAccount} {
		fmt.Fprintf(sum, "\x00%s", secret.Reveal())
	}
	return hex.EncodeToString(sum.Sum(nil))
}
