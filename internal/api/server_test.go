package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"postern/internal/api"
	"postern/internal/intake"
	"postern/internal/spool"
)

func TestQueriesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct{ path, want string }{
		{"/api/v1/issues?stauts=new", "q, status, mailbox, requester, assignee, tag, withdrawn, limit, after"},
		{"/api/v1/openapi.json?x=1", "takes none"},
		{"/api/v1/issues?limit=0", "1 to 500"},
		{"/api/v1/issues?limit=501", "1 to 500"},
		{"/api/v1/issues?limit=-1", "1 to 500"},
		{"/api/v1/issues?limit=ten", "1 to 500"},
		{"/api/v1/issues?limit=1&limit=2", "more than once"},
		{"/api/v1/issues?status=a;b=c", "cannot be read"},
		{"/api/v1/issues?q=%zz", "cannot be read"},
		{"/api/v1/issues?q=" + strings.Repeat("x", 501), "longer than 500"},
		{"/api/v1/issues?q=" + strings.Repeat("a+", 10) + "b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q+r+s+t+u+v", "more than 20 words"},
		{"/api/v1/ledger?q=" + strings.Repeat("a+", 21), "more than 20 words"},
		{"/api/v1/issues?after=nonsense", "not a cursor"},
		{"/api/v1/messages?after=%27%3B--", "not a cursor"},
		{"/api/v1/ledger?after=nonsense", "not a cursor"},
		{"/api/v1/events?after=nonsense", "not a cursor"},
		{"/api/v1/quarantine?after=nonsense", "not a cursor"},
		{"/api/v1/messages?verdict=lost", "committed, rejected"},
		{"/api/v1/messages?since=yesterday", "not a time"},
		{"/api/v1/messages?issue=x", "not a number"},
		{"/readyz?details=yes", "true or false"},
	} {
		if d := w.problem(w.get(tt.path), 400); !strings.Contains(d, tt.want) {
			t.Errorf("%s: got %q, want it to say %q", tt.path, d, tt.want)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/", 404},
		{"GET", "/api/v1/nothing", 404},
		{"GET", "/api/v1/issues/", 404},
		{"GET", "/api/v1/issues/7", 404},
		{"GET", "/api/v1/issues/0", 404},
		{"GET", "/api/v1/issues/-1", 404},
		{"GET", "/api/v1/issues/+1", 404},
		{"GET", "/api/v1/issues/0x1", 404},
		{"GET", "/api/v1/issues/%2e%2e%2f1", 404},
		{"GET", "/api/v1/messages/%00", 404},
		{"GET", "/api/v1/messages/%ff%2f..", 404},
		{"TRACE", "/api/v1/issues", 405},
		{"BREW", "/api/v1/issues", 405},
		{"GET", "/api/v1/issues/99999999999999999999", 404},
		{"GET", "/api/v1/issues/7/notes", 404},
		{"GET", "/api/v1/messages/none", 404},
		{"GET", "/api/v1/messages/" + strings.Repeat("x", 1000), 404},
		{"GET", "/api/v1/messages/$where/raw", 404},
		{"POST", "/api/v1/issues", 405},
		{"DELETE", "/metrics", 405},
		{"POST", "/api/v1/quarantine/none/release", 503}, // this one has none to call
	} {
		w.problem(w.do(tt.method, tt.path, ""), tt.status)
	}
	const kind = "Content-Type: application/json"
	for body, status := range map[string]int{
		"":                                     400,
		"{":                                    400,
		`{"name":"a","scopes":["read"],"x":1}`: 400,
		`{"name":"a","scopes":["read"]} {}`:    400,
		`{"name":"a"}`:                         400,
		`{"name":"a","scopes":["everything"]}`: 400,
		`{"name":"a b","scopes":["read"]}`:     400,
		`{"name":"../a","scopes":["read"]}`:    400,
		`{"name":"a","scopes":["read"],"expiresAt":"2020-01-01T00:00:00Z"}`: 400,
		`{"name":"` + strings.Repeat("a", 70<<10) + `"}`:                    413,
	} {
		w.problem(w.do("POST", "/api/v1/tokens", body, kind), status)
	}
	w.problem(w.do("POST", "/api/v1/tokens", `{"name":"a","scopes":["read"]}`), 415)
	w.token("a", "admin")
	w.problem(serve(w.api.SocketHandler("cli"), "POST", "/api/v1/tokens", `{"name":"a","scopes":["read"]}`, kind), 409)
}

