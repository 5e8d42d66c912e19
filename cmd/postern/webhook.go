package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/internal/app"
	"postern/internal/fault"
	"postern/internal/spool"
	"postern/internal/webclient"
	"postern/receiver/webhook"
)

func (p *program) webhook() *cobra.Command {
	c := &cobra.Command{
		Use: "webhook", Short: "Record requests of mail providers, and look at them",
		Example: `  postern webhook capture --provider sendgrid one.http    # then have the provider call, through a tunnel where need be
  postern webhook verify one.http --hook sendgrid-support   # why is it refused?
  postern webhook replay one.http                           # which mail is in it?`,
	}
	c.AddCommand(p.webhookCapture(), p.webhookReplay(), p.webhookVerify())
	return c
}

// A recorded request is one that a command looks at, with the hook that it is for.
type recorded struct {
	request *http.Request
	read    *webhook.Request
	hook    *webhook.Hook
	tools   *webhook.Tools
	close   func()
}

// recorded reads a record, and finds its hook: by name, or by its path.
func (p *program) recorded(name, hook string) (*recorded, error) {
	in, done, err := p.input(name)
	if err != nil {
		return nil, err
	}
	defer done()
	r, err := webhook.ReadCapture(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	now := time.Now()
	if at := webhook.CapturedAt(r); !at.IsZero() {
		now = at
	}
	dir, err := os.MkdirTemp("", "postern-webhook-")
	if err != nil {
		return nil, err
	}
	out := &recorded{request: r, close: func() { _ = os.RemoveAll(dir) }}
	fail := func(err error) (*recorded, error) { out.close(); return nil, fmt.Errorf("%s: %w", name, err) }
	place, err := spool.Open(dir)
	if err != nil {
		return fail(err)
	}
	if out.read, err = webhook.NewRequest(place, r, now); err != nil {
		return fail(err)
	}
	words := strings.Split(strings.TrimPrefix(out.read.URL.Path, webhook.Prefix), "/")
	picked, err := app.PickHook(p.options(), hook, words[0], words[1])
	if err != nil {
		return fail(err)
	}
	if webhook.Lookup(picked.Hook.Provider) == nil {
		return fail(fault.Errorf(fault.Invalid, "there is no provider %q: the path is /hooks/PROVIDER/MAILBOX, and PROVIDER one of %s", picked.Hook.Provider, strings.Join(providerNames(), ", ")))
	}
	out.hook = picked.Hook.Called(picked.PublicURL, r)
	out.tools = &webhook.Tools{
		Spool: place, Client: webclient.New(webclient.Options{}), Now: func() time.Time { return now }, Limits: picked.Limits,
		Once: func(context.Context, string, string, time.Time) error { return nil }, // nothing is taken, so nothing is used up
	}
	return out, nil
}

func providerNames() (out []string) {
	for _, p := range webhook.Providers() {
		out = append(out, p.Name)
	}
	return out
}

// bytesOf is a body in memory: recorded requests are small, and were bounded when they were read.
func bytesOf(b *spool.Body) ([]byte, error) {
	f, err := b.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out bytes.Buffer
	_, err = io.Copy(&out, f)
	return out.Bytes(), err
}
