package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"postern/internal/fault"
	"postern/internal/issue"
)

// A List is one piece of a list. Next is null at its end.
type List[T any] struct {
	Items []T           `json:"items"`
	Next  *issue.Cursor `json:"next"`
}

func list[T any](items []T, next issue.Cursor) List[T] { return List[T]{notNil(items), pointer(next)} }

func pointer(c issue.Cursor) *issue.Cursor {
	if c == "" {
		return nil
	}
	return &c
}

// notNil makes an empty list [] in JSON, and not null.
func notNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// json answers with v. What is read by GET has an ETag, and a caller who has it already hears 304.
func (c *call) json(status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", c.route.name, err)
	}
	if status == http.StatusOK && !c.route.changes() {
		sum := sha256.Sum256(body)
		tag := `"` + hex.EncodeToString(sum[:16]) + `"`
		h := c.Response().Header()
		h.Set("ETag", tag)
		h.Set("Cache-Control", "private, no-cache")
		h.Set("Vary", "Authorization")
		if matches(c.Request().Header.Values("If-None-Match"), tag) {
			return c.NoContent(http.StatusNotModified)
		}
	}
	return c.Blob(status, "application/json", body)
}

// matches is If-None-Match: RFC 9110 section 13.1.2, with its weak comparison.
func matches(headers []string, tag string) bool {
	for _, h := range headers {
		for one := range strings.SplitSeq(h, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

const maxJSON = 64 << 10 // bytes of a JSON body

// read decodes a JSON body into v.
func (c *call) read(v any) error { return c.readUpTo(v, maxJSON) }

func (c *call) readUpTo(v any, limit int64) error {
	if err := c.accepts("application/json"); err != nil {
		return err
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Response().Writer, c.Request().Body, limit))
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return say(fault.Invalid, "the body is not the JSON that this path takes; /api/v1/openapi.json describes it").because(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return say(fault.Invalid, "the body goes on after its JSON value")
	}
	return nil
}

// accepts refuses a body of another media type.
func (c *call) accepts(types ...string) error {
	media, _, err := mime.ParseMediaType(c.Request().Header.Get("Content-Type"))
	if err == nil {
		for _, t := range types {
			if media == t {
				return nil
			}
		}
	}
	return say(fault.Invalid, "the body's Content-Type must be %s", types[0]).as(http.StatusUnsupportedMediaType)
}