// What goes wrong inside us is in the log, under the id that the caller was given, and nowhere in the answer.
func TestPanic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *api.Options) {
		o.Deliver = func(context.Context, string, *spool.Body, netip.Addr, string) (intake.Outcome, error) {
			panic("the innermost secret")
		}
	})
	a := w.do("POST", "/api/v1/messages?to=a@example.com", "Subject: x\n\n", "Content-Type: message/rfc822")
	if w.problem(a, 500); strings.Contains(a.body, "innermost") {
		t.Errorf("got %s", a.body)
	}
	if log := w.log.String(); !strings.Contains(log, "the innermost secret") || !strings.Contains(log, a.header.Get("X-Request-Id")) || !strings.Contains(log, "write_test.go") && !strings.Contains(log, "server_test.go") {
		t.Errorf("the log lacks the panic, its stack or the id: %s", log)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	up, asked := true, 0
	w := newWorld(t, func(o *api.Options) {
		o.Health = func(context.Context) (map[string]any, bool) {
			asked++
			return map[string]any{"rules": "rules/20.rules:7:14: no"}, up
		}
	})
	for range 5 {
		if a := w.get("/readyz"); a.status != 200 || a.body != "ready\n" {
			t.Errorf("got %d %q", a.status, a.body)
		}
	}
	if asked != 1 {
		t.Errorf("five requests at one moment asked %d times", asked)
	}
	up = false
	w.tick(2e9)
	if a := w.get("/readyz"); a.status != 503 || a.body != "unready\n" {
		t.Errorf("got %d %q", a.status, a.body)
	}
	if d := w.object(w.get("/readyz?details=true"), 503); d["status"] != "unready" || d["version"] != "1.2.3" || d["details"].(map[string]any)["rules"] == nil {
		t.Errorf("got %v", d)
	}
	inner := w.api.MetricsHandler() // a listener of its own needs no token and has nothing else
	if a := serve(inner, "GET", "/readyz", "", "Peer: 192.0.2.1:1"); a.status != 503 || !strings.Contains(a.body, "20.rules") {
		t.Errorf("got %d %q", a.status, a.body)
	}
	if a := serve(inner, "GET", "/metrics", "", "Peer: 192.0.2.1:1"); a.status != 200 || !strings.Contains(a.body, `postern_http_requests_total{method="GET",route="/readyz",status="200"} 5`) {
		t.Errorf("got %d %q", a.status, a.body)
	}
	if a := serve(inner, "GET", "/api/v1/issues", ""); a.status != 404 || a.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %q", a.status, a.body)
	}
}

// No secret, and no word of a search, comes out where people look later.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes(nil))
	secret := w.token("x", "read", "write")
	var out strings.Builder
	collect := func(a answer) {
		fmt.Fprintln(&out, a.status, a.header, a.body)
	}
	for _, h := range []string{bearer(secret), bearer(secret + "x"), "Authorization: " + secret, "Authorization: Basic " + secret} {
		for _, path := range []string{
			"/api/v1/issues?q=sensitiveword", "/api/v1/ledger?q=sensitiveword&after=bad", "/api/v1/issues?sensitiveword=" + secret, "/api/v1/tokens",
			"/api/v1/messages/" + secret, "/api/v1/" + secret, "/api/v1/issues?after=" + secret, "/api/v1/issues?q=%zz" + secret, "/metrics",
		} {
			collect(w.get(path, h))
			collect(w.do("POST", path, `{"name":"`+secret+`","scopes":["`+secret+`"]}`, h, "Content-Type: application/json"))
			collect(w.do("POST", "/api/v1/messages?to=sensitiveword@example.com", secret, h, "Content-Type: "+secret))
			collect(w.do("POST", "/api/v1/messages?to=sensitiveword@example.com", secret, h, "Content-Type: message/rfc822"))
		}
	}
	collect(serve(w.api.MetricsHandler(), "GET", "/metrics", ""))
	tail := secret[4:]
	for name, text := range map[string]string{"answers and metrics": out.String(), "log": w.log.String()} {
		for _, word := range []string{tail, "sensitiveword", "Bearer pst"} {
			if i := strings.Index(text, word); i >= 0 {
				t.Errorf("the %s have %q: …%s…", name, word, text[max(0, i-200):i+len(word)])
			}
		}
	}
	if !strings.Contains(w.log.String(), `"actor":"token:x"`) {
		t.Error("the log does not say which token was used")
	}
}

