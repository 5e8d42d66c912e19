package intake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"slices"
	"strings"

	"postern/internal/issue"
	"postern/rules"
)

// A command that stood in an earlier mail of the issue is never obeyed, whoever writes it now: what is quoted without a mark looks
// like written. So each mail that is committed makes its commands lead to its issue, as Message-IDs do, and the
// store checks in the write that those which are obeyed led nowhere.

// saidMore stands for the commands of a mail that were too many to be kept, or in a text too long to be read: any may be among them.
const saidMore = "…"

// saidName is a command as a store knows it.
func saidName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// saidNames are the names of the commands in a mail, and in what rules wrote about it.
func saidNames(d *decision, q *question) []issue.ThreadName {
	s := rules.NewSaid(q.policy.Marker)
	for text := range q.p.msg.Texts() {
		s.Add(text)
	}
	for _, note := range d.result.Changes.Notes {
		s.Add(note)
	}
	if subject := d.result.Changes.Subject; subject != nil {
		s.Add(*subject)
	}
	var names []issue.ThreadName
	for name := range saidBy(s, q.p.msg.Truncated) {
		names = append(names, issue.ThreadName{ID: name, Kind: issue.Said})
	}
	return names
}

// saidBy are the commands that were found, as a store knows them; cut says that there was more text.
func saidBy(s *rules.Said, cut bool) iter.Seq[string] {
	keys, all := s.Keys()
	if !all || cut {
		keys = append(slices.Clip(keys), saidMore)
	}
	return func(yield func(string) bool) {
		for _, key := range keys {
			if !yield(saidName(key)) {
				return
			}
		}
	}
}

// A wall keeps commands that were said before from being obeyed.
type wall struct {
	w       World
	q       *question
	tokens  []rules.Token
	subject int              // how many of them, the first ones, stand in the subject
	keys    []string         // of all that may be commands to some set, so that a decision by other rules knows of them too
	stood   map[int][]string // of those, by issue: what facts keep
	relies  []issue.Reliance // that the others led nowhere
}

// commands are what a sender wrote, if he may give any: only a proven one may, only in text that is surely his, and in the subject
// only of a mail that starts an issue. Those that stood in earlier mail of the issue, or of one that it may belong to, are marked.
func (q *question) commands(ctx context.Context, w World, id who, th *thread) (*wall, error) {
	c := &wall{w: w, q: q, stood: map[int][]string{}}
	m := q.p.msg
	if id.trust != trustAuthenticated || echoes(m.Kind) {
		return c, nil
	}
	said := rules.NewSaid(q.policy.Marker)
	text := surelyNew(m)
	if th.Number == 0 && ownSubject(m) {
		said.Add(m.Subject)
		c.tokens = q.set.FindTokens(m.Subject, q.policy.Marker)
		c.subject = len(c.tokens)
	}
	said.Add(text)
	c.tokens = append(c.tokens, q.set.FindTokens(text, q.policy.Marker)...)
	c.keys, _ = said.Keys()
	for _, t := range c.tokens {
		if !slices.Contains(c.keys, t.Key()) {
			c.keys = append(c.keys, t.Key())
		}
	}
	if th.Number != 0 {
		return c, c.look(ctx, th.Number)
	}
	for _, number := range th.Suspected {
		if err := c.look(ctx, number); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// joins looks at the issue that rules made a mail join; changed means that it has to be decided again, with fewer commands.
func (c *wall) joins(ctx context.Context, number int64) (changed bool, err error) {
	if number == 0 || len(c.keys) == 0 {
		return false, nil
	}
	before := c.ignored()
	for i := range c.tokens[:c.subject] {
		c.ignore(i, fmt.Sprintf("it stands in the subject of a mail that joins issue %d", number))
	}
	if _, looked := c.stood[int(number)]; !looked {
		err = c.look(ctx, number)
	}
	return c.ignored() != before, err
}

// done adds to a decision what is known of the commands.
func (c *wall) done(d *decision) {
	d.said = c
	d.thread.Relies = append(d.thread.Relies, c.relies...)
	for number, stood := range c.stood {
		if len(stood) > 0 {
			if d.facts.Stood == nil {
				d.facts.Stood = map[int][]string{}
			}
			d.facts.Stood[number] = stood
		}
	}
}

// giveUp obeys nothing.
func (c *wall) giveUp() {
	for i := range c.tokens {
		c.ignore(i, "where the mail belongs depends on it")
	}
}

// look asks which of the commands stood in the mails of an issue.
func (c *wall) look(ctx context.Context, number int64) error {
	if len(c.keys) == 0 {
		return nil
	}
	stood, err := c.ask(ctx, number)
	if err != nil {
		return err
	}
	c.stood[int(number)] = stood
	for i, t := range c.tokens {
		switch {
		case slices.Contains(stood, t.Key()):
			c.ignore(i, fmt.Sprintf("it stood in an earlier mail of issue %d", number))
		case slices.Contains(stood, saidMore):
			c.ignore(i, fmt.Sprintf("an earlier mail of issue %d was too long, or held too many commands, to tell whether it stood there", number))
		}
	}
	return nil
}

func (c *wall) ask(ctx context.Context, number int64) (stood []string, err error) {
	if then := c.q.then; then != nil { // as it was found then; what another issue's mails said then nobody knows
		return then.Stood[int(number)], nil
	}
	keys := append(slices.Clone(c.keys), saidMore)
	ids := make([]string, 0, len(keys))
	for _, key := range keys {
		ids = append(ids, issue.SaidID(saidName(key), number))
	}
	links, err := c.w.FindThread(ctx, issue.NoMailbox, ids)
	if err != nil {
		return nil, err
	}
	var obeyed []string
	for i, key := range keys {
		switch {
		case slices.ContainsFunc(links, func(l issue.Link) bool { return l.ID == ids[i] }):
			stood = append(stood, key)
		case key == saidMore || slices.ContainsFunc(c.tokens, func(t rules.Token) bool { return t.Key() == key }):
			obeyed = append(obeyed, ids[i])
		}
	}
	c.relies = append(c.relies, relyOn(issue.NoMailbox, obeyed, nil)...)
	return stood, nil
}

func (c *wall) ignore(i int, why string) {
	if c.tokens[i].Ignored == "" {
		c.tokens[i].Ignored = why
	}
}

func (c *wall) ignored() (n int) {
	for _, t := range c.tokens {
		if t.Ignored != "" {
			n++
		}
	}
	return n
}

// remark tells those who work on the issue which commands were not obeyed.
func (c *wall) remark() string {
	var b strings.Builder
	for _, t := range c.tokens {
		if t.Ignored == "" {
			continue
		}
		said := t.Name
		if t.Value != "" {
			said += ": " + t.Value
		}
		fmt.Fprintf(&b, "The command %q was not obeyed: %s.\n", said, t.Ignored)
	}
	return strings.TrimSpace(b.String())
}
