package pop3

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/poller/wire"
)

const (
	maxLine = 4 << 10 // of an answer; RFC 2449 section 4 has 512, and a challenge may be longer
	bufSize = 64 << 10
)

// A refusal is a -ERR.
type refusal struct {
	command string
	code    string // RFC 2449 section 8: IN-USE, SYS/TEMP, …; "" for none
	text    string
}

func (r *refusal) Error() string {
	if r.command == "" {
		return r.text
	}
	return r.command + ": " + r.text
}

// has reports whether a refusal's code is one of these, or below one.
func (r *refusal) has(codes ...string) bool {
	for _, c := range codes {
		if r.code == c || strings.HasPrefix(r.code, c+"/") {
			return true
		}
	}
	return false
}

// conn speaks POP3. After an error that is no *refusal it is of no use any more.
type conn struct {
	*wire.Conn
	r        *bufio.Reader
	patience time.Duration
	err      error // why it is of no use
}

// do runs f, which talks to the server, and ends the connection with ctx.
func (c *conn) do(ctx context.Context, f func() error) error {
	if c.err != nil {
		return c.err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Conn.Close() })
	err := f()
	if !stop() && err != nil {
		c.err = ctx.Err() // not the closed connection, which is our doing
		return c.err
	}
	return err
}

// fail notes the first thing that went wrong.
func (c *conn) fail(err error) error {
	if c.err != nil {
		return c.err
	}
	if ended := c.Ended(); ended != nil && !errors.Is(err, errTalk) {
		err = ended
	}
	if fault.KindOf(err) == fault.Internal {
		err = fault.As(fault.Unavailable, err)
	}
	c.err = err
	_ = c.Conn.Close()
	return err
}

// errTalk says that a server does not keep to the protocol.
var errTalk = fault.Errorf(fault.Unavailable, "this is not POP3")

// send sends commands.
func (c *conn) send(commands []byte) error {
	if c.err != nil {
		return c.err
	}
	if _, err := c.Conn.Write(commands); err != nil {
		return c.fail(err)
	}
	return nil
}

// line reads one line of an answer, without its end. It is valid until the next is read.
func (c *conn) line() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	b, err := readLine(c.r)
	if err != nil {
		return nil, c.fail(err)
	}
	return b, nil
}

func readLine(r *bufio.Reader) ([]byte, error) {
	b, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(b) > maxLine:
		return nil, fmt.Errorf("%w: an answer has a line of more than %d bytes", errTalk, maxLine)
	case err != nil:
		return nil, err
	}
	return bytes.TrimSuffix(b[:len(b)-1], []byte("\r")), nil
}

// reply reads an answer's first line. A -ERR is a *refusal.
func (c *conn) reply(command string) (text string, err error) {
	b, err := c.line()
	if err != nil {
		return "", err
	}
	text, err = parseReply(command, b)
	if errors.Is(err, errTalk) {
		return "", c.fail(err)
	}
	return text, err
}

func parseReply(command string, line []byte) (string, error) {
	word, text, _ := strings.Cut(string(line), " ")
	switch {
	case strings.EqualFold(word, "+OK"):
		return text, nil
	case !strings.EqualFold(word, "-ERR"):
		return "", fmt.Errorf("%w: to %s it answers %q", errTalk, command, wire.Said(string(line)))
	}
	r := &refusal{command: command, text: wire.Said(text)}
	if rest, ok := strings.CutPrefix(text, "["); ok {
		if code, _, ok := strings.Cut(rest, "]"); ok {
			r.code = strings.ToUpper(code)
		}
	}
	if r.text == "" {
		r.text = "refused without a reason"
	}
	return "", r
}

// ask sends a command and reads its answer of one line.
func (c *conn) ask(format string, args ...any) (string, error) {
	command := fmt.Sprintf(format, args...)
	c.Expect(64<<10, c.patience)
	defer c.Rest()
	if err := c.send([]byte(command + "\r\n")); err != nil {
		return "", err
	}
	word, _, _ := strings.Cut(command, " ") // what follows may be a password
	return c.reply(word)
}

// lines sends a command and hands each line of its answer to f.
func (c *conn) lines(command string, most int, f func(line string) error) error {
	c.Expect(int64(most)*128, c.patience+time.Duration(most/1000)*time.Second)
	defer c.Rest()
	if err := c.send([]byte(command + "\r\n")); err != nil {
		return err
	}
	if _, err := c.reply(command); err != nil {
		return err
	}
	for range most {
		b, err := c.line()
		if err != nil {
			return err
		}
		if string(b) == "." {
			return nil
		}
		if len(b) > 0 && b[0] == '.' {
			b = b[1:]
		}
		if err := f(string(b)); err != nil {
			return c.fail(err)
		}
	}
	return c.fail(fault.Errorf(fault.TooLarge, "%s: the answer has more than %d lines", command, most))
}

// skip reads the rest of an answer of many lines.
func (c *conn) skip(d *dotReader) error {
	if d.err == nil {
		_, _ = io.Copy(io.Discard, d)
	}
	if !errors.Is(d.err, io.EOF) {
		return c.fail(d.err)
	}
	return nil
}
