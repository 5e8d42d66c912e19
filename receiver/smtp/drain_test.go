package smtp_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"postern/receiver/smtp"
)

func TestDrain(t *testing.T) {
	t.Parallel()
	g := newRig(t, nil)
	idle, silent := g.talk(), g.talk()
	idle.want("220")
	silent.want("220")

	inBody := g.talk()
	inBody.open("support@example.com")
	inBody.send("first ")

	deciding := g.talk()
	deciding.open("slow@example.com")
	deciding.send("x\r\n.\r\n")
	<-g.rec.entered

	g.stop()
	idle.want("421 4.3.2")
	silent.want("421 4.3.2")
	if _, err := net.DialTimeout("tcp", g.addr, time.Second); err == nil {
		t.Error("a new connection is taken while draining")
	}
	inBody.send("second\r\n.\r\n")
	inBody.want("250 2.0.0 OK m1")
	inBody.want("421 4.3.2")
	close(g.rec.release)
	deciding.want("250 2.0.0 OK m1")
	deciding.want("421 4.3.2")
	if err := <-g.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	g.stop = nil
}

// What waits in a handshake, or for one, holds nothing up.
func TestDrainBeforeTLS(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) {
		o.TLS, o.Listeners[0].TLS = &tls.Config{}, true
		o.Timeouts.Drain = time.Minute
	})
	c := g.talk()
	eventually(t, "a handshake", func() bool { // the server is listening when one succeeds
		s, err := tls.Dial("tcp", g.addr, g.clientTLS())
		if err == nil {
			s.Close()
		}
		return err == nil
	})
	g.stop()
	if b, _ := io.ReadAll(c); len(b) > 0 {
		t.Errorf("in clear on a TLS port: %q", b)
	}
	if err := <-g.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	g.stop = nil
}

func TestDrainDeadline(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) { o.Timeouts.Drain = 50 * time.Millisecond })
	stalled := g.talk()
	stalled.open("support@example.com")
	stalled.send("never ")

	deciding := g.talk()
	deciding.open("slow@example.com")
	deciding.send("x\r\n.\r\n")
	<-g.rec.entered
	g.stop()

	// The stalled one is closed at the deadline; the one that intake has is waited for beyond it.
	if b, err := io.ReadAll(stalled.r); err == nil && len(b) > 0 && !bytes.HasPrefix(b, []byte("421")) {
		t.Errorf("the stalled connection got %q", b)
	}
	eventually(t, "abandoned", func() bool { return len(g.abandoned()) == 1 })
	select {
	case err := <-g.done:
		t.Fatalf("Run has ended before the mail was decided: %v", err)
	default:
	}
	close(g.rec.release)
	if err := <-g.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	g.stop = nil
	if d := g.deliveries(); len(d) != 1 || d[0].err != nil {
		t.Errorf("deliveries: %+v", d)
	}
}

// Who is being slowed holds nothing up either.
func TestDrainEndsPenalties(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) {
		o.Timeouts.Drain = time.Minute
		o.Settings.Limits.UnknownSlow, o.Settings.Limits.UnknownDelay = 1, time.Hour
	})
	c := g.talk()
	c.want("220")
	c.send("EHLO c\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<unknown1@b.c>\r\nRCPT TO:<unknown2@b.c>\r\nRSET\r\n")
	for _, code := range []string{"250", "250", "550"} { // what came before the penalty is said before it
		c.want(code)
	}
	g.stop()
	for _, code := range []string{"550", "250", "421 4.3.2"} {
		c.want(code)
	}
	if err := <-g.done; err != nil {
		t.Errorf("Run: %v", err)
	}
	g.stop = nil
}
