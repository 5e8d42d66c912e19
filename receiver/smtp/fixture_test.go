package smtp_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/spool"
	"postern/receiver/smtp"
)

// A record is an intake that remembers what it was given. Addresses say what it answers, so that a dialogue reads alone:
//
//	unknown…      no such mailbox          denied…   refused by a rule      later…  refused for now
//	broken…       an error without a kind  reject…, retry…, discard…, quarantine…: the verdict of the body
//	panic…        Recipient panics         boom…     Deliver panics         slow…   Deliver waits for release
//
// Anything else is committed. short… cuts the outcomes off. As a sender, down@… makes Begin fail, bang@… makes it panic,
// and fuse@… makes Abandon panic.
type record struct {
	mu        sync.Mutex
	envelopes []intake.Envelope
	delivered []delivery
	abandoned []string
	open      int
	entered   chan struct{} // receives when a slow Deliver has begun
	release   chan struct{} // closed to let slow Delivers go on
}

type delivery struct {
	env   intake.Envelope
	rcpts []string
	body  string
	err   error // of the context, when Deliver ended
}

func newRecord() *record {
	return &record{entered: make(chan struct{}, 100), release: make(chan struct{})}
}

func (r *record) begin(_ context.Context, env intake.Envelope) (smtp.Transaction, error) {
	if strings.HasPrefix(env.From, "down@") {
		return nil, fault.Errorf(fault.Unavailable, "the secret-store at 10.1.2.3 is down")
	}
	if strings.HasPrefix(env.From, "bang@") {
		panic("begin")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.envelopes = append(r.envelopes, env)
	r.open++
	return &recorded{r: r, env: env}, nil
}

type recorded struct {
	r     *record
	env   intake.Envelope
	rcpts []string
	ended bool
}

func (t *recorded) Recipient(_ context.Context, address string) error {
	switch {
	case strings.HasPrefix(address, "unknown"):
		return &intake.Refusal{Unknown: true, Reason: "no such mailbox here"}
	case strings.HasPrefix(address, "denied"):
		return &intake.Refusal{Reason: "not you,\r\n250 nör you"}
	case strings.HasPrefix(address, "later"):
		return &intake.Refusal{Temporary: true, Reason: "come back"}
	case strings.HasPrefix(address, "broken"):
		return errors.New("secret-store: connection refused")
	case strings.HasPrefix(address, "panic"):
		panic("recipient")
	}
	t.rcpts = append(t.rcpts, address)
	return nil
}

func (t *recorded) Deliver(ctx context.Context, raw *spool.Body) []intake.Outcome {
	t.end()
	f, err := raw.Open()
	if err != nil {
		panic(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		panic(err)
	}
	out := make([]intake.Outcome, len(t.rcpts))
	for i, a := range t.rcpts {
		o := intake.Outcome{Recipient: a, Verdict: intake.Committed, Message: fmt.Sprintf("m%d", i+1), Issue: int64(41 + i)}
		switch {
		case strings.HasPrefix(a, "boom"):
			panic("deliver")
		case strings.HasPrefix(a, "slow"):
			t.r.entered <- struct{}{}
			<-t.r.release
		case strings.HasPrefix(a, "reject"):
			o.Verdict, o.Reason = intake.Rejected, "Grüße,\nno"
		case strings.HasPrefix(a, "retry"):
			o.Verdict, o.Reason = intake.TryLater, "secret-store is down"
		case strings.HasPrefix(a, "short"):
			return out[:i]
		case strings.HasPrefix(a, "discard"):
			o.Verdict = intake.Discarded
		case strings.HasPrefix(a, "quarantine"):
			o.Verdict = intake.Quarantined
		}
		out[i] = o
	}
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	t.r.delivered = append(t.r.delivered, delivery{t.env, t.rcpts, string(b), ctx.Err()})
	return out
}

// Refuse is recorded like an abandoned transaction.
func (t *recorded) Refuse(ctx context.Context, later bool, reason string) {
	if later {
		reason += ", later"
	}
	t.Abandon(ctx, reason)
}

func (t *recorded) Abandon(_ context.Context, reason string) {
	t.end()
	t.r.mu.Lock()
	t.r.abandoned = append(t.r.abandoned, reason)
	t.r.mu.Unlock()
	if strings.HasPrefix(t.env.From, "fuse@") {
		panic("abandon")
	}
}

func (t *recorded) end() {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	if t.ended {
		panic("a transaction ended twice")
	}
	t.ended = true
	t.r.open--
}

// A rig is a running server on loopback.
type rig struct {
	t    testing.TB
	addr string
	rec  *record
	log  *syncBuffer
	dir  string
	stop context.CancelFunc
	done chan error
	cert *x509.CertPool
	srv  *smtp.Server
}

// newRig starts a server with one listener; change may alter its options, which have short timeouts for dialogues.
func newRig(t testing.TB, change func(*smtp.Options)) *rig {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, addr: ln.Addr().String(), rec: newRecord(), log: &syncBuffer{}, dir: t.TempDir(), done: make(chan error, 1)}
	dir, err := spool.Open(g.dir)
	if err != nil {
		t.Fatal(err)
	}
	o := smtp.Options{
		Listeners: []smtp.Listener{{Net: ln}},
		Begin:     g.rec.begin,
		Spool:     dir,
		Hostname:  "mx.example.com",
		Log:       slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:       time.Now,
		Timeouts:  smtp.Timeouts{Linger: 50 * time.Millisecond, Drain: 2 * time.Second},
		Settings:  smtp.Settings{Limits: smtp.Limits{UnknownDelay: time.Millisecond, AuthDelay: time.Millisecond}},
	}
	if change != nil {
		change(&o)
	}
	if o.TLS != nil && o.TLS.GetCertificate == nil {
		certFile, keyFile := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
		g.cert = writeCertificate(t, certFile, keyFile, 1)
		certs, err := smtp.OpenCertificates(certFile, keyFile, o.Log)
		if err != nil {
			t.Fatal(err)
		}
		o.TLS = certs.Config()
	}
	if g.srv, err = smtp.New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.stop = cancel
	go func() { g.done <- g.srv.Run(ctx) }()
	t.Cleanup(g.close)
	return g
}

// close ends the server and checks what must hold after any dialogue.
func (g *rig) close() {
	if g.stop == nil {
		return
	}
	g.stop()
	g.stop = nil
	select {
	case err := <-g.done:
		if err != nil {
			g.t.Errorf("Run: %v", err)
		}
	case <-time.After(30 * time.Second):
		g.t.Fatal("Run does not end")
	}
	g.rec.mu.Lock()
	defer g.rec.mu.Unlock()
	if g.rec.open != 0 {
		g.t.Errorf("%d transactions were neither delivered nor abandoned", g.rec.open)
	}
	left, err := os.ReadDir(g.dir)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, f := range left {
		g.t.Errorf("the spool still has %s", f.Name())
	}
}

func (g *rig) deliveries() []delivery {
	g.rec.mu.Lock()
	defer g.rec.mu.Unlock()
	return append([]delivery(nil), g.rec.delivered...)
}

func (g *rig) abandoned() []string {
	g.rec.mu.Lock()
	defer g.rec.mu.Unlock()
	return append([]string(nil), g.rec.abandoned...)
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in 20 s: %s", what)
		}
	}
}

// writeCertificate makes a certificate for mx.example.com with a serial number to tell it by.
func writeCertificate(t testing.TB, certFile, keyFile string, serial int64) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"mx.example.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile:  {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return pool
}

func (g *rig) clientTLS() *tls.Config {
	return &tls.Config{RootCAs: g.cert, ServerName: "mx.example.com"}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *syncBuffer) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b.Reset()
}

func prefixes(t testing.TB, nets ...string) []netip.Prefix {
	t.Helper()
	var out []netip.Prefix
	for _, n := range nets {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}
