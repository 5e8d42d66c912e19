package imap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"postern/poller"
	"postern/poller/wire"
)

// Check tries what polling takes: name, connection, TLS, login, what the server can, folders and what may be done in them, the folders
// that mail is moved to, quota, IDLE. Nothing is changed at the server.
func (a *Account) Check(ctx context.Context, tell func(poller.Step)) {
	s, err := a.open(ctx, tell)
	if err != nil {
		return // told
	}
	defer s.Close()
	c := &check{a: a, s: s, ctx: ctx, tell: tell}
	c.abilities()
	opened := map[string]bool{}
	for _, f := range a.o.Folders {
		opened[f] = c.folder(f)
	}
	for _, f := range c.destinations() {
		c.destination(f)
	}
	if opened[a.o.Folders[0]] {
		c.quota()
		c.idle()
	}
	if slices.Contains(slices.Collect(maps.Values(opened)), false) {
		c.list()
	}
}

type check struct {
	a    *Account
	s    *session
	ctx  context.Context
	tell func(poller.Step)
}

// try runs one step, which says what it found; an error is told of as a failure, and a Problem with what to do.
func (c *check) try(name string, f func(*poller.Step) error) bool {
	begun := time.Now()
	step := poller.Step{Name: name, OK: true}
	if err := f(&step); err != nil {
		step.OK, step.Warn, step.Says = false, false, said(err)
		var p *wire.Problem
		if errors.As(err, &p) {
			step.Says, step.Todo = p.Says, p.Todo
		}
	}
	step.Took = time.Since(begun)
	c.tell(step)
	return step.OK
}

// does reports whether mail is ever settled in one of these ways.
func (c *check) does(ways ...string) bool {
	return slices.ContainsFunc(c.a.o.After, func(a poller.After) bool { return slices.Contains(ways, a.Do) })
}

// abilities says what the server lacks, and what that means here.
func (c *check) abilities() {
	c.try("capabilities", func(step *poller.Step) error {
		var has, todo []string
		for _, k := range []imap.Cap{imap.CapIdle, imap.CapMove, imap.CapUIDPlus, imap.CapQuota, imap.CapACL} {
			if c.s.caps.Has(k) {
				has = append(has, string(k))
			}
		}
		lacks := func(k imap.Cap) bool { return !c.s.caps.Has(k) }
		if lacks(imap.CapIdle) && !c.a.o.NoIdle {
			todo = append(todo, "without IDLE new mail is seen when the source is polled next: set every: as short as it has to be")
		}
		if lacks(imap.CapUIDPlus) && (c.does(poller.Delete) || c.does(poller.Move) && lacks(imap.CapMove)) {
			todo = append(todo, "without UIDPLUS what was taken is only marked as deleted, and lies there until a mail program purges the folder: a plain EXPUNGE would remove what others have marked")
		}
		if lacks(imap.CapMove) && c.does(poller.Move) {
			todo = append(todo, "without MOVE mail is copied, then marked as deleted: a crash between the two can leave a second copy in the folder it is moved to")
		}
		step.Says = "the server has none of IDLE, MOVE, UIDPLUS"
		if len(has) > 0 {
			step.Says = "the server has " + strings.Join(has, ", ")
		}
		step.Warn, step.Todo = len(todo) > 0, strings.Join(todo, "; ")
		return nil
	})
}

// needs are the rights (RFC 4314 section 2.1; d stands for t and e in RFC 2086) that settling takes in a folder, and what each is for.
func (c *check) needs() map[string]string {
	needs := map[string]string{"r": "to read it"}
	if c.does(poller.Mark) {
		needs["s"] = "to mark mail as read"
	}
	if c.does(poller.Move, poller.Delete) {
		needs["td"], needs["ed"] = "to mark mail as deleted", "to remove it"
	}
	return needs
}

// folder opens one and says what may be done in it; and reports whether it could be opened.
func (c *check) folder(name string) (opened bool) {
	c.try("folder "+name, func(step *poller.Step) error {
		c.s.selected = nil // so that it is opened anew, and the last line is its answer
		box, err := c.s.open(c.ctx, name)
		if err != nil {
			return err
		}
		opened = true
		readOnly := strings.Contains(strings.ToUpper(c.s.lines.said()), "[READ-ONLY]")
		step.Says = fmt.Sprintf("%q has %d messages", c.s.names[name], box.exists)
		var lacks []string
		if rights, ok := c.rights(name); ok {
			for right, why := range c.needs() {
				if !strings.ContainsAny(rights, right) {
					lacks = append(lacks, right[:1]+" ("+why+")")
				}
			}
			slices.Sort(lacks)
		} else if readOnly && c.does(poller.Mark, poller.Move, poller.Delete) {
			lacks = []string{"to write: it is read-only"}
		}
		if len(lacks) > 0 {
			return &wire.Problem{
				Says: fmt.Sprintf("%s may not do in %q what after: says: rights that lack: %s", c.a.o.User, name, strings.Join(lacks, ", ")),
				Todo: "have the folder's owner or the server's administrator give these rights, or use after: keep",
			}
		}
		return nil
	})
	return opened
}

