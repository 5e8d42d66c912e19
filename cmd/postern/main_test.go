package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata run the program as people do.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"postern": func() {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
	}})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"SMTP", "HTTP"} {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				env.Setenv(name, l.Addr().String())
				_ = l.Close()
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"listens": listens, // listens ADDRESS: wait until somebody does
			"smtp":    sendSMTP,
		},
	})
}

func listens(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", args[0]); err == nil {
			_ = conn.Close()
			return
		}
	}
	ts.Fatalf("nobody listens on %s", args[0])
}

// sendSMTP: smtp ADDRESS FROM TO FILE sends a mail, or with ! is refused.
func sendSMTP(ts *testscript.TestScript, neg bool, args []string) {
	mail := strings.ReplaceAll(ts.ReadFile(args[3]), "\n", "\r\n")
	err := func() error {
		conn, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		buf := make([]byte, 4096)
		for _, step := range []string{"", "EHLO x.example\r\n", "MAIL FROM:<" + args[1] + ">\r\n", "RCPT TO:<" + args[2] + ">\r\n", "DATA\r\n", mail + ".\r\n"} {
			if _, err := conn.Write([]byte(step)); err != nil {
				return err
			}
			n, err := conn.Read(buf)
			if err != nil {
				return err
			}
			if buf[0] > '3' {
				return fmt.Errorf("%s", buf[:n])
			}
		}
		return nil
	}()
	if err == nil && neg {
		ts.Fatalf("the mail was taken")
	}
	if err != nil && !neg {
		ts.Fatalf("smtp: %v", err)
	}
	if err != nil {
		ts.Logf("refused: %v", err)
	}
}
