package api_test

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postern/internal/api"
	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/internal/spool"
)

type deliver = func(context.Context, string, *spool.Body, netip.Addr, string) (intake.Outcome, error)

// takes makes an API that takes all mail and says who handed it in.
func takes(from *netip.Addr) func(*api.Options) {
	return func(o *api.Options) {
		o.Deliver = func(_ context.Context, _ string, _ *spool.Body, peer netip.Addr, _ string) (intake.Outcome, error) {
			if from != nil {
				*from = peer
			}
			return intake.Outcome{Verdict: intake.Committed, Mailbox: "support", Message: "m9", Issue: 7}, nil
		}
	}
}

func TestPostMessage(t *testing.T) {
	t.Parallel()
	says := func(o intake.Outcome, err error) deliver {
		return func(context.Context, string, *spool.Body, netip.Addr, string) (intake.Outcome, error) { return o, err }
	}
	done := intake.Outcome{Verdict: intake.Committed, Mailbox: "support", Message: "m9", Issue: 7}
	again := done
	again.Again = true
	for _, tt := range []struct {
		name    string
		deliver deliver
		status  int
		want    string // the body, or what a problem's detail contains
	}{
		{"committed", says(done, nil), 201, `{"verdict":"committed","duplicate":false,"reason":"","mailbox":"support","message":"m9","issue":7}`},
		{"quarantined", says(intake.Outcome{Verdict: intake.Quarantined, Mailbox: "support", Message: "m9", Reason: "odd"}, nil), 201,
			`{"verdict":"quarantined","duplicate":false,"reason":"odd","mailbox":"support","message":"m9","issue":0}`},
		{"duplicate", says(again, nil), 200, `{"verdict":"committed","duplicate":true,"reason":"","mailbox":"support","message":"m9","issue":7}`},
		{"rejected", says(intake.Outcome{Verdict: intake.Rejected, Reason: "no spam please"}, nil), 422, "no spam please"},
		{"try later", says(intake.Outcome{Verdict: intake.TryLater, Reason: "busy"}, nil), 503, "busy"},
		{"unknown mailbox", says(intake.Outcome{}, &intake.Refusal{Unknown: true, Reason: "no such mailbox here"}), 422, "no such mailbox here"},
		{"put off at the envelope", says(intake.Outcome{}, &intake.Refusal{Temporary: true, Reason: "tomorrow"}), 503, "tomorrow"},
		{"store down", says(intake.Outcome{}, fault.Errorf(fault.Unavailable, "dial 10.1.2.3: refused")), 503, "try again later"},
		{"a bug", says(intake.Outcome{}, errors.New("nil map in /src/x.go")), 500, "a fault of ours"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) { o.Deliver = tt.deliver })
			a := w.do("POST", "/api/v1/messages?to=support@example.com", "Subject: x\r\n\r\nhello", "Content-Type: message/rfc822; charset=utf-8")
			if tt.status < 300 {
				if a.status != tt.status || a.body != tt.want || a.header.Get("Location") != "/api/v1/messages/m9" {
					t.Errorf("got %d %s %v", a.status, a.body, a.header)
				}
				return
			}
			if d := w.problem(a, tt.status); !strings.Contains(d, tt.want) || strings.Contains(d, "10.1.2.3") || strings.Contains(d, "/src") {
				t.Errorf("got %q", d)
			}
			if got := a.header.Get("Retry-After") != ""; got != (tt.status == 503) {
				t.Errorf("got Retry-After %q with %d", a.header.Get("Retry-After"), a.status)
			}
		})
	}
}

