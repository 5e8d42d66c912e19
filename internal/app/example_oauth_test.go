package app

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/graphtest"
	"postern/internal/issue"
	"postern/internal/oauthtest"
	"postern/internal/peers"
	"postern/internal/webclient"
	"postern/poller"
)

// fetching runs an example whose providers are on this machine.
func fetching(t *testing.T, name string, reach func(webclient.Options) webclient.Options, files map[string]string, replace ...string) (*App, *syncBuffer) {
	t.Helper()
	return fetchingAt(t, time.Now, name, reach, files, replace...)
}

func fetchingAt(t *testing.T, now func() time.Time, name string, reach func(webclient.Options) webclient.Options, files map[string]string, replace ...string) (*App, *syncBuffer) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "examples", name))); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "postern.yaml")
	text := strings.NewReplacer(replace...).Replace(read(t, file)) + "smtp: {listen: []}\nhttp: {listen: [\"127.0.0.1:0\"]}\n"
	write(t, file, text)
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
		if err := os.Chmod(filepath.Join(dir, name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := &syncBuffer{}
	a, err := Open(t.Context(), Options{Config: file, Getenv: func(string) string { return "" }, Stderr: log, Reach: reach, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log)
		}
	})
	<-a.Ready()
	return a, log
}

// eventually polls a source until something is so.
func eventually(t *testing.T, a *App, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
		_ = a.poller.Poll(t.Context(), "support")
	}
}

// heard is what is known of the source.
func (a *App) heard(t *testing.T) *issue.SourceRecord {
	rec, err := a.store.Source(t.Context(), "support")
	if err != nil {
		return &issue.SourceRecord{}
	}
	return rec
}

func subjects(t *testing.T, a *App) (out []string) {
	t.Helper()
	all, _, err := a.store.Issues(t.Context(), issue.IssueQuery{Page: issue.Page{Limit: 200}})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		out = append(out, i.Subject)
	}
	return out
}

// microsoft leads Microsoft's names to servers of the test.
func microsoft(login *oauthtest.Server, graph *graphtest.Server) func(webclient.Options) webclient.Options {
	return func(o webclient.Options) webclient.Options {
		o.Roots, o.Private = login.Pool(), true
		if o.Timeout > time.Minute { // the API's
			o.Roots = graph.Pool()
		}
		o.Dial = func(address string) string {
			if strings.HasPrefix(address, "graph.microsoft.com:") {
				return graph.Address()
			}
			return login.Address()
		}
		return o
	}
}

// TestExampleMicrosoft365: with the configuration of examples/microsoft-365 new mail becomes an issue and is moved, old mail stays, and an
// expired secret is told in the source's status with what to do.
func TestExampleMicrosoft365(t *testing.T) {
	t.Parallel()
	login, graph := oauthtest.New(t), graphtest.New(t, true)
	login.Tenant = "00000000-0000-0000-0000-000000000001"
	login.Life = 120
	const id = "00000000-0000-0000-0000-000000000002"
	login.Apps[id] = &oauthtest.App{ID: id, Secret: "not-a-secret"}
	graph.Valid = func(token string) bool { return strings.Count(token, ".") == 2 }
	box := graph.AddMailbox("support@example.com")
	old := box.Put("inbox", time.Now().Add(-24*time.Hour), hookMail)
	reach := microsoft(login, graph)
	a, log := fetching(t, "microsoft-365", reach, map[string]string{"client-secret": "not-a-secret\n"})
	eventually(t, a, "polled once", func() bool { return graph.Asked("/delta") > 0 && !a.heard(t).HeardAt.IsZero() })
	fresh := box.Put("inbox", time.Now(), strings.ReplaceAll(hookMail, "hello", "by Graph"))
	eventually(t, a, "moved", func() bool { return graph.Asked("/move") > 0 && len(box.In("inbox")) == 1 })
	if got := subjects(t, a); len(got) != 1 || got[0] != "by Graph" {
		t.Errorf("issues %v", got)
	}
	if in, done := box.In("inbox"), box.In("Processed"); len(in) != 1 || in[0] != old || len(done) != 1 || done[0] != fresh {
		t.Errorf("inbox %v, Processed %v", in, done)
	}
	if err := a.poller.Check(t.Context(), "support", func(s poller.Step) { // as postern doctor support does
		if !s.OK {
			t.Errorf("doctor: %s: %s", s.Name, s.Says)
		}
	}); err != nil {
		t.Error(err)
	}
	login.Lock()
	login.Apps[id].Expired = true
	login.Unlock()
	graph.Lock()
	graph.Valid = func(string) bool { return false }
	graph.Unlock()
	eventually(t, a, "the secret's end is told", func() bool {
		e := a.heard(t).Error
		return strings.Contains(e, "the client secret has expired") && strings.Contains(e, "client-secret-file")
	})
	if strings.Contains(log.String(), "not-a-secret") || strings.Contains(log.String(), "eyJ") {
		t.Errorf("secrets are logged:\n%s", log)
	}
}

