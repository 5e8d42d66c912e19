package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"postern/internal/fault"
)

// Ready is what /readyz?details=true answers.
type Ready struct {
	Status  string         `json:"status"` // "ready", "unready"
	Version string         `json:"version"`
	Details map[string]any `json:"details"`
}

// A healthCache keeps the last answer for a moment: /readyz asks for no token, and must not be a way to make the store work.
type healthCache struct {
	mu      sync.Mutex
	until   time.Time
	details map[string]any
	ok      bool
}

const (
	healthKept    = time.Second
	healthTimeout = 5 * time.Second
)

func (a *API) ready(ctx context.Context) (map[string]any, bool) {
	h := &a.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := a.o.Now(); !now.Before(h.until) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthTimeout)
		defer cancel()
		if a.o.Health != nil {
			h.details, h.ok = a.o.Health(ctx)
		} else {
			h.details, h.ok = map[string]any{"store": a.o.Store.Kind()}, a.o.Store.Ping(ctx) == nil
		}
		h.until = now.Add(healthKept)
	}
	return h.details, h.ok
}

// healthz says that the process answers.
func (a *API) healthz(c *call) error { return c.String(http.StatusOK, "ok\n") }

// readyz says whether mail can be taken now, in one word; in more to those who may know.
func (a *API) readyz(c *call) error {
	trusted, _ := c.Request().Context().Value(trustedKey{}).(caller)
	more := c.query.flags["details"] || trusted.actor != ""
	if more {
		if _, err := a.authorize(c, &route{method: http.MethodGet, path: c.route.path, scopes: reading}); err != nil {
			return err
		}
	}
	details, ok := a.ready(c.Request().Context())
	status, word := http.StatusOK, "ready"
	if !ok {
		status, word = http.StatusServiceUnavailable, "unready"
	}
	if more {
		return c.json(status, Ready{word, a.o.Version, details})
	}
	return c.String(status, word+"\n")
}

func (a *API) metrics(c *call) error {
	if a.o.Metrics == nil {
		return say(fault.NotFound, "this server keeps no metrics")
	}
	a.o.Metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}

func (a *API) openapi(c *call) error {
	return c.document(a.doc)
}
