package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/labstack/echo/v4"

	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/origin"
)

// Deadlines of one request after its headers. A large body gets a second more for each slowest bytes.
const (
	bodyDeadline = 30 * time.Second
	slowest      = 16 << 10 // bytes a second
)

// info is what the log will say of a request. No query, body, token or path of a stranger's is in it.
type info struct {
	id    string
	actor string
}

const infoKey = "postern"

func infoOf(c echo.Context) *info { return c.Get(infoKey).(*info) }

// around gives each request an id and each answer the headers that all have, turns errors and panics into
// problems, and writes one line to the log.
func (a *API) around(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		began := a.o.Now()
		in := &info{id: issue.NewID(began)}
		c.Set(infoKey, in)
		h := c.Response().Header()
		h.Set("X-Request-Id", in.id)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store") // a handler whose answer has an ETag says otherwise
		setDeadlines(c, bodyDeadline)      // also where nothing will be read: net/http reads the rest of a body after its answer

		err := a.safely(c, next)
		if err != nil {
			a.answerProblem(c, err)
		}
		a.logRequest(c, in, err, a.o.Now().Sub(began))
		return nil
	}
}

// errPanic marks an error that was a panic of ours.
var errPanic = errors.New("panic")

func (a *API) safely(c echo.Context, next echo.HandlerFunc) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if r == http.ErrAbortHandler { // net/http closes the connection
			panic(r)
		}
		a.o.Log.ErrorContext(c.Request().Context(), "panic in a request", logkey.Session, infoOf(c).id,
			logkey.Error, fmt.Sprint(r), "stack", string(debug.Stack()))
		err = errPanic
	}()
	return next(c)
}

func (a *API) logRequest(c echo.Context, in *info, err error, took time.Duration) {
	r, res := c.Request(), c.Response()
	route := c.Path()
	if a.o.Observer != nil {
		a.o.Observer.Request(r.Method, route, res.Status, took)
	}
	level := slog.LevelInfo
	switch {
	case route == "/healthz", route == "/readyz", route == "/metrics":
		level = slog.LevelDebug
	case res.Status == http.StatusInternalServerError:
		level = slog.LevelError
	case res.Status > http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String(logkey.Session, in.id), slog.String("method", clip(r.Method, 20)), slog.String("route", route),
		slog.Int("status", res.Status), slog.Int64(logkey.Bytes, res.Size), slog.Duration(logkey.Took, took),
	}
	if peer := origin.Client(r, a.o.Proxies); peer.IsValid() {
		attrs = append(attrs, slog.String(logkey.Peer, peer.String()))
	}
	if in.actor != "" {
		attrs = append(attrs, slog.String("actor", in.actor))
	}
	if err != nil && res.Status >= 500 && !errors.Is(err, errPanic) {
		attrs = append(attrs, slog.Any(logkey.Error, err))
	}
	a.o.Log.LogAttrs(context.WithoutCancel(r.Context()), level, "request", attrs...)
}

// setDeadlines bounds how long the rest of a request may take to arrive and its answer to leave. Not every
// ResponseWriter can: tests' recorders cannot, and need not.
func setDeadlines(c echo.Context, d time.Duration) {
	rc := http.NewResponseController(c.Response())
	t := time.Now().Add(d) // the kernel's clock, not the one that tests hand in
	_ = rc.SetReadDeadline(t)
	_ = rc.SetWriteDeadline(t)
}

// sized is bodyDeadline with the time that n bytes may take.
func sized(n int64) time.Duration { return bodyDeadline + time.Duration(n/slowest)*time.Second }

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
