package smtp

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// command looks at a line before go-smtp does. It returns what go-smtp shall read, nothing where the answer was ours.
func (w *wire) command(line []byte) ([]byte, error) {
	text := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	if short := bytes.TrimRight(text, " \t"); len(short) < len(text) { // go-smtp calls such a line mangled
		text, line = short, append(short[:len(short):len(short)], "\r\n"...)
	}
	verb, args, _ := bytes.Cut(text, []byte(" "))
	name := strings.ToUpper(string(verb))
	w.offers = false
	if w.debug {
		w.log().Debug("command", "line", shown(name, text))
	}
	if almostBDAT(name, text) {
		w.noChunk()
		return nil, nil
	}
	if hasControl(text) {
		w.wrong("500 5.5.2 control characters in a command")
		return nil, nil
	}
	if name != "RCPT" && name != "BDAT" { // those are counted when they bring nothing
		w.commands++
	}
	if !w.ours && over(w.commands, w.live.limits.Commands) {
		w.refused(WhyErrors)
		w.end("too many commands without a message")
		w.say("421 4.7.0 too many commands without a message")
		return nil, nil
	}
	switch name {
	case "EHLO", "LHLO", "HELO":
		return w.hello(line, name, args), nil
	case "STARTTLS":
		return nil, w.startTLS(args)
	case "NOOP", "RSET", "VRFY":
		return line, nil
	case "QUIT":
		w.why = "the peer quit"
		return line, nil
	case "MAIL", "RCPT", "DATA", "BDAT", "AUTH":
		if !w.greeted {
			if name == "BDAT" { // its chunk follows even when it is refused
				return w.bdat(args)
			}
			w.wrong("503 5.5.1 say hello first")
			return nil, nil
		}
	}
	switch tx := w.session.tx; {
	case name == "BDAT":
		return w.bdat(args)
	case name == "AUTH" && tx != nil: // RFC 4954 section 4
		w.wrong("503 5.5.1 not within a mail transaction")
	case name == "MAIL" && tx != nil: // go-smtp would keep the recipients of the first
		w.wrong("503 5.5.1 one message at a time")
	case name == "RCPT" && w.chunks != nil, name == "DATA" && w.chunks != nil:
		w.wrong("503 5.5.1 not between chunks")
	case name == "RCPT" && tx == nil: // no mistake, nor is the next: they may have been pipelined (RFC 2920 section 3.1)
		w.commands++
		w.say("503 5.5.1 MAIL first")
	case name == "DATA" && (tx == nil || len(w.session.rcpts) == 0):
		w.say("503 5.5.1 no valid recipients")
	case name == "MAIL":
		return clampSize(withoutDSN(line)), nil
	case name == "RCPT":
		return w.postmaster(withoutDSN(line)), nil
	case name == "DATA":
		return line, nil
	case name == "AUTH":
		return w.base64(line), nil
	case name == "HELP", name == "EXPN", name == "ETRN", name == "TURN", name == "SEND", name == "SOML", name == "SAML":
		w.wrong("502 5.5.1 not implemented")
	case stray(name):
		w.wrong("500 5.5.2 that is no SMTP; closing")
		w.end("something else than SMTP")
	default:
		w.wrong("500 5.5.2 command not recognised")
	}
	return nil, nil
}

// shown is what a log may hold of a line. What is no command may be a password that was sent at the wrong moment.
func shown(name string, text []byte) string {
	switch name {
	case "EHLO", "LHLO", "HELO", "STARTTLS", "NOOP", "RSET", "VRFY", "QUIT", "MAIL", "RCPT", "DATA", "BDAT":
		return sentence(string(text), true)
	case "AUTH":
		return "AUTH …"
	default:
		return fmt.Sprintf("%d octets", len(text))
	}
}

// stray finds lines that are somebody else's text: a header of a mail whose DATA was refused, or the HTTP request of a
// browser that was lured to this port and would say MAIL and RCPT in its body.
func stray(name string) bool {
	switch name {
	case "GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "CONNECT", "TRACE", "PRI":
		return true
	}
	return strings.HasSuffix(name, ":")
}

// almostBDAT finds a BDAT that is not written as RFC 3030 says. Others may read it as one, so a chunk may follow.
func almostBDAT(name string, text []byte) bool {
	if name == "BDAT" {
		return hasControl(text)
	}
	text = bytes.TrimLeft(text, " \t")
	return len(text) >= 4 && bytes.EqualFold(text[:4], []byte("BDAT"))
}

