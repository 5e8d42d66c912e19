package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"postern/internal/api"
	"postern/internal/app"
)

// mailTest is what is wanted of a test mail.
type mailTest struct {
	send         bool
	q            app.TestQuery
	passwordFile string
}

func (t *mailTest) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&t.send, "send", false, "put a test mail into the mailbox, and see it again")
	f.StringVar(&t.q.Via, "via", "", "have this mail server send the test mail: HOST:PORT, by SMTP, encrypted where it offers that")
	f.StringVar(&t.q.To, "to", "", "where it is sent to (default the first address of the source's mailboxes)")
	f.StringVar(&t.q.From, "from", "", "its sender (default none, so that nothing bounces)")
	f.StringVar(&t.q.User, "user", "", "log in at the mail server")
	f.StringVar(&t.passwordFile, "password-file", "", "with the password in this file")
}

func (t *mailTest) wanted() bool { return t.send || t.q != (app.TestQuery{}) || t.passwordFile != "" }

// complete reads the password, and refuses what makes no sense.
func (t *mailTest) complete(cmd *cobra.Command) error {
	if t.q.Via == "" && (t.q != (app.TestQuery{}) || t.passwordFile != "") {
		return usage(cmd, errors.New("--to, --from, --user and --password-file belong to --via HOST:PORT"))
	}
	if (t.q.User == "") != (t.passwordFile == "") {
		return usage(cmd, errors.New("--user and --password-file belong together"))
	}
	if t.passwordFile != "" {
		b, err := os.ReadFile(t.passwordFile)
		if err != nil {
			return err
		}
		t.q.Password = strings.TrimRight(string(b), "\r\n")
	}
	return nil
}

// checkSource tries each step of polling an account.
func (p *program) checkSource(ctx context.Context, name string, t *mailTest) (out []finding) {
	err := p.with(ctx, func(cl *client) error {
		q := url.Values{}
		if t.send && t.q.Via == "" {
			q.Set("send", "true")
		}
		var found api.SourceCheck
		if err := cl.do(ctx, http.MethodPost, sourcePath(name)+"/check", q, nil, "", &found); err != nil {
			return err
		}
		switch {
		case t.q.Via == "":
		case !found.OK:
			found.Steps = append(found.Steps, api.SourceStep{Name: "send", State: "warning", Says: "no test mail was sent", Do: "mend what is wrong first"})
		default:
			var sent api.SourceCheck
			t.q.Source = name
			if err := cl.post(ctx, "/control/test", nil, t.q, &sent); err != nil {
				return err
			}
			found.Steps = append(found.Steps, sent.Steps...)
		}
		for _, s := range found.Steps {
			out = append(out, finding{What: safe(s.Name), State: s.State, Says: safe(s.Says), Do: safe(s.Do)})
		}
		return nil
	})
	if err != nil {
		out = append(out, finding{What: "source " + name, State: "wrong", Says: err.Error()})
	}
	return out
}
