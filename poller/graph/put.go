package graph

import (
	"bytes"
	"context"
	"io"
	"net/http"
	netmail "net/mail"
	"strings"

	"postern/internal/fault"
	"postern/poller"
)

var _ poller.Putter = (*Account)(nil)

// messageFlags is PidTagMessageFlags ([MS-OXCMSG] section 2.2.1.6). Without its bit for unsent (8) a message is no draft; it can be set only
// when a message is made.
const messageFlags = "Integer 0x0E07"

// Put makes a message in the first folder: learn.microsoft.com/graph/api/mailfolder-post-messages. There it must be JSON: MIME is taken for
// the drafts alone. So the mail comes back rebuilt by Exchange, with those header fields that begin with X-.
func (a *Account) Put(ctx context.Context, raw []byte) (folder string, err error) {
	m, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return "", fault.As(fault.Invalid, err)
	}
	text, err := io.ReadAll(io.LimitReader(m.Body, 64<<10))
	if err != nil {
		return "", fault.As(fault.Invalid, err)
	}
	f, err := a.folder(ctx, a.o.Folders[0], false)
	if err != nil {
		return "", err
	}
	type pair map[string]any
	var header, to []pair
	for name, values := range m.Header {
		if strings.HasPrefix(name, "X-") && len(header) < 5 { // as many as it takes
			header = append(header, pair{"name": name, "value": values[0]})
		}
	}
	if list, err := m.Header.AddressList("To"); err == nil {
		for _, one := range list {
			to = append(to, pair{"emailAddress": pair{"address": one.Address}})
		}
	}
	return f.name, a.send(ctx, http.MethodPost, a.user("mailFolders", f.ID, "messages"), pair{
		"subject": m.Header.Get("Subject"), "body": pair{"contentType": "text", "content": string(text)}, "toRecipients": to, "isRead": false,
		"internetMessageHeaders": header, "singleValueExtendedProperties": []pair{{"id": messageFlags, "value": "0"}},
	})
}
