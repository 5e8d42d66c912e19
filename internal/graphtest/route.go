package graphtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// limit is how many requests Exchange Online serves for an app and a mailbox at once.
const limit = 4

// route finds the mailbox and counts who is in it.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/v1.0/users/")
	if !ok {
		fail(w, 400, "BadRequest", "Resource not found for the segment.")
		return
	}
	parts := strings.Split(rest, "/")
	for i := range parts {
		parts[i], _ = url.PathUnescape(parts[i])
	}
	s.Lock()
	m := s.mailboxes[strings.ToLower(parts[0])]
	if m == nil {
		s.Unlock()
		fail(w, 404, "ErrorInvalidUser", "The requested user '"+parts[0]+"' is invalid.")
		return
	}
	if m.Broken != nil {
		defer s.Unlock()
		m.Broken.answer(w)
		return
	}
	under := int(m.underway.Add(1))
	over := under > limit
	s.most = max(s.most, under)
	s.Unlock()
	leave := sync.OnceFunc(func() { m.underway.Add(-1) })
	defer leave()
	if over {
		w.Header().Set("Retry-After", "1")
		fail(w, 429, "ApplicationThrottled", "Application is over its MailboxConcurrency limit.")
		return
	}
	immutable := strings.Contains(strings.Join(r.Header.Values("Prefer"), ","), `IdType="ImmutableId"`)
	rec := &early{w, leave}
	s.serve(rec, r, m, parts[1:], immutable)
}

// early is an answer whose request counts as done once it begins: a client need not read the whole mail that the answer to a move holds.
// Raw mail, which has no header written, counts until its end.
type early struct {
	http.ResponseWriter
	leave func()
}

