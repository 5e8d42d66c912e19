// Package safehtml makes HTML of strangers fit to be shown: no script, form, frame or foreign markup, no style that
// leaves its place, nothing fetched from elsewhere unless that is asked for.
//
// It works in two steps. The first, ours, reads tokens and writes a small tree that is always balanced, bounded in depth and
// size, with pictures and links resolved and the simple rules of style sheets written into the elements that they are
// about. The second is bluemonday with an allow-list, and it has the last word: what it does not know does not come out,
// whatever the first step did. What comes out reads the same in every HTML parser: parsed, printed and sanitised again it
// does not change, so nothing can mutate into markup.
//
// A page that shows it should still forbid scripts and foreign content by its own policy; see CSP.
package safehtml

import (
	"strings"

	"github.com/microcosm-cc/bluemonday"
)

// Options say what may be shown.
type Options struct {
	// Remote lets pictures be fetched from http and https addresses: their senders learn who read the mail, when and where.
	Remote bool
	// File returns the address of the mail's own file that a picture's src names: "cid:" and a Content-ID (RFC 2392), or a
	// Content-Location, as they stand in the HTML; "" when there is none. The address is a path, "/files/1"; of an
	// address that it gave out it returns the same. It may be nil.
	File func(src string) string
}

// A Page is what may be shown.
type Page struct {
	HTML      string
	Blocked   int  // pictures that Remote would have shown
	Truncated bool // it was longer than what is shown
}

// maxOutput bounds what is written: escaping can make five bytes of one.
const maxOutput = 4 << 20

var (
	offline = newPolicy(false)
	online  = newPolicy(true)
)

// Sanitize makes a piece of HTML fit to stand in a page.
func Sanitize(src string, o Options) Page {
	w := writer{o: o}
	w.run(src)
	policy := offline
	if o.Remote {
		policy = online
	}
	return Page{HTML: sanitize(policy, w.b.String()), Blocked: w.blocked, Truncated: w.full}
}

func sanitize(p *bluemonday.Policy, s string) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return p.Sanitize(s)
}

// CSP is the Content-Security-Policy under which a page of sanitised HTML should be served. It keeps its origin, so that the
// mail's own pictures can be had under the same rules as the page; without allow-scripts nothing in it can use that.
func CSP(remote bool) string {
	pictures := "'self' data:"
	if remote {
		pictures += " http: https:"
	}
	return "default-src 'none'; img-src " + pictures + "; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; " +
		"sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
}
