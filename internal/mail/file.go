package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"time"
)

// beginning is how many bytes of a file tell what it holds. The first that are written are as many, or all.
const beginning = 4 << 10

// A file is an attachment that is being written.
type file struct {
	*Attachment
	hash  hash.Hash
	w     io.Writer
	done  func(*Attachment) (any, error)
	begun bool

	charset  string // parameters of its type
	method   string
	unnamed  bool // its name comes after its bytes
	embedded bool // it is a message in a TNEF

	inside *pushed // reads what the file holds, nil when that means nothing to us
	place  int     // among the attachments: what comes out of a file stands behind it
}

// openFile begins an attachment. It returns nil when the caller cannot take it.
func (p *parser) openFile(a *Attachment) *file {
	f := &file{Attachment: a, hash: sha256.New()}
	if p.opts.Attachment != nil {
		var err error
		if f.w, f.done, err = p.opts.Attachment(a); err != nil {
			p.fail(err)
			return nil
		}
	}
	f.place = len(p.msg.Attachments)
	p.msg.Attachments = append(p.msg.Attachments, Attachment{})
	return f
}

// writeFile gives bytes of an attachment to its hash, its writer, and to who reads it for what it holds.
func (p *parser) writeFile(f *file, b []byte) {
	if len(b) == 0 || p.err != nil {
		return
	}
	f.Size += int64(len(b))
	_, _ = f.hash.Write(b)
	if f.w != nil {
		began := time.Now()
		_, err := f.w.Write(b)
		p.waited(began)
		if err != nil {
			p.fail(err)
			return
		}
	}
	if !f.begun {
		f.begun = true
		f.inside = p.lookInside(f, b[:min(len(b), beginning)])
	}
	if f.inside != nil {
		f.inside.write(b)
	}
}

func (p *parser) closeFile(f *file) {
	if p.err != nil {
		return
	}
	if f.inside != nil {
		f.inside.end()
	}
	f.SHA256 = hex.EncodeToString(f.hash.Sum(nil))
	if f.done != nil && p.err == nil {
		began := time.Now()
		ref, err := f.done(f.Attachment)
		p.waited(began)
		if err != nil {
			p.fail(err)
			return
		}
		f.Ref = ref
	}
	p.msg.Attachments[f.place] = *f.Attachment
}

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// waited says that the time since began was a writer's.
func (p *parser) waited(began time.Time) {
	for ; p != nil; p = p.around {
		p.lines.waited(began)
	}
}
