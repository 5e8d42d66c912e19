package webclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/webclient"
)

const host = "files.example.com"

// serve starts a provider with a certificate for host, and options that lead there.
func serve(t *testing.T, h http.HandlerFunc) (*httptest.Server, webclient.Options) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.StartTLS() // its certificate is for example.com and *.example.com
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, webclient.Options{Roots: roots, Private: true, Timeout: 5 * time.Second, Dial: func(string) string { return s.Listener.Addr().String() }}
}

func get(t *testing.T, c *webclient.Client, u string, hosts ...string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", u, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(r, hosts...)
}

// TestHosts: a URL leads to one of the hosts that are named, by https, or nowhere.
func TestHosts(t *testing.T) {
	t.Parallel()
	ours := []string{"api.example.com", "*.mail.example", "odd.example:8443"}
	c, private := webclient.New(webclient.Options{}), webclient.New(webclient.Options{Private: true})
	for _, tt := range []struct {
		url  string
		ok   bool
		home bool // where private addresses are allowed
	}{
		{"https://api.example.com/x?y#z", true, true},
		{"https://API.Example.Com", true, true},
		{"https://api.example.com:443/", true, true},
		{"https://a.mail.example/", true, true},
		{"https://odd.example:8443/", true, true},

		{"http://api.example.com/", false, false},
		{"ftp://api.example.com/", false, false},
		{"//api.example.com/", false, false},
		{"https:api.example.com", false, false},
		{"/api.example.com", false, false},
		{"https://api.example.com./", false, false},
		{"https://api.example.com:444/", false, false},
		{"https://api.example.com:0443/", false, false},
		{"https://api.example.com@evil.example/", false, false},
		{"https://user:password@api.example.com/", false, false},
		{"https://evil.example/api.example.com", false, false},
		{"https://evil.example\\@api.example.com", false, false},
		{"https://api.example.com.evil.example/", false, false},
		{"https://xapi.example.com/", false, false},
		{"https://mail.example/", false, false},
		{"https://.mail.example/", false, false},
		{"https://a.b.mail.example/", false, false},
		{"https://amail.example/", false, false},
		{"https://odd.example/", false, false},
		{"https://127.0.0.1/", false, false},
		{"http://127.0.0.1/", false, false},
	} {
		u, err := url.Parse(tt.url)
		if err != nil {
			if tt.ok {
				t.Error(err)
			}
			continue
		}
		if err := c.Check(u, ours...); (err == nil) != tt.ok || err != nil && !errors.Is(err, webclient.ErrHost) {
			t.Errorf("%s: %v", tt.url, err)
		}
		if err := private.Check(u, ours...); (err == nil) != tt.home {
			t.Errorf("%s, private: %v", tt.url, err)
		}
	}
	for _, u := range []string{"http://localhost:8080/", "http://127.0.0.1:8080/"} {
		p, _ := url.Parse(u)
		if err := c.Check(p, p.Host); err == nil {
			t.Errorf("%s is allowed", u)
		}
		if err := private.Check(p, p.Host); err != nil {
			t.Errorf("%s, private: %v", u, err)
		}
	}
	if u, _ := url.Parse("https://api.example.com"); c.Check(u) == nil {
		t.Error("without a host that it may go to it goes anywhere")
	}
}

// TestAddresses: a name may lead anywhere, so the address is looked at when it is dialled.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "0.0.0.0", "0.1.2.3", "100.64.0.1", "192.0.0.8", "192.0.2.1", "192.88.99.1",
		"198.18.0.1", "198.51.100.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
		"::1", "::", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fec0::1", "fc00::1", "fd12::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1",
		"2002:7f00:1::", "3fff::1", "5f00::1",
	} {
		c := webclient.New(webclient.Options{Dial: func(string) string { return net.JoinHostPort(address, "443") }, Timeout: 5 * time.Second})
		if _, err := get(t, c, "https://"+host+"/", host); !errors.Is(err, webclient.ErrHost) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"0.0.0.0", "224.0.0.1", "::", "ff02::1"} {
		c := webclient.New(webclient.Options{Private: true, Dial: func(string) string { return net.JoinHostPort(address, "443") }, Timeout: 5 * time.Second})
		if _, err := get(t, c, "https://"+host+"/", host); !errors.Is(err, webclient.ErrHost) {
			t.Errorf("%s, private: %v", address, err)
		}
	}
}

