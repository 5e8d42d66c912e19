package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"postern/internal/fault"
	"postern/internal/webclient"
)

// maxJSON bounds an answer that is JSON: a page of 500 rows has 300 KB.
const maxJSON = 16 << 20

// get reads JSON. page, where it is not 0, is how many rows are asked for.
func (a *Account) get(ctx context.Context, address string, q url.Values, page int, v any) error {
	if len(q) > 0 {
		address += "?" + encode(q)
	}
	res, err := a.do(ctx, http.MethodGet, address, nil, page, a.o.Client.Limit(maxJSON))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		return fault.Errorf(fault.Unavailable, "read what Microsoft Graph answered: %w", err)
	}
	return nil
}

// encode keeps the $ of OData's options, as the documentation writes them.
func encode(q url.Values) string {
	return strings.NewReplacer("%24", "$", "+", "%20").Replace(q.Encode())
}

// send changes something, and reads no answer.
func (a *Account) send(ctx context.Context, method, address string, body any) error {
	res, err := a.do(ctx, method, address, body, 0, a.o.Client.Limit(64<<10))
	if err != nil {
		return err
	}
	// The answer to a move is the whole mail again: what is small is read, so that the connection is used again.
	_, _ = io.Copy(io.Discard, res.Body)
	return res.Body.Close()
}

// do sends a request with a token, once more with a new one where the first is not taken. Its error is a *Problem, a *throttled, or the network's.
// The answer's body holds one of the places for requests until it is closed.
func (a *Account) do(ctx context.Context, method, address string, body any, page int, client *webclient.Client) (*http.Response, error) {
	leave, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	return a.within(ctx, leave, method, address, body, page, client)
}

// enter waits for one of the places for requests.
func (a *Account) enter(ctx context.Context) (leave func(), err error) {
	select {
	case a.room <- struct{}{}:
		return sync.OnceFunc(func() { <-a.room }), nil
	case <-ctx.Done():
		return nil, fault.As(fault.Unavailable, ctx.Err())
	}
}

// within is do in a place that was entered.
func (a *Account) within(ctx context.Context, leave func(), method, address string, body any, page int, client *webclient.Client) (_ *http.Response, err error) {
	defer func() {
		if err != nil {
			leave()
		}
	}()
	if a.err != nil {
		return nil, a.err
	}
	u, err := a.own(address)
	if err != nil {
		return nil, err
	}
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return nil, fmt.Errorf("ask Microsoft Graph: %w", err)
		}
	}
	for try := 0; ; try++ {
		res, token, err := a.once(ctx, method, u, text, page, client)
		if err != nil {
			return nil, err
		}
		if res.StatusCode < 300 {
			a.gate.open()
			res.Body = &held{res.Body, leave}
			return res, nil
		}
		err = a.refused(res)
		var p *Problem
		if try == 0 && errors.As(err, &p) && p.Status == http.StatusUnauthorized && a.o.Refused != nil {
			a.o.Refused(token)
			continue
		}
		return nil, err
	}
}

// own refuses an address that does not lead to the API: a link of an answer is a claim, and the token goes nowhere else.
func (a *Account) own(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fault.Errorf(fault.Denied, "Microsoft Graph gave a link that is none")
	}
	if err := a.o.Client.Check(u, a.base.Host); err != nil || u.Scheme != a.base.Scheme || !strings.HasPrefix(u.EscapedPath(), strings.TrimSuffix(a.base.EscapedPath(), "/")+"/") {
		return nil, fault.Errorf(fault.Denied, "Microsoft Graph gave a link to %s, which is not the API at %s: it is not followed", u.Host, a.base.Host)
	}
	return u, nil
}

func (a *Account) once(ctx context.Context, method string, u *url.URL, body []byte, page int, client *webclient.Client) (*http.Response, string, error) {
	if wait := a.gate.closed(a.o.Now()); wait > 0 {
		return nil, "", throttledFor(wait)
	}
	token, err := a.o.Token(ctx)
	if err != nil {
		return nil, "", err
	}
	var r io.Reader = http.NoBody
	if body != nil {
		r = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), r)
	if err != nil {
		return nil, "", fault.Errorf(fault.Invalid, "ask Microsoft Graph: the request cannot be made")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json, message/rfc822, text/plain")
	// In each request, or ids are of the other kind: learn.microsoft.com/graph/outlook-immutable-id.
	req.Header.Add("Prefer", `IdType="ImmutableId"`)
	if page > 0 {
		req.Header.Add("Prefer", "odata.maxpagesize="+strconv.Itoa(page))
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req, a.base.Host)
	if err != nil {
		if ctx.Err() != nil {
			err = fault.As(fault.Unavailable, ctx.Err())
		}
		return nil, "", fmt.Errorf("ask Microsoft Graph: %w", err)
	}
	a.noted(res)
	return res, token, nil
}

// refused reads why a request was not done.
func (a *Account) refused(res *http.Response) error {
	defer res.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 509:
		return throttledFor(a.gate.shut(res.Header, a.o.Now()))
	}
	return problem(res.StatusCode, text, a.o.Mailbox)
}

// held is an answer's body that gives its place back.
type held struct {
	io.ReadCloser
	leave func()
}

func (h *held) Close() error {
	defer h.leave()
	return h.ReadCloser.Close()
}

// A gate is shut while the server wants to be left alone.
type gate struct {
	mu    sync.Mutex
	until time.Time
	tries int // since the last answer
}

const (
	firstPause = 5 * time.Second
	longest    = 10 * time.Minute
	mostAsked  = time.Hour
)

// closed is how long nothing may be asked yet.
func (g *gate) closed(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(0, g.until.Sub(now))
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tries = 0
}

// shut reads Retry-After, seconds or a date (RFC 9110 section 10.2.3). It is sometimes missing: then each time is twice as long
// as the one before (learn.microsoft.com/graph/throttling).
func (g *gate) shut(h http.Header, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.until) {
		g.tries-- // several were under way: it is one refusal
	}
	g.tries = max(0, g.tries) + 1
	d := longest
	if g.tries < 10 {
		d = min(longest, firstPause<<(g.tries-1))
	}
	text := h.Get("Retry-After")
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		d = min(time.Duration(min(n, 1<<20))*time.Second, mostAsked)
	} else if t, err := http.ParseTime(text); err == nil {
		d = min(t.Sub(now), mostAsked)
	}
	d = max(d, time.Second)
	if until := now.Add(d); until.After(g.until) {
		g.until = until
	}
	return g.until.Sub(now)
}

// throttled is a server that wants to be asked later: it is a poller.Throttled.
type throttled struct {
	error
	after time.Duration
}

func throttledFor(d time.Duration) error {
	return &throttled{fault.Errorf(fault.Unavailable, "Microsoft Graph is busy or has been asked too often: it is asked again in %s", d.Round(time.Second)), d}
}

func (t *throttled) RetryAfter() time.Duration { return t.after }
func (t *throttled) Unwrap() error             { return t.error }
