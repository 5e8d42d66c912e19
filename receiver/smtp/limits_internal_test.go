package smtp

import (
	"net/netip"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var r rates[string]
	for i := range 3 {
		if got, want := r.take("a", 2, time.Minute, now), i < 2; got != want {
			t.Errorf("take %d: %v", i, got)
		}
	}
	if !r.spent("a", 2, time.Minute, now) || r.spent("b", 2, time.Minute, now) {
		t.Error("a has two and b has used none")
	}
	now = now.Add(30 * time.Second)
	if r.spent("a", 2, time.Minute, now) || !r.take("a", 2, time.Minute, now) || r.take("a", 2, time.Minute, now) {
		t.Error("half a window brings one of two back")
	}
	if r.spent("a", 2, time.Minute, now.Add(-time.Hour)) != true {
		t.Error("a clock that goes back brings nothing")
	}
	for range 5 {
		if !r.take("c", -1, time.Minute, now) {
			t.Error("no limit, and yet refused")
		}
	}
}

// A flood of addresses costs bounded memory, and what was used lately outlives most of it.
func TestRatesAreBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var r rates[netip.Addr]
	a := netip.MustParseAddr("2001:db8::")
	for range 3 * maxKeys {
		now = now.Add(time.Millisecond)
		a = a.Next()
		r.take(a, 1, time.Hour, now)
	}
	if len(r.m) > maxKeys {
		t.Errorf("%d keys", len(r.m))
	}
	if !r.spent(a, 1, time.Hour, now) {
		t.Error("the newest is forgotten")
	}
}

func TestTickets(t *testing.T) {
	t.Parallel()
	key := netip.MustParsePrefix("192.0.2.1/32")
	other := netip.MustParsePrefix("192.0.2.2/32")
	lim := Limits{Connections: 3, ConnectionsPerAddress: 2, BytesInFlight: 100, BytesPerAddress: 60, ErrorsPerMinute: -1}
	p := newPeers()
	enter := func(k netip.Prefix, want bool) ticket {
		t.Helper()
		tk, why := p.enter(k, lim, time.Time{})
		if (why == "") != want {
			t.Fatalf("enter %v: %q", k, why)
		}
		return tk
	}
	a, b := enter(key, true), enter(key, true)
	enter(key, false)
	c := enter(other, true)
	enter(other, false) // three in all

	if !a.charge(40, lim) || b.charge(30, lim) || !b.charge(20, lim) || c.charge(50, lim) || !c.fits(40, lim) {
		t.Error("60 bytes an address and 100 in all")
	}
	if !a.hold(30) || b.hold(maxMemory) || !b.hold(0) || !b.hold(20) || p.memory != 50 {
		t.Errorf("in memory: %d", p.memory)
	}
	a.leave()
	a.leave() // twice is once
	if !c.charge(50, lim) {
		t.Error("what left gives its bytes back")
	}
	b.leave()
	c.leave()
	if p.conns != 0 || p.bytes != 0 || p.memory != 0 || len(p.open) != 0 {
		t.Errorf("left over: %d connections, %d bytes, %d in memory, %d addresses", p.conns, p.bytes, p.memory, len(p.open))
	}
}
