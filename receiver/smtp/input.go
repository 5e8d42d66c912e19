package smtp

import (
	"bytes"
	"sync"
	"time"
)

const (
	smallBuffer = 1 << 10 // grows for long commands
	bigBuffer   = 32 << 10
	maxLine     = 2048  // RFC 5321 section 4.5.3.1.4 says 512; SMTPUTF8, DSN and others extend it
	maxAuthLine = 12288 // RFC 4954 section 4
)

// bigBuffers holds what bodies are read through, so that an idle connection costs a small buffer only.
var bigBuffers = sync.Pool{New: func() any { b := make([]byte, bigBuffer); return &b }}

// readLine returns the next line with its end, valid until the next read.
func (w *wire) readLine() ([]byte, error) {
	seen := 0
	deadline := w.commandDeadline()
	for {
		have := w.in[w.r:w.w]
		if i := bytes.IndexByte(have[seen:], '\n'); i >= 0 {
			line := have[:seen+i+1]
			if len(line) > w.maxLine(line) {
				return nil, errLongLine
			}
			w.r += len(line)
			return line, nil
		}
		if seen = len(have); seen > w.maxLine(have) {
			return nil, errLongLine
		}
		if err := w.fill(deadline, w.session.tx == nil && w.chunks == nil); err != nil {
			return nil, err
		}
	}
}

// commandDeadline says until when a command must be here. Who only keeps a place is not waited for long when places are few.
func (w *wire) commandDeadline() time.Time {
	d := w.srv.o.Timeouts.Command
	if !w.ours && w.srv.peers.crowded(w.live.limits) {
		d = min(d, w.srv.o.Timeouts.Crowded)
	}
	return time.Now().Add(d)
}

func (w *wire) maxLine(line []byte) int {
	if w.inAuth || len(line) >= 5 && bytes.EqualFold(line[:5], []byte("AUTH ")) {
		return maxAuthLine
	}
	return maxLine
}

// fill sends what is to be said and reads more, behind what is not used yet. Idle reads are ended by a drain.
func (w *wire) fill(deadline time.Time, idle bool) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.room()
	if err := w.park(deadline, idle); err != nil {
		return err
	}
	n, err := w.conn.Read(w.in[w.w:])
	w.w += n
	w.mu.Lock()
	w.idle = false
	woken := w.done && idle
	w.mu.Unlock()
	if n > 0 {
		return nil
	}
	if err == nil {
		return nil // a TLS record without data
	}
	if woken && isTimeout(err) {
		return errDraining
	}
	return err
}

// park sets the deadline of a read that follows at once; one that is idle is ended by a drain.
func (w *wire) park(deadline time.Time, idle bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done && idle || w.dead {
		return errDraining
	}
	w.idle = idle
	return w.conn.SetReadDeadline(deadline)
}

// room makes place behind the unused bytes.
func (w *wire) room() {
	if w.r == w.w {
		w.r, w.w = 0, 0
		return
	}
	if w.w < len(w.in) {
		return
	}
	if w.r > 0 {
		w.w = copy(w.in, w.in[w.r:w.w])
		w.r = 0
		return
	}
	more := make([]byte, 2*len(w.in))
	copy(more, w.in)
	w.in = more
}

// enlarge takes a large buffer for a body, shrink gives it back when what is left fits the small one.
func (w *wire) enlarge() {
	if w.big != nil {
		return
	}
	w.big, w.small = bigBuffers.Get().(*[]byte), w.in
	w.w = copy(*w.big, w.in[w.r:w.w])
	w.r, w.in = 0, *w.big
}

func (w *wire) shrink() {
	if w.big == nil || w.w-w.r > len(w.small) {
		return
	}
	w.w = copy(w.small, w.in[w.r:w.w])
	w.r, w.in = 0, w.small
	bigBuffers.Put(w.big)
	w.big = nil
}
