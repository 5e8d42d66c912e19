package webhook

import (
	"io"
	"strings"

	"postern/internal/mail"
	"postern/internal/spool"
)

// Of a mail so much is read for recipients.
const maxNamed = 256 << 10

// named are the addresses that are ours among those that a mail's own header says it was for: what a mail server wrote down at
// delivery, or else To and Cc. They are the sender's words where nobody else wrote them down; so they choose among our mailboxes and
// prove nothing. The header is read as it is for rules: a line in it that is no field takes nobody's mail away.
func named(raw *spool.Body, ours func(address string) bool) ([]string, error) {
	f, err := raw.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := mail.Parse(io.LimitReader(f, maxNamed), mail.Options{})
	if err != nil {
		return nil, err
	}
	var delivered []mail.Address
	for _, h := range m.Header {
		switch strings.ToLower(h.Name) {
		case "delivered-to", "x-original-to", "envelope-to":
			delivered = append(delivered, mail.ParseAddresses(h.Value)...)
		}
	}
	for _, list := range [][]mail.Address{delivered, append(m.To, m.Cc...)} {
		var out []string
		for _, a := range list {
			if a.Email != "" && len(out) < maxRecipients && ours(a.Email) {
				out = append(out, a.Email)
			}
		}
		if len(out) > 0 { // a mail that was passed on may have been delivered elsewhere before
			return out, nil
		}
	}
	return nil, nil
}
