package main

import (
	"bufio"
	"bytes"
	"fmt"
	"log"
	"net"
	"time"
)

const hookSecret = "0123456789abcdef-bench"

// A hookPeer is a program that posts raw mail, as light a client as the one of SMTP.
type hookPeer struct {
	conn net.Conn
	r    *bufio.Reader
	mail bytes.Buffer
	buf  bytes.Buffer
}

func dialHook(addr string) (*hookPeer, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return nil, err
	}
	return &hookPeer{conn: conn, r: bufio.NewReader(conn)}, nil
}

// send posts one mail. The time is that of the whole request: there is nothing before it, as the envelope is before DATA.
func (p *hookPeer) send(body string) (time.Duration, error) {
	p.mail.Reset()
	mail(&p.mail, body)
	p.buf.Reset()
	fmt.Fprintf(&p.buf, "POST /hooks/raw/support?from=load@bench.example&to=support@example.com HTTP/1.1\r\nHost: bench.example\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: message/rfc822\r\nContent-Length: %d\r\n\r\n", hookSecret, p.mail.Len())
	_, _ = p.mail.WriteTo(&p.buf)
	began := time.Now()
	_ = p.conn.SetDeadline(began.Add(5 * time.Minute))
	if _, err := p.conn.Write(p.buf.Bytes()); err != nil {
		return 0, err
	}
	for first := true; ; first = false { // 204 has no body: RFC 9110 section 15.3.5
		line, err := p.r.ReadSlice('\n')
		switch {
		case err != nil:
			return 0, err
		case first && !bytes.HasPrefix(line, []byte("HTTP/1.1 204 ")):
			return 0, fmt.Errorf("wanted 204, the server says %q", line)
		case len(line) == 2:
			return time.Since(began), nil
		}
	}
}

func (p *hookPeer) quit() { _ = p.conn.Close() }

// webhooks measures the same mail by webhook and by SMTP, in turn.
func webhooks(all []*contestant, rounds int, each time.Duration) error {
	ways := []scenario{{size: 4 << 10, conns: 32, keep: true}, {size: 4 << 10, conns: 32, keep: true, hook: true}, {size: 4 << 10, conns: 32}, {size: 4 << 10, conns: 32, hook: true}}
	fmt.Printf("\n### Webhooks beside SMTP\n\n| server | load | messages/s | p50 ms | p99 ms | CPU ms a message | with what follows |\n|---|---|---:|---:|---:|---:|---:|\n")
	for _, c := range all {
		if c.web == "" {
			continue
		}
		found := map[scenario][]figures{}
		for round := range rounds {
			for i := range ways {
				s := ways[(i+round)%len(ways)]
				f, err := load(c, s, each)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, s, err)
				}
				found[s] = append(found[s], f)
			}
			log.Printf("webhooks: round %d of %d done", round+1, rounds)
		}
		for _, s := range ways {
			f := median(found[s])
			fmt.Printf("| %s | %s | %.0f | %.2f | %.2f | %.3f | %.3f |\n", c.name, s, f.rate, f.p50, f.p99, f.cpu, f.all)
		}
	}
	return nil
}
