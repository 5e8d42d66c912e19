package smtp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"postern/internal/logkey"
)

// A wire is one connection as go-smtp sees it: reading gives it one command line, and the next read means that the
// line before was dealt with. Replies are collected and leave when the peer is waited for. Except for wake and abort, and
// for LMTP answers, which go-smtp orders by channels, everything happens in the connection's goroutine.
type wire struct {
	srv  *Server
	lis  *Listener
	live *live
	raw  net.Conn // what was accepted
	conn net.Conn // raw, or TLS on it
	tls  bool
	peer netip.Addr // after the PROXY protocol; not valid on a unix socket
	ours bool

	logger  *slog.Logger // see log
	debug   bool         // the dialogue goes to the log, without AUTH and bodies
	session *session
	began   time.Time
	ticket  ticket // this connection's place among its address's

	in       []byte  // read from conn
	r, w     int     // what of it is not used yet
	big      *[]byte // in, while it is a large one of the pool
	small    []byte  // and what it was before
	feed     []byte  // what go-smtp reads next
	out      []byte  // replies on their way
	writeBy  time.Time
	deaf     error  // why the peer takes no replies any more
	instead  []byte // stands for the next reply of go-smtp if that begins with hide
	hide     string
	started  bool
	greeted  bool // EHLO, HELO or LHLO since the last TLS handshake
	offers   bool // the next reply is go-smtp's to EHLO or LHLO
	lingers  bool // the peer was let in: it may read our last words
	inAuth   bool // the next line is an answer to a 334
	errors   int
	commands int // since the last message
	closing  bool
	why      string // why it ended, for the abandoned transaction
	chunks   *collector

	once sync.Once
	mu   sync.Mutex // guards the three below
	done bool       // no more reads: draining
	idle bool       // waiting for a command, with no message in progress
	dead bool
}

// Ends of a connection that are not the network's.
var (
	errDraining = errors.New("shutting down")
	errLongLine = errors.New("command line too long")
	errNoTLS    = errors.New("no TLS")
)

// Read gives go-smtp its next line. It never fails with anything but io.EOF: what there is to say has been said.
func (w *wire) Read(p []byte) (n int, err error) {
	defer func() {
		// go-smtp recovers panics of a command, not of a read: without this one of ours would end the process.
		if v := recover(); v != nil {
			w.log().Error("panic while reading a command", logkey.Error, fmt.Sprint(v), "stack", string(debug.Stack()))
			w.end("internal error")
			w.say("421 4.3.0 internal error, try again later") // which Close sends
			n, err = 0, io.EOF
		}
	}()
	if len(w.feed) == 0 {
		if err := w.next(); err != nil {
			w.ended(err)
			return 0, io.EOF
		}
	}
	n = copy(p, w.feed)
	w.feed = w.feed[n:]
	return n, nil
}

// next fills feed with the next line that is for go-smtp.
func (w *wire) next() error {
	if !w.started {
		w.started = true
		if err := w.start(); err != nil {
			return err
		}
	}
	for !w.closing {
		line, err := w.readLine()
		if err != nil {
			return err
		}
		if w.inAuth {
			w.feed = w.base64(line)
			return nil
		}
		if w.feed, err = w.command(line); err != nil {
			return err
		}
		if len(w.feed) > 0 {
			return nil
		}
	}
	_ = w.flush()
	w.linger()
	return io.EOF
}

// ended says goodbye where the peer may still listen.
func (w *wire) ended(err error) {
	switch {
	case errors.Is(err, errNoTLS), w.lis.TLS && !w.tls: // and nothing more is said in clear
		w.out = w.out[:0]
		w.log().Info("a connection ends without TLS", logkey.Error, err)
		w.end("the TLS handshake failed")
		return
	case errors.Is(err, io.EOF):
		w.end("the peer closed the connection")
		return
	case errors.Is(err, errDraining):
		w.end("we are shutting down")
		w.bye("421 4.3.2 shutting down, try again later")
	case errors.Is(err, errLongLine):
		w.refused(WhyLine)
		w.end("command line too long")
		w.bye("500 5.5.2 command line too long")
	case isTimeout(err):
		w.refused(WhySlow)
		w.end("timed out")
		w.bye("421 4.4.2 timed out")
	default:
		w.log().Debug("connection ended", logkey.Error, err)
		w.end("the connection broke")
		return
	}
	if w.flush() == nil {
		w.linger()
	}
}

// end marks the connection as over; the transaction learns why when go-smtp logs out.
func (w *wire) end(why string) {
	w.closing = true
	if w.why == "" {
		w.why = why
	}
}

// wake ends the wait of an idle connection at once, and of a busy one when its message is done.
func (w *wire) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	if w.idle {
		_ = w.conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// abort closes the connection under a message in progress.
func (w *wire) abort() {
	w.mu.Lock()
	w.done, w.dead = true, true
	w.mu.Unlock()
	_ = w.raw.Close()
}

// Close is called by go-smtp, more than once.
func (w *wire) Close() error {
	var err error
	w.once.Do(func() {
		_ = w.flush()
		w.closing = true
		err = w.conn.Close()
		if w.big != nil {
			bigBuffers.Put(w.big)
			w.big, w.in, w.r, w.w = nil, nil, 0, 0
		}
		w.ticket.leave()
		w.srv.o.Observer.closed(w.lis.source(), time.Since(w.began))
		w.srv.mu.Lock()
		delete(w.srv.wires, w)
		w.srv.mu.Unlock()
		select {
		case w.srv.gone <- struct{}{}:
		default:
		}
	})
	return err
}

// LocalAddr, RemoteAddr and the deadlines are net.Conn's; go-smtp sets no deadlines when it has no timeouts.
func (w *wire) LocalAddr() net.Addr                { return w.raw.LocalAddr() }
func (w *wire) RemoteAddr() net.Addr               { return w.raw.RemoteAddr() }
func (w *wire) SetDeadline(t time.Time) error      { return w.conn.SetDeadline(t) }
func (w *wire) SetReadDeadline(t time.Time) error  { return w.conn.SetReadDeadline(t) }
func (w *wire) SetWriteDeadline(t time.Time) error { return w.conn.SetWriteDeadline(t) }

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
