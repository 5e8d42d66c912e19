package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/user"
	"time"

	"postern/internal/api"
	"postern/internal/app"
	"postern/internal/fault"
)

// A client asks a Postern: the running server by the socket in its data folder, or, where none runs, one opened in this
// process for the command's time, which then holds the data folder.
type client struct {
	http  *http.Client
	close func() error
}

// patience is how long a command waits for the data folder. Who holds it without answering is another command, soon done, or a
// server that starts or ends.
const patience = 5 * time.Second

// open reaches a Postern.
func (p *program) open(ctx context.Context) (*client, error) {
	for end := time.Now().Add(patience); ; {
		c, err := p.reach(ctx)
		if !fault.Is(err, fault.Conflict) || time.Now().After(end) {
			return c, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (p *program) reach(ctx context.Context) (*client, error) {
	socket, err := app.ControlSocket(p.options())
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("unix", socket)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fault.Errorf(fault.Denied, "%s belongs to somebody else: run this as the user that postern serve runs as", socket)
	}
	if err == nil {
		_ = conn.Close()
		dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}
		return &client{&http.Client{Transport: &http.Transport{DialContext: dial}}, func() error { return nil }}, nil
	}
	o := p.options()
	o.Quiet, o.Dry = true, p.dry
	a, err := app.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	stop := a.Background(ctx)
	return &client{&http.Client{Transport: direct{a.Handler()}}, func() error { stop(); return a.Close() }}, nil
}

// look is with for commands that need a store that is there.
func (p *program) look(ctx context.Context, f func(*client) error) error {
	if err := p.stored(); err != nil {
		return err
	}
	return p.with(ctx, f)
}

// with runs f with a client and closes it.
func (p *program) with(ctx context.Context, f func(*client) error) error {
	c, err := p.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.close())
}

// direct hands requests to a handler in this process.
type direct struct{ h http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.RequestURI = r.URL.RequestURI()
	rec := httptest.NewRecorder()
	d.h.ServeHTTP(rec, r)
	return rec.Result(), nil
}

// do sends a request and decodes a JSON answer into v, unless v is nil.
func (c *client) do(ctx context.Context, method, path string, query url.Values, body io.Reader, kind string, v any) error {
	u := url.URL{Scheme: "http", Host: "localhost", Path: path, RawQuery: query.Encode()}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	req.Header.Set(api.UserHeader, userName())
	resp, err := c.http.Do(req)
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return answered(resp)
	}
	if v == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	if w, ok := v.(io.Writer); ok {
		_, err = io.Copy(w, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(v)
}

// userName is who called the command, also through sudo; events and publications name him.
func userName() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

func (c *client) get(ctx context.Context, path string, query url.Values, v any) error {
	return c.do(ctx, http.MethodGet, path, query, nil, "", v)
}

func (c *client) post(ctx context.Context, path string, query url.Values, body any, v any) error {
	var r io.Reader
	kind := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r, kind = bytes.NewReader(b), "application/json"
	}
	return c.do(ctx, http.MethodPost, path, query, r, kind, v)
}

// answered turns an error's answer, of the API or of the local commands, back into an error with its kind.
func answered(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	var said struct {
		Error, Kind, Title, Detail string
		Problems                   []api.RulesProblem
	}
	_ = json.Unmarshal(b, &said)
	text := said.Error
	if text == "" {
		text = said.Detail
	}
	if text == "" {
		text = said.Title
	}
	if text == "" {
		text = resp.Status
	}
	kind := fault.Invalid
	switch {
	case resp.StatusCode >= 500:
		kind = fault.Unavailable
	case resp.StatusCode == http.StatusNotFound:
		kind = fault.NotFound
	case resp.StatusCode == http.StatusRequestEntityTooLarge, said.Kind == fault.TooLarge.String():
		kind = fault.TooLarge
	}
	err := fault.As(kind, errors.New(text))
	if len(said.Problems) > 0 {
		return &refusedRules{err, said.Problems}
	}
	return err
}

// A page is one piece of a list of the API.
type page[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// list reads pieces of a list until limit items are there, or all.
func list[T any](ctx context.Context, c *client, path string, query url.Values, limit int) ([]T, error) {
	out := []T{}
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	for {
		q.Set("limit", fmt.Sprint(min(500, max(1, limit-len(out)))))
		var pg page[T]
		if err := c.get(ctx, path, q, &pg); err != nil {
			return nil, err
		}
		out = append(out, pg.Items...)
		if pg.Next == nil || len(out) >= limit {
			return out, nil
		}
		q.Set("after", *pg.Next)
	}
}