// rights are those we have in a folder, where the server tells.
func (c *check) rights(folder string) (rights string, ok bool) {
	if !c.s.caps.Has(imap.CapACL) {
		return "", false
	}
	err := c.s.plainly(c.ctx, func() error {
		d, err := c.s.c.MyRights(c.s.names[folder]).Wait()
		if err == nil {
			rights = d.Rights.String()
		}
		return err
	})
	return rights, err == nil
}

// destinations are the folders that mail is moved to.
func (c *check) destinations() []string {
	var all []string
	for _, a := range c.a.o.After {
		if a.Do == poller.Move && !slices.Contains(all, a.Folder) {
			all = append(all, a.Folder)
		}
	}
	return all
}

func (c *check) destination(name string) {
	c.try("destination "+name, func(step *poller.Step) error {
		err := c.s.exists(c.ctx, name)
		if refused(err) {
			step.Says = fmt.Sprintf("folder %q is not there; it is made when the first mail is moved", name)
			return nil
		}
		if err != nil {
			return err
		}
		step.Says = fmt.Sprintf("%q is there", c.s.names[name])
		if rights, ok := c.rights(name); ok && !strings.Contains(rights, "i") {
			return &wire.Problem{Says: fmt.Sprintf("%s may not put mail into %q: the right i lacks", c.a.o.User, name), Todo: "have it given, or move elsewhere"}
		}
		return nil
	})
}

// quota warns of a mailbox that is nearly full: then mail bounces, and moving fails.
func (c *check) quota() {
	if !c.s.caps.Has(imap.CapQuota) {
		return
	}
	c.try("quota", func(step *poller.Step) error {
		var roots []imapclient.QuotaData
		err := c.s.plainly(c.ctx, func() (err error) {
			roots, err = c.s.c.GetQuotaRoot(c.s.names[c.a.o.Folders[0]]).Wait()
			return err
		})
		if err != nil {
			return err
		}
		step.Says = "no limit"
		for _, root := range roots {
			for kind, r := range root.Resources {
				if r.Limit <= 0 {
					continue
				}
				step.Says = fmt.Sprintf("%s: %d of %d used (%d%%)", wire.Said(string(kind)), r.Usage, r.Limit, r.Usage*100/r.Limit)
				if r.Usage >= r.Limit/10*9 {
					step.Warn, step.Todo = true, "the mailbox is nearly full, and will refuse mail: make room, or use after: delete"
					return nil
				}
			}
		}
		return nil
	})
}

// idle begins and ends one IDLE.
func (c *check) idle() {
	if !c.s.idles() {
		return
	}
	c.try("idle", func(step *poller.Step) error {
		err := c.s.plainly(c.ctx, func() error {
			i, err := c.s.c.Idle()
			if err != nil {
				return err
			}
			if err := i.Close(); err != nil {
				return err
			}
			return i.Wait()
		})
		if err != nil {
			return &wire.Problem{Says: "the server says IDLE, and it does not work: " + said(err), Todo: "set idle: false, and every: as short as it has to be"}
		}
		step.Says = "new mail is told of at once"
		return nil
	})
}

// list shows which folders there are, where one that was named is not. It comes last: a folder whose name is not in proper modified
// UTF-7 ends the connection.
func (c *check) list() {
	c.try("folders", func(step *poller.Step) error {
		var names []string
		err := c.s.plainly(c.ctx, func() error {
			all, err := c.s.c.List("", "*", nil).Collect()
			for _, m := range all {
				names = append(names, fmt.Sprintf("%q", wire.Said(m.Mailbox)))
			}
			return err
		})
		if err != nil && len(names) == 0 {
			return err
		}
		slices.Sort(names)
		if len(names) > 50 {
			names = append(names[:50], "…")
		}
		step.Says = "there are " + strings.Join(names, ", ")
		return nil
	})
}
