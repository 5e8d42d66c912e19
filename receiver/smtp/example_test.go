package smtp_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	netsmtp "net/smtp"
	"os"
	"time"

	"postern/internal/intake"
	"postern/internal/spool"
	"postern/receiver/smtp"
)

// printer stands for intake: what Begin returns decides each mail.
type printer struct{ from string }

func (printer) Recipient(_ context.Context, address string) error {
	if address != "support@example.com" {
		return &intake.Refusal{Unknown: true, Reason: "no such mailbox here"}
	}
	return nil
}

func (p printer) Deliver(_ context.Context, raw *spool.Body) []intake.Outcome {
	fmt.Printf("%d bytes from %s\n", raw.Size(), p.from)
	return []intake.Outcome{{Verdict: intake.Committed, Message: "01h"}}
}

func (printer) Refuse(context.Context, bool, string) {}

func (printer) Abandon(context.Context, string) {}

func Example() {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	tmp, err := os.MkdirTemp("", "spool")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(tmp)
	dir, err := spool.Open(tmp)
	if err != nil {
		panic(err)
	}
	srv, err := smtp.New(smtp.Options{
		Listeners: []smtp.Listener{{Net: ln}},
		Hostname:  "mx.example.com",
		Spool:     dir,
		Begin: func(_ context.Context, env intake.Envelope) (smtp.Transaction, error) {
			return printer{env.From}, nil
		},
		Log: slog.New(slog.DiscardHandler),
		Now: time.Now,
	})
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- srv.Run(ctx) }()

	mail := []byte("Subject: hello\r\n\r\nIt works.\r\n")
	fmt.Println(netsmtp.SendMail(ln.Addr().String(), nil, "ann@example.net", []string{"support@example.com"}, mail))
	fmt.Println(netsmtp.SendMail(ln.Addr().String(), nil, "ann@example.net", []string{"sales@example.com"}, mail))

	stop()
	fmt.Println(<-done)
	// Output:
	// 29 bytes from ann@example.net
	// <nil>
	// 550 "5.1.1 no such mailbox here"
	// <nil>
}
