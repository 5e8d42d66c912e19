package poller

import (
	"errors"
	"slices"

	"postern/internal/logkey"
)

// settle does at the server what is owed. Items at which that failed before are tried again once a round only (all).
func (v *visit) settle(all bool) error {
	if v.r.src.DryRun {
		v.st.Unsettled = nil
	}
	if v.broken {
		return nil // by the next session
	}
	var owed []Settled
	for _, u := range v.st.Unsettled {
		if (all || u.Tries == 0) && !slices.Contains(v.settled, u.Item.ID) {
			owed = append(owed, u.Settled)
		}
	}
	if len(owed) == 0 {
		return nil
	}
	err := v.call(func() error { return v.s.Settle(v.k.ctx, owed) })
	failed, only := itemErrors(err)
	if err != nil && !only {
		if v.k.ctx.Err() == nil {
			v.r.settleLast = true // a server that ends sessions at this must not keep mail from being taken
		}
		return err
	}
	var did []string
	for _, s := range owed {
		if why, bad := failed[s.Item.ID]; bad {
			v.unsettled(s.Item.ID, why)
		} else {
			did = append(did, s.Item.ID)
		}
	}
	if v.brief {
		v.settled = append(v.settled, did...)
		return nil
	}
	v.confirm(did)
	return nil
}

// took tells a brief session which mails it need not keep.
func (v *visit) took(g *group) {
	s, ok := v.s.(Brief)
	if !ok || v.r.src.DryRun {
		return
	}
	var items []Item
	for _, t := range g.items {
		if t.fate == done || t.fate == parked && t.message != "" {
			items = append(items, t.item)
		}
	}
	s.Took(items)
}

// confirm crosses out what was done at the server.
func (v *visit) confirm(ids []string) {
	if len(ids) == 0 {
		return
	}
	did := make(map[string]bool, len(ids))
	for _, id := range ids {
		did[id] = true
	}
	v.st.Unsettled = slices.DeleteFunc(v.st.Unsettled, func(u unsettled) bool { return did[u.Item.ID] })
	v.st.dirty = true
}

// unsettled counts a failure at one item, which after some is left at the server as it is.
func (v *visit) unsettled(id string, why error) {
	i := slices.IndexFunc(v.st.Unsettled, func(u unsettled) bool { return u.Item.ID == id })
	if i < 0 {
		return
	}
	u := &v.st.Unsettled[i]
	u.Tries++
	v.st.dirty = true
	if u.Tries == 1 {
		v.r.log.Warn("what became of a mail cannot be done at the server: it is tried again", "item", id, "after", u.After.Do, logkey.Error, why)
	}
	v.r.news.trouble(v.r.m.o.Now(), why)
	if u.Tries >= maxTries {
		v.r.log.Error("what became of a mail cannot be done at the server: it stays there as it is", "item", id, "after", u.After.Do, logkey.Error, why)
		v.st.Unsettled = slices.Delete(v.st.Unsettled, i, i+1)
	}
}

// itemErrors are those of single items in an error, and whether it has no others.
func itemErrors(err error) (map[string]error, bool) {
	failed := map[string]error{}
	only := err != nil
	var walk func(error)
	walk = func(err error) {
		var one *ItemError
		if list, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range list.Unwrap() {
				walk(e)
			}
		} else if errors.As(err, &one) {
			if !one.Gone {
				failed[one.Item.ID] = one.Err
			}
		} else if err != nil {
			only = false
		}
	}
	walk(err)
	return failed, only
}
