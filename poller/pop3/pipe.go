package pop3

import (
	"errors"
	"io"
	"time"
)

// How much is asked for before the first answer was read, where the server allows that at all (RFC 2449 section 6.6). What was asked for must
// also be read, when somebody wants to stop.
const (
	pipeDepth = 64
	pipeBytes = 1 << 20
)

// Of an answer whose size is known, so much more may come: some servers only guess sizes.
const (
	spareBytes = 16 << 20
	anySize    = 1 << 30  // of one whose size is not known
	slowest    = 16 << 10 // bytes a second, on the whole
)

// A call is a command about a mail.
type call struct {
	command string
	size    int64 // about how many bytes the answer has; -1: unknown
}

// pipeline sends calls, several ahead where the server allows it, and hands each answer to each: what follows its first line as a reader,
// which is nil where the answer is but one line, or the refusal. What each leaves unread is skipped. An error of each ends it, with
// answers still to come: see drain.
func (s *session) pipeline(calls []call, long bool, each func(i int, r io.Reader, no *refusal) error) error {
	depth := 1
	if s.caps.has("PIPELINING") {
		depth = pipeDepth
	}
	if err := s.drain(); err != nil {
		return err
	}
	defer s.Rest()
	s.long = long
	var ahead int64 // bytes that were asked for and not read
	sent := 0
	for i, c := range calls {
		if s.owed <= depth/2 {
			var b []byte
			for sent < len(calls) && s.owed < depth && (s.owed == 0 || ahead+max(calls[sent].size, 0) <= pipeBytes) {
				b = append(append(b, calls[sent].command...), "\r\n"...)
				ahead += max(calls[sent].size, 0)
				s.owed++
				sent++
			}
			if len(b) > 0 {
				s.Expect(64<<10, s.patience)
				if err := s.send(b); err != nil {
					return err
				}
			}
		}
		if err := s.answer(c, func(r io.Reader, no *refusal) error { return each(i, r, no) }); err != nil {
			return err
		}
		ahead -= max(c.size, 0)
	}
	return nil
}

// answer reads one answer that is owed.
func (s *session) answer(c call, each func(io.Reader, *refusal) error) error {
	size := c.size
	if size < 0 {
		size = s.maxSize
	}
	size = min(size, anySize)
	if size <= 0 && c.size < 0 {
		size = anySize
	}
	s.Expect(4*size+spareBytes, 3*s.patience+time.Duration(size/slowest)*time.Second)
	_, err := s.reply(c.command)
	var no *refusal
	switch {
	case errors.As(err, &no):
		s.owed--
		return each(nil, no)
	case err != nil:
		return err
	case !s.long:
		s.owed--
		return each(nil, nil)
	}
	d := &dotReader{r: s.r}
	result := each(d, nil)
	if err := s.skip(d); err != nil {
		return err
	}
	s.owed--
	return result
}

// drain reads what a pipeline that ended early has left to come.
func (s *session) drain() error {
	for s.owed > 0 && s.err == nil {
		if err := s.answer(call{"what was asked before", -1}, func(io.Reader, *refusal) error { return nil }); err != nil {
			return err
		}
	}
	return s.err
}
