package oauth

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"postern/internal/fault"
)

// What Options.Provider can be.
const (
	Microsoft = "microsoft"
	Google    = "google"
	Other     = "other"
)

// endpoints are where a provider is spoken to.
type endpoints struct{ token, device, auth string }

// A cloud is one of Microsoft's: learn.microsoft.com/graph/deployments and …/entra/identity-platform/authentication-national-cloud.
type cloud struct{ login, graph, outlook string }

var clouds = map[string]cloud{
	"global": {"https://login.microsoftonline.com", "https://graph.microsoft.com", "https://outlook.office365.com"},
	"us":     {"https://login.microsoftonline.us", "https://graph.microsoft.us", "https://outlook.office365.us"},
	"us-dod": {"https://login.microsoftonline.us", "https://dod-graph.microsoft.us", "https://outlook-dod.office365.us"},
	"china":  {"https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn", "https://partner.outlook.cn"},
}

// tenant is a directory's id or one of its domains; it becomes part of a path.
var tenant = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.-]{0,127}$`)

func endpointsOf(o *Options) (endpoints, error) {
	switch o.Provider {
	case Microsoft:
		c, ok := clouds[o.Cloud]
		if !ok || !tenant.MatchString(o.Tenant) {
			return endpoints{}, fault.Errorf(fault.Invalid, "oauth: no tenant %q in Microsoft's cloud %q", o.Tenant, o.Cloud)
		}
		// learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow and v2-oauth2-device-code.
		at := c.login + "/" + o.Tenant + "/oauth2/v2.0/"
		return endpoints{at + "token", at + "devicecode", at + "authorize"}, nil
	case Google:
		// developers.google.com/identity/protocols/oauth2/native-app. There is a device flow too, which refuses every scope of mail.
		return endpoints{token: "https://oauth2.googleapis.com/token", auth: "https://accounts.google.com/o/oauth2/v2/auth"}, nil
	case Other:
		for _, u := range []string{o.TokenURL, o.DeviceURL, o.AuthURL} {
			if p, err := url.Parse(u); err != nil || u != "" && p.Host == "" {
				return endpoints{}, fault.Errorf(fault.Invalid, "oauth: %q is no address of a provider", u)
			}
		}
		return endpoints{o.TokenURL, o.DeviceURL, o.AuthURL}, nil
	}
	return endpoints{}, fault.Errorf(fault.Invalid, "oauth: there is no provider %q", o.Provider)
}

// Graph is where the API of Microsoft Graph is, with its version.
func (s *Source) Graph() string {
	if s.o.Provider == Other {
		return strings.TrimSuffix(s.o.GraphURL, "/")
	}
	return clouds[s.o.Cloud].graph + "/v1.0"
}

// defaultScopes are what a protocol needs.
//
// Microsoft: learn.microsoft.com/exchange/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth
// and the permissions of /graph/api/message-delta and message-move; Mail.ReadWrite.Shared is what mailboxes of others need. Google:
// developers.google.com/workspace/gmail/imap/xoauth2-protocol.
func defaultScopes(o *Options) []string {
	c := clouds[o.Cloud]
	switch {
	case o.Provider == Google:
		return []string{"https://mail.google.com/"}
	case o.Provider == Other:
		return nil
	case o.Flow == ClientCredentials && o.Protocol == "graph":
		return []string{c.graph + "/.default"}
	case o.Flow == ClientCredentials:
		return []string{c.outlook + "/.default"}
	}
	outlook := c.outlook
	if o.Cloud == "global" {
		outlook = "https://outlook.office.com"
	}
	switch o.Protocol {
	case "graph":
		return []string{"offline_access", c.graph + "/Mail.ReadWrite", c.graph + "/Mail.ReadWrite.Shared"}
	case "pop3":
		return []string{"offline_access", outlook + "/POP.AccessAsUser.All"}
	}
	return []string{"offline_access", outlook + "/IMAP.AccessAsUser.All"}
}

func (s *Source) scope() string { return strings.Join(s.scopes, " ") }

// client is the form by which we say who we are. A public client has no secret, and Microsoft refuses one from it (AADSTS700025).
func (s *Source) client() url.Values {
	f := url.Values{"client_id": {s.o.ClientID}}
	if secret := reveal(s.o.ClientSecret); secret != "" {
		f.Set("client_secret", secret)
	}
	return f
}

func reveal(secret func() string) string {
	if secret == nil {
		return ""
	}
	return strings.TrimSpace(secret())
}

// purpose names what a refresh token is good for: it is never sent to another host, nor for another app.
func (s *Source) purpose() string { return s.at.token + " " + s.o.ClientID }

// Name is the provider for people.
func (s *Source) provider() string {
	switch s.o.Provider {
	case Microsoft:
		return "Microsoft"
	case Google:
		return "Google"
	}
	return host(s.at.token)
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Host
}

// sameScopes reports whether a login covers what is asked for now: providers give what was asked for then.
func sameScopes(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

var _ fmt.Formatter = Options{}

// Format prints what the options are about, without what they hold.
func (o Options) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "oauth %s %s for %s", o.Provider, o.Flow, o.Source)
}
