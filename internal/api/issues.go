package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/issue"
)

// A File is an attachment with the message it came with and where to get it.
type File struct {
	issue.Attachment
	Message string `json:"message"`
	Href    string `json:"href"`
}

// An IssueDetail is an issue with its notes and files. Notes are the first ones, oldest first; NotesNext leads to more.
type IssueDetail struct {
	*issue.Issue
	Notes           []*issue.Note `json:"notes"`
	NotesNext       *issue.Cursor `json:"notesNext"`
	Attachments     []File        `json:"attachments"`
	MoreAttachments bool          `json:"moreAttachments"` // it has more messages than were looked through; see /api/v1/messages?issue=
}

const (
	notesShown     = 100 // with the issue itself
	messagesPage   = 50  // each may carry 64 KiB of text
	messagesWalked = 10  // pages; of one issue, for its files
)

func (a *API) listIssues(c *call) error {
	words, err := a.bounded(issue.Words(c.query.text("q")))
	if err != nil {
		return err
	}
	if len(words) == 0 && c.query.text("q") != "" { // "***" is in no text
		return c.json(http.StatusOK, list[*issue.Issue](nil, ""))
	}
	q := issue.IssueQuery{
		Page: c.query.page(), Words: words, Status: c.query.text("status"), Mailbox: c.query.text("mailbox"),
		Requester: c.query.address("requester"), Assignee: c.query.text("assignee"), Tag: c.query.text("tag"),
		Withdrawn: c.query.flags["withdrawn"],
	}
	items, next, err := a.o.Store.Issues(c.Request().Context(), q)
	if err != nil {
		return listed(err, q.Page)
	}
	for i, is := range items {
		items[i] = wholeIssue(is)
	}
	return c.json(http.StatusOK, list(items, next))
}

func (a *API) getIssue(c *call) error {
	ctx := c.Request().Context()
	is, err := a.issue(ctx, c)
	if err != nil {
		return err
	}
	notes, next, err := a.o.Store.Notes(ctx, is.Number, issue.Page{Limit: notesShown})
	if err != nil {
		return err
	}
	d := IssueDetail{Issue: wholeIssue(is), Notes: notNil(notes), NotesNext: pointer(next), Attachments: []File{}}
	d.MoreAttachments, err = a.eachFile(ctx, is, func(m *issue.Message, at *issue.Attachment) bool {
		d.Attachments = append(d.Attachments, file(fmt.Sprintf("/api/v1/issues/%d", is.Number), m, at))
		return true
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, d)
}

func (a *API) listNotes(c *call) error {
	ctx := c.Request().Context()
	is, err := a.issue(ctx, c)
	if err != nil {
		return err
	}
	notes, next, err := a.o.Store.Notes(ctx, is.Number, c.query.page())
	if err != nil {
		return listed(err, c.query.page())
	}
	return c.json(http.StatusOK, list(notes, next))
}

func (a *API) issueFile(c *call) error {
	ctx, sha := c.Request().Context(), c.param("sha256")
	is, err := a.issue(ctx, c)
	if err != nil {
		return err
	}
	if !isSHA256(sha) {
		return noFile()
	}
	var found *issue.Attachment
	_, err = a.eachFile(ctx, is, func(_ *issue.Message, at *issue.Attachment) bool {
		if at.SHA256 == sha {
			found = at
		}
		return found == nil
	})
	if err != nil {
		return err
	}
	if found == nil { // it may be on a message beyond those that are walked
		m, at, err := a.o.Store.FindAttachment(ctx, sha)
		if fault.Is(err, fault.NotFound) || err == nil && (m.Issue != is.Number || takenBack(m)) {
			return noFile()
		}
		if err != nil {
			return err
		}
		found = at
	}
	return a.serveAttachment(c, found)
}

// issue is the one that the path names.
func (a *API) issue(ctx context.Context, c *call) (*issue.Issue, error) {
	n, err := strconv.ParseUint(c.param("number"), 10, 63) // unsigned: "+1" names nothing
	if err != nil || n < 1 {
		return nil, say(fault.NotFound, "an issue is named by its number, from 1")
	}
	is, err := a.o.Store.Issue(ctx, int64(n))
	if fault.Is(err, fault.NotFound) {
		return nil, say(fault.NotFound, "there is no issue %d", n).because(err)
	}
	return is, err
}

// eachFile calls visit for each file of an issue's committed messages, newest message first, until it returns false. More is true
// when there are messages it did not look at.
func (a *API) eachFile(ctx context.Context, is *issue.Issue, visit func(*issue.Message, *issue.Attachment) bool) (more bool, err error) {
	q := issue.MessageQuery{Page: issue.Page{Limit: messagesPage}, Issue: is.Number}
	for range messagesWalked {
		ms, next, err := a.o.Store.Messages(ctx, q)
		if err != nil {
			return false, err
		}
		for _, m := range ms {
			if takenBack(m) {
				continue
			}
			for i := range m.Attachments {
				if !visit(m, &m.Attachments[i]) {
					return false, nil
				}
			}
		}
		if next == "" {
			return false, nil
		}
		q.After = next
	}
	return true, nil
}

// takenBack reports whether a message was a note, which a replay withdrew.
func takenBack(m *issue.Message) bool {
	return m.Note != "" && m.Verdict != string(intake.Committed)
}

func file(under string, m *issue.Message, at *issue.Attachment) File {
	return File{*at, m.ID, under + "/attachments/" + at.SHA256}
}

// wholeIssue is a copy whose lists are not null in JSON.
func wholeIssue(is *issue.Issue) *issue.Issue {
	w := *is
	w.Watchers, w.Tags, w.Suspected = notNil(w.Watchers), notNil(w.Tags), notNil(w.Suspected)
	if w.Fields == nil {
		w.Fields = map[string]string{}
	}
	return &w
}
