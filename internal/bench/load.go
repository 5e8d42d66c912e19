package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// figures are what one load showed.
type figures struct {
	rate     float64 // messages a second
	p50, p99 float64 // of the time from the final dot to its answer, milliseconds
	cpu      float64 // of the server's process for one message while the load lasts, milliseconds
	all      float64 // the same, with what it does for them afterwards
}

var serial atomic.Int64

// load sends mails for a while and measures.
func load(c *contestant, s scenario, d time.Duration) (figures, error) {
	body := strings.Repeat("The quick brown fox jumps over the lazy dog, and nothing else happens here.\r\n", s.size/76)
	var (
		mu    sync.Mutex
		times []time.Duration
		wg    sync.WaitGroup
		first error
	)
	before, began := c.cpu(), time.Now()
	end := began.Add(d)
	for range s.conns {
		wg.Go(func() {
			mine, err := sender(c, s, body, end)
			mu.Lock()
			defer mu.Unlock()
			times = append(times, mine...)
			if err != nil && first == nil {
				first = err
			}
		})
	}
	wg.Wait()
	if first != nil {
		return figures{}, first
	}
	took := time.Since(began)
	used := c.cpu() - before
	c.settle() // or it would be done while the next server is measured
	all := c.cpu() - before
	slices.Sort(times)
	n := len(times)
	return figures{
		rate: float64(n) / took.Seconds(),
		p50:  ms(times[n/2]), p99: ms(times[n*99/100]),
		cpu: ms(used) / float64(n), all: ms(all) / float64(n),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// A client sends mail over one connection.
type client interface {
	send(body string) (time.Duration, error)
	quit()
}

func (c *contestant) dial(s scenario) (client, error) {
	if s.hook {
		return dialHook(c.web)
	}
	return dial(c.addr)
}

func sender(c *contestant, s scenario, body string, end time.Time) ([]time.Duration, error) {
	var times []time.Duration
	var p client
	for time.Now().Before(end) {
		if p == nil {
			var err error
			if p, err = c.dial(s); err != nil {
				return times, err
			}
		}
		took, err := p.send(body)
		if err != nil {
			return times, err
		}
		times = append(times, took)
		if !s.keep {
			p.quit()
			p = nil
		}
	}
	if p != nil {
		p.quit()
	}
	return times, nil
}

// A peer is an SMTP client as mail servers are: where the other side takes PIPELINING (RFC 2920) it sends MAIL, RCPT and DATA
// at once, else one command after the other.
type peer struct {
	conn       net.Conn
	r          *bufio.Reader
	buf        bytes.Buffer
	pipelining bool
}

func dial(addr string) (*peer, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	p := &peer{conn: conn, r: bufio.NewReader(conn)}
	if err := p.expect("220"); err != nil {
		return nil, err
	}
	return p, p.say("EHLO bench.example\r\n", "250")
}

// envelope says where a mail comes from and goes to, up to the answer to DATA.
func (p *peer) envelope() error {
	steps := [][2]string{{"MAIL FROM:<load@bench.example>\r\n", "250"}, {"RCPT TO:<support@example.com>\r\n", "250"}, {"DATA\r\n", "354"}}
	if p.pipelining {
		if _, err := io.WriteString(p.conn, steps[0][0]+steps[1][0]+steps[2][0]); err != nil {
			return err
		}
		for i := range steps {
			steps[i][0] = ""
		}
	}
	for _, step := range steps {
		if err := p.say(step[0], step[1]); err != nil {
			return err
		}
	}
	return nil
}

func (p *peer) send(body string) (time.Duration, error) {
	if err := p.envelope(); err != nil {
		return 0, err
	}
	p.buf.Reset()
	mail(&p.buf, body)
	p.buf.WriteString(".\r\n")
	if _, err := p.conn.Write(p.buf.Bytes()); err != nil {
		return 0, err
	}
	began := time.Now()
	err := p.expect("250")
	return time.Since(began), err
}

// mail writes one that never was before.
func mail(w *bytes.Buffer, body string) {
	n := serial.Add(1)
	fmt.Fprintf(w, "From: Load <load%d@bench.example>\r\nTo: support@example.com\r\nSubject: load %d\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"+
		"Message-ID: <%d.%d@bench.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nNumber %d.\r\n", n%50, n, n, time.Now().UnixNano(), n)
	w.WriteString(body)
}

func (p *peer) say(line, code string) error {
	if line != "" {
		if _, err := io.WriteString(p.conn, line); err != nil {
			return err
		}
	}
	return p.expect(code)
}

func (p *peer) expect(code string) error {
	_ = p.conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, code) {
			return fmt.Errorf("wanted %s, the server says %q", code, strings.TrimSpace(line))
		}
		p.pipelining = p.pipelining || strings.TrimSpace(line[3:]) == "-PIPELINING" || strings.TrimSpace(line[3:]) == "PIPELINING"
		if len(line) > 3 && line[3] == ' ' {
			return nil
		}
	}
}

func (p *peer) quit() {
	_, _ = io.WriteString(p.conn, "QUIT\r\n")
	_, _ = p.r.ReadString('\n')
	_ = p.conn.Close()
}

// bigOnes sends 32 mails with an attachment of 25 MB at once.
func bigOnes(c *contestant) (time.Duration, error) {
	part := strings.Repeat(strings.Repeat("QUJD", 19)+"\r\n", 25<<20/78)
	var wg sync.WaitGroup
	errs := make([]error, 32)
	began := time.Now()
	for i := range errs {
		wg.Go(func() {
			errs[i] = func() error {
				p, err := dial(c.addr)
				if err != nil {
					return err
				}
				defer p.conn.Close()
				if err := p.envelope(); err != nil {
					return err
				}
				head := fmt.Sprintf("From: big%d@bench.example\r\nTo: support@example.com\r\nSubject: big %d\r\nMessage-ID: <big.%d.%d@bench.example>\r\nMIME-Version: 1.0\r\n"+
					"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the file.\r\n--b\r\nContent-Type: application/pdf\r\n"+
					"Content-Disposition: attachment; filename=big%d.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n%08d\r\n", i, i, i, time.Now().UnixNano(), i, i)
				if _, err := io.WriteString(p.conn, head); err != nil {
					return err
				}
				for rest := part; rest != ""; {
					n := min(len(rest), 64<<10)
					if _, err := io.WriteString(p.conn, rest[:n]); err != nil {
						return err
					}
					rest = rest[n:]
				}
				if err := p.say("--b--\r\n.\r\n", "250"); err != nil {
					return err
				}
				p.quit()
				return nil
			}()
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}
