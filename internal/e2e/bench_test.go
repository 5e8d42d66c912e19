package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/app"
)

// BenchmarkSMTP is a mail's whole way, from MAIL FROM to 250, over connections that are kept open, client included. `make bench` measures
// the server alone; this one is for profiles.
func BenchmarkSMTP(b *testing.B) {
	for _, size := range []int{4 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) { benchmark(b, size, bySMTP) })
	}
}

// BenchmarkWebhook is the same mail by a webhook, raw.
func BenchmarkWebhook(b *testing.B) {
	b.Run("4KiB", func(b *testing.B) { benchmark(b, 4<<10, byWebhook) })
}

func benchmark(b *testing.B, size int, by func(b *testing.B, a *app.App, pb *testing.PB, mail func() string)) {
	dir := b.TempDir()
	var rules strings.Builder
	for i := range 20 {
		fmt.Fprintf(&rules, "rule \"r%d\" {\n  when mail.from.domain == \"c%d.example\" and mail.subject matches `(?i)outage`\n  then { tag(\"x\") }\n}\n", i, i)
	}
	for name, text := range map[string]string{"secret": waysSecret, "postern.yaml": plainConfig + "log: {level: warn}\nhooks: {load: {provider: raw, mailbox: support, secret-file: secret}}\n", "rules/10.rules": rules.String()} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := app.Open(ctx, app.Options{Config: filepath.Join(dir, "postern.yaml"), Getenv: func(string) string { return "" }, Stderr: io.Discard, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	<-a.Ready()
	defer func() { cancel(); <-done; _ = a.Close() }()

	text := strings.Repeat("The quick brown fox jumps over the lazy dog, and nothing else happens here.\r\n", size/76)
	var n atomic.Int64
	b.SetParallelism(16) // 32 connections on two processors
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	mail := func() string {
		i := n.Add(1)
		return fmt.Sprintf("From: Load <l%d@b.example>\r\nTo: support@example.com\r\nSubject: load %d\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"+
			"Message-ID: <%d@b.example>\r\n\r\nNumber %d.\r\n%s", i%50, i, i, i, text)
	}
	b.RunParallel(func(pb *testing.PB) { by(b, a, pb, mail) })
}

func bySMTP(b *testing.B, a *app.App, pb *testing.PB, mail func() string) {
	conn, err := net.Dial("tcp", a.Addrs().SMTP[0])
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	say := func(line, code string) bool {
		if line != "" {
			_, _ = io.WriteString(conn, line)
		}
		for {
			got, err := r.ReadString('\n')
			if err != nil || !strings.HasPrefix(got, code) {
				b.Errorf("said %.30q, wanted %s, got %q %v", line, code, got, err)
				return false
			}
			if got[3] == ' ' {
				return true
			}
		}
	}
	if !say("", "220") || !say("EHLO b.example\r\n", "250") {
		return
	}
	for pb.Next() {
		if !say("MAIL FROM:<l@b.example>\r\n", "250") || !say("RCPT TO:<support@example.com>\r\n", "250") || !say("DATA\r\n", "354") || !say(mail()+".\r\n", "250") {
			return
		}
	}
}

func byWebhook(b *testing.B, a *app.App, pb *testing.PB, mail func() string) {
	conn, err := net.Dial("tcp", a.Addrs().HTTP[0])
	if err != nil {
		b.Error(err)
		return
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for pb.Next() {
		m := mail()
		fmt.Fprintf(conn, "POST /hooks/raw/support?from=l@b.example&to=support@example.com HTTP/1.1\r\nHost: b.example\r\nAuthorization: Bearer %s\r\n"+
			"Content-Type: message/rfc822\r\nContent-Length: %d\r\n\r\n%s", waysSecret, len(m), m)
		res, err := http.ReadResponse(r, nil)
		if err != nil || res.StatusCode/100 != 2 {
			b.Errorf("got %v, %v", res, err)
			return
		}
		_ = res.Body.Close()
	}
}
