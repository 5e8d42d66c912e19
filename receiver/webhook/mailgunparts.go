package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"postern/internal/fault"
	"postern/internal/spool"
)

// mailgunHosts are where stored messages are, and all that the API key is sent to: the API of both regions (documentation.mailgun.com,
// API overview: base URL), the storage hosts that mailgun.js and Sinch's SDKs name (storage-us-east4, storage-us-west1 and
// storage-europe-west1.api.mailgun.net) and their older names (se, so, sw.api.mailgun.net, storage.eu.mailgun.net) in recorded notifications.
var mailgunHosts = []string{"api.mailgun.net", "api.eu.mailgun.net", "*.api.mailgun.net", "storage.mailgun.net", "storage.eu.mailgun.net"}

var storedMessage = regexp.MustCompile(`^/v3/domains/[^/]+/messages/[^/]+$`)

// fetchMailgun gets the raw message behind a notification's message-url, which nothing signs. Nil means that Mailgun does not find it.
func fetchMailgun(ctx context.Context, t *Tools, h *Hook, at string) (*spool.Body, error) {
	u, err := url.Parse(at)
	if err != nil || !storedMessage.MatchString(u.Path) || strings.Contains(u.Path, "/../") || strings.HasSuffix(u.Path, "/..") {
		return nil, fault.Errorf(fault.Invalid, "field message-url %q: want https://…/v3/domains/DOMAIN/messages/KEY", short(at))
	}
	if err := t.Client.Check(u, mailgunHosts...); err != nil {
		return nil, fault.Errorf(fault.Invalid, "field message-url: %w; it must be at Mailgun", err)
	}
	raw, err := getMailgun(ctx, t, h, u)
	if api := mailgunAPI[h.Region]; raw == nil && api != "" && api != u.Host && !fault.Is(err, fault.TooLarge) {
		again := *u // storage hosts of the EU were seen to know nothing of what the region's API has
		again.Host = api
		return getMailgun(ctx, t, h, &again)
	}
	return raw, err
}

// mailgunAPI are the regions' APIs.
var mailgunAPI = map[string]string{"us": "api.mailgun.net", "eu": "api.eu.mailgun.net"}

func getMailgun(ctx context.Context, t *Tools, h *Hook, u *url.URL) (*spool.Body, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	req.SetBasicAuth("api", h.APIKey)
	req.Header.Set("Accept", "message/rfc2822") // JSON with the message in body-mime: view-stored-messages
	res, err := t.Client.Limit(2*t.Limits.Mail+1<<20).Do(req, mailgunHosts...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fault.Errorf(fault.Unavailable, "%s answers %d for a stored message: api-key-file must have a key of this account and region", u.Host, res.StatusCode)
	default:
		return nil, fault.Errorf(fault.Unavailable, "%s answers %d for a stored message", u.Host, res.StatusCode)
	}
	answer, err := spoolReader(t, res.Body)
	if err != nil {
		return nil, err
	}
	if kind := res.Header.Get("Content-Type"); strings.HasPrefix(strings.ToLower(kind), "message/") && answer.Size() > t.Limits.Mail {
		_ = answer.Close()
		return nil, fault.Errorf(fault.TooLarge, "the stored message has %d bytes, of %d that are allowed", answer.Size(), t.Limits.Mail)
	} else if strings.HasPrefix(strings.ToLower(kind), "message/") {
		return answer, nil
	}
	defer func() { _ = answer.Close() }()
	v, err := readJSON(t, answer)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "%s, its answer for a stored message: %w", u.Host, err)
	}
	raw, err := v.Get("body-mime").Spool(t)
	if fault.Is(err, fault.Invalid) {
		return nil, fault.Errorf(fault.Unavailable, "%s, its answer for a stored message: %w", u.Host, err)
	}
	return raw, err
}

func spoolReader(t *Tools, r io.Reader) (*spool.Body, error) {
	w := t.Spool.Create()
	defer w.Abort()
	if _, err := io.Copy(w, r); err != nil {
		if fault.Is(err, fault.TooLarge) {
			return nil, err
		}
		return nil, fault.As(fault.Unavailable, err)
	}
	return w.Body()
}

