package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/internal/oauthtest"
)

// A terminal runs a command beside the test, which reads what it says and types.
type terminal struct {
	t     *testing.T
	said  *bufio.Reader
	hands io.WriteCloser
	out   strings.Builder
	code  chan int
}

func inTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	in, keys := io.Pipe()
	said, errs := io.Pipe()
	tty := &terminal{t: t, said: bufio.NewReader(said), hands: keys, code: make(chan int, 1)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(func() { cancel(); _ = keys.Close(); _ = said.Close() })
	go func() {
		code := run(ctx, args, func(string) string { return "" }, in, &tty.out, errs)
		_ = errs.Close()
		tty.code <- code
	}()
	return tty
}

// until reads what the command says until it matches.
func (tty *terminal) until(pattern string) string {
	tty.t.Helper()
	re, text := regexp.MustCompile(pattern), ""
	for {
		line, err := tty.said.ReadString('\n')
		text += line
		if m := re.FindStringSubmatch(text); m != nil {
			return m[len(m)-1]
		}
		if err != nil {
			tty.t.Fatalf("it never said %q: %s", pattern, text)
		}
	}
}

// ended waits for the end and returns the exit code.
func (tty *terminal) ended() int {
	tty.t.Helper()
	go func() { _, _ = io.Copy(io.Discard, tty.said) }()
	select {
	case code := <-tty.code:
		return code
	case <-time.After(30 * time.Second):
		tty.t.Fatal("it does not end")
		return 0
	}
}

// loginConfig is a Postern whose source logs in at srv.
func loginConfig(t *testing.T, srv *oauthtest.Server, more string) string {
	t.Helper()
	at := srv.Plain(t)
	dir := t.TempDir()
	text := `data: ` + dir + `/data
mailboxes:
  support:
    addresses: [support@example.com]
sources:
  support-box:
    imap: imap.example.com
    user: support@example.com
    mailboxes: [support]
    oauth:
      provider: other
      flow: login
      client-id: app
      scopes: [mail, offline_access]
      token-url: ` + at + `/token
` + strings.ReplaceAll(more, "AT", at)
	path := filepath.Join(dir, "postern.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func status(t *testing.T, conf string) (string, int) {
	t.Helper()
	tty := inTerminal(t, "login", "-c", conf, "--status")
	code := tty.ended()
	return tty.out.String(), code
}

func TestLoginByCode(t *testing.T) {
	t.Parallel()
	srv := oauthtest.New(t)
	srv.Apps["app"], srv.Interval = &oauthtest.App{ID: "app"}, 1
	conf := loginConfig(t, srv, "      device-url: AT/device\n")
	if said, code := status(t, conf); code != 1 || !strings.Contains(said, "nobody has logged in yet") || !strings.Contains(said, "postern login support-box") {
		t.Errorf("%d: %s", code, said)
	}
	tty := inTerminal(t, "login", "-c", conf, "support-box")
	code := tty.until(`enter the code (\S+)`)
	if !srv.Approve(code, "ann@example.com", true) {
		t.Fatalf("code %q is not known", code)
	}
	if code := tty.ended(); code != 0 || tty.out.String() != "support-box is logged in as ann@example.com\n" {
		t.Errorf("%d: %q", code, tty.out.String())
	}
	if said, code := status(t, conf); code != 0 || !strings.Contains(said, "logged in as ann@example.com since") {
		t.Errorf("%d: %s", code, said)
	}
	tty = inTerminal(t, "login", "-c", conf, "support-box")
	srv.Approve(tty.until(`enter the code (\S+)`), "ann@example.com", false)
	if code := tty.ended(); code != 1 {
		t.Errorf("declined: %d", code)
	}
}

func TestLoginByBrowser(t *testing.T) {
	t.Parallel()
	for _, pasted := range []bool{false, true} {
		srv := oauthtest.New(t)
		srv.Apps["app"] = &oauthtest.App{ID: "app"}
		conf := loginConfig(t, srv, "      auth-url: AT/authorize\n")
		tty := inTerminal(t, "login", "-c", conf, "support-box")
		address := tty.until(`(http://\S+/authorize\S+)\n`)
		back, err := srv.Visit(address, "ann@example.com", true)
		if err != nil {
			t.Fatal(err)
		}
		get := func(url string) int {
			t.Helper()
			res, err := http.Get(url)
			if err != nil {
				t.Fatalf("%v; the command ended with %d", err, tty.ended())
			}
			_ = res.Body.Close()
			return res.StatusCode
		}
		// Strangers on this machine, and a browser that looks for an icon, end nothing.
		base, _, _ := strings.Cut(back, "?")
		read := make(chan struct{})
		go func() { defer close(read); tty.until("belong to this login") }()
		if a, b := get(base+"?state=x&error=access_denied"), get(base+"/favicon.ico"); a != 400 || b != 404 {
			t.Errorf("%d, %d", a, b)
		}
		<-read
		if pasted {
			_, _ = io.WriteString(tty.hands, "what?\n"+back+"\n")
		} else if got := get(back); got != 200 {
			t.Errorf("the browser sees %d", got)
		}
		if code := tty.ended(); code != 0 || !strings.Contains(tty.out.String(), "logged in as ann@example.com") {
			t.Errorf("%d: %q", code, tty.out.String())
		}
	}
}

func TestLoginMistakes(t *testing.T) {
	t.Parallel()
	srv := oauthtest.New(t)
	conf := loginConfig(t, srv, "      device-url: AT/device\n")
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"login", "-c", conf}, 2, "name the source"},
		{[]string{"login", "-c", conf, "sales"}, 1, "there is no source .sales. with oauth; there are: .support-box."},
		{[]string{"login", "-c", conf, "--browser", "support-box"}, 1, "auth-url"},
		{[]string{"login", "-c", loginConfig(t, srv, ""), "support-box"}, 1, "nobody can log in"},
	} {
		tty := inTerminal(t, tt.args...)
		tty.until(tt.want)
		if code := tty.ended(); code != tt.code {
			t.Errorf("%v: %d", tt.args, code)
		}
	}
}
