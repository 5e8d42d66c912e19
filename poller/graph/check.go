package graph

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"postern/internal/oauth"
	"postern/poller"
)

// Check tries what polling does: the token and what it was granted, the connection, the mailbox, its folders, reading, and what is known of
// writing without writing.
func (a *Account) Check(ctx context.Context, tell func(poller.Step)) {
	c := &checker{a: a, tell: tell}
	c.try("token", c.token)
	c.try("mailbox", c.mailbox)
	c.tls()
	for _, name := range a.o.Folders {
		c.try("folder "+name, func(ctx context.Context) (poller.Step, error) { return c.folder(ctx, name) })
	}
	c.try("read", c.read)
	c.try("permissions", c.permissions)
	c.try("throttling", c.throttling)
	for _, step := range c.steps {
		if !c.run(ctx, step) {
			return
		}
	}
}

type checker struct {
	a      *Account
	tell   func(poller.Step)
	steps  []step
	claims oauth.Claims
	jwt    bool
	inbox  string // id of the first folder
}

type step struct {
	name string
	do   func(context.Context) (poller.Step, error)
}

func (c *checker) try(name string, do func(context.Context) (poller.Step, error)) {
	c.steps = append(c.steps, step{name, do})
}

// run tries one step; later ones make no sense without a token and a mailbox.
func (c *checker) run(ctx context.Context, s step) bool {
	began := c.a.o.Now()
	out, err := s.do(ctx)
	out.Name, out.OK, out.Took = s.name, err == nil, c.a.o.Now().Sub(began)
	if err != nil {
		out.Says, out.Todo = err.Error(), ""
		if says, todo, ok := strings.Cut(out.Says, ". "); ok {
			out.Says, out.Todo = says, todo
		}
	}
	c.tell(out)
	return err == nil || strings.HasPrefix(s.name, "folder ")
}

func (c *checker) token(ctx context.Context) (poller.Step, error) {
	if c.a.err != nil {
		return poller.Step{}, c.a.err
	}
	token, err := c.a.o.Token(ctx)
	if err != nil {
		return poller.Step{}, err
	}
	if c.claims, c.jwt = oauth.ReadClaims(token); !c.jwt {
		return poller.Step{Says: "there is one; it does not tell what it was granted"}, nil
	}
	says := "for the app " + c.claims.App
	if c.claims.Account != "" {
		says = "for " + c.claims.Account + ", by the app " + c.claims.App
	}
	granted := slices.Concat(c.claims.Roles, c.claims.Scopes)
	slices.Sort(granted)
	if len(granted) == 0 {
		return poller.Step{Says: says + ", with no permissions of its own", Warn: true,
			Todo: "Where Exchange grants them (RBAC for Applications) that is right; else add Mail.ReadWrite under API permissions and grant admin consent."}, nil
	}
	return poller.Step{Says: says + ", with " + strings.Join(granted, ", ")}, nil
}

func (c *checker) mailbox(ctx context.Context) (poller.Step, error) {
	f, err := c.a.folder(ctx, "inbox", false)
	if err != nil {
		return poller.Step{}, err
	}
	c.inbox = f.ID
	return poller.Step{Says: fmt.Sprintf("%s is there, its inbox is called %s", c.a.o.Mailbox, printable(f.Name, 80))}, nil
}

func (c *checker) tls() {
	c.try("tls", func(context.Context) (poller.Step, error) {
		c.a.mu.Lock()
		t := c.a.seen.tls
		c.a.mu.Unlock()
		if t == nil || len(t.PeerCertificates) == 0 {
			return poller.Step{Says: "not used: the server is on this machine", Warn: true}, nil
		}
		end := t.PeerCertificates[0].NotAfter
		return poller.Step{Says: fmt.Sprintf("%s to %s, whose certificate is valid until %s", tlsName(t.Version), c.a.base.Host, end.UTC().Format(time.DateOnly))}, nil
	})
}

func tlsName(v uint16) string {
	if v == 0x0304 { // RFC 8446 section 4.1.2
		return "TLS 1.3"
	}
	return "TLS 1.2"
}

func (c *checker) folder(ctx context.Context, name string) (poller.Step, error) {
	f, err := c.a.folder(ctx, name, false)
	if err != nil {
		return poller.Step{}, err
	}
	return poller.Step{Says: fmt.Sprintf("%d messages, %d of them unread", f.Total, f.Unread)}, nil
}

// read takes a look at the newest mail: that its raw bytes can be had is what polling lives on, and more than its list needs.
func (c *checker) read(ctx context.Context) (poller.Step, error) {
	var page struct {
		Value []row `json:"value"`
	}
	q := url.Values{"$top": {"1"}, "$select": {"id,receivedDateTime"}, "$orderby": {"receivedDateTime desc"}}
	if err := c.a.get(ctx, c.a.user("mailFolders", c.inbox, "messages"), q, 0, &page); err != nil {
		return poller.Step{}, err
	}
	if len(page.Value) == 0 {
		return poller.Step{Says: "the inbox is empty: whether mail can be read shows with the first"}, nil
	}
	res, err := c.a.do(ctx, "GET", c.a.user("messages", page.Value[0].ID, "$value"), nil, 0, c.a.o.Client.Limit(c.a.o.MaxSize))
	if err != nil && !gone(err) {
		return poller.Step{}, err
	}
	if err == nil {
		_ = res.Body.Close()
	}
	return poller.Step{Says: "the newest mail, of " + page.Value[0].Received.UTC().Format(time.RFC3339) + ", can be read"}, nil
}

// permissions tells what was granted, in words. Nothing is written to find out.
func (c *checker) permissions(context.Context) (poller.Step, error) {
	out := poller.Step{Says: "read and write"}
	write := c.claims.Has("Mail.ReadWrite", "Mail.ReadWrite.Shared")
	known := c.jwt && c.claims.Has("Mail.Read", "Mail.Read.Shared", "Mail.ReadWrite", "Mail.ReadWrite.Shared", "Mail.ReadBasic", "Mail.ReadBasic.All")
	switch {
	case !known && c.a.o.Writes:
		out.Says, out.Warn = "whether mail may be marked, moved or deleted does not stand in the token: it shows with the first", true
	case !known:
		out.Says = "they do not stand in the token; reading works"
	case !write && c.a.o.Writes:
		return out, fmt.Errorf("the token lets mail be read only, and after says that it is marked, moved or deleted. Grant Mail.ReadWrite instead, or write after: keep")
	case !write:
		out.Says = "read only, which is all that after: keep needs"
	case !c.a.o.Writes:
		out.Says, out.Todo = "read and write", "Mail.Read is enough with after: keep."
	}
	if len(c.claims.Roles) > 0 && known {
		out.Warn = true
		out.Says += "; as an app of its own right it reaches every mailbox that Exchange does not keep from it"
		out.Todo = strings.TrimSpace(out.Todo + " Restrict it to this mailbox: docs/polling.md, Microsoft 365.")
	}
	return out, nil
}

func (c *checker) throttling(context.Context) (poller.Step, error) {
	if wait := c.a.gate.closed(c.a.o.Now()); wait > 0 {
		return poller.Step{Says: "the server wants to be left alone for " + wait.Round(time.Second).String(), Warn: true, Todo: "It is waited for. Where it comes often, look whether another program uses the same app for this mailbox."}, nil
	}
	return poller.Step{Says: "the server does not ask us to slow down"}, nil
}
