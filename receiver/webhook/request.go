package webhook

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"postern/internal/fault"
	"postern/internal/origin"
	"postern/internal/spool"
)

// NewRequest takes a whole request into a spool, as the server does, for commands that look at one without taking its mail. What
// travels in its path as a secret is taken out.
func NewRequest(dir *spool.Dir, r *http.Request, now time.Time) (*Request, error) {
	rt, ok := parseRoute(r.URL.EscapedPath())
	if !ok {
		return nil, fault.Errorf(fault.Invalid, "%s is no path of a hook: /hooks/PROVIDER/MAILBOX", line(r.URL.Path, 100))
	}
	w := dir.Create()
	if _, err := io.Copy(w, r.Body); err != nil {
		w.Abort()
		return nil, fault.Errorf(fault.Invalid, "read the request's body: %w", err)
	}
	body, err := w.Body()
	if err != nil {
		return nil, err
	}
	return &Request{Method: r.Method, URL: bare(r.URL, rt), Header: r.Header, Body: body, Received: now, Peer: origin.Peer(r)}, nil
}

// bare is a URL without the secret in its path.
func bare(u *url.URL, rt *route) *url.URL {
	out := *u
	out.Path, out.RawPath = Prefix+rt.provider+"/"+rt.mailbox, ""
	return &out
}

func (c *call) peer() netip.Addr { return origin.Client(c.r, c.o.Proxies) }

// tools are what a provider works with for one hook.
func (c *call) tools(h *Hook) *Tools {
	return &Tools{Spool: c.o.Spool, Client: c.o.Client, Now: c.o.Now, Limits: c.o.Limits, certificates: &c.certs, Once: func(ctx context.Context, key, content string, until time.Time) error {
		have, err := c.o.Claim(ctx, "hook/"+h.Provider+"/"+key, content, until)
		if err != nil {
			return fault.As(fault.Unavailable, err)
		}
		if have != content {
			return &Unproven{"a token that was used before came with another content: a replay"}
		}
		return nil
	}}
}
