package intake

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/dsl"
	"postern/internal/fault"
	"postern/internal/issue"
	"postern/rules"
)

// given is the world of a test.
type given struct {
	issue  *issue.Issue
	ids    []string // by which it is found: of its mail, and of its key
	key    string
	said   map[string]bool
	people []string // who take part in it
	users  map[string]*issue.User
	recent int
}

var _ World = (*given)(nil)

// testWorld is what the test gives: perhaps one issue, people we know, and how much the sender wrote before. Where the test does not say
// who takes part in the issue, everybody of its mail does.
func testWorld(t *dsl.Test, p *parsed, marker string, now time.Time) *given {
	w := &given{users: map[string]*issue.User{}, recent: t.Given.Recent}
	for _, u := range t.Given.People {
		w.users[u.Email] = &issue.User{Email: u.Email, Name: u.Name, Role: u.Role, Organization: u.Organization}
	}
	if s := t.Given.Sender; s != nil && s.Known {
		email := orElse(s.Email, p.author().Email)
		w.users[strings.ToLower(email)] = &issue.User{Email: email, Name: s.Name,
			Role: orElse(s.Role, s.Claimed.Role), Organization: orElse(s.Organization, s.Claimed.Organization)}
	}
	g := t.Given.Issue
	if g == nil {
		return w
	}
	w.ids = g.MessageIDs
	if g.Thread != "" {
		w.key = keyID(g.Thread)
	}
	w.issue = &issue.Issue{
		Number: int64(max(g.Number, 1)), Subject: g.Subject, Description: g.Description, Type: g.Type, Class: g.Class, Priority: g.Priority,
		Status: g.Status, Assignee: g.Assignee, Template: g.Template, Requester: issue.Person{Email: g.Requester.Email, Name: g.Requester.Name},
		Watchers: list(g.Watchers), Tags: list(g.Tags), Fields: g.Fields, CreatedAt: g.CreatedAt,
	}
	said := rules.NewSaid(marker)
	for _, text := range g.Texts {
		said.Add(text)
	}
	w.said = map[string]bool{}
	for name := range saidBy(said, false) {
		w.said[issue.SaidID(name, w.issue.Number)] = true
	}
	if g.ClosedFor > 0 {
		closed := now.Add(-g.ClosedFor)
		w.issue.ClosedAt = &closed
	}
	if g.Participants != nil {
		w.people = append(slices.Clone(g.Participants), w.issue.Requester.Email)
	} else {
		w.people = participants(p, nil, nil)
	}
	if w.issue.Requester.Email == "" {
		if len(g.Participants) > 0 {
			w.issue.Requester.Email = g.Participants[0]
		} else {
			w.issue.Requester = issue.Person{Email: p.author().Email, Name: p.author().Name}
		}
	}
	if w.issue.CreatedAt.IsZero() {
		age := g.Age
		if age == 0 {
			age = time.Hour
		}
		w.issue.CreatedAt = now.Add(-age)
	}
	return w
}

// FindThread finds the issue by the ids of its mail, by its key, and by the commands in its texts.
func (w *given) FindThread(_ context.Context, _ string, ids []string) ([]issue.Link, error) {
	var links []issue.Link
	for _, id := range ids {
		switch {
		case slices.Contains(w.ids, id):
			links = append(links, issue.Link{ID: id, Issue: w.issue.Number, Kind: issue.Own, At: w.issue.CreatedAt})
		case w.said[id]:
			links = append(links, issue.Link{ID: id, Issue: w.issue.Number, Kind: issue.Said, At: w.issue.CreatedAt})
		case w.key != "" && id == w.key:
			links = append(links, issue.Link{ID: id, Issue: w.issue.Number, Kind: issue.Key, At: w.issue.CreatedAt})
		}
	}
	return links, nil
}

// Participants are those of the addresses that take part in the issue.
func (w *given) Participants(_ context.Context, _ int64, emails []string) ([]string, error) {
	var in []string
	for _, e := range emails {
		if slices.Contains(w.people, e) {
			in = append(in, e)
		}
	}
	return in, nil
}

// FindUser finds a person by address.
func (w *given) FindUser(_ context.Context, email string) (*issue.User, error) {
	if u, ok := w.users[strings.ToLower(email)]; ok {
		return u, nil
	}
	return nil, fault.Errorf(fault.NotFound, "nobody is known as %s", email)
}

// Recent is what the test says, whatever the time asked about.
func (w *given) Recent(context.Context, string, string, time.Time) (int, error) { return w.recent, nil }

// Issue is the one that is given.
func (w *given) Issue(_ context.Context, number int64) (*issue.Issue, error) {
	if w.issue == nil || w.issue.Number != number {
		return nil, fault.Errorf(fault.NotFound, "there is no issue %d", number)
	}
	return w.issue, nil
}
