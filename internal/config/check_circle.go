package config

import (
	"net"
	"slices"
	"strings"
)

// circles finds sources that would move mail round and round: one moves it where another fetches it, and so on, until it lies where it was.
func (ch *checker) circles() {
	all := slices.DeleteFunc(ch.c.SourceList(), func(s Source) bool { return !s.Active || s.Protocol() == "" })
	for i := range all {
		s := &all[i]
		for _, folder := range s.folders() {
			by := movers(all, s, strings.ToLower(folder), map[string]bool{}, nil)
			if len(by) < 2 || slices.Min(by) != s.Name { // none, or it is told of another
				continue
			}
			path := "sources." + s.Name
			if slices.ContainsFunc(ch.c.Mailboxes, func(m Mailbox) bool { return m.Name == s.Name && m.Source.Protocol() != "" }) {
				path = "mailboxes." + s.Name + ".source"
			}
			ch.errorf(path+".after", "after: mail of %s would be moved in a circle, by the sources %s: let one of them move it to a folder that none of them fetches", folder, strings.Join(by, ", "))
		}
	}
}

// movers are the sources by which mail that one moves comes to a folder of the same account; nil where it never does.
func movers(all []Source, s *Source, home string, seen map[string]bool, by []string) []string {
	by = append(slices.Clone(by), s.Name)
	taken, rejected, quarantined := s.Afters()
	for _, a := range []After{taken, rejected, quarantined} {
		to := strings.ToLower(a.Folder)
		if a.Do != "move" || seen[to] {
			continue
		}
		if to == home {
			return by
		}
		seen[to] = true
		for i := range all {
			if all[i].account() != s.account() || !all[i].fetches(to) {
				continue
			}
			if found := movers(all, &all[i], home, seen, by); found != nil {
				return found
			}
		}
	}
	return nil
}

// account names whose mail it is, as far as the configuration tells.
func (s *Source) account() string {
	host, _, _ := net.SplitHostPort(s.IMAP)
	return strings.ToLower(strings.Join([]string{s.Protocol(), host, s.User, s.Graph}, " "))
}
