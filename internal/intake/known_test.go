package intake

import (
	"context"
	"fmt"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

// directory is a store that has only people, and counts how often it is asked for them.
type directory struct {
	issue.Store
	people map[string]*issue.User
	asked  int
}

func (d *directory) FindUser(_ context.Context, email string) (*issue.User, error) {
	d.asked++
	if u, ok := d.people[email]; ok {
		return u, nil
	}
	return nil, fault.Errorf(fault.NotFound, "nobody is %s", email)
}

func TestPeopleAreRememberedForAMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	d := &directory{people: map[string]*issue.User{"ann@example.org": {Role: "customer"}}}
	k := newKnown(d, func() time.Time { return now })
	role := func(email string) string {
		u, err := k.FindUser(t.Context(), email)
		if err != nil {
			return err.Error()
		}
		return u.Role
	}
	steps := []struct {
		name  string
		does  func()
		email string
		want  string
		asked int
	}{
		{"at first", nil, "ann@example.org", "customer", 1},
		{"at once again", func() { d.people["ann@example.org"] = &issue.User{Role: "agent"} }, "ann@example.org", "customer", 1},
		{"a moment later", func() { now = now.Add(remember) }, "ann@example.org", "agent", 2},
		{"a stranger", nil, "bob@example.org", "nobody is bob@example.org", 3},
		{"known since", func() { d.people["bob@example.org"] = &issue.User{Role: "customer"} }, "bob@example.org", "customer", 4},
		{"many more", func() {
			for i := range maxPeople {
				email := fmt.Sprint(i, "@example.org")
				d.people[email] = &issue.User{}
				role(email)
			}
		}, "bob@example.org", "customer", 4 + maxPeople + 1},
	}
	for _, s := range steps {
		if s.does != nil {
			s.does()
		}
		if got := role(s.email); got != s.want || d.asked != s.asked {
			t.Errorf("%s: %q after %d questions, want %q after %d", s.name, got, d.asked, s.want, s.asked)
		}
	}
	if len(k.people) > maxPeople {
		t.Errorf("%d people are remembered", len(k.people))
	}
}
