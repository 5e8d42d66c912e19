package webhook

import (
	"bufio"
	"io"
	"net/mail"
	"net/textproto"

	ourmail "postern/internal/mail"
	"postern/internal/spool"
)

// Of a mail's header so much is read for recipients.
const maxNamed = 256 << 10

// named are the addresses that a mail's own header says it was for: what a mail server wrote down at delivery, or else To and Cc.
// They are the sender's words where nobody else wrote them down; so they choose among our mailboxes and prove nothing.
func named(raw *spool.Body) []string {
	if raw == nil {
		return nil
	}
	f, err := raw.Open()
	if err != nil {
		return nil // what cannot be read now cannot be delivered either, and that is told there
	}
	defer f.Close()
	h, _ := textproto.NewReader(bufio.NewReader(io.LimitReader(f, maxNamed))).ReadMIMEHeader() // as far as it can be read
	for _, names := range [][]string{{"Delivered-To", "X-Original-To", "Envelope-To"}, {"To", "Cc"}} {
		var out []string
		for _, n := range names {
			for _, v := range mail.Header(h)[n] {
				for _, a := range ourmail.ParseAddresses(v) {
					if a.Email != "" && len(out) < maxRecipients {
						out = append(out, a.Email)
					}
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}
