package config

import (
	"fmt"
	"net/mail"
	"slices"
	"strings"
)

func (ch *checker) mailboxes() {
	c := ch.c
	if len(c.Mailboxes) == 0 {
		ch.errorf("mailboxes", "there is no mailbox: no mail could be taken")
	}
	owner := map[string]string{}
	for i := range c.Mailboxes {
		m := &c.Mailboxes[i]
		path := "mailboxes." + m.Name
		if !boxName.MatchString(m.Name) {
			ch.errorf(path, "%q is no name for a mailbox: a letter, then letters, digits, - and _", m.Name)
		}
		if len(m.Addresses) == 0 {
			ch.errorf(path, "mailbox %q has no addresses: no mail could reach it", m.Name)
		}
		for j, a := range m.Addresses {
			at := fmt.Sprintf("%s.addresses[%d]", path, j)
			normal, err := parsePattern(a)
			if err != nil {
				ch.errorf(at, "addresses: %v", err)
				continue
			}
			m.Addresses[j] = normal
			if first, ok := owner[normal]; ok {
				ch.errorf(at, "%s is in mailbox %q already, at %s", a, m.Name, ch.where(first))
				if other := strings.Split(first, ".addresses")[0]; other != path {
					ch.problems[len(ch.problems)-1].Message = fmt.Sprintf("%s belongs to mailbox %q already, at %s", a, strings.TrimPrefix(other, "mailboxes."), ch.where(first))
				}
				continue
			}
			owner[normal] = at
		}
		if m.From != "" {
			if _, err := mail.ParseAddress(m.From); err != nil {
				ch.errorf(path+".from", "from: %q is not an address: write it like \"Example <support@example.com>\"", m.From)
			} else {
				ch.problems = append(ch.problems, Problem{Position: ch.where(path + ".from"), Warning: true,
					Message: "from: no mail leaves in this version, so this says nothing yet"})
			}
		}
		ch.word(path+".new.type", m.New.Type, c.Types)
		ch.word(path+".new.class", m.New.Class, c.Classes)
		ch.word(path+".new.priority", m.New.Priority, c.Priorities)
		ch.word(path+".new.status", m.New.Status, c.Statuses)
		ch.word(path+".new.team", m.New.Team, c.Teams)
	}
}

// word holds a value against a list of names; an empty list allows all.
func (ch *checker) word(path, value string, names Names) {
	if value != "" && len(names) > 0 && !slices.Contains(names, value) {
		ch.errorf(path, "%s: unknown name %q%s (allowed: %s)", last(path), value, suggest(value, names), strings.Join(names, ", "))
	}
}

// writers puts From addresses and domains into their normal form: ann@example.com, @example.com.
func (ch *checker) writers(path string, from []string) {
	for i, f := range from {
		a := f
		if !strings.Contains(a, "@") {
			a = "@" + a
		}
		normal, err := parsePattern(a)
		if err != nil || strings.Contains(normal, "*") {
			ch.errorf(fmt.Sprintf("%s[%d]", path, i), "from: %q is neither an address nor a domain: write it like ann@example.com or @example.com", f)
			continue
		}
		from[i] = normal
	}
}

// parsePattern reads an address of a mailbox and puts it into its normal form.
func parsePattern(text string) (string, error) {
	bad := fmt.Errorf("%q is not an address: write it like support@example.com, support+*@example.com, \"@example.com\" or \"*\"", text)
	if text == "*" {
		return text, nil
	}
	if strings.ContainsAny(text, " \t\r\n<>,;\"") {
		return "", bad
	}
	local, domain, ok := cutAddress(text)
	domain = normalDomain(domain)
	if !ok || !hostname.MatchString(domain) && !strings.HasPrefix(domain, "[") || strings.Count(local, "*") > 1 || strings.Contains(local, "@") {
		return "", bad
	}
	if local == "*" {
		local = ""
	}
	return strings.ToLower(local) + "@" + domain, nil
}
