package webhook

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/internal/fault"
)

// capturedAt is the field of a recorded request that says when it came: its signature is as old as that.
const capturedAt = "X-Postern-Captured"

// Blank is what stands in a recorded request in place of a credential.
const Blank = "***"

// WriteCapture records a request as it came, its body byte for byte, so that it can be looked at later. What would let a reader send
// others is blanked: the secret in the path, Authorization, cookies, the header in which the provider sends its secret. A signature
// stays, for it is what one looks at, and signs this request only. The body, and headers that only its sender knows of, are the
// reader's to look through before he shows them to anybody.
func WriteCapture(w io.Writer, r *http.Request, p *Provider, body []byte, now time.Time) error {
	path := r.URL.EscapedPath()
	if rt, ok := parseRoute(path); ok {
		if path = rt.path(); rt.secret != "" {
			path += "/" + url.PathEscape(Blank)
		}
	} else if p != nil {
		path = Prefix + p.Name + "/-"
	}
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	h := r.Header.Clone()
	secret := []string{"Authorization", "Proxy-Authorization", "Cookie"}
	if p != nil && p.Header != "" {
		secret = append(secret, http.CanonicalHeaderKey(p.Header))
	}
	for _, name := range secret {
		for i, v := range h[name] {
			scheme, _, two := strings.Cut(v, " ")
			if h[name][i] = Blank; two && slices.Contains([]string{"basic", "bearer"}, strings.ToLower(scheme)) {
				h[name][i] = scheme + " " + Blank
			}
		}
	}
	h.Set(capturedAt, now.UTC().Format(time.RFC3339))
	h.Set("Content-Length", fmt.Sprint(len(body)))
	h.Del("Transfer-Encoding")
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.Method, path, strings.Map(printable, r.Host))
	if err := h.Write(b); err != nil {
		return err
	}
	_, _ = b.WriteString("\r\n")
	_, _ = b.Write(body)
	return b.Flush()
}

func printable(r rune) rune {
	if r <= ' ' || r > '~' {
		return -1
	}
	return r
}

// ReadCapture reads a request as it was recorded: request line, header, blank line, body. The body is all that follows, whatever a
// Content-Length says, so that a request can be written by hand.
func ReadCapture(r io.Reader) (*http.Request, error) {
	in := bufio.NewReader(r)
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "it is no recorded request: %w", err)
	}
	req.Body, req.ContentLength, req.TransferEncoding = io.NopCloser(in), -1, nil
	return req, nil
}

// CapturedAt is when a recorded request came, zero where it does not say.
func CapturedAt(r *http.Request) time.Time {
	at, _ := time.Parse(time.RFC3339, r.Header.Get(capturedAt))
	return at
}
