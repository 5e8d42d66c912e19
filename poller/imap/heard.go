package imap

import (
	"bytes"
	"errors"
	"net"
	"sync"

	"github.com/emersion/go-imap/v2/imapclient"

	"postern/poller/wire"
)

// heard is what the server says unasked. The library calls it on the goroutine that reads, so that nothing here may wait.
type heard struct {
	mu       sync.Mutex
	exists   uint32
	expunges int
	news     chan struct{}                     // has one when mail may have come
	strays   chan *imapclient.FetchMessageData // where messages go that no command was found for, while a FETCH runs; nil else
	done     chan struct{}                     // closed when nobody reads strays any more
}

func newHeard() *heard { return &heard{news: make(chan struct{}, 1)} }

func (h *heard) handler() *imapclient.UnilateralDataHandler {
	return &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages == nil {
				return
			}
			h.mu.Lock()
			defer h.mu.Unlock()
			if *d.NumMessages > h.exists {
				select {
				case h.news <- struct{}{}:
				default:
				}
			}
			h.exists = *d.NumMessages
		},
		Expunge: func(uint32) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.expunges++
			if h.exists > 0 {
				h.exists--
			}
		},
		// The library runs this one on a goroutine of its own; its reader waits until what stands in the message is read.
		Fetch: func(m *imapclient.FetchMessageData) {
			h.mu.Lock()
			strays, done := h.strays, h.done
			h.mu.Unlock()
			if strays != nil {
				select {
				case strays <- m:
					return
				case <-done:
				}
			}
			skip(m)
		},
	}
}

// skip reads over what is left of a message.
func skip(m *imapclient.FetchMessageData) {
	for m.Next() != nil { //nolint:revive // each Next reads over what the one before left
	}
}

// listen sends strays to the channel it returns, until stop.
func (h *heard) listen() (strays <-chan *imapclient.FetchMessageData, stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, done := make(chan *imapclient.FetchMessageData), make(chan struct{})
	h.strays, h.done = c, done
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.strays = nil
		close(done)
	}
}

func (h *heard) expunged() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.expunges
}

// began notes how many messages a folder has that was just selected; what was new before is looked for now.
func (h *heard) began(exists uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.exists = exists
}

// forget takes back that mail may have come: it is looked for now.
func (h *heard) forget() {
	select {
	case <-h.news:
	default:
	}
}

// lines looks at what passes between library and server: it keeps the last line that the server said, which is where BYE has its reason
// and SELECT its READ-ONLY, both of which the library drops; and it lets no plain EXPUNGE or CLOSE pass, which would remove what
// other people marked as deleted.
type lines struct {
	net.Conn
	mu   sync.Mutex
	line []byte // the line that is being read, its beginning
	last []byte // the one before
}

const maxLine = 1000

func (l *lines) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := b[:n]; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		if room := maxLine - len(l.line); room > 0 {
			l.line = append(l.line, line[:min(len(line), room)]...)
		}
		if ended {
			l.last, l.line = l.line, l.last[:0]
		}
		rest = after
	}
	return n, err
}

var errExpunge = errors.New("a plain EXPUNGE was about to be sent, which removes what others marked as deleted")

func (l *lines) Write(b []byte) (int, error) {
	for line := range bytes.Lines(b) {
		words := bytes.Fields(line)
		if len(words) == 2 && words[0][0] == 'T' && (bytes.EqualFold(words[1], []byte("EXPUNGE")) || bytes.EqualFold(words[1], []byte("CLOSE"))) {
			return 0, errExpunge
		}
	}
	return l.Conn.Write(b)
}

// said is the last line.
func (l *lines) said() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return wire.Said(string(l.last))
}

// bye is the reason of a BYE that was the last thing said.
func (l *lines) bye() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text, ok := cutPrefixFold(string(l.last), "* BYE"); ok {
		return wire.Said(text)
	}
	return ""
}
