package crash

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// A mail is one that a sender has or had in its queue.
type mail struct {
	id, parent string // Message-IDs
	text       string // as it is sent
	file       string // the SHA-256 of its attachment, or ""
}

// A queue is one mail server's: mails one after the other, each retried until it is acknowledged.
type queue struct {
	who     int
	sent    []*mail // acknowledged
	bounced []string
}

// run sends until ctx ends, each try to the next of the addresses; the mail that is under way is still brought home.
func (q *queue) run(ctx context.Context, addrs []string) {
	tries := q.who
	for i := 0; ctx.Err() == nil; i++ {
		m := q.next(i)
		for {
			tries++
			err := q.once(addrs[tries%len(addrs)], m)
			if err == nil {
				break
			}
			var said *smtp.SMTPError
			if errors.As(err, &said) && said.Code >= 500 {
				q.bounced = append(q.bounced, said.Error())
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		q.sent = append(q.sent, m)
	}
}

// next writes the ith mail. Each third is a reply to the one before it, each fifth brings a file that no store keeps inline.
func (q *queue) next(i int) *mail {
	m := &mail{id: fmt.Sprintf("<%d.%d@crash.example>", q.who, i)}
	var b strings.Builder
	fmt.Fprintf(&b, "From: Sender %d <s%d@crash.example>\r\nTo: support@example.com\r\nSubject: mail %d\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: %s\r\n",
		q.who, q.who, i, m.id)
	if i%3 == 2 {
		m.parent = q.sent[len(q.sent)-1].id
		fmt.Fprintf(&b, "In-Reply-To: %s\r\nReferences: %s\r\n", m.parent, m.parent)
	}
	text := fmt.Sprintf("Crashword of mail %d from %d.\r\n", i, q.who)
	if i%5 != 4 {
		m.text = b.String() + "\r\n" + text
		return m
	}
	file := []byte(strings.Repeat(m.id+"\n", 5000))
	sum := sha256.Sum256(file)
	m.file = hex.EncodeToString(sum[:])
	b.WriteString("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n" + text +
		"--b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=f.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for code := base64.StdEncoding.EncodeToString(file); code != ""; {
		n := min(76, len(code))
		b.WriteString(code[:n] + "\r\n")
		code = code[n:]
	}
	m.text = b.String() + "--b--\r\n"
	return m
}

func (q *queue) once(addr string, m *mail) error {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := smtp.NewClient(conn)
	return c.SendMail(fmt.Sprintf("s%d@crash.example", q.who), []string{"support@example.com"}, strings.NewReader(m.text))
}
