// Package origin says where an HTTP request comes from: from this machine or through somebody, and from which client. The API and
// the webhooks ask it, so that both answer without proof in the very same cases.
package origin

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// NotLocal says why a request that proves nothing is not answered, "" when it is: the listener is bound to loopback (loopback),
// peer and Host are loopback, and nothing speaks of a proxy or of another page. Host matters because a stranger's
// page can make its own name point to 127.0.0.1 (DNS rebinding); the headers, because a proxy on this machine is a loopback
// peer for the whole world.
func NotLocal(r *http.Request, loopback bool) string {
	if !loopback {
		return "the listener is not bound to a loopback address"
	}
	if peer := Peer(r); !peer.IsLoopback() {
		return "the request comes from elsewhere"
	}
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if to, err := netip.ParseAddrPort(addr.String()); err != nil || !to.Addr().Unmap().IsLoopback() {
			return "the request came to another address"
		}
	}
	if !loopbackHost(r.Host) {
		return "the Host header names another host"
	}
	for name := range r.Header {
		if forwards(name) {
			return "the request came through a proxy"
		}
	}
	if !sameOrigin(r) {
		return "the request comes from another page"
	}
	return ""
}

// forwards reports whether a header speaks of a proxy. Names are in canonical form.
func forwards(name string) bool {
	return name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded")
}

// sameOrigin reports whether no page of another origin made the request. A page on another port of this machine
// is another origin, "same-site" included.
func sameOrigin(r *http.Request) bool {
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return false
		}
	}
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
			return false
		}
	}
	return true
}

func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && ip.Unmap().IsLoopback()
}

// Peer is the address at the other end of the connection, the zero Addr for a unix socket.
func Peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// Client is who the request is from: the peer, or what a proxy of ours says in X-Forwarded-For. The list is read from
// its end, where our own proxies wrote, up to the first address that is not one of them.
func Client(r *http.Request, proxies []netip.Prefix) netip.Addr {
	at := Peer(r)
	if !within(at, proxies) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		ip, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return at
		}
		at = ip.Unmap().WithZone("")
		if !within(at, proxies) {
			return at
		}
	}
	return at
}

func within(ip netip.Addr, nets []netip.Prefix) bool {
	return ip.IsValid() && slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(ip) })
}
