package smtp_test

import (
	"strings"
	"testing"
	"time"

	"postern/receiver/smtp"
)

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	t.Run("in all", func(t *testing.T) {
		g := newRig(t, func(o *smtp.Options) { o.Settings.Limits.Connections = 2 })
		a, b := g.talk(), g.talk()
		a.want("220")
		b.want("220")
		c := g.talk()
		c.want("421 4.7.0")
		a.Close()
		eventually(t, "a free place", func() bool { return strings.HasPrefix(g.talk().reply(), "220") })
	})
	t.Run("per address", func(t *testing.T) {
		g := newRig(t, func(o *smtp.Options) {
			o.Settings.Limits.ConnectionsPerAddress = 1
			o.Settings.Proxies = prefixes(t, "127.0.0.0/8")
		})
		from := func(header string) string {
			c := g.talk()
			c.send(header + "\r\n")
			return c.reply()
		}
		for _, tc := range []struct{ header, want string }{
			{"PROXY TCP6 2001:db8:1:2::1 2001:db8::2 4000 25", "220"},
			{"PROXY TCP6 2001:db8:1:2:ffff::9 2001:db8::2 4000 25", "421"}, // the same /64
			{"PROXY TCP6 2001:db8:1:3::1 2001:db8::2 4000 25", "220"},
			{"PROXY TCP4 192.0.2.1 192.0.2.9 4000 25", "220"},
			{"PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 4000 25", "421"}, // the same address
		} {
			if got := from(tc.header); !strings.HasPrefix(got, tc.want) {
				t.Errorf("%s: got %q, want %s", tc.header, got, tc.want)
			}
		}
	})
	t.Run("errors", func(t *testing.T) {
		g := newRig(t, func(o *smtp.Options) {
			o.Settings.Limits.ErrorsPerMinute = 2
			o.Settings.Proxies = prefixes(t, "127.0.0.0/8")
		})
		c := g.talk()
		c.send("PROXY TCP4 192.0.2.1 192.0.2.9 4000 25\r\nFOO\r\nFOO\r\n")
		c.want("220")
		c.want("500")
		c.want("500")
		d := g.talk()
		d.send("PROXY TCP4 192.0.2.1 192.0.2.9 4000 25\r\n")
		d.want("421")
	})
	t.Run("unknown recipients", func(t *testing.T) { // over many connections, to be slowed on none
		g := newRig(t, func(o *smtp.Options) {
			o.Settings.Limits.ErrorsPerMinute = 4
			o.Settings.Proxies = prefixes(t, "127.0.0.0/8")
		})
		for range 2 {
			c := g.talk()
			c.send("PROXY TCP4 192.0.2.1 192.0.2.9 4000 25\r\nEHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<unknown1@b.c>\r\nRCPT TO:<unknown2@b.c>\r\n")
			for _, code := range []string{"220", "250", "250", "550", "550"} {
				c.want(code)
			}
			c.Close()
		}
		d := g.talk()
		d.send("PROXY TCP4 192.0.2.1 192.0.2.9 4000 25\r\n")
		d.want("421")
	})
}

func TestProxyOnlyFromNamedNetworks(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) { o.Settings.Proxies = prefixes(t, "192.0.2.0/24") })
	c := g.talk()
	c.want("220")
	c.send("PROXY TCP4 203.0.113.5 192.0.2.9 4000 25\r\n")
	c.want("500 5.5.2") // from anybody else it is just a bad command
}

// A relay of ours with many refused mails on one connection is neither slowed nor sent away, and pipelining past a
// refused recipient is no mistake.
func TestRelayOfOursMayAskMuch(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) {
		o.Settings.Ours = prefixes(t, "127.0.0.0/8")
		o.Settings.Limits.UnknownDelay = time.Hour
	})
	c := g.talk()
	c.want("220")
	c.send("EHLO c\r\n")
	c.want("250")
	for range 100 {
		c.send("MAIL FROM:<a@b.c>\r\nRCPT TO:<unknown@example.com>\r\nDATA\r\nRSET\r\n")
		for _, code := range []string{"250", "550", "503", "250"} {
			c.want(code)
		}
	}
}

// When places are few, who says nothing gives its place up soon.
func TestCrowded(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(o *smtp.Options) {
		o.Timeouts.Crowded = 100 * time.Millisecond
		o.Settings.Limits.Connections = 4
	})
	var patient []*talk // these came while there was room
	for range 3 {
		c := g.talk()
		c.want("220")
		patient = append(patient, c)
	}
	last := g.talk()
	last.want("220")
	last.want("421 4.4.2 timed out")
	for _, c := range patient {
		c.send("NOOP\r\n")
		c.want("250")
	}
}
