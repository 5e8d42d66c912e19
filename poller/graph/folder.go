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
		if err := a.get(ctx, a.user("mailFolders", at), url.Values{"$select": {"id,displayName,totalItemCount,unreadItemCount"}}, 0, f); err != nil {
			return nil, err
		}
		parts = parts[1:]
	}
	for i, part := range parts {
		next, err := a.child(ctx, f.ID, part, create)
		if err != nil {
			return nil, err
		}
		if next == nil {
			return nil, fault.Errorf(fault.NotFound, "there is no folder %q in %s: nothing is called %q there. Write its path from the top, with the names that Outlook shows; %s work in every language",
				name, a.o.Mailbox, strings.Join(parts[:i+1], "/"), "inbox, archive, junkemail, deleteditems")
		}
		f = next
	}
	if f.ID == "" {
		return nil, fault.Errorf(fault.Unavailable, "Microsoft Graph gave no id for folder %q", name)
	}
	f.name = name
	return f, nil
}

// child finds, or makes, the folder of a name below another; "" is the top.
func (a *Account) child(ctx context.Context, parent, name string, create bool) (*folder, error) {
	address := a.user("mailFolders")
	if parent != "" {
		address = a.user("mailFolders", parent, "childFolders")
	}
	find := func() (*folder, error) {
		var page struct {
			Value []folder `json:"value"`
		}
		// A quote in a string of OData is written twice. eq ignores case.
		q := url.Values{"$filter": {"displayName eq '" + strings.ReplaceAll(name, "'", "''") + "'"}, "$top": {"10"}, "$select": {"id,displayName,totalItemCount,unreadItemCount"}, "includeHiddenFolders": {"true"}}
		if err := a.get(ctx, address, q, 0, &page); err != nil {
			return nil, err
		}
		for i := range page.Value {
			if strings.EqualFold(page.Value[i].Name, name) {
				return &page.Value[i], nil
			}
		}
		return nil, nil
	}
	f, err := find()
	if err != nil || f != nil || !create {
		return f, err
	}
	err = a.send(ctx, http.MethodPost, address, map[string]string{"displayName": name})
	if err != nil && !fault.Is(err, fault.Conflict) { // ErrorFolderExists: another node was faster
		return nil, err
	}
	if f, err = find(); err == nil && f == nil {
		err = fault.Errorf(fault.Unavailable, "folder %q was made in %s and is not there yet", name, a.o.Mailbox)
	}
	return f, err
}
