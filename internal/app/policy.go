package app

import (
	"postern/dsl"
	"postern/internal/config"
	"postern/internal/intake"
	"postern/receiver/smtp"
)

// policy is what the road needs of a configuration.
func policy(c *config.Config) *intake.Policy {
	byName := map[string]*intake.Mailbox{}
	p := &intake.Policy{Ours: c.Ours, Marker: c.Marker, TextLimit: int64(c.Limits.Text), Vocabulary: vocabulary(c), SetAside: c.FailingRules == "set-aside"}
	for _, m := range c.Mailboxes {
		mb := &intake.Mailbox{
			Name: m.Name, Active: m.Active, Addresses: m.Addresses, MaxFile: int64(m.Attachments.MaxSize), Visibility: m.Notes,
			New: intake.Defaults{
				Assignee: m.New.Assignee, Template: m.New.Template, Class: m.New.Class, Type: m.New.Type,
				Priority: m.New.Priority, Status: m.New.Status, Team: m.New.Team, Tags: m.New.Tags,
			},
		}
		p.Mailboxes = append(p.Mailboxes, mb)
		byName[m.Name] = mb
	}
	p.Route = func(address string) (*intake.Mailbox, bool) {
		m, ok := c.Route(address)
		if !ok {
			return nil, false
		}
		return byName[m.Name], true
	}
	for _, r := range c.SMTP.Relays {
		p.Relays = append(p.Relays, r.Net)
	}
	for _, o := range c.SMTP.Origins {
		p.Origins = append(p.Origins, intake.Origin{Net: o.Net, From: o.From})
	}
	return p
}

// vocabulary is the names that rules may use. A list that the configuration leaves empty lets every name pass.
func vocabulary(c *config.Config) dsl.Vocabulary {
	v := dsl.Vocabulary{
		Types: c.Types, Classes: c.Classes, Priorities: c.Priorities, Statuses: c.Statuses, Teams: c.Teams, Fields: c.Fields,
	}
	for _, m := range c.Mailboxes {
		v.Mailboxes = append(v.Mailboxes, m.Name)
	}
	return v
}

// settings are what SMTP clients may do by a configuration.
func settings(c *config.Config) smtp.Settings {
	l := c.SMTP.Limits
	s := smtp.Settings{Limits: smtp.Limits{
		Connections: l.Connections, ConnectionsPerAddress: l.PerIP, MessagesPerMinute: l.MessagesPerMinute, MessagesPerAddress: l.MessagesPerIP,
		Recipients: l.Recipients, RecipientsPerAddress: l.RecipientsPerIP, Errors: l.Errors, ErrorsPerMinute: l.ErrorsPerIP,
		BytesInFlight: int64(l.Bytes), BytesPerAddress: int64(l.BytesPerIP),
		AuthFailures: l.AuthFailures, AuthFailuresPerUser: l.AuthFailuresPerUser,
	}}
	for _, r := range c.SMTP.Relays {
		s.Ours = append(s.Ours, r.Net)
		if r.Proxy {
			s.Proxies = append(s.Proxies, r.Net)
		}
	}
	for _, u := range c.SMTP.Users {
		s.Users = append(s.Users, smtp.User{Name: u.Name, Password: u.Password.Reveal(), Hash: u.Hash.Reveal(), WriteAs: u.From})
	}
	return s
}
