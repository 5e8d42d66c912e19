package smtp

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/pires/go-proxyproto"
)

// acceptor wraps what a listener accepts, after the PROXY protocol where the peer's address asks for one.
type acceptor struct {
	net.Listener
	srv *Server
	lis *Listener
	ctx context.Context // of every session: go-smtp passes none
}

func (s *Server) wrap(ctx context.Context, l *Listener) net.Listener {
	inner := &proxyproto.Listener{
		Listener:          l.Net,
		ReadHeaderTimeout: s.o.Timeouts.Greeting,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			// By source address, never by content: anybody could send a header.
			if contains(s.live.Load().proxies, addrOf(o.Upstream)) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil
		},
	}
	return &acceptor{Listener: inner, srv: s, lis: l, ctx: ctx}
}

// Accept returns the next connection, wrapped. It waits for nothing but that.
func (a *acceptor) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return a.srv.newWire(a.ctx, a.lis, c), nil
}

// addrOf is the address without port and zone, in its IPv4 form where it has one.
func addrOf(a net.Addr) netip.Addr {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return t.AddrPort().Addr().Unmap().WithZone("")
}

func contains(nets []netip.Prefix, a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}

// network is what limits count as one peer: an IPv4 address, or the /64 that one IPv6 customer has.
func network(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits)
	return p
}

// sleep waits for d, or less when ctx or the server ends.
func (s *Server) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	case <-s.draining:
	}
}
