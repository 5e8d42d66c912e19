package poller

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"postern/internal/fault"
	"postern/internal/intake"
	"postern/internal/testmail"
)

// A Putter is an account into which a mail can be put by its own protocol, so that it lies there as one that came.
type Putter interface {
	// Put returns the folder. Its error says what is wrong and what to do.
	Put(ctx context.Context, raw []byte) (folder string, err error)
}

// A Probe is a test mail on its way.
type Probe struct {
	Mail *testmail.Mail
	// Send brings it on its way to the account; nil: it is put there, see Putter. It tells of its steps itself, and reports whether it worked.
	Send func(ctx context.Context, tell func(Step)) bool
	// Taken says which source took it meanwhile, on any node; "" for none.
	Taken    func(ctx context.Context) (source string, err error)
	Patience time.Duration // how long it is waited for
}

// Test brings a mail to a source's account, waits until it is seen there, and removes it again. It is seen by a session of its own, which does
// what polling does and begins behind all that lies there; or else by whoever polls the source meanwhile.
func (m *Manager) Test(ctx context.Context, name string, p *Probe, tell func(Step)) (err error) {
	src, r, err := m.source(name)
	if err != nil {
		return err
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("internal error while testing %s: %v", name, v)
		}
	}()
	account := src.Account
	if src.Fresh != nil {
		if account, err = src.Fresh(); err != nil {
			return err
		}
	}
	l := &lookout{account: account, brief: src.Protocol == "pop3", mark: p.Mail.Mark}
	defer l.close()
	begun := time.Now()
	send := p.Send
	if send == nil {
		putter := putterOf(account)
		if putter == nil {
			tell(Step{Name: "put", Says: "POP3 only fetches: nothing can be put into the mailbox", Todo: "have the mail sent: --via HOST:PORT names a server that takes mail for it"})
			return nil
		}
		send = func(ctx context.Context, tell func(Step)) bool {
			folder, err := putter.Put(ctx, p.Mail.Raw)
			if err != nil {
				tell(problemStep("put", err, begun))
				return false
			}
			tell(Step{Name: "put", OK: true, Says: fmt.Sprintf("a test mail was put into %q", folder), Took: time.Since(begun)})
			return true
		}
	}
	if l.brief && m.polled(ctx, name) {
		l.account = nil // a mailbox of POP3 is its session's alone (RFC 1939 section 3): whoever polls it is not disturbed, and sees it
	} else if _, err := l.look(ctx); err != nil { // what lies there is old
		tell(problemStep("look", err, begun))
		return nil
	}
	if !send(ctx, tell) {
		return nil
	}
	tell(m.watch(ctx, name, r, l, p))
	return nil
}

// watch waits until the mail is seen, and says so.
func (m *Manager) watch(ctx context.Context, name string, r *runner, l *lookout, p *Probe) Step {
	sent := time.Now()
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	step := Step{Name: "seen"}
	var last error
	for ctx.Err() == nil {
		if r != nil && l.account == nil {
			select {
			case r.wake <- struct{}{}:
			default:
			}
		}
		found, err := l.look(ctx)
		if err != nil && ctx.Err() == nil {
			last = err
		}
		taken := ""
		if found == nil {
			taken, _ = p.Taken(ctx) // a store that fails says so elsewhere
		}
		step.Took = time.Since(sent)
		took := max(step.Took, time.Millisecond).Round(time.Millisecond)
		switch {
		case found != nil:
			step.OK, step.Says = true, fmt.Sprintf("seen after %s", took)
			if found.Folder != "" {
				step.Says += fmt.Sprintf(", in %q", found.Folder)
			}
			if err := l.remove(context.WithoutCancel(ctx), *found); err != nil {
				step.Warn, step.Says = true, step.Says+"; it could not be removed: "+err.Error()
				step.Todo = "delete it by hand: its subject is Postern test mail"
				return step
			}
			step.Says += ", and removed again"
			return step
		case taken != "" && taken != name:
			step.OK, step.Warn, step.Says = true, true, fmt.Sprintf("after %s it came by %s, and not by %s", took, taken, name)
			step.Todo = "mail for that address comes to this Postern another way: where that is meant to be, all is well"
			return step
		case taken != "":
			step.OK, step.Says = true, fmt.Sprintf("seen after %s by the node that polls, which removes it", took)
			if l.account != nil { // a dry run removes nothing
				if found, _ := l.look(ctx); found != nil {
					_ = l.remove(context.WithoutCancel(ctx), *found)
				}
			}
			return step
		}
		l.wait(ctx)
	}
	step.Says = fmt.Sprintf("it was not seen within %s", time.Since(sent).Round(time.Second))
	if last != nil {
		step.Says += ": " + last.Error()
	}
	step.Todo = "look whether a filter at the server puts it into a folder that is not fetched; where that is meant to be, name it in folders:"
	if p.Send != nil {
		step.Todo = "look into the queue and the log of the server that took it, whether its address leads to this mailbox, and into its junk folder. Greylisting can take a quarter of an hour"
	}
	step.Todo += ". When it comes within a day, whichever Postern polls the source removes it"
	return step
}

