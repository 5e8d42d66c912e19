package peers

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// configure writes what Dovecot reads, and makes the folders it names.
func (d *DovecotServer) configure() error {
	cert, key := keyPair(d.t, d.CA.Certificate(time.Time{}))
	uid, gid := d.ids()
	mail := filepath.Join(d.dir, "mail")
	err := errors.Join(os.Chmod(d.dir, 0o755), os.MkdirAll(mail, 0o755), os.Chown(mail, uid, gid),
		os.WriteFile(d.CAFile, d.CA.PEM, 0o644),
		os.WriteFile(filepath.Join(d.dir, "cert.pem"), cert, 0o644),
		os.WriteFile(filepath.Join(d.dir, "key.pem"), key, 0o600))
	var users strings.Builder
	for name, password := range d.o.Users {
		fmt.Fprintf(&users, "%s:{PLAIN}%s\n", name, password)
		err = errors.Join(err, os.MkdirAll(filepath.Join(mail, name), 0o755), os.Chown(filepath.Join(mail, name), uid, gid))
	}
	conf := dovecotConf
	if d.o.Tokens != nil {
		conf += dovecotOAuth2
		err = errors.Join(err, os.WriteFile(filepath.Join(d.dir, "oauth2.conf"), []byte(fmt.Sprintf("introspection_url = %s/\nintrospection_mode = post\nusername_attribute = username\nactive_attribute = active\nactive_value = true\n", d.introspect())), 0o644))
	}
	var plugins, imapPlugins string
	if d.o.ACL {
		plugins, imapPlugins, conf = plugins+" acl", imapPlugins+" imap_acl", conf+"plugin {\n  acl = vfile\n}\n"
	}
	if d.o.Quota != "" {
		plugins, imapPlugins, conf = plugins+" quota", imapPlugins+" imap_quota", conf+"plugin {\n  quota = count:User quota\n  quota_vsizes = yes\n  quota_rule = *:"+d.o.Quota+"\n}\n"
	}
	capability := ""
	if d.o.Capability != "" {
		capability = "imap_capability = " + d.o.Capability
	}
	conf = strings.NewReplacer("DIR", d.dir, "IMAPSPORT", port(d.IMAPS), "IMAPPORT", port(d.IMAP), "POP3SPORT", port(d.POP3S), "POP3PORT", port(d.POP3),
		"SEPARATOR", d.o.Separator, "PREFIX", d.o.Prefix, "UID", d.owner.Uid, "GID", d.owner.Gid, "IMAPPLUGINS", imapPlugins, "PLUGINS", plugins, "CAPABILITY", capability).Replace(conf)
	return errors.Join(err, os.WriteFile(filepath.Join(d.dir, "users"), []byte(users.String()), 0o644),
		os.WriteFile(d.config(), []byte(conf+d.o.Extra+"\n"), 0o644))
}

func port(address string) string { _, p, _ := net.SplitHostPort(address); return p }

// introspect serves what the tokens are worth, as RFC 7662 has it.
func (d *DovecotServer) introspect() string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if user, ok := d.o.Tokens[r.FormValue("token")]; ok {
			fmt.Fprintf(w, `{"active": true, "username": %q}`, user)
		} else {
			fmt.Fprint(w, `{"active": false}`)
		}
	}))
	d.t.Cleanup(s.Close)
	return s.URL
}

// Folders' names are UTF-8 on disk, so that a test can write them; fsync is left out, since no test ends the machine.
const dovecotConf = `
base_dir = DIR/run
state_dir = DIR/state
log_path = DIR/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <DIR/cert.pem
ssl_key = <DIR/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:~/Maildir:UTF-8
mail_fsync = never
mail_plugins = $mail_plugins PLUGINS
mail_max_userip_connections = 1000
passdb {
  driver = passwd-file
  args = DIR/users
}
userdb {
  driver = static
  args = uid=UID gid=GID home=DIR/mail/%u
}
namespace inbox {
  inbox = yes
  separator = SEPARATOR
  prefix = PREFIX
}
service imap-login {
  service_count = 0
  inet_listener imap {
    port = IMAPPORT
  }
  inet_listener imaps {
    port = IMAPSPORT
    ssl = yes
  }
}
service pop3-login {
  service_count = 0
  inet_listener pop3 {
    port = POP3PORT
  }
  inet_listener pop3s {
    port = POP3SPORT
    ssl = yes
  }
}
protocol imap {
  mail_plugins = $mail_plugins IMAPPLUGINS
  mail_max_userip_connections = 1000
  CAPABILITY
}
`

const dovecotOAuth2 = `
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = DIR/oauth2.conf
}
`