// A real server, over a socket: limits on headers, a body without a length, a client that leaves.
func TestServer(t *testing.T) {
	t.Parallel()
	got := make(chan int64, 1)
	w := newWorld(t, func(o *api.Options) {
		o.MaxBody = 300 << 10
		o.Deliver = func(_ context.Context, _ string, raw *spool.Body, _ netip.Addr, _ string) (intake.Outcome, error) {
			got <- raw.Size()
			return intake.Outcome{Verdict: intake.Committed, Message: "m9"}, nil
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	srv := w.api.Server("")
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	t.Cleanup(func() {
		w.must(srv.Close())
		if err := <-served; err != http.ErrServerClosed {
			t.Error(err)
		}
	})
	base := "http://" + l.Addr().String()

	post := func(body io.Reader) *http.Response {
		res, err := http.Post(base+"/api/v1/messages?to=a@example.com", "message/rfc822", body)
		w.must(err)
		_, err = io.Copy(io.Discard, res.Body)
		w.must(err)
		w.must(res.Body.Close())
		return res
	}
	if res := post(io.MultiReader(strings.NewReader("Subject: x\r\n\r\n"), strings.NewReader("chunked"))); res.StatusCode != 201 || <-got != 21 {
		t.Errorf("chunked: got %s", res.Status)
	}
	if res := post(io.MultiReader(bytes.NewReader(make([]byte, 300<<10+1)))); res.StatusCode != 413 {
		t.Errorf("chunked and too large: got %s", res.Status)
	}

	c, err := net.Dial("tcp", l.Addr().String())
	w.must(err)
	fmt.Fprintf(c, "POST /api/v1/messages?to=a@example.com HTTP/1.1\r\nHost: localhost\r\nContent-Type: message/rfc822\r\nContent-Length: 100\r\n\r\nSubject: half")
	w.must(c.Close())
	w.eventually("the log has the mail that ended early", func() bool { return strings.Contains(w.log.String(), `"status":400`) })
	select {
	case n := <-got:
		t.Errorf("half a mail, %d bytes, was delivered", n)
	default:
	}

	req, err := http.NewRequest("GET", base+"/healthz", nil)
	w.must(err)
	req.Header.Set("X-Long", strings.Repeat("x", 100<<10))
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	w.must(res.Body.Close())
	if res.StatusCode != 431 {
		t.Errorf("100 KiB of headers: got %s", res.Status)
	}
}

// deadlines is a ResponseWriter that notes what it is told.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error  { d.read = t; return nil }
func (d *deadlines) SetWriteDeadline(t time.Time) error { d.write = t; return nil }

// A client that sends slowly what nobody wants to read holds no connection for long.
func TestEveryRequestHasDeadlines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range []struct {
		method, path, host string
		status             int
	}{
		{"POST", "/nothing", "localhost", 404}, {"POST", "/api/v1/messages?to=a@example.com", "evil.example", 401}, {"GET", "/healthz", "localhost", 200},
	} {
		r := httptest.NewRequest(tt.method, tt.path, strings.NewReader("x"))
		r.RemoteAddr, r.Host = "127.0.0.1:1", tt.host
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		w.api.Handler().ServeHTTP(d, r)
		if left := time.Until(d.read); d.Code != tt.status || left <= 0 || left > time.Minute || d.write.IsZero() {
			t.Errorf("%s %s: status %d, deadlines %v and %v", tt.method, tt.path, d.Code, d.read, d.write)
		}
	}
}

// The document describes every route, and what routes answer is as it says.
func TestOpenAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, takes(nil), func(o *api.Options) {
		o.Release = func(context.Context, string, string) (intake.Outcome, error) {
			return intake.Outcome{Verdict: intake.Committed, Message: "m2"}, nil
		}
	})
	n := w.commit(letter{id: "m1", subject: "x", files: map[string]string{"a": "one"}, tags: []string{"t"}})
	w.commit(letter{id: "m3", subject: "Re: x", joins: n})
	w.commit(letter{id: "m2", subject: "x", verdict: "quarantined"})
	raw := w.get("/api/v1/openapi.json")
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]schema }
	}
	w.must(json.Unmarshal([]byte(raw.body), &doc))
	if raw.header.Get("ETag") == "" || doc.OpenAPI != "3.1.0" {
		t.Errorf("got OpenAPI %q, %v", doc.OpenAPI, raw.header)
	}
	for _, one := range []struct{ method, path, target, body, media string }{
		{"get", "/api/v1/issues", "", "", ""},
		{"get", "/api/v1/issues/{number}", fmt.Sprintf("/api/v1/issues/%d", n), "", ""},
		{"get", "/api/v1/issues/{number}/notes", fmt.Sprintf("/api/v1/issues/%d/notes", n), "", ""},
		{"get", "/api/v1/messages", "", "", ""},
		{"get", "/api/v1/messages/{id}", "/api/v1/messages/m1", "", ""},
		{"get", "/api/v1/ledger", "", "", ""},
		{"get", "/api/v1/quarantine", "", "", ""},
		{"post", "/api/v1/messages", "/api/v1/messages?to=a@example.com", "Subject: x\n\n", "message/rfc822"},
		{"post", "/api/v1/quarantine/{id}/release", "/api/v1/quarantine/m2/release", "", ""},
		{"post", "/api/v1/tokens", "", `{"name":"a","scopes":["read"]}`, "application/json"},
		{"get", "/api/v1/tokens", "", "", ""},
		{"get", "/api/v1/events", "", "", ""},
	} {
		target := one.target
		if target == "" {
			target = one.path
		}
		a := serve(w.api.SocketHandler("cli"), strings.ToUpper(one.method), target, one.body, "Content-Type: "+one.media)
		op, ok := doc.Paths[one.path][one.method]
		answer, known := op.Responses[fmt.Sprint(a.status)]
		if !ok || !known || op.OperationID == "" {
			t.Errorf("%s %s answered %d, which the document does not have: %s", one.method, one.path, a.status, a.body)
			continue
		}
		var v any
		w.must(json.Unmarshal([]byte(a.body), &v))
		for _, wrong := range conforms(doc.Components.Schemas, answer.Content["application/json"].Schema, v, one.path) {
			t.Error(wrong)
		}
	}
}