// polled reports whether any node polls a source.
func (m *Manager) polled(ctx context.Context, name string) bool {
	rec, err := m.o.Store.Source(ctx, name)
	return err == nil && rec.Holder != "" && rec.Until.After(m.o.Now())
}

// putterOf finds what puts mail into an account that may be wrapped.
func putterOf(a Account) Putter {
	for {
		if p, ok := a.(Putter); ok {
			return p
		}
		u, ok := a.(interface{ Unwrap() Account })
		if !ok {
			return nil
		}
		a = u.Unwrap()
	}
}

// problemStep is an error as a step of a check. Where it does not itself say what to do, that is behind the first sentence.
func problemStep(name string, err error, begun time.Time) Step {
	step := Step{Name: name, Says: err.Error(), Took: time.Since(begun)}
	var p interface{ Advice() (says, todo string) }
	if errors.As(err, &p) {
		step.Says, step.Todo = p.Advice()
	} else if says, todo, ok := strings.Cut(step.Says, ". "); ok {
		step.Says, step.Todo = says, todo
	}
	return step
}

// A lookout looks for one mail among those that come to an account.
type lookout struct {
	account Account // nil: it is looked for elsewhere
	brief   bool
	mark    string

	s      Session
	cursor json.RawMessage
}

// look lists what came since it last did, and finds the mail. Mail of others is not marked, and stays.
func (l *lookout) look(ctx context.Context) (found *Item, err error) {
	if l.account == nil {
		return nil, nil
	}
	defer func() {
		if err != nil || l.brief {
			l.close()
		}
	}()
	if l.s == nil {
		if l.s, err = l.account.Open(ctx); err != nil {
			l.s = nil
			return nil, err
		}
	}
	for {
		b, err := l.s.List(ctx, l.cursor, 100)
		if err != nil {
			return nil, err
		}
		var ask []Item
		for _, item := range b.Items {
			if item.Size <= testmail.MaxSize {
				ask = append(ask, item)
			}
		}
		if l.cursor != nil && len(ask) > 0 {
			if found, err = l.among(ctx, ask); err != nil || found != nil {
				return found, err
			}
		}
		l.cursor = b.Next
		if !b.More {
			return nil, nil
		}
	}
}

// among finds the mail among some.
func (l *lookout) among(ctx context.Context, items []Item) (found *Item, err error) {
	err = l.s.Fetch(ctx, items, func(item Item, r io.Reader, err error) error {
		if err != nil || found != nil {
			return nil
		}
		_ = eachField(header64K(r), func(name, value string) {
			if name == testField && value == l.mark {
				found = &item
			}
		})
		return nil
	})
	var one *ItemError
	if errors.As(err, &one) {
		err = nil
	}
	return found, err
}

// remove deletes the mail at the server.
func (l *lookout) remove(ctx context.Context, item Item) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for try := 0; ; try++ {
		if l.s == nil {
			l.s, err = l.account.Open(ctx)
		}
		if err == nil {
			if err = l.s.Settle(ctx, []Settled{{Item: item, Verdict: intake.Discarded, After: After{Do: Delete}}}); err == nil {
				return l.close() // by which POP3 deletes
			}
		}
		_ = l.close()
		if try == 2 {
			return err
		}
		err = Sleep(ctx, time.Second)
		if err != nil {
			return fault.As(fault.Unavailable, err)
		}
	}
}

// wait lets the server tell of it, for a moment.
func (l *lookout) wait(ctx context.Context) {
	if l.s == nil || l.account == nil {
		d := time.Second
		if l.brief && l.account != nil {
			d = 5 * time.Second
		}
		_ = Sleep(ctx, d)
		return
	}
	if _, err := l.s.Wait(ctx, 2*time.Second); err != nil {
		_ = l.close()
	}
}

func (l *lookout) close() error {
	if l.s == nil {
		return nil
	}
	s := l.s
	l.s = nil
	return s.Close()
}
