package graph_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"postern/internal/graphtest"
	"postern/poller"
	"postern/poller/graph"
)

// token makes one that says what it was granted.
func token(claims string) func(context.Context) (string, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	return func(context.Context) (string, error) {
		return b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(claims)) + ".c2ln", nil
	}
}

const appToken = `{"appid":"app","roles":["Mail.ReadWrite"],"tid":"t"}`

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*graph.Options)
		server func(*world)
		want   string // the last lines
	}{
		{"all is well", nil, nil, `ok token: for the app app, with Mail.ReadWrite
ok mailbox: support@example.com is there, its inbox is called Posteingang
ok tls: TLS 1.3 to graph.microsoft.com
ok folder INBOX: 3 messages, 3 of them unread
ok read: the newest mail, of 2026-11-27T07:59:00Z, can be read
warn permissions: read and write; as an app of its own right it reaches every mailbox that Exchange does not keep from it → Mail.Read is enough
ok throttling: the server does not ask us to slow down`},
		{"a person", func(o *graph.Options) {
			o.Token = token(`{"appid":"app","scp":"Mail.ReadWrite.Shared","upn":"ann@example.com"}`)
		}, nil,
			"ok token: for ann@example.com, by the app app, with Mail.ReadWrite.Shared"},
		{"no token", func(o *graph.Options) {
			o.Token = func(context.Context) (string, error) { return "", errors.New("the login was revoked. Log in again") }
		}, nil, "BAD token: the login was revoked → Log in again"},
		{"read only, and mail is to be moved", func(o *graph.Options) { o.Token, o.Writes = token(`{"roles":["Mail.Read"]}`), true }, nil, "BAD permissions: the token lets mail be read only"},
		{"read only, and it stays", func(o *graph.Options) { o.Token = token(`{"roles":["Mail.Read"]}`) }, nil, "warn permissions: read only, which is all that"},
		{"granted by Exchange", func(o *graph.Options) { o.Token, o.Writes = token(`{"appid":"app"}`), true }, nil, "warn permissions: whether mail may be marked"},
		{"no folder", func(o *graph.Options) { o.Folders = []string{"Nope", "inbox"} }, nil, `BAD folder Nope: there is no folder "Nope"`},
		{"no mailbox", func(o *graph.Options) { o.Mailbox = "nobody@example.com" }, nil, "BAD mailbox: Microsoft Graph: there is no user or shared mailbox nobody@example.com (404 ErrorInvalidUser) → Check the address"},
		{"no reading", nil, func(w *world) {
			w.srv.Break(graphtest.Fault{Match: "/$value", Status: 403, Code: "ErrorAccessDenied"})
		}, "BAD read: Microsoft Graph: it denies access"},
		{"throttled", nil, func(w *world) {
			w.srv.Break(graphtest.Fault{Match: "inbox", Status: 429, Header: map[string]string{"Retry-After": "30"}})
		}, "BAD mailbox: Microsoft Graph is busy or has been asked too often"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *graph.Options) {
				o.Token = token(appToken)
				if tt.change != nil {
					tt.change(o)
				}
			})
			w.fill("inbox", 3)
			if tt.server != nil {
				tt.server(w)
			}
			var b strings.Builder
			w.a.Check(t.Context(), func(s poller.Step) {
				word := map[bool]string{true: "ok", false: "BAD"}[s.OK]
				if s.Warn {
					word = "warn"
				}
				fmt.Fprintf(&b, "%s %s: %s", word, s.Name, s.Says)
				if s.Todo != "" {
					fmt.Fprintf(&b, " → %s", s.Todo)
				}
				b.WriteByte('\n')
			})
			at := 0
			for line := range strings.SplitSeq(tt.want, "\n") {
				i := strings.Index(b.String()[at:], line)
				if i < 0 {
					t.Fatalf("no %q in:\n%s", line, b.String())
				}
				at += i
			}
			if strings.Contains(tt.want, "BAD") && !strings.Contains(tt.name, "folder") && strings.HasPrefix(b.String()[strings.LastIndex(strings.TrimSpace(b.String()), "\n")+1:], "ok") {
				t.Errorf("it went on:\n%s", b.String())
			}
			if n := w.srv.Asked("PATCH") + w.srv.Asked("POST"); n != 0 {
				t.Error("a check writes")
			}
		})
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	began := time.Now()
	w.a.Check(ctx, func(s poller.Step) {
		if s.OK && s.Name != "token" {
			t.Errorf("%+v", s)
		}
	})
	if time.Since(began) > 5*time.Second {
		t.Error("it went on")
	}
}