type operation struct {
	OperationID string
	Responses   map[string]struct {
		Content map[string]struct{ Schema schema }
	}
}

type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Properties           map[string]schema
	Required             []string
	Items                *schema
	AdditionalProperties *schema
	AnyOf                []schema
}

// conforms lists where v is not as the schema says; a property that the schema does not name is wrong too.
func conforms(named map[string]schema, s schema, v any, at string) (wrong []string) {
	if s.Ref != "" {
		name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
		target, ok := named[name]
		if !ok {
			return []string{at + ": no schema " + name}
		}
		return conforms(named, target, v, at)
	}
	if s.AnyOf != nil {
		for _, one := range s.AnyOf {
			if len(conforms(named, one, v, at)) == 0 {
				return nil
			}
		}
		return []string{at + ": none of the forms"}
	}
	ok := true
	switch s.Type {
	case "object":
		m, is := v.(map[string]any)
		ok = is
		for _, name := range s.Required {
			if _, there := m[name]; !there {
				wrong = append(wrong, at+": lacks "+name)
			}
		}
		for name, one := range m {
			p, there := s.Properties[name]
			switch {
			case there:
				wrong = append(wrong, conforms(named, p, one, at+"."+name)...)
			case s.AdditionalProperties != nil:
				wrong = append(wrong, conforms(named, *s.AdditionalProperties, one, at+"."+name)...)
			default:
				wrong = append(wrong, at+": has "+name+", which the schema lacks")
			}
		}
	case "array":
		var l []any
		l, ok = v.([]any)
		for _, one := range l {
			wrong = append(wrong, conforms(named, *s.Items, one, at+"[]")...)
		}
	case "string":
		_, ok = v.(string)
	case "integer", "number":
		_, ok = v.(float64)
	case "boolean":
		_, ok = v.(bool)
	case "null":
		ok = v == nil
	}
	if !ok {
		wrong = append(wrong, fmt.Sprintf("%s: %v is not of type %s", at, v, s.Type))
	}
	return wrong
}
