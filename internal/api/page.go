package api

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/safehtml"
)

// getHTML shows a mail's HTML, made harmless, as a page of its own that may do nothing and fetches only the mail's own pictures. Each of
// those two would do; a browser with a hole in one has the other.
func (a *API) getHTML(c *call) error {
	ctx := c.Request().Context()
	m, err := a.message(ctx, c.param("id"))
	if err != nil {
		return err
	}
	if m.HTMLBlob.SHA256 == "" {
		return say(fault.NotFound, "the message has no HTML: what it says is its text")
	}
	src, err := a.blobText(ctx, m.HTMLBlob.SHA256)
	if fault.Is(err, fault.NotFound) {
		return say(fault.NotFound, "the message's HTML is no longer kept").because(err)
	}
	if err != nil {
		return fmt.Errorf("read the HTML of message %s: %w", m.ID, err)
	}
	remote := c.query.flags["remote"]
	page := safehtml.Sanitize(src, safehtml.Options{Remote: remote, File: files(m)})
	h := c.Response().Header()
	h.Set("Content-Security-Policy", safehtml.CSP(remote))
	h.Set("X-Blocked-Pictures", strconv.Itoa(page.Blocked))
	return c.HTML(http.StatusOK, `<!DOCTYPE html><html><head><meta charset="utf-8"><title>`+html.EscapeString(m.Subject)+
		`</title></head><body>`+page.HTML+"</body></html>\n")
}

// files finds the address of the file that a picture of m names by its Content-ID or its Content-Location (RFC 2557).
func files(m *issue.Message) func(string) string {
	const under = "/api/v1/attachments/"
	byID, byPlace, known := map[string]string{}, map[string]string{}, map[string]bool{}
	for i := range m.Attachments {
		at := &m.Attachments[i]
		known[under+at.SHA256] = true
		if id := strings.ToLower(at.ContentID); id != "" && byID[id] == "" {
			byID[id] = under + at.SHA256
		}
		if at.ContentLocation != "" {
			byPlace[place(at.ContentLocation)] = under + at.SHA256
		}
	}
	return func(src string) string {
		if known[src] {
			return src
		}
		if len(src) < 4 || !strings.EqualFold(src[:4], "cid:") {
			return byPlace[place(src)]
		}
		id := src[4:]
		if u, err := url.PathUnescape(id); err == nil { // RFC 2392: a Content-ID in a URL is escaped
			id = u
		}
		return byID[strings.ToLower(strings.Trim(id, "<> "))]
	}
}

// place is an address in the form in which two are compared: some senders escape it in one of the two places only.
func place(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

const maxText = 2 << 20 // bytes; mail has more only where limits.text was raised, and the raw has all of it

// blobText is a text or HTML that is kept beside its message.
func (a *API) blobText(ctx context.Context, sha string) (string, error) {
	f, err := a.o.Store.OpenBlob(ctx, sha)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxText))
	return strings.ToValidUTF8(string(text), ""), err // the last character may have been cut
}
