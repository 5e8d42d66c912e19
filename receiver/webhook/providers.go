package webhook

import (
	"fmt"
	"strings"
)

// providers is the table of contents: a line for each provider's file.
var providers = []*Provider{
	raw,
	mailersend,
	resend,
	cloudflare,
	postal,
	mailpace,
	ours,
	ses,
	mandrill,
	sparkpost,
	brevo,
	sendgrid,
	mailgun,
	postmark,
}

// Providers are all there are.
func Providers() []*Provider { return append([]*Provider(nil), providers...) }

// Lookup finds a provider by its name, nil where there is none.
func Lookup(name string) *Provider {
	for _, p := range providers {
		if strings.EqualFold(p.Name, name) {
			return p
		}
	}
	return nil
}

// signs reports whether a request must be signed for a hook.
func (p *Provider) signs(h *Hook) bool { return p.Verify != nil && (p.Vouched || len(h.Keys) > 0) }

// Problems say what is odd about a hook, for administrators.
func (h *Hook) Problems() (out []string) {
	p := Lookup(h.Provider)
	switch {
	case p == nil:
		return []string{"there is no provider " + h.Provider}
	case h.Proves():
	case p.Signs:
		out = append(out, p.Title+" signs its requests: put its key into key-files, or a secret into secret-file. With neither, only this machine is answered")
	default:
		out = append(out, p.Title+" signs nothing: put a secret into secret-file (postern keys secret makes one). Without it, only this machine is answered")
	}
	if len(h.Keys) > 0 && p.Verify == nil {
		out = append(out, "key-files: "+p.Title+" signs nothing, so keys prove nothing; use secret-file")
	}
	for i, k := range h.Keys {
		if p.Key == nil {
			break
		}
		if err := p.Key(k); err != nil {
			out = append(out, fmt.Sprintf("key-files: number %d: %s", i+1, err))
		}
	}
	return append(out, h.idle(p)...)
}

// Proves reports whether a hook's requests prove anything. Where they do not, only this machine is answered.
func (h *Hook) Proves() bool {
	p := Lookup(h.Provider)
	return h.Secret != "" || p != nil && p.signs(h)
}
