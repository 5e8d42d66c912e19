package app

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/webclient"
	"postern/receiver/webhook"
)

// openHooks makes the server of webhooks. It answers on the listeners of the API.
func (a *App) openHooks(c *config.Config) {
	client := a.o.Client
	if client == nil {
		client = webclient.New(webclient.Options{})
	}
	a.hooks = webhook.New(webhook.Options{
		Begin: func(ctx context.Context, env intake.Envelope) (webhook.Transaction, error) {
			return a.intake.Begin(ctx, env)
		},
		Spool: a.spool, Client: client, Claim: a.store.Claim, Heard: a.hookHeard,
		Log: a.part("receiver/webhook"), Now: a.o.Now, Observer: a.hookAnswered, Failed: a.keepFailed(c.HTTP.KeepFailed), Hooks: Hooks(c),
		Limits:   webhook.Limits{Body: maxHookSize(c), Mail: int64(c.SMTP.MaxSize)},
		Loopback: unreached(c), PublicURL: c.HTTP.PublicURL, Proxies: c.HTTP.Proxies,
	})
}

func maxHookSize(c *config.Config) int64 {
	if c.HTTP.MaxHookSize > 0 {
		return int64(c.HTTP.MaxHookSize)
	}
	return 2 * int64(c.SMTP.MaxSize)
}

// Hooks are the configured webhooks, those that are active.
func Hooks(c *config.Config) (out []webhook.Hook) {
	for _, h := range c.Hooks {
		if h.Active {
			out = append(out, hook(c, h))
		}
	}
	return out
}

func hook(c *config.Config, h config.Hook) webhook.Hook {
	out := webhook.Hook{
		Name: h.Name, Provider: h.Provider, Mailbox: h.Mailbox, Mailboxes: h.Mailboxes, Secret: h.Secret.Reveal(), User: h.User,
		APIKey: h.APIKey.Reveal(), URL: h.URL, Topics: h.Topics, Buckets: h.Buckets, Region: h.Region, KeyID: h.KeyID, TrustVerdicts: h.TrustVerdicts,
	}
	for _, k := range h.Keys {
		out.Keys = append(out.Keys, k.Reveal())
	}
	if h.Mailbox == "-" && len(h.Mailboxes) == 0 {
		for _, m := range c.Mailboxes {
			out.Mailboxes = append(out.Mailboxes, m.Name)
		}
	}
	return out
}

// loopback reports whether only this machine can reach the listeners of HTTP.
func loopback(c *config.Config) bool {
	for _, l := range c.HTTP.Listen {
		if !l.Loopback() {
			return false
		}
	}
	return true
}

// unreached reports whether nobody but this machine has a way to webhooks: no listener, and no public-url, which says that something here
// passes on what comes from elsewhere. A proxy that says nothing of itself looks like this machine.
func unreached(c *config.Config) bool {
	if !loopback(c) {
		return false
	}
	u, err := url.Parse(c.HTTP.PublicURL)
	if c.HTTP.PublicURL == "" || err != nil {
		return c.HTTP.PublicURL == ""
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// oddHooks are warnings about hooks.
func oddHooks(c *config.Config) (out config.Problems) {
	for _, h := range c.Hooks {
		if !h.Active {
			continue
		}
		one := hook(c, h)
		for i, what := range one.Problems() {
			if i == 0 && !one.Proves() && !unreached(c) {
				what += "; and serve does not start, for http.listen can be reached from elsewhere, or http.public-url says so"
			}
			out = append(out, config.Problem{Position: c.Where("hooks." + h.Name), Warning: true, Message: fmt.Sprintf("hook %q: %s", h.Name, what)})
		}
	}
	return out
}

// proven refuses hooks that would take mail from anybody.
func proven(c *config.Config) error {
	if unreached(c) {
		return nil
	}
	var names []string
	for _, h := range Hooks(c) {
		if !h.Proves() {
			names = append(names, h.Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fault.Errorf(fault.Invalid, "hooks with neither a secret nor a key (%s), while http.listen can be reached from elsewhere, or http.public-url says so: give each a secret-file (postern keys secret makes one), or listen on 127.0.0.1 and set no public-url",
		strings.Join(names, ", "))
}

// hookHeard notes what happened at a hook. How long it was silent before is told by what all nodes know.
func (a *App) hookHeard(ctx context.Context, name string, first time.Time, h issue.Heard) error {
	if !first.IsZero() {
		switch known, err := a.store.Source(ctx, name); {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return err
		case !known.MailAt.IsZero():
			h.Gap = max(0, first.Sub(known.MailAt))
		}
	}
	return a.store.HeardSource(ctx, name, h)
}

func (a *App) hookAnswered(w webhook.Answered) {
	a.metrics.Webhook(w.Hook, w.Result, w.Bytes)
	a.metrics.Request(w.Method, "/hooks/:provider/:mailbox", w.Status, w.Took)
}

// A HookPicked is a hook of the configuration for a command that looks at a recorded request, with what it needs to be read.
type HookPicked struct {
	Hook      webhook.Hook
	Limits    webhook.Limits
	PublicURL string
}

// PickHook finds a hook: by its name, or else the first for a provider and mailbox. Where the configuration has none for these, one is made
// up that has no keys.
func PickHook(o Options, name, provider, mailbox string) (*HookPicked, error) {
	c, _, err := loadConfig(o)
	if err != nil {
		return nil, err
	}
	out := &HookPicked{PublicURL: c.HTTP.PublicURL, Limits: webhook.Limits{Body: maxHookSize(c), Mail: int64(c.SMTP.MaxSize), Mails: 10_000, Parts: 10_000}}
	var names []string
	for _, h := range c.Hooks {
		if names = append(names, h.Name); h.Name == name || name == "" && h.Provider == provider && h.Mailbox == mailbox {
			out.Hook = hook(c, h)
			return out, nil
		}
	}
	if name != "" {
		return nil, fault.Errorf(fault.NotFound, "there is no hook %q; there are: %s", name, strings.Join(names, ", "))
	}
	out.Hook = webhook.Hook{Name: provider, Provider: provider, Mailbox: mailbox}
	return out, nil
}
