package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"postern/internal/issue"
	"postern/internal/logkey"
)

// newWire wraps an accepted connection. Nothing is read yet: the accept loop must not wait.
func (s *Server) newWire(ctx context.Context, l *Listener, raw net.Conn) *wire {
	w := &wire{srv: s, lis: l, live: s.live.Load(), raw: raw, conn: raw, began: time.Now(), out: make([]byte, 0, 256)}
	id := issue.NewID(s.o.Now())
	w.debug = s.o.Log.Enabled(ctx, slog.LevelDebug)
	w.session = newSession(ctx, w, id)
	s.mu.Lock()
	s.wires[w] = struct{}{}
	s.mu.Unlock()
	s.o.Observer.connected(l.source())
	return w
}

// start reads the PROXY header, asks for a place, and shakes hands where TLS comes first. The greeting waits meanwhile.
func (w *wire) start() error {
	if err := w.park(time.Now().Add(w.srv.o.Timeouts.Greeting), true); err != nil {
		return err
	}
	w.peer = addrOf(w.raw.RemoteAddr()) // reads the PROXY header where there must be one
	w.ours = w.lis.Ours || contains(w.live.ours, w.peer)
	var refusal string
	if w.ticket, refusal = w.srv.peers.enter(w.limitKey(), w.live.limits, w.srv.o.Now()); refusal != "" {
		w.refused(refusal)
		if w.lis.TLS {
			return errors.New("no place: " + refusal)
		}
		w.out = w.out[:0]
		w.bye("421 4.7.0 too many connections, try again later")
		return nil
	}
	w.in, w.lingers = make([]byte, smallBuffer), true
	if w.lis.TLS {
		return w.handshake()
	}
	return nil
}

// log knows whose connection it is. Most have nothing to report, so it is made when it is needed.
func (w *wire) log() *slog.Logger {
	if w.logger == nil {
		w.logger = w.srv.o.Log.With(logkey.Session, w.session.id, logkey.Source, w.lis.source())
		if w.peer.IsValid() {
			w.logger = w.logger.With(logkey.Peer, w.peer.String())
		}
	}
	return w.logger
}

// handshake puts TLS on the connection. What has been learnt in clear is forgotten (RFC 3207 section 4.2).
func (w *wire) handshake() error {
	deadline := time.Now().Add(w.srv.o.Timeouts.Greeting)
	if err := w.park(deadline, true); err != nil {
		return fmt.Errorf("%w: %w", errNoTLS, err)
	}
	_ = w.raw.SetWriteDeadline(deadline)
	w.writeBy = deadline
	c := tls.Server(w.raw, w.srv.o.TLS)
	if err := c.Handshake(); err != nil {
		w.refused(WhyTLS)
		w.srv.peers.mistake(w.limitKey(), w.live.limits, w.srv.o.Now())
		return fmt.Errorf("%w: handshake: %w", errNoTLS, err)
	}
	w.mu.Lock()
	w.conn, w.idle = c, false
	w.mu.Unlock()
	w.tls, w.greeted = true, false
	return nil
}

// limitKey is the address that limits count, not valid for peers that they spare: ours, and this machine, where
// one address may stand for everybody.
func (w *wire) limitKey() netip.Prefix {
	if w.ours || !w.peer.IsValid() || w.peer.IsLoopback() {
		return netip.Prefix{}
	}
	return network(w.peer)
}
