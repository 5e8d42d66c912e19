package webhook

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"postern/internal/fault"
)

const (
	brevoHost    = "api.brevo.com"
	brevoPath    = "/v3/inbound/attachments/" // developers.brevo.com/reference/get-inbound-email-attachment
	brevoTimeout = 100 * time.Second          // for all files of a mail; what Brevo no longer waits for is taken all the same
	brevoToken   = 4 << 10
)

// fetchBrevo fetches a file. The key goes to Brevo's API and nowhere else, and of the payload only the token is used, as one segment of
// the path. What will never be had is marked as missing, so that the mail itself is not lost with it.
func fetchBrevo(ctx context.Context, t *Tools, h *Hook, token string, room int64, f *filePart) error {
	if h.APIKey == "" {
		return fault.Errorf(fault.Unavailable, "the mail has files: the hook needs api-key-file to fetch them from Brevo")
	}
	if token == "." || token == ".." || len(token) > brevoToken {
		f.Missing = "Brevo gave nothing to fetch it by"
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+brevoHost, nil)
	if err != nil {
		return err
	}
	req.URL = &url.URL{Scheme: "https", Host: brevoHost, Path: brevoPath + token, RawPath: brevoPath + url.PathEscape(token)}
	req.Header.Set("api-key", h.APIKey)
	res, err := t.Client.Limit(max(room, 0)).Do(req, brevoHost)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "fetch a file of the mail: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusBadRequest, http.StatusNotFound, http.StatusGone:
		f.Missing = fmt.Sprintf("Brevo does not have it any more (%s)", res.Status)
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Errorf(fault.Unavailable, "fetch a file of the mail: Brevo answers %s: is the key in api-key-file one of this account, and allowed from here?", res.Status)
	default:
		return fault.Errorf(fault.Unavailable, "fetch a file of the mail: Brevo answers %s", res.Status)
	}
	w := t.Spool.Create()
	defer w.Abort()
	switch _, err := io.Copy(w, res.Body); {
	case fault.Is(err, fault.TooLarge):
		f.Missing = fmt.Sprintf("the mail with it has more than the %d bytes that are allowed", t.Limits.Mail)
		return nil
	case err != nil:
		return fault.Errorf(fault.Unavailable, "fetch a file of the mail: %w", err)
	}
	// The answer says the same type as the mail, and the character set with it.
	said := res.Header.Get("Content-Type")
	if kind, _, err := mime.ParseMediaType(said); err == nil && (f.Type == "" || strings.EqualFold(kind, strings.TrimSpace(f.Type))) {
		f.Type = said
	}
	f.Body, err = w.Body()
	return err
}