// mailgunParts collects what Mailgun took apart. It says that all of it is UTF-8.
func mailgunParts(t *Tools, h *Hook, f *form) (*parts, error) {
	p := &parts{Provider: "mailgun"}
	var err error
	if p.Header, err = mailgunHeader(t, f); err != nil {
		return nil, err
	}
	ids, err := f.pairs("content-id-map") // keys come empty and doubled at times: anymail's test_unusual_content_id_map
	if err != nil {
		return nil, err
	}
	idOf := map[string]string{}
	for _, id := range ids {
		idOf[id.Value] = id.Key
	}
	if text := f.Field("body-plain"); text != nil {
		p.Text = &textPart{"utf-8", text.Body}
	}
	page := f.Field("body-html")
	var html *spool.Body
	if page != nil {
		html = page.Body
		p.HTML = &textPart{"utf-8", html}
	}
	shown := cited(html)
	for _, fl := range f.Fields {
		other, isText := strings.CutPrefix(fl.Name, "body-")
		switch {
		case fl.File != "" || strings.HasPrefix(fl.Name, "attachment-") && fl.Name != "attachment-count":
			id := idOf[fl.Name]
			p.Files = append(p.Files, filePart{Name: fl.File, Type: fl.Type, ContentID: id, Inline: shown[plainID(id)], Body: fl.Body})
		case isText && fl != page && other != "plain" && isToken(other): // more pages, body-calendar and the like
			p.Files = append(p.Files, filePart{Type: "text/" + other + "; charset=utf-8", Body: fl.Body})
		}
	}
	stored, err := mailgunStored(t, h, f, idOf)
	p.Files = append(p.Files, stored...)
	return p, err
}

// mailgunHeader reads message-headers, a list of names and values in their order, or what there is of them as fields.
func mailgunHeader(t *Tools, f *form) ([]headerField, error) {
	var header []headerField
	switch all := f.All("message-headers"); {
	case len(all) > 1: // Mailgun's, and one of the sender's, who wants to be somebody else
		return nil, fault.Errorf(fault.Invalid, "the form has %d fields message-headers", len(all))
	case len(all) == 1:
		m := all[0]
		v, err := readJSON(t, m.Body)
		if err != nil {
			return nil, fmt.Errorf("field message-headers: %w", err)
		}
		if err := v.want(list); err != nil {
			return nil, fmt.Errorf("field message-headers: %w", err)
		}
		for _, item := range v.List() {
			two := item.List()
			if len(two) != 2 {
				return nil, fault.Errorf(fault.Invalid, "field message-headers: at %s: want a name and a value", item.path())
			}
			name, err := two[0].string()
			if err != nil {
				return nil, fmt.Errorf("field message-headers: %w", err)
			}
			value, err := two[1].string()
			if err != nil {
				return nil, fmt.Errorf("field message-headers: %w", err)
			}
			header = append(header, headerField{name, value})
		}
		return header, nil
	}
	for _, name := range []string{"From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-Id", "In-Reply-To", "References"} {
		value, ok := f.Get(name)
		if !ok {
			value, ok = f.Get(strings.ToLower(name))
		}
		if ok {
			header = append(header, headerField{name, value})
		}
	}
	if event, _ := f.Get("event"); event != "" && len(header) == 0 {
		return nil, fault.Errorf(fault.Invalid, "this tells of the event %q: the hook is for a route's forward() or store()", short(event))
	}
	if len(header) == 0 {
		return nil, fault.Errorf(fault.Invalid, "the form has none of body-mime, message-url, message-headers and from: is it a route of Mailgun's that calls?")
	}
	return header, nil
}

// mailgunStored reads the list of a stored mail's files, whose bytes are not in the notification.
func mailgunStored(t *Tools, h *Hook, f *form, idOf map[string]string) ([]filePart, error) {
	a := f.Field("attachments")
	if a == nil || a.Body.Size() == 0 {
		return nil, nil
	}
	v, err := readJSON(t, a.Body)
	if err != nil {
		return nil, fmt.Errorf("field attachments: %w", err)
	}
	if err := v.want(list); err != nil {
		return nil, fmt.Errorf("field attachments: %w", err)
	}
	why := "the stored message was gone when it was asked for (Mailgun keeps it for three days)"
	if h.APIKey == "" {
		why = "the hook has no api-key to get the stored message with (Mailgun keeps it for three days)"
	}
	var files []filePart
	for _, item := range v.List() {
		file := filePart{Missing: why}
		var at string
		if err := item.texts([]string{"name", "content-type", "url"}, &file.Name, &file.Type, &at); err != nil {
			return nil, fmt.Errorf("field attachments: %w", err)
		}
		file.ContentID = idOf[at]
		files = append(files, file)
	}
	return files, nil
}
