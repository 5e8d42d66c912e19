package webhook

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"postern/internal/fault"
)

// Explain says step by step what a recorded request proves for a hook, and whether that is enough. It prints no key and no secret. What was
// blanked in the record cannot be compared.
func Explain(ctx context.Context, t *Tools, h *Hook, r *http.Request, req *Request, say func(string)) (proven bool, err error) {
	p := Lookup(h.Provider)
	rt, ok := parseRoute(r.URL.EscapedPath())
	switch {
	case p == nil:
		return false, fault.Errorf(fault.Invalid, "there is no provider %s", h.Provider)
	case !ok || rt.provider != h.Provider || rt.mailbox != h.Mailbox:
		is := "this path is not one of a hook"
		if ok {
			is = rt.path() + " is not this hook's"
		}
		say("path: " + is + ": " + (&route{provider: h.Provider, mailbox: h.Mailbox}).path())
	default:
		say("path: " + rt.path() + " is this hook's")
	}
	proven = true
	if h.Secret != "" {
		proven = explainSecret(p, h, r, rt, say)
	}
	switch {
	case p.Verify == nil:
		say("signature: " + p.Title + " signs nothing")
	case !p.signs(h):
		say("signature: the hook has no key-files, so none is looked at")
	default:
		out := *t
		out.Step = func(s string) { say("signature: " + s) }
		var no *Unproven
		switch err := p.Verify(ctx, &out, h, req); {
		case err == nil:
			say("signature: it fits")
		case errors.As(err, &no):
			proven = false
			say("signature: it does not count: " + no.Reason)
		default:
			return false, err
		}
	}
	if !h.Proves() {
		say("proof: the hook has neither a secret nor a key: only requests from this machine are taken")
	}
	return proven && h.Proves(), nil
}

func explainSecret(p *Provider, h *Hook, r *http.Request, rt *route, say func(string)) bool {
	if rt == nil {
		rt = &route{}
	}
	o := offered(r, rt, p)
	blanked, shown := blankedIn(p, r, rt), o.given != [4]int{}
	switch {
	case o.fits(newTable([]Hook{*h}).hooks[[2]string{h.Provider, h.Mailbox}][0]):
		say("secret: it fits")
		return true
	case blanked != "":
		say("secret: one was shown " + blanked + ", and blanked in the record: it cannot be compared")
		return true
	case len(r.Header.Values("Authorization")) > 1:
		say("secret: the Authorization header is there twice, so neither counts")
	case shown:
		say("secret: the one that was shown is not the hook's, or came with another user name")
	default:
		where := "in the path (" + rt.path() + "/SECRET), by basic auth or as a bearer token"
		if p.Header != "" {
			where += ", or in " + p.Header
		}
		say("secret: none was shown, and the hook needs one: " + where)
	}
	return false
}

// blankedIn says where a secret was shown that the record does not have.
func blankedIn(p *Provider, r *http.Request, rt *route) string {
	_, password, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case rt.secret == Blank:
		return "in the path"
	case password == Blank || r.Header.Get("Authorization") == Blank:
		return "in Authorization"
	case p.Header != "" && r.Header.Get(p.Header) == Blank:
		return "in " + p.Header
	}
	return ""
}
