package wire

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
	"unicode"

	"postern/internal/fault"
)

// A Problem is what is wrong with a server or an account, and what to do, for an administrator.
type Problem struct {
	Step string // which of a check's steps failed
	Says string
	Todo string
	Err  error
}

func (p *Problem) Error() string {
	if p.Todo == "" {
		return p.Says
	}
	return p.Says + ": " + p.Todo
}

// Advice is what is wrong, and what to do.
func (p *Problem) Advice() (says, todo string) { return p.Says, p.Todo }

func (p *Problem) Unwrap() error { return p.Err }

var errClear = fault.Errorf(fault.Invalid, "no TLS")

// connectProblem says why a server cannot be reached.
func connectProblem(address string, err error) *Problem {
	host, port, _ := net.SplitHostPort(address)
	p := &Problem{Step: "connect", Says: "cannot connect to " + address + ": " + plain(err), Err: fault.As(fault.Unavailable, err)}
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &dns):
		p.Step = "dns"
		if p.Says = "the name " + host + " cannot be looked up: " + dns.Err; dns.IsNotFound {
			p.Says, p.Todo = "there is no server named "+host, "check its spelling, and that this machine's DNS knows it"
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		p.Todo = "nothing listens there, or a firewall refuses: check the port (IMAP 993, POP3 995; 143 and 110 with tls: starttls) and that the service runs"
	case errors.As(err, &timeout) && timeout.Timeout():
		p.Says, p.Todo = "no answer from "+address, "a firewall between us may drop the connection: check that port "+port+" may be reached from here"
	}
	return p
}

// tlsProblem says why a server was not believed.
func tlsProblem(address, host string, err error) *Problem {
	p := &Problem{Step: "tls", Says: "no TLS with " + address + ": " + plain(err), Err: fault.As(fault.Unavailable, err)}
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		p.Says = "the certificate of " + address + " comes from an authority that we do not know"
		if authority.Cert != nil {
			p.Says += ": " + issuer(authority.Cert)
		}
		p.Todo = "where it is your own authority, name its certificate in ca:; else the server may lack an intermediate certificate, or be another than you think"
	case errors.As(err, &name):
		p.Says = fmt.Sprintf("the certificate of %s is for %s, not for %s", address, names(name.Certificate), host)
		p.Todo = "write the server's name as its certificate has it"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		p.Says = fmt.Sprintf("the certificate of %s was valid from %s to %s", address, invalid.Cert.NotBefore.UTC().Format(time.DateOnly), invalid.Cert.NotAfter.UTC().Format(time.DateOnly))
		p.Todo = "the server's certificate must be renewed; if these dates are right, check this machine's clock"
	case errors.As(err, &record), errors.Is(err, io.EOF):
		p.Says = "the server at " + address + " does not speak TLS from the first byte"
		p.Todo = "use port 993 (POP3: 995), or tls: starttls"
	case errors.Is(err, os.ErrDeadlineExceeded):
		p.Todo = "the server does not answer to TLS: check that the port is the one for it, or use tls: starttls"
	}
	return p
}

// plain is an error of the net without the addresses that it repeats.
func plain(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return Said(err.Error())
}

// names are those that a certificate is for, cut short: they are the server's words.
func names(c *x509.Certificate) string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		all = []string{c.Subject.CommonName}
	}
	return join(all, 5)
}

func issuer(c *x509.Certificate) string {
	return Said(cmp.Or(c.Issuer.CommonName, strings.Join(c.Issuer.Organization, " ")))
}

func join(all []string, n int) string {
	if len(all) > n {
		all = append(all[:n:n], "…")
	}
	return Said(strings.Join(all, ", "))
}

// Said is what a server says, fit to be shown: one line of printable text, and short.
func Said(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if r := []rune(text); len(r) > 300 {
		text = string(r[:300]) + "…"
	}
	return strings.TrimSpace(text)
}
