package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// limited is the connection below TLS, with bounds on bytes and on waiting. Only waiting counts: however long its user takes with
// what came, the server is not blamed for it.
type limited struct {
	raw      net.Conn
	patience time.Duration

	mu     sync.Mutex
	active bool          // an answer is due
	once   time.Duration // how long one read may wait
	left   time.Duration // how long all of them may
	last   bool          // the read that waits has all that is left
	bytes  int64
	begun  time.Time // when the read that is under way, if any, began to count
	err    error
}

// ErrTooMuch says that a server sent more than was asked for.
var ErrTooMuch = errors.New("the server sends far more than it was asked for")

func (l *limited) expect(bytes int64, wait time.Duration) { l.expectWithin(bytes, wait, l.patience) }

func (l *limited) expectWithin(bytes int64, wait, once time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active, l.bytes, l.left, l.once = true, bytes, wait, once
	if !l.begun.IsZero() { // a read that waits already waits for this
		l.begun = time.Now()
		l.deadline()
	}
}

// unasked is how much may come while no answer is due: news of a folder.
const unasked = 1 << 20

func (l *limited) rest() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.active, l.bytes = false, unasked
	_ = l.raw.SetReadDeadline(time.Time{})
}

// deadline sets that of the read that begins now.
func (l *limited) deadline() {
	if l.active {
		l.last = l.left < l.once
		_ = l.raw.SetReadDeadline(time.Now().Add(min(l.once, l.left)))
	}
}

func (l *limited) Read(b []byte) (int, error) {
	l.mu.Lock()
	if l.err == nil && l.bytes <= 0 {
		l.err = ErrTooMuch
	}
	if l.err != nil {
		defer l.mu.Unlock()
		return 0, l.err
	}
	l.begun = time.Now()
	l.deadline()
	l.mu.Unlock()

	n, err := l.raw.Read(b)

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active {
		l.left -= time.Since(l.begun)
	}
	l.begun = time.Time{}
	l.bytes -= int64(n)
	if err != nil {
		l.fail(err)
	}
	return n, err
}

func (l *limited) Write(b []byte) (int, error) {
	_ = l.raw.SetWriteDeadline(time.Now().Add(l.patience))
	n, err := l.raw.Write(b)
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.fail(err)
	}
	return n, err
}

// fail remembers why it ended, in words.
func (l *limited) fail(err error) {
	if l.err != nil {
		return
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && l.last:
		l.err = fmt.Errorf("the server is too slow: %w", err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.err = fmt.Errorf("the server was silent for %s: %w", l.once, err)
	case errors.Is(err, io.EOF):
		l.err = fmt.Errorf("the server ended the connection: %w", io.ErrUnexpectedEOF)
	default:
		l.err = err
	}
}

func (l *limited) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

func (l *limited) Close() error                     { return l.raw.Close() }
func (l *limited) LocalAddr() net.Addr              { return l.raw.LocalAddr() }
func (l *limited) RemoteAddr() net.Addr             { return l.raw.RemoteAddr() }
func (l *limited) SetDeadline(time.Time) error      { return nil }
func (l *limited) SetReadDeadline(time.Time) error  { return nil }
func (l *limited) SetWriteDeadline(time.Time) error { return nil }
