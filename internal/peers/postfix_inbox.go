package peers

import (
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
)

// An Inbox is a small LMTP server on loopback that keeps what it is given: where Postfix's bounces
// end, and what Postfix's own test delivers to.
type Inbox struct {
	Addr string

	t       testing.TB
	mu      sync.Mutex
	mails   []Received
	refuse  error
	changed chan struct{} // closed and replaced when a mail comes
}

// Received is a mail in an Inbox.
type Received struct {
	From string
	To   []string
	Data []byte
}

// NewInbox starts one, and ends it with the test.
func NewInbox(t testing.TB) *Inbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	in := &Inbox{t: t, Addr: l.Addr().String(), changed: make(chan struct{})}
	s := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &inboxSession{in: in}, nil }))
	s.LMTP, s.Domain = true, "inbox.test"
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
	return in
}

// Refuse makes it answer every mail with this error from now on, nil to take mail again. A *smtp.SMTPError
// of go-smtp says with which reply.
func (in *Inbox) Refuse(err error) { in.mu.Lock(); defer in.mu.Unlock(); in.refuse = err }

// Wait waits until it has n mails and returns all it has.
func (in *Inbox) Wait(n int, timeout time.Duration) []Received {
	in.t.Helper()
	end := time.NewTimer(timeout)
	defer end.Stop()
	for {
		in.mu.Lock()
		mails, changed := slices.Clone(in.mails), in.changed
		in.mu.Unlock()
		if len(mails) >= n {
			return mails
		}
		select {
		case <-changed:
		case <-end.C:
			in.t.Fatalf("after %s there are %d mails in the inbox, not %d: %+v", timeout, len(mails), n, mails)
		}
	}
}

// inboxSession is one connection.
type inboxSession struct {
	in   *Inbox
	mail Received
}

func (s *inboxSession) Mail(from string, _ *gosmtp.MailOptions) error {
	s.mail.From = from
	return nil
}

func (s *inboxSession) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *inboxSession) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	if s.in.refuse != nil {
		return s.in.refuse
	}
	s.in.mails = append(s.in.mails, Received{s.mail.From, s.mail.To, data})
	close(s.in.changed)
	s.in.changed = make(chan struct{})
	return nil
}

// LMTPData is what go-smtp calls for LMTP: one answer a recipient.
func (s *inboxSession) LMTPData(r io.Reader, status gosmtp.StatusCollector) error {
	err := s.Data(r)
	for _, to := range s.mail.To {
		status.SetStatus(to, err)
	}
	var reply *gosmtp.SMTPError
	if err != nil && !errors.As(err, &reply) {
		return err
	}
	return nil
}

func (s *inboxSession) Reset()        { s.mail = Received{} }
func (s *inboxSession) Logout() error { return nil }
