package webhook

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/logkey"
	"postern/internal/origin"
)

// A received request holds its share of the room until it is answered.
type received struct {
	*Request
	taken share
}

// prove finds the hook that a request is for, by what it proves, and receives its body on the way. The secret is looked at first: who
// shows a wrong one sends no body. Where a provider signs, the body is needed to tell, so it is received whether there is such a
// hook or not: a stranger sees no difference.
func (c *call) prove() (*received, *answer) {
	t := c.hooks.Load()
	p := Lookup(c.route.provider)
	may, trusted, why := c.candidates(t, p)
	if p == nil || len(may) == 0 && (!p.Signs || len(t.hooks) == 0) {
		return nil, c.refuse(why)
	}
	c.provider = p
	req, no := c.receive(p, trusted)
	if no != nil {
		return nil, no
	}
	kept := false
	defer func() { // also where a provider's code panics
		if !kept {
			c.drop(req)
		}
	}()
	if len(may) == 0 {
		c.pretend(t, p, req.Request)
	}
	var later error
	for _, e := range may {
		if !p.signs(&e.hook) {
			c.hook, kept = &e.hook, true
			return req, nil
		}
		h := c.called(&e.hook)
		err := p.Verify(c.r.Context(), c.tools(h), h, req.Request)
		var no *Unproven
		switch {
		case err == nil:
			c.hook, kept = h, true
			return req, nil
		case errors.As(err, &no):
			why = e.hook.Name + ": " + no.Reason
		case fault.Is(err, fault.Invalid), fault.Is(err, fault.TooLarge), fault.Is(err, fault.Denied):
			why = e.hook.Name + ": " + err.Error()
		default: // what proves it could not be had now: to say no would end some providers' retries
			later = err
			c.o.Log.Warn("a webhook's signature could not be checked now", logkey.Source, e.hook.Name, logkey.Error, err)
		}
	}
	if len(may) > 0 {
		c.failed(req.Request)
	}
	if later != nil {
		a := c.end(ResultLater, "try again later", http.StatusServiceUnavailable)
		c.tell(context.WithoutCancel(c.r.Context()), true, "its signature could not be checked: "+later.Error())
		return nil, &a
	}
	return nil, c.refuse(why)
}

// pretend reckons a signature though there is no hook that it could be for, so that the time it takes tells nobody so. Nothing comes of it.
func (c *call) pretend(t *table, p *Provider, r *Request) {
	h := c.called(&Hook{Provider: p.Name, Mailbox: c.route.mailbox, Keys: t.keys[p.Name]})
	if len(h.Keys) == 0 {
		h.Keys = []string{string(t.dummy.secret[:])}
	}
	tools := c.tools(h)
	tools.Once = func(context.Context, string, string, time.Time) error { return nil }
	_ = p.Verify(c.r.Context(), tools, h, r)
}

// candidates are the hooks whose secret was shown, or that have none. Trusted: a secret was.
func (c *call) candidates(t *table, p *Provider) (may []*entry, trusted bool, why string) {
	o := offered(c.r, c.route, p)
	all := t.hooks[[2]string{c.route.provider, c.route.mailbox}]
	if p == nil || len(all) == 0 {
		o.fits(&t.dummy)
		return nil, false, "there is no such hook"
	}
	c.meant, why = all[0].hook.Name, "no secret of a hook was shown"
	for _, e := range all {
		switch {
		case o.fits(e):
			may, trusted = append(may, e), true
		case e.hook.Secret != "":
		case p.signs(&e.hook):
			may = append(may, e)
		default:
			if local := origin.NotLocal(c.r, c.o.Loopback); local != "" {
				why = e.hook.Name + " has neither a secret nor a key, so only this machine is answered: " + local
				continue
			}
			may = append(may, e)
		}
	}
	return may, trusted, why
}

// refuse says no to who proved nothing, and leaves a line in the ledger.
func (c *call) refuse(why string) *answer {
	a := c.unproven(why)
	c.tell(context.WithoutCancel(c.r.Context()), false, "unproven: "+why)
	return &a
}

// failed has a request recorded, where that was asked for.
func (c *call) failed(r *Request) {
	if c.o.Failed != nil {
		c.o.Failed(c.source(), c.r, c.provider, r.Body)
	}
}

func (c *call) drop(req *received) {
	_ = req.Body.Close()
	c.room.leave(req.taken)
}

// called completes a hook with the URL by which this request was sent, where the configuration does not say: some providers sign it.
func (c *call) called(h *Hook) *Hook { return h.Called(c.o.PublicURL, c.r) }

// Called is the hook with the URL by which a request was sent, where it does not say itself. A blanked secret is put back.
func (h *Hook) Called(publicURL string, r *http.Request) *Hook {
	if h.URL != "" {
		return h
	}
	out := *h
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		u = &url.URL{Scheme: "http", Host: r.Host}
		if r.TLS != nil {
			u.Scheme = "https"
		}
	}
	base := u.Scheme + "://"
	if user, password, ok := r.BasicAuth(); ok { // it came from the URL's own user:password@
		base += url.UserPassword(user, password).String() + "@"
	}
	path := r.URL.RequestURI()
	if rt, ok := parseRoute(r.URL.EscapedPath()); ok && rt.secret == Blank {
		path = rt.path() + "/" + url.PathEscape(h.Secret)
		if r.URL.RawQuery != "" {
			path += "?" + r.URL.RawQuery
		}
	}
	out.URL = base + u.Host + strings.TrimSuffix(u.EscapedPath(), "/") + path
	return &out
}