func TestPostMessageBody(t *testing.T) {
	t.Parallel()
	var got, to, token string
	var dir string
	w := newWorld(t, func(o *api.Options) {
		o.MaxBody = 1 << 20
		dir = t.TempDir()
		sp, err := spool.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		o.Spool = sp
		o.Deliver = func(_ context.Context, recipient string, raw *spool.Body, _ netip.Addr, name string) (intake.Outcome, error) {
			f, err := raw.Open()
			if err != nil {
				return intake.Outcome{}, err
			}
			defer f.Close()
			b, err := io.ReadAll(f)
			got, to, token = string(b), recipient, name
			return intake.Outcome{Verdict: intake.Committed, Message: "m9"}, err
		}
	})
	secret := w.token("feeder", "write")
	post := func(path, body string, headers ...string) answer {
		return w.do("POST", path, body, append(headers, bearer(secret))...)
	}
	const path, kind = "/api/v1/messages?to=support@example.com", "Content-Type: message/rfc822"

	big := strings.Repeat("0123456789abcde\n", 1<<16) // 1 MiB to the byte, and through a file
	if a := post(path, big, kind); a.status != 201 || got != big || to != "support@example.com" || token != "feeder" {
		t.Errorf("got %d, %d bytes for %s from %s", a.status, len(got), to, token)
	}
	w.problem(post(path, big+"x", kind), 413)
	w.problem(post(path, "", kind), 400)
	w.problem(post(path, "Subject: x\n\n"), 415)
	w.problem(post(path, "Subject: x\n\n", "Content-Type: application/x-www-form-urlencoded"), 415)
	w.problem(post(path, "Subject: x\n\n", "Content-Type: text/plain"), 415)
	if d := w.problem(post("/api/v1/messages", "Subject: x\n\n", kind), 400); !strings.Contains(d, "to is missing") {
		t.Errorf("got %q", d)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("bodies are left in the spool: %v, %v", left, err)
	}

	w.must(os.RemoveAll(dir)) // a disk that is gone is our trouble, not the mail's
	w.problem(post(path, big, kind), 503)
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	var calls []string
	w := newWorld(t, func(o *api.Options) {
		o.Release = func(_ context.Context, id, actor string) (intake.Outcome, error) {
			calls = append(calls, "release "+id+" by "+actor)
			return intake.Outcome{Verdict: intake.Committed, Mailbox: "support", Message: id, Issue: 3}, nil
		}
		o.Reject = func(_ context.Context, id, actor string) error {
			calls = append(calls, "reject "+id+" by "+actor)
			return fault.Errorf(fault.Conflict, "message %s: attempt 1 is 2 in table messages", id)
		}
	})
	for _, id := range []string{"m1", "m2", "m3"} {
		w.commit(letter{id: id, subject: "odd", verdict: "quarantined", files: map[string]string{id: "file of " + id}})
	}
	w.commit(letter{id: "good", subject: "fine"})
	ids := func(query string) string {
		var out []string
		for _, m := range w.object(w.get("/api/v1/quarantine?"+query), 200)["items"].([]any) {
			out = append(out, m.(map[string]any)["id"].(string))
		}
		return strings.Join(out, " ")
	}
	if got := ids(""); got != "m3 m2 m1" {
		t.Errorf("got %q in quarantine", got)
	}
	if a := w.do("POST", "/api/v1/quarantine/m1/release", ""); a.status != 200 || !strings.Contains(a.body, `"verdict":"committed"`) || !strings.Contains(a.body, `"issue":3`) {
		t.Errorf("release: got %d %s", a.status, a.body)
	}
	if d := w.problem(w.do("POST", "/api/v1/quarantine/m1/reject", ""), 409); strings.Contains(d, "table") {
		t.Errorf("reject: got %q", d)
	}
	for _, action := range []string{"POST /release", "POST /reject", "DELETE "} {
		method, rest, _ := strings.Cut(action, " ")
		w.problem(w.do(method, "/api/v1/quarantine/good"+rest, ""), 409)
		w.problem(w.do(method, "/api/v1/quarantine/none"+rest, ""), 404)
	}
	for range 2 { // again changes nothing
		if a := w.do("DELETE", "/api/v1/quarantine/m3", ""); a.status != 204 || a.body != "" {
			t.Errorf("delete: got %d %s", a.status, a.body)
		}
	}
	if got := ids("limit=1"); got != "m2" {
		t.Errorf("got %q after m3 was deleted", got)
	}
	w.problem(w.do("POST", "/api/v1/quarantine/m3/release", ""), 409)
	w.problem(w.get("/api/v1/messages/m3/raw"), 404)
	w.problem(w.get("/api/v1/messages/m3/attachments/"+blob("file of m3").SHA256), 404)
	if got := strings.Join(calls, ", "); got != "release m1 by local, reject m1 by local" {
		t.Errorf("got calls %s", got)
	}
	events, _, err := w.store.Events(t.Context(), issue.Page{})
	w.must(err)
	if len(events) == 0 || events[0].Actor != "local" || events[0].Action != "quarantine.delete" || events[0].Subject != "message:m3" {
		t.Errorf("got events %v", events)
	}
}

// Why a held message cannot be released is told to whoever asked, and nothing of what went wrong inside.
func TestReleaseThatFails(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		out    intake.Outcome
		err    error
		status int
		detail string
	}{
		{"put off", intake.Outcome{Verdict: intake.TryLater, Reason: "at lunch"}, nil, 503, "not now: at lunch"},
		{"unreadable", intake.Outcome{}, fault.As(fault.Invalid, &intake.Unable{Reason: "nothing in it can be read"}), 409, "nothing in it can be read"},
		{"its raw is gone", intake.Outcome{}, fault.As(fault.NotFound, &intake.Unable{Reason: "retention took it"}), 404, "retention took it"},
		{"a store's word", intake.Outcome{}, fault.Errorf(fault.Invalid, "table messages"), 409, "verdict and replayedBy"},
		{"a store that is down", intake.Outcome{}, fault.Errorf(fault.Unavailable, "dial 10.0.0.1"), 503, "try again later"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *api.Options) {
				o.Release = func(context.Context, string, string) (intake.Outcome, error) { return tt.out, tt.err }
			})
			w.commit(letter{id: "m1", subject: "odd", verdict: "quarantined"})
			d := w.problem(w.do("POST", "/api/v1/quarantine/m1/release", ""), tt.status)
			if !strings.Contains(d, tt.detail) || strings.Contains(d, "table") || strings.Contains(d, "10.0.0.1") {
				t.Errorf("got %q, want %q", d, tt.detail)
			}
		})
	}
}
