package app

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"time"

	"postern/internal/api"
	"postern/internal/config"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/logkey"
	"postern/internal/testmail"
	"postern/poller"
	"postern/poller/send"
	"postern/poller/wire"
)

// seenAction is the event of a test mail that came to a Postern of this store.
const seenAction = "test.seen"

// testMail reports whether a mail with this mark is one that a check of any node sent, and notes once that it was seen, so that the check
// hears of it.
func (a *App) testMail(ctx context.Context, source, mark string, size int64) bool {
	now := a.o.Now()
	id, ok := testmail.Read(a.keys, mark, now)
	if !ok || size > testmail.MaxSize {
		return false
	}
	me := issue.NewID(now)
	first, err := a.store.Claim(ctx, "test mail "+id, me, now.Add(2*testmail.Life))
	if err == nil && first == me {
		err = a.store.AppendEvent(ctx, issue.Event{ID: me, At: issue.Time(now), Actor: "postern", Action: seenAction, Subject: "test:" + id, Detail: source})
		a.log.InfoContext(ctx, "a test mail came", logkey.Source, source)
	}
	if err != nil {
		a.log.WarnContext(ctx, "a test mail came, and the check that sent it cannot be told", logkey.Source, source, logkey.Error, err)
	}
	return true
}

// testSeen says which source a test mail came by, "" while it did not.
func (a *App) testSeen(ctx context.Context, id string) (source string, err error) {
	events, _, err := a.store.Events(ctx, issue.Page{Limit: 100})
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(events, func(e *issue.Event) bool { return e.Action == seenAction && e.Subject == "test:"+id })
	if i < 0 {
		return "", nil
	}
	return events[i].Detail, nil
}

// A TestQuery is what postern doctor --send --via asks for. Only local commands may have a server connect wherever they want.
type TestQuery struct {
	Source   string `json:"source"`
	Via      string `json:"via"`
	To       string `json:"to,omitempty"`
	From     string `json:"from,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
}

// testPatience is how long a test mail is waited for: where it is put it is there at once.
const (
	testPatience = time.Minute
	sendPatience = 3 * time.Minute
)

// test brings a test mail to a source's account and waits for it.
func (a *App) test(ctx context.Context, q *TestQuery, by string, tell func(poller.Step)) error {
	c := a.conf.Config()
	i := slices.IndexFunc(c.SourceList(), func(s config.Source) bool { return s.Name == q.Source })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "no source is called %q", q.Source)
	}
	s := c.SourceList()[i]
	to := q.To
	if to == "" {
		to = firstAddress(c, s.Mailboxes)
	}
	for _, address := range []string{to, q.From} {
		if at, err := mail.ParseAddress(address); address != "" && (err != nil || at.Address != address || strings.ContainsAny(address, " \r\n<>")) {
			return fault.Errorf(fault.Invalid, "%q is no address", address)
		}
	}
	from := q.From
	if from == "" {
		from = to
	}
	if to == "" {
		if q.Via != "" {
			return fault.Errorf(fault.Invalid, "no mailbox of %s has an address of its own: say --to ADDRESS", q.Source)
		}
		from, to = "postern@postern.invalid", "postern@postern.invalid"
	}
	m := testmail.New(a.keys, a.o.Now(), from, to)
	p := &poller.Probe{Mail: m, Patience: testPatience, Taken: func(ctx context.Context) (string, error) { return a.testSeen(ctx, m.ID) }}
	if q.Via != "" {
		o := send.Options{Options: wire.Options{Address: q.Via}, User: q.User, Password: q.Password, From: q.From, To: to}
		w, err := connection(&s, q.Via)
		if err != nil {
			return err
		}
		o.Roots = w.Roots
		p.Patience = sendPatience
		p.Send = func(ctx context.Context, tell func(poller.Step)) bool { return send.Mail(ctx, o, m.Raw, tell) }
	}
	now := a.o.Now()
	ev := issue.Event{ID: issue.NewID(now), At: issue.Time(now), Actor: by, Action: "source.test", Subject: "source:" + q.Source, Detail: q.Via}
	if err := a.store.AppendEvent(ctx, ev); err != nil {
		return err
	}
	return a.poller.Test(ctx, q.Source, p, tell)
}

// firstAddress is the first address, without patterns, of some mailboxes.
func firstAddress(c *config.Config, mailboxes []string) string {
	for _, name := range mailboxes {
		m, _ := c.Mailbox(name)
		for _, address := range m.Addresses {
			if i := strings.IndexByte(address, '@'); i > 0 && !strings.Contains(address, "*") {
				return address
			}
		}
	}
	return ""
}

// testRoutes are what postern doctor --via asks.
func (a *App) testRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /control/test", a.answer(func(r *http.Request) (any, error) {
		var q TestQuery
		if err := json.NewDecoder(io.LimitReader(r.Body, maxQuery)).Decode(&q); err != nil {
			return nil, fault.Errorf(fault.Invalid, "read which test: %w", err)
		}
		out := api.SourceCheck{Steps: []api.SourceStep{}}
		err := a.test(r.Context(), &q, api.Local(r), telling(&out.Steps))
		return out, err
	}))
}
