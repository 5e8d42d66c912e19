package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postern/receiver/webhook"
)

// maxCapture bounds a record: its reader holds it in memory.
const maxCapture = 64 << 20

func (p *program) webhookCapture() *cobra.Command {
	var listen, provider string
	var status int
	c := &cobra.Command{
		Use: "capture FILE", Short: "Write one request of a provider into a file, as it came", Args: exactly("FILE"),
		Long: `Waits for one POST and writes it into FILE: request line, header, blank line and the body byte for byte. The file is new, and only its
owner can read it. What would let a reader send others is blanked: the secret in the path, Authorization, cookies, the header in which the
provider sends its secret. A signature stays, for it is what verify looks at. The mail in it is somebody's: look before you show it.

The provider hears 503, so that it sends the mail again, to Postern, when its hook is back; --answer says otherwise. GET and HEAD, by which
providers look whether somebody is there, hear 200 and are waited past.`,
		Example: `  postern webhook capture --listen 127.0.0.1:8026 one.http
  postern webhook capture --provider mailgun --answer 200 one.http    # whatever the path is`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var of *webhook.Provider
			if provider != "" {
				if of = webhook.Lookup(provider); of == nil {
					return usage(cmd, fmt.Errorf("there is no provider %q; there are %s", provider, strings.Join(providerNames(), ", ")))
				}
			}
			if status < 200 || status > 599 {
				return usage(cmd, fmt.Errorf("--answer %d is no HTTP status", status))
			}
			return p.capture(cmd.Context(), listen, of, status, args[0])
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8026", "the address to listen on")
	c.Flags().StringVar(&provider, "provider", "", "who calls, where the path is not /hooks/PROVIDER/MAILBOX")
	c.Flags().IntVar(&status, "answer", http.StatusServiceUnavailable, "what the provider hears")
	return c
}

func (p *program) capture(ctx context.Context, listen string, of *webhook.Provider, status int, file string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // never over another
	if err != nil {
		return err
	}
	written := false
	defer func() {
		if err := f.Close(); err == nil && !written {
			_ = os.Remove(file)
		}
	}()
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.err, "waiting for a request on http://%s/hooks/PROVIDER/MAILBOX\n", ln.Addr())
	first := make(chan struct{}, 1)
	done := make(chan error, 1)
	first <- struct{}{}
	s := &http.Server{ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 5 * time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCapture))
		if err != nil {
			fmt.Fprintln(p.err, "postern: a request that broke off, or was too large, is not recorded")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(status)
		select {
		case <-first:
		default: // another one has come before
			return
		}
		who := of
		if words := strings.Split(strings.TrimPrefix(r.URL.Path, webhook.Prefix), "/"); who == nil {
			who = webhook.Lookup(words[0])
		}
		done <- webhook.WriteCapture(f, r, who, body, time.Now())
	})}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	select {
	case err = <-done:
		written = err == nil
	case err = <-served:
		return err
	case <-ctx.Done():
		err = errors.New("told to stop before a request came")
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.Shutdown(last)
	<-served
	if err == nil {
		fmt.Fprintf(p.out, "%s: recorded; look into it before you show it to anybody\n", file)
	}
	return err
}
