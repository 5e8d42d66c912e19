package webhook

import (
	"bufio"
	"io"
	"net/http"

	"postern/internal/fault"
)

// ReadCapture reads a request as it was recorded: request line, header, blank line, body. The body is all that follows, whatever a
// Content-Length says, so that a request can be written by hand.
func ReadCapture(r io.Reader) (*http.Request, error) {
	in := bufio.NewReader(r)
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "it is no recorded request: %w", err)
	}
	req.Body, req.ContentLength, req.TransferEncoding = io.NopCloser(in), -1, nil
	return req, nil
}
