package webhook

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"postern/internal/fault"
	"postern/internal/spool"
	"postern/internal/webclient"
)

const (
	resendAPI = "api.resend.com"
	// resendPage is how much of an answer with a mail's texts is read: pictures in them are left as they were referred to.
	resendPage = 32 << 20
)

// resendFiles are where the links lead that the API gives out. They are signed, so our key goes with none of them. The examples of the
// API's reference have inbound-cdn.resend.com and example.resend.com, and Resend's other domain is resend.app.
var resendFiles = []string{"*.resend.com", "*.resend.app"}

// A resendFetch fetches one mail.
type resendFetch struct {
	ctx context.Context
	t   *Tools
	key string
	m   *Mail
}

// mail fetches the mail: GET /emails/receiving/ID, and what its raw.download_url leads to.
func (f *resendFetch) mail() error {
	if f.key == "" {
		return fault.Errorf(fault.Unavailable, "Resend sends no mail but only its id: put an API key into api-key-file")
	}
	page, err := f.api("/emails/receiving/" + f.m.ID + "?html_format=cid")
	if fault.Is(err, fault.NotFound) {
		return fault.As(fault.Unavailable, err) // not yet, or the key is another team's
	}
	if err != nil {
		return err
	}
	defer func() { _ = page.Close() }()
	v, err := readJSON(f.t, page)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "the answer of %s: %w", resendAPI, err)
	}
	if from, err := v.Get("headers").MayText("return-path"); err == nil && from != "" {
		f.m.From, f.m.FromKnown = unbracketed(from), true
	}
	link, err := v.Get("raw").MayText("download_url")
	if err == nil && link != "" {
		f.m.Raw, err = f.get(link, f.t.Limits.Mail, "", resendFiles...)
		if fault.Is(err, fault.NotFound) {
			err = fault.As(fault.Unavailable, err)
		}
		return err
	}
	f.m.Raw, err = f.rebuild(v)
	f.m.Rebuilt = true
	return err
}

// rebuild makes a mail of what the API tells of it.
func (f *resendFetch) rebuild(v *value) (*spool.Body, error) {
	p := &parts{Provider: "resend"}
	defer p.Close()
	headers := v.Get("headers")
	have := map[string]bool{}
	for _, name := range headers.Keys() {
		values := []*value{headers.Get(name)}
		if list := values[0].List(); list != nil {
			values = list
		}
		for _, g := range values {
			s, err := g.string()
			if err != nil {
				return nil, fault.Errorf(fault.Unavailable, "the answer of %s: %w", resendAPI, err)
			}
			p.Header = append(p.Header, headerField{name, s})
		}
		have[strings.ToLower(name)] = true
	}
	for _, k := range []headerField{{"From", "from"}, {"To", "to"}, {"Cc", "cc"}, {"Reply-To", "reply_to"}, {"Subject", "subject"}, {"Message-ID", "message_id"}} {
		g := v.Get(k.Value)
		s, ok := g.Text()
		if list, err := textsOf(v, k.Value); !ok && err == nil {
			s = strings.Join(list, ", ")
		}
		if s != "" && !have[strings.ToLower(k.Name)] {
			p.Header = append(p.Header, headerField{k.Name, s})
		}
	}
	for key, part := range map[string]**textPart{"text": &p.Text, "html": &p.HTML} {
		if g := v.Get(key); g.Kind() == kinds[text] {
			b, err := g.Spool(f.t)
			if err != nil {
				return nil, err
			}
			*part = &textPart{"utf-8", b}
		}
	}
	files, err := v.MayList("attachments")
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "the answer of %s: %w", resendAPI, err)
	}
	for _, g := range files {
		part := filePart{}
		part.Name, _ = g.Get("filename").Text()
		part.Type, _ = g.Get("content_type").Text()
		part.ContentID, _ = g.Get("content_id").Text()
		part.Disposition, _ = g.Get("content_disposition").Text()
		part.Inline = part.Disposition == "inline"
		id, _ := g.Get("id").Text()
		if part.Body, err = f.file(id); fault.Is(err, fault.NotFound) {
			part.Missing = "it is not there any more"
		} else if err != nil {
			return nil, err
		}
		p.Files = append(p.Files, part)
	}
	return rebuild(f.t, p)
}

// file fetches an attachment: GET /emails/receiving/ID/attachments/ID, and what its download_url leads to.
func (f *resendFetch) file(id string) (*spool.Body, error) {
	if !resendID.MatchString(id) {
		return nil, fault.Errorf(fault.Unavailable, "the answer of %s: an attachment's id %.40q", resendAPI, id)
	}
	page, err := f.api("/emails/receiving/" + f.m.ID + "/attachments/" + id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = page.Close() }()
	v, err := readJSON(f.t, page)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "the answer of %s: %w", resendAPI, err)
	}
	link, err := v.NeedText("download_url")
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "the answer of %s: %w", resendAPI, err)
	}
	return f.get(link, f.t.Limits.Mail, "", resendFiles...)
}

// api asks the API.
func (f *resendFetch) api(path string) (*spool.Body, error) {
	return f.get("https://"+resendAPI+path, resendPage, f.key, resendAPI)
}

// get fetches what a URL leads to if it leads to one of the hosts, with a key where there is one.
func (f *resendFetch) get(url string, limit int64, key string, hosts ...string) (*spool.Body, error) {
	req, err := http.NewRequestWithContext(f.ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "Resend gave a link that is none")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Accept", "application/json")
	}
	res, err := f.t.Client.Limit(limit).Do(req, hosts...)
	if errors.Is(err, webclient.ErrHost) {
		return nil, fault.Errorf(fault.Unavailable, "Resend gave a link that leads elsewhere than to %s: %w", strings.Join(hosts, " or "), err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, fault.Errorf(fault.Unavailable, "%s answered %d: the API key in api-key-file is wrong, or may only send (it needs full access)", req.URL.Host, res.StatusCode)
	case http.StatusNotFound:
		return nil, fault.Errorf(fault.NotFound, "%s answered 404", req.URL.Host)
	default:
		return nil, fault.Errorf(fault.Unavailable, "%s answered %d", req.URL.Host, res.StatusCode)
	}
	w := f.t.Spool.Create()
	defer w.Abort()
	if _, err := io.Copy(w, res.Body); fault.Is(err, fault.TooLarge) {
		return nil, err
	} else if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "%s broke off: %w", req.URL.Host, err)
	}
	return w.Body()
}
