package smtp

import (
	"net/netip"
	"sync"
	"time"
)

// Limits bound what peers may take. 0 means the default, a negative number no limit. What is "per address" counts an
// IPv4 address or an IPv6 /64, and spares our own networks and this machine's loopback address.
type Limits struct {
	Connections           int   // open at once, in all; 1,000
	ConnectionsPerAddress int   // 50
	MessagesPerMinute     int   // MAIL commands, in all; no limit
	MessagesPerAddress    int   // MAIL commands a minute per address; 600
	RecipientsPerAddress  int   // RCPT commands a minute per address; 3,000
	Recipients            int   // of one message; 1,000 (RFC 5321 section 4.5.3.1.8 wants 100)
	Errors                int   // syntax errors and the like on one connection; 10
	ErrorsPerMinute       int   // the same per address, unknown recipients included; 100. Above it new connections get 421
	Commands              int   // without a message between them, on one connection; 200
	BytesInFlight         int64 // of bodies being received and decided, in all; 1 GiB
	BytesPerAddress       int64 // the same per address; 512 MiB

	UnknownSlow  int           // unknown recipients on a connection after which answers are delayed; 5
	UnknownClose int           // after which it is closed; 20
	UnknownDelay time.Duration // by how much each delay is longer than the one before, up to ten times; 1 s

	AuthFailures        int           // per address and AuthWindow; 10
	AuthFailuresPerUser int           // per user name and AuthWindow, known or not; 50
	AuthWindow          time.Duration // 15 min
	AuthDelay           time.Duration // from an AUTH to its refusal, so that the time tells nothing; 1 s
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Connections, 1000)
	setDefault(&l.ConnectionsPerAddress, 50)
	setDefault(&l.MessagesPerMinute, -1)
	setDefault(&l.MessagesPerAddress, 600)
	setDefault(&l.RecipientsPerAddress, 3000)
	setDefault(&l.Recipients, 1000)
	setDefault(&l.Errors, 10)
	setDefault(&l.ErrorsPerMinute, 100)
	setDefault(&l.Commands, 200)
	setDefault(&l.BytesInFlight, 1<<30)
	setDefault(&l.BytesPerAddress, 512<<20)
	setDefault(&l.UnknownSlow, 5)
	setDefault(&l.UnknownClose, 20)
	setDefault(&l.UnknownDelay, time.Second)
	setDefault(&l.AuthFailures, 10)
	setDefault(&l.AuthFailuresPerUser, 50)
	setDefault(&l.AuthWindow, 15*time.Minute)
	setDefault(&l.AuthDelay, time.Second)
	return l
}

func setDefault[N int | int64 | time.Duration](n *N, def N) {
	if *n == 0 {
		*n = def
	}
}

// over says whether n is beyond a limit that there is.
func over[N int | int64](n, limit N) bool { return limit >= 0 && n > limit }

// peers counts what addresses do. Its tables are bounded: those of what is open by the connections there are, those of
// rates by maxKeys.
type peers struct {
	mu     sync.Mutex
	conns  int
	bytes  int64
	memory int64 // what of bytes is in memory
	open   map[netip.Prefix]*usage

	messages, recipients, errors, authAddress rates[netip.Prefix]
	authUser, authKnown                       rates[string]
}

// usage is what one address has open.
type usage struct {
	conns int
	bytes int64
}

func newPeers() *peers { return &peers{open: map[netip.Prefix]*usage{}} }

// maxMemory is how much memory the bodies in flight may take, in all. A thousand peers with a small body each would
// otherwise take a quarter of a gigabyte for as long as they like.
const maxMemory = 32 << 20

// A ticket is one connection's place. Its zero value has none.
type ticket struct {
	p      *peers
	key    netip.Prefix
	bytes  int64
	memory int64
}

// enter takes a place for a connection, or says why there is none. A key that is not valid is not counted by itself.
func (p *peers) enter(key netip.Prefix, l Limits, now time.Time) (ticket, string) {
	if key.IsValid() && p.errors.spent(key, l.ErrorsPerMinute, time.Minute, now) {
		return ticket{}, WhyErrors
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if over(p.conns+1, l.Connections) {
		return ticket{}, WhyConnections
	}
	if key.IsValid() {
		u := p.open[key]
		if u == nil {
			u = &usage{}
		}
		if over(u.conns+1, l.ConnectionsPerAddress) {
			return ticket{}, WhyConnections
		}
		u.conns++
		p.open[key] = u
	}
	p.conns++
	return ticket{p: p, key: key}, ""
}

// crowded reports whether places are getting few.
func (p *peers) crowded(l Limits) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return over(p.conns, l.Connections-l.Connections/4)
}

// leave gives the place back.
func (t *ticket) leave() {
	if t.p == nil {
		return
	}
	t.release()
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.conns--
	if u := t.p.open[t.key]; u != nil {
		if u.conns--; u.conns <= 0 {
			delete(t.p.open, t.key)
		}
	}
	t.p = nil
}

// charge counts n more bytes in flight, or none when they would be too many.
func (t *ticket) charge(n int64, l Limits) bool {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	if !t.allows(n, l) {
		return false
	}
	t.p.bytes += n
	t.bytes += n
	if u := t.p.open[t.key]; u != nil {
		u.bytes += n
	}
	return true
}

// hold says that n of the charged bytes are in memory, and reports whether that is not too much.
func (t *ticket) hold(n int64) bool {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.memory += n - t.memory
	t.memory = n
	return n == 0 || t.p.memory <= maxMemory
}

// fits says whether n more bytes could be charged now.
func (t *ticket) fits(n int64, l Limits) bool {
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	return t.allows(n, l)
}

func (t *ticket) allows(n int64, l Limits) bool {
	u := t.p.open[t.key]
	return !over(t.p.bytes+n, l.BytesInFlight) && (u == nil || !over(u.bytes+n, l.BytesPerAddress))
}

// release gives all charged bytes back.
func (t *ticket) release() {
	if t.p == nil || t.bytes == 0 {
		return
	}
	t.p.mu.Lock()
	defer t.p.mu.Unlock()
	t.p.bytes -= t.bytes
	t.p.memory -= t.memory
	if u := t.p.open[t.key]; u != nil {
		u.bytes -= t.bytes
	}
	t.bytes, t.memory = 0, 0
}

// message counts a MAIL and says whether it may be. The count of all has the key that no address has.
func (p *peers) message(key netip.Prefix, l Limits, now time.Time) bool {
	if key.IsValid() && !p.messages.take(key, l.MessagesPerAddress, time.Minute, now) {
		return false
	}
	return p.messages.take(netip.Prefix{}, l.MessagesPerMinute, time.Minute, now)
}

// recipient counts a RCPT and says whether it may be.
func (p *peers) recipient(key netip.Prefix, l Limits, now time.Time) bool {
	return !key.IsValid() || p.recipients.take(key, l.RecipientsPerAddress, time.Minute, now)
}

// mistake counts an error of a peer.
func (p *peers) mistake(key netip.Prefix, l Limits, now time.Time) {
	if key.IsValid() {
		p.errors.take(key, l.ErrorsPerMinute, time.Minute, now)
	}
}
