package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/labstack/echo/v4"

	"postern/internal/fault"
)

// A Problem is the body of every answer that is not a success (RFC 9457).
type Problem struct {
	Type     string `json:"type"`  // urn:postern:problem:KIND
	Title    string `json:"title"` // the same for all of a kind
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"` // urn:postern:request:ID; the log has the id as "session"

	Problems []RulesProblem `json:"problems,omitempty"` // all that is wrong with rules that were sent
}

// refusal is an error whose sentence is meant for the caller. No other error's text is shown.
type refusal struct {
	kind   fault.Kind
	status int // 0: the kind's
	detail string
	header map[string]string
	cause  error // for the log

	problems []RulesProblem
}

func (r *refusal) Error() string {
	if r.cause != nil {
		return r.detail + ": " + r.cause.Error()
	}
	return r.detail
}
func (r *refusal) Unwrap() error { return r.cause }

// say makes an error that the caller will read.
func say(kind fault.Kind, format string, args ...any) *refusal {
	return &refusal{kind: kind, detail: fmt.Sprintf(format, args...)}
}

func (r *refusal) as(status int) *refusal       { r.status = status; return r }
func (r *refusal) because(cause error) *refusal { r.cause = cause; return r }
func (r *refusal) with(key, value string) *refusal {
	header := map[string]string{key: value}
	maps.Copy(header, r.header)
	r.header = header
	return r
}

// kinds is the one table from what went wrong to what the caller is told.
var kinds = map[fault.Kind]struct {
	status int
	name   string
	detail string // where the error has no sentence for the caller
}{
	fault.Invalid:     {http.StatusBadRequest, "invalid", "the request cannot be understood"},
	fault.NotFound:    {http.StatusNotFound, "not-found", "there is no such thing"},
	fault.Conflict:    {http.StatusConflict, "conflict", "it changed meanwhile: read it again, then decide"},
	fault.Denied:      {http.StatusForbidden, "denied", "this is not allowed"},
	fault.TooLarge:    {http.StatusRequestEntityTooLarge, "too-large", "the request is too large"},
	fault.Unavailable: {http.StatusServiceUnavailable, "unavailable", "a part that is needed is down, full or busy: try again later"},
	fault.Internal:    {http.StatusInternalServerError, "internal", "this is a fault of ours; the log has it under the id in instance"},
}

const retryAfter = "30" // seconds

// toRefusal finds what may be shown of any error.
func toRefusal(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	var he *echo.HTTPError
	if errors.As(err, &he) {
		switch he.Code {
		case http.StatusNotFound:
			return say(fault.NotFound, "there is nothing at this path; /api/v1/openapi.json lists what there is")
		case http.StatusMethodNotAllowed:
			return say(fault.Invalid, "this path does not answer that method; the Allow header has those it does").as(he.Code)
		}
		if he.Code >= 400 && he.Code < 500 {
			return say(fault.Invalid, "the request cannot be understood").as(he.Code).because(err)
		}
		return &refusal{kind: fault.Internal, detail: kinds[fault.Internal].detail, cause: err}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return say(fault.TooLarge, "the body is larger than %d bytes", tooLarge.Limit)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return say(fault.Unavailable, "it took too long: try again later").because(err)
	}
	kind := fault.KindOf(err)
	return say(kind, "%s", kinds[kind].detail).because(err)
}

// answerProblem writes err, unless an answer has begun: then the connection is cut, so that nobody takes half for the whole.
func (a *API) answerProblem(c echo.Context, err error) {
	if c.Response().Committed {
		panic(http.ErrAbortHandler)
	}
	r := toRefusal(err)
	row := kinds[r.kind]
	status := row.status
	if r.status != 0 {
		status = r.status
	}
	h := c.Response().Header()
	for _, name := range []string{"Content-Type", "ETag", "Last-Modified", "Content-Disposition", "Content-Length", "Location", "Accept-Ranges"} {
		h.Del(name)
	}
	for k, v := range r.header {
		h.Set(k, v)
	}
	if status == http.StatusServiceUnavailable && h.Get("Retry-After") == "" {
		h.Set("Retry-After", retryAfter)
	}
	h.Set("Cache-Control", "no-store")
	body, _ := json.Marshal(Problem{ // strings and numbers: cannot fail
		Type: "urn:postern:problem:" + row.name, Title: http.StatusText(status), Status: status,
		Detail: r.detail, Instance: "urn:postern:request:" + infoOf(c).id, Problems: r.problems,
	})
	_ = c.Blob(status, "application/problem+json", body) // nobody is left to tell
}
