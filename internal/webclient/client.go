// Package webclient is how Postern fetches from providers: attachments, certificates, tokens, mail behind an API. A URL that came from
// outside is only a claim, so each request names the hosts that it may go to; nothing is redirected, no proxy of the environment is
// asked, the address is checked when it is dialled (a name may lead anywhere by then), and time and bytes are bounded.
package webclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"postern/internal/fault"
)

// Options are what a Client is made of.
type Options struct {
	Timeout  time.Duration  // of a whole request with its answer; 0: a minute
	MaxBytes int64          // of an answer's body; 0: 1 MiB. A request may ask for more by Client.Limit
	Roots    *x509.CertPool // nil: the system's
	// Private lets it reach addresses that are not public (loopback, private, link-local), and speak http to loopback: for servers on our
	// side that the configuration names, never for hosts that a payload names.
	Private bool
	// Dial leads HOST:PORT elsewhere, for tests. Nil: to where it leads.
	Dial func(address string) string
}

// A Client fetches over https. It is safe for any number of goroutines, and carries no cookies.
type Client struct {
	http    *http.Client
	roots   *x509.CertPool
	max     int64
	private bool
}

// New makes a client.
func New(o Options) *Client {
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 20
	}
	d := &net.Dialer{Timeout: 15 * time.Second, KeepAlive: 30 * time.Second, Control: checkAddress(o.Private)}
	t := &http.Transport{
		Proxy: nil,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if o.Dial != nil {
				address = o.Dial(address)
			}
			return d.DialContext(ctx, network, address)
		},
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: min(o.Timeout, 30*time.Second), IdleConnTimeout: 90 * time.Second,
		MaxIdleConnsPerHost: 4, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true, DisableCompression: true,
	}
	return &Client{
		http:  &http.Client{Transport: t, Timeout: o.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		roots: o.Roots, max: o.MaxBytes, private: o.Private,
	}
}

// Limit is the same client with another bound on the bytes of an answer.
func (c *Client) Limit(max int64) *Client {
	l := *c
	l.max = max
	return &l
}

// Roots are the certificates that servers are believed by, nil for the system's: for who checks another signature by the same ones.
func (c *Client) Roots() *x509.CertPool { return c.roots }

// ErrHost says that a URL does not lead where it may.
var ErrHost = errors.New("the address is not one that may be fetched from")

// Do sends a request if its URL leads to one of the hosts: each a name, with a port where it is not 443, or *.DOMAIN for names
// one label below. It does not follow redirects. The answer's body ends with an error of kind TooLarge beyond the limit; the
// caller closes it. What the network refuses is a fault of kind Unavailable.
func (c *Client) Do(req *http.Request, hosts ...string) (*http.Response, error) {
	if err := c.Check(req.URL, hosts...); err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		var e *url.Error
		if errors.As(err, &e) {
			err = e.Err // its text has the URL, which may hold a token
		}
		if errors.Is(err, ErrHost) {
			return nil, err
		}
		return nil, fault.Errorf(fault.Unavailable, "%s: %w", req.URL.Host, err)
	}
	res.Body = &bounded{ReadCloser: res.Body, left: c.max, max: c.max}
	return res, nil
}

// Check says whether a URL leads to one of the hosts, as Do does.
func (c *Client) Check(u *url.URL, hosts ...string) error {
	if u.User != nil || u.Opaque != "" || u.Host == "" {
		return fmt.Errorf("%w: it must be https://HOST/…", ErrHost)
	}
	port := u.Port()
	if u.Scheme != "https" && !(u.Scheme == "http" && c.private && isLoopback(u.Hostname())) {
		return fmt.Errorf("%w: it must be https", ErrHost)
	}
	host := strings.ToLower(u.Hostname())
	if port != "" && !(port == "443" && u.Scheme == "https") {
		host = net.JoinHostPort(host, port)
	}
	for _, h := range hosts {
		if rest, ok := strings.CutPrefix(h, "*."); ok {
			label, domain, _ := strings.Cut(host, ".")
			if label != "" && domain == strings.ToLower(rest) {
				return nil
			}
		} else if strings.EqualFold(host, strings.TrimSuffix(h, ":443")) {
			return nil
		}
	}
	return fmt.Errorf("%w: %s", ErrHost, host)
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// checkAddress refuses addresses that a public name has no business to lead to: RFC 6890.
func checkAddress(private bool) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %s", ErrHost, address)
		}
		a := at.Addr().Unmap()
		switch {
		case a.IsMulticast(), a.IsUnspecified(), !a.IsValid():
		case private, public(a):
			return nil
		}
		return fmt.Errorf("%w: %s is no public address", ErrHost, a)
	}
}

// notPublic are the networks of RFC 6890 and its registry that netip's own words do not cover.
var notPublic = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20"), netip.MustParsePrefix("5f00::/16"),
	netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("::/96"), netip.MustParsePrefix("fec0::/10"), // of old, and by nobody routed
}

func public(a netip.Addr) bool {
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return false
	}
	for _, p := range notPublic {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// bounded is an answer's body with a limit.
type bounded struct {
	io.ReadCloser
	left, max int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fault.Errorf(fault.TooLarge, "the answer has more than %d bytes", b.max)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, fault.Errorf(fault.TooLarge, "the answer has more than %d bytes", b.max)
	}
	if err != nil && err != io.EOF {
		err = fault.As(fault.Unavailable, err) // it broke off, or took too long
	}
	return n, err
}
