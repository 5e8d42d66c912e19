package smtp

import (
	"bytes"
	"net"
	"time"
)

// maxOut is how much of our answers waits at most until the peer is waited for.
const maxOut = 16 << 10

// Write takes a reply line of go-smtp.
func (w *wire) Write(p []byte) (int, error) {
	n, last := len(p), len(p) >= 4 && p[3] == ' '
	if w.hide != "" && last {
		hidden := bytes.HasPrefix(p, []byte(w.hide))
		w.hide = ""
		if hidden {
			if p = w.instead; len(p) == 0 {
				return n, nil
			}
		}
	}
	w.out = append(w.out, p...)
	w.inAuth = bytes.HasPrefix(p, []byte("334"))
	if w.offers && !last && bytes.HasPrefix(p, []byte("250-")) {
		// go-smtp believes that there is no TLS to be had: the offer is ours, behind the first line.
		w.offers = false
		if w.srv.o.TLS != nil && !w.tls {
			w.out = append(w.out, "250-STARTTLS\r\n"...)
		}
	}
	if last && p[0] == '5' && p[1] == '0' {
		w.mistake()
	}
	if len(w.out) >= maxOut {
		return n, w.flush()
	}
	return n, nil
}

// expectReply lets instead stand for go-smtp's next reply if that begins with hide.
func (w *wire) expectReply(hide string, instead []byte) { w.hide, w.instead = hide, instead }

// say queues a reply of ours.
func (w *wire) say(line string) {
	w.out = append(append(w.out, line...), '\r', '\n')
}

// bye queues the last reply; the next read closes.
func (w *wire) bye(line string) {
	w.say(line)
	w.closing = true
}

// mistake counts a command that nobody should send, and ends the connection when there are too many.
func (w *wire) mistake() {
	w.refused(WhySyntax)
	w.srv.peers.mistake(w.limitKey(), w.live.limits, w.srv.o.Now())
	if w.errors++; over(w.errors, w.live.limits.Errors) && !w.closing {
		w.refused(WhyErrors)
		w.why = "too many errors"
		w.bye("421 4.7.0 too many errors")
	}
}

func (w *wire) refused(why string) { w.srv.o.Observer.refused(w.lis.source(), why) }

// flush sends the collected replies.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return nil
	}
	if w.deaf != nil { // it would be waited for again and again
		w.out = w.out[:0]
		return w.deaf
	}
	if w.debug {
		w.log().Debug("replies", "lines", sentence(string(w.out), true))
	}
	// The peer has Write at least and twice that at most: moving a deadline with every reply costs more than making one.
	if now := time.Now(); w.writeBy.Sub(now) < w.srv.o.Timeouts.Write {
		w.writeBy = now.Add(2 * w.srv.o.Timeouts.Write)
		_ = w.conn.SetWriteDeadline(w.writeBy)
	}
	_, err := w.conn.Write(w.out)
	w.out = w.out[:0]
	if err != nil {
		w.deaf, w.closing = err, true
	}
	return err
}

// linger lets the peer read our last words: closing with unread input would reset the connection and lose them.
func (w *wire) linger() {
	type halfCloser interface{ CloseWrite() error }
	end := w.conn
	if p, ok := end.(interface{ Raw() net.Conn }); ok { // behind the PROXY protocol
		end = p.Raw()
	}
	c, ok := end.(halfCloser)
	if !ok || !w.lingers || c.CloseWrite() != nil {
		return
	}
	_ = w.conn.SetReadDeadline(time.Now().Add(w.srv.o.Timeouts.Linger))
	var sink [4096]byte
	for range 256 {
		if _, err := w.raw.Read(sink[:]); err != nil {
			return
		}
	}
}
