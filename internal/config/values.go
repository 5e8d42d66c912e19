package config

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A Size is a number of bytes. It is written 20MB (powers of ten) or 20MiB (powers of two).
type Size int64

var sizeUnits = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"B", 1}}

// String writes the size with the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && int64(s)%u.bytes == 0 && u.bytes > 1 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// ParseSize reads "20MB", "1.5 GiB", "4096". Units ignore case; a plain number is bytes.
func ParseSize(text string) (Size, error) {
	number, factor := strings.TrimSpace(text), int64(1)
	for _, u := range sizeUnits {
		if len(number) > len(u.name) && strings.EqualFold(number[len(number)-len(u.name):], u.name) {
			number, factor = strings.TrimSpace(number[:len(number)-len(u.name)]), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 && n <= math.MaxInt64/factor {
		return Size(n * factor), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0) || f*float64(factor) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is not a size: write it like 20MB or 512KiB", text)
	}
	return Size(f * float64(factor)), nil
}

// ParseDuration reads "90d", "2w", "1d12h", "10m", "30s": Go's durations with days and weeks before them.
func ParseDuration(text string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a duration: write it like 90d, 12h, 10m or 30s", text)
	rest, total := strings.TrimSpace(text), time.Duration(0)
	for _, u := range []struct {
		name string
		unit time.Duration
	}{{"w", 7 * day}, {"d", day}} {
		number, after, found := strings.Cut(rest, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 31)
		if err != nil || time.Duration(n) > (math.MaxInt64-total)/u.unit {
			return 0, bad
		}
		total, rest = total+time.Duration(n)*u.unit, after
		if rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || d > math.MaxInt64-total {
		return 0, bad
	}
	return total + d, nil
}

// FormatDuration writes what ParseDuration reads, without needless zeros: 90d, 36h, 10m.
func FormatDuration(d time.Duration) string {
	if d != 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// A Listener is an address to listen on.
type Listener struct {
	Network string // "tcp" or "unix"
	Address string // host:port, or the path of the socket
	TLS     bool   // TLS from the first byte
}

// String writes it as the configuration does.
func (l Listener) String() string {
	switch {
	case l.Network == "unix":
		return "unix:" + l.Address
	case l.TLS:
		return "tls://" + l.Address
	default:
		return l.Address
	}
}

// Loopback reports whether only this machine can reach it.
func (l Listener) Loopback() bool {
	if l.Network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(l.Address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}

// ParseListener reads "127.0.0.1:25", ":25", "tls://[::]:465" and "unix:/run/postern/lmtp.sock".
func ParseListener(text string) (Listener, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if path == "" {
			return Listener{}, fmt.Errorf("%q names no socket: write it like unix:/run/postern/lmtp.sock", text)
		}
		return Listener{Network: "unix", Address: path}, nil
	}
	address, tls := strings.CutPrefix(text, "tls://")
	bad := fmt.Errorf("%q is not an address to listen on: write it like 127.0.0.1:2525, :25, tls://0.0.0.0:465 or unix:/PATH", text)
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.Contains(host, "/") {
		return Listener{}, bad
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil {
		return Listener{}, fmt.Errorf("%q has no port between 0 and 65535", text)
	} else {
		port = strconv.FormatUint(n, 10)
	}
	return Listener{Network: "tcp", Address: net.JoinHostPort(host, port), TLS: tls}, nil
}

// parseNet reads a network, or an address as the network of one.
func parseNet(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is not a network: write it like 10.0.0.0/8, 2001:db8::/32 or 192.0.2.7", text)
	}
	if p.Masked() != p {
		return netip.Prefix{}, fmt.Errorf("%q has bits behind its mask: did you mean %s?", text, p.Masked())
	}
	return p, nil
}

// Names is a list of names, or a tree of them laid flat: the leaves below A are A/B.
type Names []string
