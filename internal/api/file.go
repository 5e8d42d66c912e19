package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

func noFile() error { return say(fault.NotFound, "there is no such attachment here") }

func isSHA256(s string) bool { return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == "" }

// serveAttachment gives out a stranger's file. Only the few picture formats that browsers show without running anything
// are shown, and by their bytes: what the mail says of their type is a stranger's word. All else is saved, as bytes without
// a type. Every answer of ours has nosniff and a sandboxing policy besides.
func (a *API) serveAttachment(c *call, at *issue.Attachment) error {
	f, err := a.o.Store.OpenBlob(c.Request().Context(), at.SHA256)
	if fault.Is(err, fault.NotFound) {
		return say(fault.NotFound, "the attachment is no longer kept").because(err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	media, disposition := "application/octet-stream", "attachment"
	head := make([]byte, 12)
	n, err := io.ReadFull(f, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return fmt.Errorf("read blob: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read blob: %w", err)
	}
	if p := picture(head[:n]); p != "" {
		media, disposition = p, "inline"
	}
	return c.serve(f, at.Size, media, disposition, at.Name, at.SHA256)
}

// picture returns the media type of what begins with head, if it is one that is shown.
func picture(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(head, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	case bytes.HasPrefix(head, []byte("GIF87a")), bytes.HasPrefix(head, []byte("GIF89a")):
		return "image/gif"
	case len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return "image/webp"
	}
	return ""
}

// serve gives out bytes named by a hash, with ranges and 304.
func (c *call) serve(f io.ReadSeeker, size int64, media, disposition, name, tag string) error {
	h := c.Response().Header()
	h.Set("Content-Type", media)
	h.Set("Content-Disposition", contentDisposition(disposition, name))
	h.Set("ETag", `"`+tag+`"`)
	h.Set("Cache-Control", "private, no-cache") // it may be deleted: ask again, 304 is cheap
	h.Set("Vary", "Authorization")
	setDeadlines(c, sized(size))
	w := &answering{ResponseWriter: c.Response()}
	http.ServeContent(w, c.Request(), "", time.Time{}, f)
	switch w.refused {
	case http.StatusRequestedRangeNotSatisfiable:
		return say(fault.Invalid, "there is no such range in it").as(w.refused)
	case http.StatusPreconditionFailed:
		return say(fault.Invalid, "it is not what If-Match names").as(w.refused)
	}
	return nil
}

// answering keeps the text with which http.ServeContent refuses a request from being written: ours is a problem.
type answering struct {
	http.ResponseWriter
	refused int
}

// WriteHeader passes on what is not a refusal.
func (w *answering) WriteHeader(status int) {
	if status >= 400 {
		w.refused = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write passes on the bytes of what is not refused.
func (w *answering) Write(b []byte) (int, error) {
	if w.refused != 0 {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}

// getRaw gives a mail out as it came, below the trace lines that a final delivery puts in front (RFC 5321 section 4.4).
func (a *API) getRaw(c *call) error {
	ctx := c.Request().Context()
	m, err := a.message(ctx, c.param("id"))
	if err != nil {
		return err
	}
	if m.Raw.SHA256 == "" {
		return say(fault.NotFound, "the raw mail is no longer kept")
	}
	f, err := a.o.Store.OpenBlob(ctx, m.Raw.SHA256)
	if fault.Is(err, fault.NotFound) {
		return say(fault.NotFound, "the raw mail is no longer kept").because(err)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	front := traceLines(m, a.o.Hostname)
	whole := &joined{front: []byte(front), back: f, size: int64(len(front)) + m.Raw.Size}
	return c.serve(whole, whole.size, "message/rfc822", "attachment", m.ID+".eml", m.Raw.SHA256+"-"+m.ID)
}

// joined reads back after front, as one.
type joined struct {
	front []byte
	back  io.ReadSeeker
	size  int64
	at    int64
}

func (j *joined) Read(b []byte) (int, error) {
	if j.at < int64(len(j.front)) {
		n := copy(b, j.front[j.at:])
		j.at += int64(n)
		if j.at == int64(len(j.front)) {
			if _, err := j.back.Seek(0, io.SeekStart); err != nil {
				return n, err
			}
		}
		return n, nil
	}
	n, err := j.back.Read(b)
	j.at += int64(n)
	return n, err
}

func (j *joined) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += j.at
	case io.SeekEnd:
		offset += j.size
	}
	if offset < 0 {
		return j.at, fmt.Errorf("seek to %d", offset)
	}
	j.at = offset
	if _, err := j.back.Seek(max(0, offset-int64(len(j.front))), io.SeekStart); err != nil {
		return 0, err
	}
	return offset, nil
}
