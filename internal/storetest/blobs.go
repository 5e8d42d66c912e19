package storetest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"

	"postern/internal/fault"
	"postern/internal/issue"
	"postern/internal/spool"
)

// body makes a body as a receiver does: a large one is a file.
func (w *world) body(b []byte) *spool.Body {
	w.Helper()
	dir, err := spool.Open(w.TempDir())
	w.must(err, "open spool")
	writer := dir.Create()
	_, err = writer.Write(b)
	w.must(err, "write body")
	body, err := writer.Body()
	w.must(err, "finish body")
	return body
}

func blobs(w *world) {
	for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 64<<10 + 1, 256 << 10, 256<<10 + 1, 1 << 20, 5 << 20} {
		want := fill(size)
		body := w.body(want)
		c := w.mail()
		c.Message.Raw, c.Bodies = issue.Blob{SHA256: body.SHA256(), Size: body.Size()}, []*spool.Body{body}
		w.commit(c)
		w.must(body.Close(), "close body") // as the receiver does after its answer
		if path := body.Path(); path != "" {
			if _, err := os.Stat(path); err == nil {
				w.Errorf("%d bytes: the spool's file is still there after closing", size)
			}
		}
		if got := w.blob(body.SHA256()); !bytes.Equal(got, want) {
			w.Errorf("%d bytes: got %d other bytes", size, len(got))
		}
		r, err := w.s.OpenBlob(background(), body.SHA256())
		w.must(err, "open blob")
		if end, err := r.Seek(0, io.SeekEnd); err != nil || end != int64(size) {
			w.Errorf("%d bytes: seek to the end: got %d, %v", size, end, err)
		}
		if size > 10 {
			tail := make([]byte, 10)
			_, err = r.Seek(-10, io.SeekEnd)
			w.must(err, "seek")
			_, err = io.ReadFull(r, tail)
			w.must(err, "read the tail")
			if !bytes.Equal(tail, want[size-10:]) {
				w.Errorf("%d bytes: got tail %q, want %q", size, tail, want[size-10:])
			}
		}
		w.must(r.Close(), "close blob")
	}
	w.restart()
	for _, size := range []int{0, 1, 64 << 10, 1 << 20} {
		want := fill(size)
		if got := w.blob(spool.Bytes(want).SHA256()); !bytes.Equal(got, want) {
			w.Errorf("%d bytes after opening again: got %d other bytes", size, len(got))
		}
	}
}

func sharedRaw(w *world) {
	for _, size := range []int{4 << 10, 300 << 10} {
		want := fill(size)
		body := w.body(want)
		commits := make([]*issue.Commit, 6)
		for i := range commits {
			c := w.mail()
			c.Message.Mailbox = fmt.Sprint("box", i)
			c.Message.Raw, c.Bodies = issue.Blob{SHA256: body.SHA256(), Size: body.Size()}, []*spool.Body{body}
			commits[i] = c
		}
		together(len(commits), func(i int) {
			if _, err := w.s.Commit(background(), commits[i]); err != nil {
				w.Errorf("%d bytes, mailbox %d: %v", size, i, err)
			}
		})
		w.must(body.Close(), "close body")
		if got := w.blob(body.SHA256()); !bytes.Equal(got, want) {
			w.Errorf("%d bytes: got %d other bytes", size, len(got))
		}
	}
}

func attachments(w *world) {
	file := fill(100 << 10)
	body := w.body(file)
	c := w.mail()
	want := issue.Attachment{
		Blob: issue.Blob{SHA256: body.SHA256(), Size: body.Size()}, Name: "Größe.pdf", Type: "application/pdf", Inline: true, ContentID: "<c@d>",
	}
	c.Message.Attachments = []issue.Attachment{want}
	text := w.body(fill(70 << 10))
	c.Message.TextBlob = issue.Blob{SHA256: text.SHA256(), Size: text.Size()}
	html := w.body([]byte("<p>x"))
	c.Message.HTMLBlob = issue.Blob{SHA256: html.SHA256(), Size: html.Size()}
	c.Bodies = append(c.Bodies, body, text, html)
	done := w.commit(c)
	m, a, err := w.s.FindAttachment(background(), body.SHA256())
	w.must(err, "find attachment")
	if m.ID != done.Message {
		w.Errorf("attachment: got message %s, want %s", m.ID, done.Message)
	}
	w.same(*a, want, "attachment")
	_, _, err = w.s.FindAttachment(background(), c.Message.Raw.SHA256)
	w.kind(err, fault.NotFound, "a raw is no attachment")
	for _, b := range c.Bodies {
		if got := len(w.blob(b.SHA256())); int64(got) != b.Size() {
			w.Errorf("blob: got %d bytes, want %d", got, b.Size())
		}
	}
}

// sweepRace commits mails that name a blob while a sweep is taking it.
func sweepRace(w *world) {
	for _, size := range []int{1 << 10, 300 << 10} {
		want := append(fill(size), "race"...)
		first := w.bare("rejected")
		body := w.body(want)
		first.Message.Raw, first.Bodies = issue.Blob{SHA256: body.SHA256(), Size: body.Size()}, []*spool.Body{body}
		w.commit(first)
		w.must(body.Close(), "close body")
		for range 8 {
			w.tick(48 * 3600e9)
			if _, err := w.s.Retain(background(), issue.Retention{Raw: w.now()}); err != nil {
				w.Fatalf("retain: %v", err)
			}
			w.tick(48 * 3600e9)
			again := w.bare("rejected")
			body := w.body(want)
			again.Message.Raw, again.Bodies = first.Message.Raw, []*spool.Body{body}
			var wg sync.WaitGroup
			wg.Go(func() {
				if _, err := w.s.Sweep(background(), 0); err != nil {
					w.Errorf("sweep: %v", err)
				}
			})
			w.commit(again)
			wg.Wait()
			w.must(body.Close(), "close body")
			if got := w.blob(body.SHA256()); !bytes.Equal(got, want) {
				w.Fatalf("got %d bytes of a blob that a message names, want %d", len(got), len(want))
			}
		}
	}
}
