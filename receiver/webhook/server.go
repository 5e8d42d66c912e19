package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/logkey"
)

// A Server answers providers. It is safe for any number of goroutines.
type Server struct {
	o     Options
	hooks atomic.Pointer[table]
	room  *room
	heard heard
	busy  sync.WaitGroup // requests under way
	certs certificates   // that SNS signs with
}

// New makes a Server. Run must be called for what was heard to be told.
func New(o Options) *Server {
	o.defaults()
	s := &Server{o: o, room: newRoom(o.InFlight), heard: heard{hooks: map[string]*news{}}}
	s.Apply(o.Hooks)
	return s
}

// Apply replaces the hooks, from the next request on.
func (s *Server) Apply(hooks []Hook) { s.hooks.Store(newTable(hooks)) }

// A call is one request on its way.
type call struct {
	*Server
	w  http.ResponseWriter
	r  *http.Request
	id string

	route    *route
	meant    string // the name of the first hook of that path, whether the request proves itself or not
	hook     *Hook  // the one whose request it is proven to be
	provider *Provider
	bytes    int64
	outcomes []intake.Outcome // one a mail
	told     [][]intake.Outcome
	broken   []*Mail // what could not be read
	held     bool    // the body is kept for review
	received time.Time

	result string // one of the Result constants
	reason string // for administrators
}

// An answer is what the peer hears.
type answer struct {
	status int
	text   string // one line
}

// ServeHTTP answers /hooks/PROVIDER/MAILBOX and /hooks/PROVIDER/MAILBOX/SECRET.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.busy.Add(1)
	defer s.busy.Done()
	began := time.Now()
	c := &call{Server: s, w: w, r: r, id: issue.NewID(s.o.Now())}
	h := w.Header()
	h.Set("X-Request-Id", c.id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	c.readBy(s.o.Timeouts.Grace) // also where nothing is read: net/http reads the rest of a body after its answer
	a := c.safely()
	c.write(a)
	c.note(a.status, time.Since(began))
}

// safely turns a panic of ours into try later: it must delay somebody's mail, and never lose or bounce it. What the request said
// stays out of the log.
func (c *call) safely() (a answer) {
	defer func() {
		if v := recover(); v != nil {
			c.o.Log.Error("panic in a webhook request: its sender will try again", logkey.Session, c.id, logkey.Error, panicText(v), "stack", string(debug.Stack()))
			a = c.end(ResultPanic, "a fault of ours: the log has it", http.StatusServiceUnavailable)
		}
	}()
	return c.serve()
}

// panicText is what the runtime says of a panic. Texts of other values may quote the request.
func panicText(v any) string {
	if e, ok := v.(interface{ RuntimeError() }); ok {
		return fmt.Sprint(e)
	}
	return fmt.Sprintf("%T", v)
}

// serve takes the stations in their order: route, proof, mails, answer.
func (c *call) serve() answer {
	var ok bool
	if c.route, ok = parseRoute(c.r.URL.EscapedPath()); !ok {
		return c.end(ResultStray, "no such path", http.StatusNotFound)
	}
	switch c.r.Method {
	case http.MethodPost:
	case http.MethodGet, http.MethodHead: // Mandrill, Brevo and others look whether somebody is there before they save a hook; nothing is told
		c.result = ResultGreeted
		return answer{status: http.StatusOK}
	default:
		c.w.Header().Set("Allow", "GET, HEAD, POST")
		return c.end(ResultStray, "no such method", http.StatusMethodNotAllowed)
	}
	if e := c.r.Header.Get("Content-Encoding"); e != "" && e != "identity" { // no provider documents one, and it could hide any size
		return c.end(ResultMalformed, "Content-Encoding is not taken", http.StatusUnsupportedMediaType)
	}
	req, no := c.prove()
	if no != nil {
		return *no
	}
	defer c.room.leave(req.taken)
	defer req.Body.Close()
	c.received = req.Received
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), c.o.Timeouts.Work)
	defer cancel()
	return c.answer(ctx, req, c.read(ctx, req.Request))
}

// end notes what became of the request, and makes the answer of it.
func (c *call) end(result, reason string, status int) answer {
	c.result, c.reason = result, reason
	return answer{status, reason}
}

// unproven is the one answer to whoever proved nothing: the same bytes whether there is such a hook or not. It asks for basic auth,
// which SNS and others send only when asked.
func (c *call) unproven(reason string) answer {
	c.end(ResultUnproven, reason, 0)
	c.w.Header().Set("WWW-Authenticate", `Basic realm="postern", charset="UTF-8"`)
	return answer{http.StatusUnauthorized, "unauthorized"}
}

// write answers. A panic is the last word where the answer's first bytes have left; here none have.
func (c *call) write(a answer) {
	_ = http.NewResponseController(c.w).SetWriteDeadline(time.Now().Add(c.o.Timeouts.Answer)) // recorders of tests cannot, and need not
	if c.result == ResultLost {                                                               // else net/http waits for the rest before it answers
		c.w.Header().Set("Connection", "close")
	}
	if a.status == http.StatusServiceUnavailable || a.status == http.StatusTooManyRequests {
		c.w.Header().Set("Retry-After", "60")
	}
	var body []byte
	switch {
	case a.status == http.StatusNoContent:
	case c.provider != nil && c.provider.Answers.Tell && len(c.told) > 0:
		c.w.Header().Set("Content-Type", "application/json")
		body, _ = json.Marshal(map[string]any{"mails": c.told}) // strings and numbers: cannot fail
		body = append(body, '\n')
	case a.text != "":
		c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		body = []byte(line(a.text, 300) + "\n")
	}
	c.w.WriteHeader(a.status)
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(body) // nobody is left to tell
	}
}

// source is the hook's name, "" where there is none.
func (c *call) source() string {
	if c.hook != nil {
		return c.hook.Name
	}
	return c.meant
}

// readBy bounds how long the rest of a request may take to arrive.
func (c *call) readBy(d time.Duration) {
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(d))
}

// note writes the request's one line into the log and counts it. The path is not in it: it may hold the secret.
func (c *call) note(status int, took time.Duration) {
	name := c.source()
	if c.o.Observer != nil {
		c.o.Observer(Answered{name, c.result, c.r.Method, status, c.bytes, took})
	}
	c.heard.request(c.o.Now(), name, c)
	level := slog.LevelInfo
	switch c.result {
	case ResultGreeted, ResultStray:
		level = slog.LevelDebug
	case ResultTaken, ResultRejected:
	default:
		level = slog.LevelWarn
	}
	if !c.o.Log.Enabled(c.r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String(logkey.Session, c.id), slog.String(logkey.Source, name), slog.String("result", c.result), slog.Int("status", status),
		slog.Int("mails", len(c.outcomes)), slog.Int64(logkey.Bytes, c.bytes), slog.Duration(logkey.Took, took),
	}
	if peer := c.peer(); peer.IsValid() {
		attrs = append(attrs, slog.String(logkey.Peer, peer.String()))
	}
	if c.reason != "" {
		attrs = append(attrs, slog.String(logkey.Reason, c.reason))
	}
	c.o.Log.LogAttrs(context.WithoutCancel(c.r.Context()), level, "webhook request", attrs...)
}