// TestGraphExactlyOnce: whatever breaks on the way, each mail becomes one issue and is moved.
func TestGraphExactlyOnce(t *testing.T) {
	t.Parallel()
	login, graph := oauthtest.New(t), graphtest.New(t, true)
	login.Tenant = "00000000-0000-0000-0000-000000000001"
	const id, n = "00000000-0000-0000-0000-000000000002", 60
	login.Apps[id] = &oauthtest.App{ID: id, Secret: "not-a-secret"}
	graph.PageSize = 7
	box := graph.AddMailbox("support@example.com")
	box.AddFolder("Processed")
	var mails []string
	put := func(n int) {
		for range n {
			num := fmt.Sprint(len(mails) + 1)
			mails = append(mails, box.Put("inbox", time.Now(), strings.NewReplacer("hello", "mail "+num, "<1@", "<"+num+"@").Replace(hookMail)))
		}
	}
	put(n / 2)
	graph.Break(graphtest.Fault{Match: "/delta", Status: 503, Header: map[string]string{"Retry-After": "1"}})
	graph.Break(graphtest.Fault{Match: mails[3] + "/$value", Cut: 10})
	graph.Break(graphtest.Fault{Match: mails[4] + "/$value", Times: 3, Status: 500, Code: "ErrorInternalServerError"})
	graph.Break(graphtest.Fault{Match: mails[9] + "/$value", Status: 429})
	graph.Break(graphtest.Fault{Match: mails[5] + "/move", Status: 500, Code: "ErrorInternalServerError"})
	graph.Break(graphtest.Fault{Match: mails[6] + "/move", Status: 429, Header: map[string]string{"Retry-After": "1"}})
	var later atomic.Int64 // hours pass when nothing else does
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	a, _ := fetchingAt(t, now, "microsoft-365", microsoft(login, graph), map[string]string{"client-secret": "not-a-secret"}, "start: new", "start: all")
	half, left, since := false, n, time.Now()
	eventually(t, a, "all moved", func() bool {
		if n := len(box.In("inbox")); n != left {
			left, since = n, time.Now()
		} else if time.Since(since) > time.Second { // not sooner: the lease is lost with each leap
			later.Add(int64(5 * time.Minute))
			since = time.Now()
		}
		if !half && len(box.In("Processed")) > n/4 {
			half = true
			put(n / 2)
			box.Forget() // 410
			box.Touch(mails[0])
		}
		return half && len(box.In("inbox")) == 0
	})
	got := subjects(t, a)
	slices.Sort(got)
	if len(got) != n || len(slices.Compact(got)) != n {
		t.Errorf("%d issues of %d mails: %v", len(got), n, got)
	}
}

// TestExampleGmail: with the configuration of examples/gmail a service account's token lets in at an IMAP server, a real Dovecot in Gmail's
// place, and a token that the server does not take is replaced.
func TestExampleGmail(t *testing.T) {
	t.Parallel()
	mail := peers.Dovecot(t, peers.DovecotOptions{Tokens: map[string]string{"ya29.service-2": "support"}}) // the first one is refused
	google := oauthtest.New(t)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file, err := json.Marshal(map[string]string{"type": "service_account", "client_email": "postern@project.iam.example.com", "client_id": "123", "token_uri": "https://oauth2.googleapis.com/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))})
	if err != nil {
		t.Fatal(err)
	}
	google.Service["postern@project.iam.example.com"], google.Users["support"] = &key.PublicKey, true
	reach := func(o webclient.Options) webclient.Options {
		o.Roots, o.Private, o.Dial = google.Pool(), true, func(string) string { return google.Address() }
		return o
	}
	_, port, err := net.SplitHostPort(mail.IMAPS)
	if err != nil {
		t.Fatal(err)
	}
	mail.Deliver("support", "INBOX", []byte(hookMail)) // before
	a, _ := fetching(t, "gmail", reach, map[string]string{"service-account.json": string(file)},
		"imap: imap.gmail.com", "imap: localhost:"+port+"\n      tls: \"on\"\n      ca: "+mail.CAFile, "user: support@example.com", "user: support")
	eventually(t, a, "polled once", func() bool { return !a.heard(t).HeardAt.IsZero() })
	mail.Deliver("support", "INBOX", []byte(strings.ReplaceAll(strings.ReplaceAll(hookMail, "hello", "by Gmail"), "<1@", "<2@")))
	eventually(t, a, "an issue", func() bool { return len(subjects(t, a)) == 1 })
	if got := subjects(t, a); got[0] != "by Gmail" {
		t.Errorf("issues %v", got)
	}
}
