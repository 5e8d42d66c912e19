package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"postern/internal/fault"
)

// answer is what a provider says to a request: RFC 6749 sections 5.1 and 5.2, RFC 8628 section 3.2.
type answer struct {
	AccessToken  string  `json:"access_token"`
	TokenType    string  `json:"token_type"`
	ExpiresIn    seconds `json:"expires_in"`
	RefreshToken string  `json:"refresh_token"`
	Scope        string  `json:"scope"`
	IDToken      string  `json:"id_token"`

	DeviceCode      string  `json:"device_code"`
	UserCode        string  `json:"user_code"`
	VerificationURI string  `json:"verification_uri"`
	VerificationURL string  `json:"verification_url"` // Google's name for it
	Complete        string  `json:"verification_uri_complete"`
	Interval        seconds `json:"interval"`

	Code    string `json:"error"`
	Says    string `json:"error_description"`
	Subtype string `json:"error_subtype"` // Google's
	Numbers []int  `json:"error_codes"`   // Microsoft's
}

// seconds are a number, which some providers put into a string. What is neither is none.
type seconds int64

func (s *seconds) UnmarshalJSON(b []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err != nil || f != f || f < 0 {
		f = 0
	}
	*s = seconds(min(f, 1<<31))
	return nil
}

// maxToken bounds a token: it goes into a header, and servers take some 16 KiB of those.
const maxToken = 64 << 10

// post sends a form to a provider and reads its answer. A refusal is a *Refusal; what may pass by itself is of kind Unavailable.
func (s *Source) post(ctx context.Context, endpoint string, form url.Values) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "oauth: the address of %s cannot be used", s.provider())
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	res, err := s.o.Client.Do(req, req.URL.Host)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "ask %s for a token: %w", s.provider(), err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "ask %s for a token: %w", s.provider(), err)
	}
	a := &answer{}
	broken := json.Unmarshal(body, a)
	switch {
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500 || transient(a):
		return nil, &busy{fault.Errorf(fault.Unavailable, "%s is busy (%d): it is asked again later", s.provider(), res.StatusCode), retryAfter(res.Header, s.o.Now())}
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return nil, fault.Errorf(fault.Denied, "%s points elsewhere (%d), and secrets go nowhere else: is the address of the provider right?", s.provider(), res.StatusCode)
	case broken != nil:
		return nil, fault.Errorf(fault.Unavailable, "%s answered %d with something that is not JSON: is a proxy in between?", s.provider(), res.StatusCode)
	case a.Code != "" || res.StatusCode != http.StatusOK:
		return nil, fault.As(fault.Denied, s.refuse(a, form))
	case a.AccessToken == "" && a.DeviceCode == "":
		return nil, fault.Errorf(fault.Unavailable, "%s gave neither a token nor a reason", s.provider())
	case !good(a.AccessToken) || !good(a.RefreshToken) || a.TokenType != "" && !strings.EqualFold(a.TokenType, "Bearer"):
		return nil, fault.Errorf(fault.Unavailable, "%s gave a token that cannot be one", s.provider())
	}
	return a, nil
}

// good reports whether a token can stand in a header: RFC 6749 appendix A.12 allows visible characters only.
func good(token string) bool {
	return len(token) <= maxToken && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// busy is a provider that wants to be asked later.
type busy struct {
	error
	after time.Duration
}

func (b *busy) Unwrap() error             { return b.error }
func (b *busy) RetryAfter() time.Duration { return b.after }

// retryAfter reads RFC 9110 section 10.2.3: seconds or a date. A minute where it is missing, an hour at most.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	d := time.Minute
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		d = time.Duration(min(n, 3600)) * time.Second
	} else if t, err := http.ParseTime(text); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, time.Second), time.Hour)
}

// refusal finds the provider's no in an error.
func refusal(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	return r, ok
}