func (e *early) WriteHeader(status int) {
	e.leave()
	e.ResponseWriter.WriteHeader(status)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, m *Mailbox, p []string, immutable bool) {
	is := func(method string, shape ...string) bool {
		if r.Method != method || len(p) != len(shape) {
			return false
		}
		for i := range shape {
			if shape[i] != "*" && shape[i] != p[i] {
				return false
			}
		}
		return true
	}
	s.Lock()
	var after func() // without the lock, for what takes long
	defer func() {
		s.Unlock()
		if after != nil {
			after()
		}
	}()
	if r.Method != http.MethodGet && s.ReadOnly {
		fail(w, 403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
		return
	}
	if len(p) > 1 && p[0] == "mailFolders" {
		f := m.find(p[1])
		if f == nil {
			fail(w, 404, "ErrorItemNotFound", "The specified object was not found in the store.")
			return
		}
		p[1] = f.ID
	}
	switch {
	case is("GET", "mailFolders", "*"):
		answer(w, 200, m.folderJSON(m.find(p[1])))
	case is("GET", "mailFolders"), is("GET", "mailFolders", "*", "childFolders"):
		m.children(w, r, m.parent(p))
	case is("POST", "mailFolders"), is("POST", "mailFolders", "*", "childFolders"):
		var body struct{ DisplayName string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if body.DisplayName == "" || m.below(m.parent(p), body.DisplayName) != nil {
			fail(w, 409, "ErrorFolderExists", "A folder with the specified name already exists.")
			return
		}
		answer(w, 201, m.folderJSON(m.folder(body.DisplayName, "", m.parent(p))))
	case is("GET", "mailFolders", "*", "messages"):
		var rows []any
		for _, id := range m.rows(p[1], 0) {
			rows = append(rows, m.row(m.message(id), false, immutable))
		}
		top, _ := strconv.Atoi(r.URL.Query().Get("$top"))
		answer(w, 200, map[string]any{"value": rows[:min(len(rows), top)]})
	case is("POST", "mailFolders", "*", "messages"):
		m.create(w, r, p[1], immutable)
	case is("GET", "mailFolders", "*", "messages", "delta"):
		s.delta(w, r, m, p[1], immutable)
	case len(p) >= 2 && p[0] == "messages":
		msg := m.message(p[1])
		if msg == nil || immutable != (msg.ID == p[1]) {
			fail(w, 404, "ErrorItemNotFound", "The specified object was not found in the store.")
			return
		}
		after = m.one(w, r, msg, is, immutable)
	default:
		fail(w, 400, "BadRequest", "Resource not found for the segment.")
	}
}

func (m *Mailbox) parent(p []string) string {
	if len(p) == 1 {
		return m.find("msgfolderroot").ID
	}
	return p[1]
}

func (m *Mailbox) folderJSON(f *Folder) map[string]any {
	total, unread := 0, 0
	for _, msg := range m.messages {
		if msg.Folder == f.ID {
			total++
			if !msg.Read {
				unread++
			}
		}
	}
	return map[string]any{"id": f.ID, "displayName": f.Name, "parentFolderId": f.parent, "totalItemCount": total, "unreadItemCount": unread}
}

// children knows one filter, as it is documented: displayName eq 'NAME'.
func (m *Mailbox) children(w http.ResponseWriter, r *http.Request, parent string) {
	value := []any{}
	if r.URL.Query().Get("$filter") == "" {
		m.page(w, r, parent)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Query().Get("$filter"), "displayName eq '")
	name, quoted := strings.CutSuffix(name, "'")
	if !ok || !quoted || strings.Contains(strings.ReplaceAll(name, "''", ""), "'") {
		fail(w, 400, "BadRequest", "Invalid filter clause")
		return
	}
	name = strings.ReplaceAll(name, "''", "'")
	if f := m.below(parent, name); f != nil && (!m.s.Strict || f.Name == name) {
		value = append(value, m.folderJSON(f))
	}
	answer(w, 200, map[string]any{"value": value})
}

// page lists folders, two at once.
func (m *Mailbox) page(w http.ResponseWriter, r *http.Request, parent string) {
	var all []any
	for _, f := range m.folders {
		if f.parent == parent {
			all = append(all, m.folderJSON(f))
		}
	}
	skip, _ := strconv.Atoi(r.URL.Query().Get("$skip"))
	end := min(skip+2, len(all))
	v := map[string]any{"value": all[min(skip, end):end]}
	if end < len(all) {
		v["@odata.nextLink"] = "https://graph.microsoft.com" + r.URL.EscapedPath() + "?$skip=" + strconv.Itoa(end)
	}
	answer(w, 200, v)
}

// one is a request for one message.
func (m *Mailbox) one(w http.ResponseWriter, r *http.Request, msg *Message, is func(string, ...string) bool, immutable bool) (after func()) {
	switch {
	case is("GET", "messages", "*", "$value"):
		raw := msg.Raw
		return func() {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = w.Write(raw)
		}
	case is("PATCH", "messages", "*"):
		var body struct{ IsRead *bool }
		_ = json.NewDecoder(r.Body).Decode(&body)
		if body.IsRead != nil {
			m.seq++
			msg.Read, msg.changed = *body.IsRead, m.seq
		}
		answer(w, 200, m.row(msg, true, immutable))
	case is("POST", "messages", "*", "move"):
		var body struct{ DestinationID string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		f := m.find(body.DestinationID)
		if f == nil {
			fail(w, 404, "ErrorItemNotFound", "The specified object was not found in the store.")
			return nil
		}
		m.move(msg, f)
		answer(w, 201, m.row(msg, true, immutable))
	case is("DELETE", "messages", "*"):
		to := m.find("deleteditems")
		if msg.Folder == to.ID {
			to = &Folder{ID: "nowhere"}
		}
		m.move(msg, to)
		w.WriteHeader(204)
	default:
		fail(w, 400, "BadRequest", "Resource not found for the segment.")
	}
	return nil
}

func (m *Mailbox) row(msg *Message, whole, immutable bool) map[string]any {
	v := map[string]any{"@odata.etag": fmt.Sprintf(`W/"%d"`, msg.changed), "id": msg.Mutable, "receivedDateTime": msg.Received.Format(time.RFC3339),
		"singleValueExtendedProperties": []any{map[string]string{"id": "Integer 0xe08", "value": strconv.Itoa(len(msg.Raw))}}}
	if immutable {
		v["id"] = msg.ID
	}
	if whole { // as the answer to a change has
		v["isRead"], v["body"] = msg.Read, map[string]string{"contentType": "html", "content": strings.Repeat("x", 200<<10)}
	}
	return v
}

// delta is a page of changes. What was asked for at first is encoded in the links.
func (s *Server) delta(w http.ResponseWriter, r *http.Request, m *Mailbox, folder string, immutable bool) {
	q := r.URL.Query()
	id := q.Get("$skiptoken") + q.Get("$deltatoken")
	var t *token
	switch {
	case id == "" && (q.Get("$search") != "" || q.Get("$filter") != "" && !strings.HasPrefix(q.Get("$filter"), "receivedDateTime g")):
		fail(w, 400, "ErrorInvalidUrlQuery", "The query is not supported.")
		return
	case id == "" && s.NoExpand && q.Has("$expand"):
		fail(w, 400, "ErrorInvalidUrlQuery", "The query parameter '$expand' is not supported.")
		return
	case id == "":
		t = &token{folder: folder, rows: m.rows(folder, 0), seq: m.seq, sized: strings.Contains(q.Get("$expand"), "Integer 0x0E08")}
	default:
		if t = m.tokens[id]; t == nil {
			w.Header().Set("Location", Base+"/users/"+url.PathEscape(m.Address)+"/mailFolders/"+url.PathEscape(folder)+"/messages/delta?$deltatoken=")
			fail(w, 410, "SyncStateNotFound", "The sync state generation is not found.")
			return
		}
		if q.Get("$deltatoken") != "" {
			t = &token{folder: folder, rows: m.rows(folder, t.seq), seq: m.seq, sized: t.sized}
		}
	}
	size := 10 // by default: learn.microsoft.com/graph/delta-query-messages
	for p := range strings.SplitSeq(strings.Join(r.Header.Values("Prefer"), ","), ",") {
		if n, ok := strings.CutPrefix(strings.TrimSpace(p), "odata.maxpagesize="); ok {
			size, _ = strconv.Atoi(n)
		}
	}
	if s.PageSize > 0 {
		size = min(size, s.PageSize)
	}
	size = min(max(size, 1), 1000)
	n := min(size, len(t.rows))
	value := []any{}
	for _, id := range t.rows[:n] {
		if msg := m.message(id); msg != nil && msg.Folder == folder {
			row := m.row(msg, false, immutable)
			if !t.sized {
				delete(row, "singleValueExtendedProperties")
			}
			value = append(value, row)
		} else {
			value = append(value, map[string]any{"@odata.type": "#microsoft.graph.message", "id": id, "@removed": map[string]string{"reason": "deleted"}})
		}
	}
	next := &token{folder: folder, rows: slices.Clone(t.rows[n:]), seq: t.seq, sized: t.sized}
	kind, key := "$deltatoken", "@odata.deltaLink"
	if len(next.rows) > 0 {
		kind, key = "$skiptoken", "@odata.nextLink"
	}
	m.serial++
	name := fmt.Sprintf("state%d", m.serial)
	m.tokens[name] = next
	at := "https://graph.microsoft.com"
	switch {
	case s.Foreign != "":
		at = "https://" + s.Foreign
	case s.base != "":
		at = s.base
	}
	answer(w, 200, map[string]any{"@odata.context": Base + "/$metadata#Collection(message)", "value": value,
		key: at + "/v1.0/users/" + url.PathEscape(m.Address) + "/mailFolders/" + url.PathEscape(folder) + "/messages/delta?" + kind + "=" + name})
}

// create makes a message from its JSON; other forms are taken for the drafts alone.
func (m *Mailbox) create(w http.ResponseWriter, r *http.Request, folder string, immutable bool) {
	var body struct {
		Subject                string
		Body                   struct{ ContentType, Content string }
		ToRecipients           []struct{ EmailAddress struct{ Address string } }
		InternetMessageHeaders []struct{ Name, Value string }
		IsRead                 bool
	}
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&body) != nil {
		fail(w, 400, "UnableToDeserializePostBody", "were unable to deserialize")
		return
	}
	var raw strings.Builder
	for _, h := range body.InternetMessageHeaders {
		if !strings.HasPrefix(strings.ToLower(h.Name), "x-") {
			fail(w, 400, "InvalidInternetMessageHeader", "The internet message header name '"+h.Name+"' should start with 'x-' or 'X-'.")
			return
		}
		fmt.Fprintf(&raw, "%s: %s\r\n", strings.ToLower(h.Name), h.Value)
	}
	for _, to := range body.ToRecipients {
		fmt.Fprintf(&raw, "To: %s\r\n", to.EmailAddress.Address)
	}
	fmt.Fprintf(&raw, "Subject: %s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s", body.Subject, body.Body.Content)
	msg := m.add(folder, m.s.Now(), raw.String())
	msg.Read = body.IsRead
	answer(w, 201, m.row(msg, true, immutable))
}