// base64 is a line whose argument go-smtp decodes; for what it cannot it says "try again later" instead of RFC 4954's 501.
func (w *wire) base64(line []byte) []byte {
	w.expectReply("454 4.7.0 Invalid base64", []byte("501 5.5.2 that is no base64\r\n"))
	return line
}

// wrong answers a command that nobody should send.
func (w *wire) wrong(line string) {
	w.say(line)
	w.mistake()
}

func (w *wire) hello(line []byte, name string, args []byte) []byte {
	host := firstField(args)
	if len(host) > 255 {
		w.wrong("501 5.5.4 that is no host name")
		return nil
	}
	if host != "" && (name == "LHLO") == w.lis.LMTP {
		w.greeted, w.offers = true, name != "HELO"
		w.session.helo, w.session.extended = host, name != "HELO"
	}
	return line
}

// startTLS is not left to go-smtp, which goes on in clear text, and runs what was sent behind the command, when the
// handshake fails. RFC 3207 section 4.2: all that was learnt before is forgotten, so the client must say hello again.
func (w *wire) startTLS(args []byte) error {
	switch {
	case len(args) > 0:
		w.wrong("501 5.5.4 STARTTLS takes no arguments")
		return nil
	case w.tls:
		w.wrong("503 5.5.1 TLS is on already")
		return nil
	case w.srv.o.TLS == nil:
		w.wrong("502 5.5.1 not implemented")
		return nil
	case w.r < w.w:
		w.refused(WhyTLS)
		w.why = "clear text behind STARTTLS"
		w.log().Warn("clear text behind STARTTLS: the connection is closed")
		w.bye("421 4.7.0 nothing may be sent behind STARTTLS before the handshake")
		return nil
	}
	w.session.drop("STARTTLS")
	w.say("220 2.0.0 ready")
	if err := w.flush(); err != nil {
		return err
	}
	return w.handshake()
}

// smallChunk is what a chunk must have to count as progress.
const smallChunk = 1 << 10

// bdat collects a chunk (RFC 3030). go-smtp would run Data beside the commands between two chunks, and takes a chunk for
// commands when it cannot read its size; it sees a DATA when the last chunk is here.
func (w *wire) bdat(args []byte) ([]byte, error) {
	f := strings.Fields(string(args))
	size, err := int64(0), error(nil)
	last := len(f) == 2
	if len(f) > 0 {
		size, err = strconv.ParseInt(f[0], 10, 64)
	}
	if len(f) == 0 || len(f) > 2 || err != nil || f[0][0] < '0' || f[0][0] > '9' || last && !strings.EqualFold(f[1], "LAST") {
		w.noChunk()
		return nil, nil
	}
	if size > math.MaxInt32 || size > 2*w.srv.o.MaxMessageBytes+drainFloor {
		w.refused(WhySize)
		w.end("a chunk too large")
		w.say("552 5.3.4 too large; closing")
		return nil, nil
	}
	if size < smallChunk {
		w.commands++
	}
	allowed := w.greeted && w.session.tx != nil && len(w.session.rcpts) > 0
	if allowed && w.chunks == nil {
		w.chunks = w.collect()
	}
	if err := w.readChunk(size, w.chunks); err != nil {
		return nil, err
	}
	switch c := w.chunks; {
	case !allowed:
		w.say("503 5.5.1 no valid recipients")
		return nil, nil
	case last: // LMTP answers each recipient, also where the message is refused
		w.expectReply("354", nil)
		return []byte("DATA\r\n"), nil
	case c.problem != nil:
		w.session.why = c.problem.why
		w.expectReply("250", replyLine(c.problem.answer))
		return []byte("RSET\r\n"), nil
	default:
		w.say(fmt.Sprintf("250 2.0.0 %d octets received", size))
		return nil, nil
	}
}

// noChunk ends a connection on which nobody knows how many bytes follow: they must not be read as commands.
func (w *wire) noChunk() {
	w.wrong("501 5.5.4 BDAT SIZE [LAST] was expected; closing")
	w.end("a chunk without a size")
}

// hasControl reports bytes that no command has: a NUL or a CR in an address is somebody's attempt.
func hasControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

func firstField(b []byte) string {
	for f := range bytes.FieldsSeq(b) {
		return string(f)
	}
	return ""
}