// TestRedirects: an answer that leads elsewhere is that answer.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	_, o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		if r.Header.Get("Cookie") != "" {
			t.Error("a cookie came back")
		}
		http.Redirect(w, r, "https://"+host+"/elsewhere", http.StatusFound)
	})
	c := webclient.New(o)
	for range 2 {
		res, err := get(t, c, "https://"+host+"/", host)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusFound {
			t.Errorf("got %s", res.Status)
		}
	}
	if asked.Load() != 2 {
		t.Errorf("asked %d times", asked.Load())
	}
}

// TestNoProxy: what the environment says of proxies leads no key elsewhere.
func TestNoProxy(t *testing.T) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	_, o := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	res, err := get(t, webclient.New(o), "https://"+host+"/", host)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
}

// TestBound: an answer has a limit, and one that is longer is an error and no short answer. What is packed is not unpacked.
func TestBound(t *testing.T) {
	t.Parallel()
	_, o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if e := r.Header.Get("Accept-Encoding"); e != "" {
			t.Errorf("asks for %s", e)
		}
		n := 0
		_, _ = fmt.Sscan(strings.TrimPrefix(r.URL.Path, "/"), &n)
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	})
	o.MaxBytes = 1000
	c := webclient.New(o)
	for _, tt := range []struct {
		client *webclient.Client
		n      int
		ok     bool
	}{{c, 0, true}, {c, 1000, true}, {c, 1001, false}, {c, 100_000, false}, {c.Limit(100_000), 100_000, true}, {c.Limit(100_000), 100_001, false}} {
		res, err := get(t, tt.client, fmt.Sprintf("https://%s/%d", host, tt.n), host)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		if again, more := res.Body.Read(make([]byte, 1)); again > 0 || more == nil {
			t.Errorf("%d: read on", tt.n)
		}
		res.Body.Close()
		if tt.ok && (err != nil || len(b) != tt.n) || !tt.ok && (!fault.Is(err, fault.TooLarge) || len(b) > 100_000) {
			t.Errorf("%d: %d bytes, %v", tt.n, len(b), err)
		}
	}
}

// TestPatience: a provider that hangs is not waited for, before its answer or within; that is for later, and the error tells no URL.
func TestPatience(t *testing.T) {
	t.Parallel()
	hang := make(chan bool)
	_, o := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/within" {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
		}
		<-hang
	})
	t.Cleanup(func() { close(hang) })
	o.Timeout = 200 * time.Millisecond
	c := webclient.New(o)
	began := time.Now()
	if _, err := get(t, c, "https://"+host+"/a-token", host); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "a-token") {
		t.Errorf("hangs: %v", err)
	}
	res, err := get(t, c, "https://"+host+"/within", host)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.ReadAll(res.Body); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "within") {
		t.Errorf("hangs within: %v", err)
	}
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	r, _ := http.NewRequestWithContext(ctx, "GET", "https://"+host+"/", nil)
	if _, err := c.Do(r, host); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
}

// TestCertificates: a provider must show who it is.
func TestCertificates(t *testing.T) {
	t.Parallel()
	s, o := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked all the same") })
	s.Config.ErrorLog = nil
	strange := o
	strange.Roots = x509.NewCertPool()
	if _, err := get(t, webclient.New(strange), "https://"+host+"/", host); !fault.Is(err, fault.Unavailable) {
		t.Errorf("of nobody: %v", err)
	}
	if _, err := get(t, webclient.New(o), "https://other.example.net/", "other.example.net"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("of another: %v", err)
	}
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked by an old TLS") }))
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	t.Cleanup(old.Close)
	o.Dial = func(string) string { return old.Listener.Addr().String() }
	o.Roots.AddCert(old.Certificate())
	if _, err := get(t, webclient.New(o), "https://"+host+"/", host); !fault.Is(err, fault.Unavailable) {
		t.Errorf("an old TLS: %v", err)
	}
}
