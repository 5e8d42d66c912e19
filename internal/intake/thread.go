package intake

import (
	"context"
	"slices"
	"strings"
	"time"

	"postern/internal/issue"
)

// A World is what a decision looks up. The store is one; a rule's test brings its own.
type World interface {
	FindThread(ctx context.Context, mailbox string, ids []string) ([]issue.Link, error)
	Participants(ctx context.Context, number int64, emails []string) ([]string, error)
	FindUser(ctx context.Context, email string) (*issue.User, error)
	Recent(ctx context.Context, mailbox, email string, since time.Time) (int, error)
	Issue(ctx context.Context, number int64) (*issue.Issue, error)
}

const (
	maxThreadIDs    = 16  // of one mail: its own, and the nearest it names
	maxParticipants = 100 // taken from one mail
	maxSuspected    = 5
	maxAsked        = 50 // links that are looked into: ids that lead to hundreds of issues each must not cost hundreds of questions
)

// A thread is where a mail belongs, with what that was concluded from.
type thread struct {
	Number    int64            `json:"number"` // 0: nowhere
	By        string           `json:"by,omitempty"`
	Suspected []int64          `json:"suspected,omitempty"`
	Relies    []issue.Reliance `json:"relies,omitempty"`
}

// threadIDs are the ids a mail can be found by, the most telling first: what it answers, the
// nearest ancestors, and its own id, which a reply may have named before the mail itself came.
func threadIDs(p *parsed) (own string, named []string) {
	add := func(id string) {
		if id != "" && id != p.msg.MessageID && len(id) <= 500 && !slices.Contains(named, id) && len(named) < maxThreadIDs-1 {
			named = append(named, id)
		}
	}
	for _, id := range p.msg.InReplyTo {
		add(id)
	}
	for _, id := range slices.Backward(p.msg.References) {
		add(id)
	}
	if r := p.msg.Report; r != nil { // the mail that a bounce is about
		add(r.MessageID)
	}
	if len(p.msg.MessageID) <= 500 {
		own = p.msg.MessageID
	}
	return own, named
}

// findThread decides where a mail belongs. Ids decide only together with a participant: the author must
// already take part in the issue. An id that was merely mentioned before joins only when each side
// names the other: the issue knows the author, and this mail is from or to the issue's requester.
// What points somewhere and does not suffice makes the issue a suspect, for people to merge.
//
// With assume, a mail that names no other is taken to be one that no other names.
func findThread(ctx context.Context, w World, mailbox string, p *parsed, assume bool) (*thread, error) {
	own, named := threadIDs(p)
	all := named
	if own != "" {
		all = append(slices.Clone(named), own)
	}
	t := &thread{}
	if len(all) == 0 {
		return t, nil
	}
	if assume && len(named) == 0 {
		t.Relies = relyOn(mailbox, all, nil)
		return t, nil
	}
	links, err := w.FindThread(ctx, mailbox, all)
	if err != nil {
		return nil, err
	}
	t.Relies = relyOn(mailbox, all, links)

	author := p.author().Email
	asked := 0
	for _, id := range all {
		for _, l := range links {
			// Another mail with our own Message-ID says nothing of where this one belongs.
			if l.ID != id || id == own && l.Kind == issue.Own || asked == maxAsked {
				continue
			}
			asked++
			joins, err := belongs(ctx, w, l, author, p)
			if err != nil {
				return nil, err
			}
			if joins {
				t.Number, t.By = l.Issue, string(l.Kind)+" "+id
				t.Suspected = nil
				return t, nil
			}
			if !slices.Contains(t.Suspected, l.Issue) && len(t.Suspected) < maxSuspected {
				t.Suspected = append(t.Suspected, l.Issue)
			}
		}
	}
	return t, nil
}

// relyOn notes, for each id that was looked up, where it led.
func relyOn(mailbox string, ids []string, links []issue.Link) []issue.Reliance {
	out := make([]issue.Reliance, 0, len(ids))
	for _, id := range ids {
		r := issue.Reliance{Mailbox: mailbox, ID: id}
		for _, l := range links {
			if l.ID == id {
				r.Links = append(r.Links, l)
			}
		}
		out = append(out, r)
	}
	return out
}

func belongs(ctx context.Context, w World, l issue.Link, author string, p *parsed) (bool, error) {
	if author == "" || len(p.msg.From) != 1 {
		return false, nil
	}
	in, err := w.Participants(ctx, l.Issue, []string{author})
	if err != nil || len(in) == 0 {
		return false, err
	}
	if l.Kind == issue.Own {
		return true, nil
	}
	is, err := w.Issue(ctx, l.Issue)
	if err != nil {
		return false, err
	}
	other := is.Requester.Email
	if other == author {
		return true, nil
	}
	return slices.ContainsFunc(slices.Concat(people(p.msg.To), people(p.msg.Cc)), func(to issue.Person) bool {
		return to.Email == other
	}), nil
}

// threadNames are the names under which later mail finds the issue.
func threadNames(p *parsed, key string) []issue.ThreadName {
	own, named := threadIDs(p)
	names := make([]issue.ThreadName, 0, len(named)+2)
	if own != "" {
		names = append(names, issue.ThreadName{ID: own, Kind: issue.Own})
	}
	for _, id := range named {
		names = append(names, issue.ThreadName{ID: id, Kind: issue.Mentioned})
	}
	if key != "" {
		names = append(names, issue.ThreadName{ID: keyID(key), Kind: issue.Key})
	}
	return names
}

// keyID is the id of a rule's thread key. No Message-ID starts like it, since those start with "<".
func keyID(key string) string {
	key = strings.ToLower(strings.Join(strings.Fields(key), " "))
	if len(key) > 200 {
		key = hashKey("key", key)
	}
	return "key:" + key
}

// participants are all whom the mail names, without our own addresses.
func participants(p *parsed, ours func(string) bool, recipients []string) []string {
	var out []string
	for _, list := range [][]issue.Person{people(p.msg.From), people(p.msg.ReplyTo), people(p.msg.To), people(p.msg.Cc)} {
		for _, one := range list {
			e := one.Email
			if len(out) < maxParticipants && !slices.Contains(out, e) && !slices.Contains(recipients, e) && (ours == nil || !ours(e)) {
				out = append(out, e)
			}
		}
	}
	return out
}
