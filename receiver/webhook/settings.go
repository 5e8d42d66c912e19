package webhook

import (
	"fmt"
	"slices"
)

// settings are the keys of a hook that not every provider has a use for, with the providers that do.
var settings = []struct {
	key       string
	said      func(h *Hook) bool
	providers []string
}{
	{"api-key-file", func(h *Hook) bool { return h.APIKey != "" }, []string{"ses", "mailgun", "brevo", "resend"}},
	{"key-id", func(h *Hook) bool { return h.KeyID != "" }, []string{"ses"}},
	{"region", func(h *Hook) bool { return h.Region != "" }, []string{"ses", "mailgun"}},
	{"url", func(h *Hook) bool { return h.URL != "" }, []string{"mandrill"}},
}

// idle are settings that mean nothing for a hook, and those that are missing for what its provider does not send along.
func (h *Hook) idle(p *Provider) (out []string) {
	for _, s := range settings {
		if s.said(h) && !slices.Contains(s.providers, h.Provider) {
			out = append(out, fmt.Sprintf("%s means nothing for %s", s.key, p.Title))
		}
	}
	if h.User != "" && h.Secret == "" {
		out = append(out, "user is the name that comes with the secret: without secret-file it means nothing")
	}
	fetches := h.APIKey != "" && (h.Provider != "ses" || h.KeyID != "")
	switch {
	case h.Provider == "mailgun" && h.Region != "" && mailgunAPI[h.Region] == "":
		out = append(out, fmt.Sprintf("region: %q is neither us nor eu", h.Region))
	case h.Provider == "ses" && h.Region != "" && !awsRegion.MatchString(h.Region):
		out = append(out, fmt.Sprintf("region: %q is not one of Amazon's, such as eu-west-1", h.Region))
	case h.Provider == "ses" && len(h.Buckets) > 0 && !fetches:
		out = append(out, "mail in buckets is fetched with key-id and api-key-file: without both of them it stays there")
	case h.Provider == "ses" && len(h.Buckets) == 0 && (h.APIKey != "" || h.KeyID != ""):
		out = append(out, "key-id and api-key-file are for buckets, of which it names none: mail in one stays there")
	case h.Provider == "brevo" && !fetches:
		out = append(out, "Brevo sends no files along: without api-key-file mail that has some is not taken")
	case h.Provider == "resend" && !fetches:
		out = append(out, "Resend sends no mail, only that there is some: without api-key-file none is taken")
	}
	return out
}
