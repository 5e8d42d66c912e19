package main

import (
	"strings"

	"postern/internal/app"
	"postern/internal/config"
	"postern/receiver/webhook"
)

// hookFindings says of each webhook where its provider calls, what proves it, and how to have its mail as it came.
func hookFindings(c *config.Config) (out []finding) {
	for _, h := range app.Hooks(c) {
		p := webhook.Lookup(h.Provider)
		if p == nil {
			continue // what check says
		}
		f := finding{What: "hook " + h.Name, State: "ok", Do: p.Advice}
		url := strings.TrimSuffix(c.HTTP.PublicURL, "/") + webhook.Prefix + h.Provider + "/" + h.Mailbox
		var by []string
		if h.Secret != "" {
			by = append(by, "its secret")
		}
		if p.Verify != nil && (p.Vouched || len(h.Keys) > 0) {
			by = append(by, "its signature")
		}
		f.Says = p.Title + " calls " + url + ", proven by " + strings.Join(by, " and ")
		if len(by) == 0 {
			f.State, f.Says, f.Do = "warning", p.Title+" calls "+url+", and nothing proves it: only this machine is answered", strings.Join(h.Problems(), "; ")
		}
		out = append(out, f)
	}
	return out
}
