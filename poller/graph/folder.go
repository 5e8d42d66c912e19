package graph

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"postern/internal/fault"
)

// A folder is one of the mailbox.
type folder struct {
	name   string // as it is configured
	ID     string `json:"id"`
	Name   string `json:"displayName"`
	Total  int    `json:"totalItemCount"`
	Unread int    `json:"unreadItemCount"`
}

// wellKnown are the names that work in every language: learn.microsoft.com/graph/api/resources/mailfolder.
var wellKnown = []string{"archive", "clutter", "conflicts", "conversationhistory", "deleteditems", "drafts", "inbox", "junkemail", "localfailures", "msgfolderroot", "outbox",
	"recoverableitemsdeletions", "scheduled", "searchfolders", "sentitems", "serverfailures", "syncissues"}

// maxDepth bounds a path.
const maxDepth = 20

// folder finds a folder by its well-known name or by its path, and makes what is missing of it where it may.
func (a *Account) folder(ctx context.Context, name string, create bool) (*folder, error) {
	parts := strings.Split(strings.Trim(name, "/"), "/")
	if len(parts) > maxDepth || slices.Contains(parts, "") {
		return nil, fault.Errorf(fault.Invalid, "%q is no path of a folder: write it like Inbox/Tickets", name)
	}
	f := &folder{}
	at := strings.ToLower(parts[0])
	if slices.Contains(wellKnown, at) {
		if err := a.get(ctx, a.user("mailFolders", at), url.Values{"$select": {fields}}, 0, f); err != nil {
			return nil, err
		}
		parts = parts[1:]
	}
	for i, part := range parts {
		next, others, err := a.child(ctx, f.ID, part, create)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return nil, fault.Errorf(fault.NotFound, "there is no folder %q in %s: nothing is called %q there, but %s. Write its path from the top, with the names that Outlook shows; %s work in every language",
				name, a.o.Mailbox, strings.Join(parts[:i+1], "/"), list(others), "inbox, archive, junkemail, deleteditems")
		}
		f = next
	}
	if f.ID == "" {
		return nil, fault.Errorf(fault.Unavailable, "Microsoft Graph gave no id for folder %q", name)
	}
	f.name = name
	return f, nil
}

// fields are what is asked of a folder.
const fields = "id,displayName,totalItemCount,unreadItemCount"

// child finds, or makes, the folder of a name below another; "" is the top. Where there is none it tells the names that there are.
func (a *Account) child(ctx context.Context, parent, name string, create bool) (f *folder, others []string, err error) {
	address := a.user("mailFolders")
	if parent != "" {
		address = a.user("mailFolders", parent, "childFolders")
	}
	for made := false; ; made = true {
		// A quote in a string of OData is written twice.
		q := url.Values{"$filter": {"displayName eq '" + strings.ReplaceAll(name, "'", "''") + "'"}, "$top": {"10"}, "$select": {fields}, "includeHiddenFolders": {"true"}}
		if f, _, err = a.children(ctx, address, q, name); err != nil || f != nil {
			return f, nil, err
		}
		// Whether eq ignores case is not documented; people do.
		if f, others, err = a.children(ctx, address, url.Values{"$top": {"100"}, "$select": {fields}}, name); err != nil || f != nil || !create {
			return f, others, err
		}
		if made {
			return nil, nil, fault.Errorf(fault.Unavailable, "folder %q was made in %s and is not there yet", name, a.o.Mailbox)
		}
		err = a.send(ctx, http.MethodPost, address, map[string]string{"displayName": name})
		if err != nil && !fault.Is(err, fault.Conflict) { // ErrorFolderExists: another node was faster
			return nil, nil, err
		}
	}
}

// maxFolders bounds how many pages of folders are looked through.
const maxFolders = 20

// children looks for a name in a list of folders, and tells the names in it.
func (a *Account) children(ctx context.Context, address string, q url.Values, name string) (*folder, []string, error) {
	var names []string
	for range maxFolders {
		var page struct {
			Value []folder `json:"value"`
			Next  string   `json:"@odata.nextLink"`
		}
		if err := a.get(ctx, address, q, 0, &page); err != nil {
			return nil, nil, err
		}
		for i := range page.Value {
			if strings.EqualFold(page.Value[i].Name, name) {
				return &page.Value[i], nil, nil
			}
			names = append(names, printable(page.Value[i].Name, 60))
		}
		if page.Next == "" {
			break
		}
		address, q = page.Next, nil
	}
	return nil, names, nil
}

// list names folders, some of them where there are many.
func list(names []string) string {
	const most = 30
	switch n := len(names); {
	case n == 0:
		return "nothing else either"
	case n > most:
		names = append(slices.Clone(names[:most]), "…")
	}
	return strings.Join(names, ", ")
}
