package oauth

import "strings"

// A meaning is what a no of a provider means for an administrator.
type meaning struct {
	says, todo string
	login      bool // a person must log in again
	policy     bool // somebody may allow it again, and the refresh token is then as good as before
}

const again = "Log in again: postern login {source}"

// microsoft is after learn.microsoft.com/entra/identity-platform/reference-error-codes, for those that an app which reads mail meets.
var microsoft = map[int]meaning{
	16000:   {says: "the account is not one of this directory", todo: "Log in with an account of tenant {tenant}: postern login {source}", login: true},
	50001:   {says: "what the token is for is unknown or disabled in this directory", todo: "Check scopes and cloud ({cloud}) of the source."},
	500011:  {says: "what the token is for is not known in this directory", todo: "Check tenant, cloud ({cloud}) and scopes of the source; Exchange Online must be part of the directory's subscription."},
	50020:   {says: "the account belongs to another directory", todo: "Log in with an account of tenant {tenant}: postern login {source}", login: true},
	50034:   {says: "the account does not exist in this directory", todo: "Check the tenant ({tenant}) and who logs in: postern login {source}", login: true},
	50053:   {says: "the account is locked, after too many wrong passwords or for the address it came from", todo: "Look at the sign-in logs of Microsoft Entra and unlock it.", policy: true},
	50055:   {says: "the account's password has expired", todo: "Change the password, then log in again: postern login {source}", login: true},
	50057:   {says: "the account is disabled", todo: "Enable it in Microsoft Entra; where it was on purpose, name another account.", policy: true},
	50058:   {says: "nobody is signed in", todo: again, login: true},
	50072:   {says: "the account must register for multifactor authentication", todo: "Register, then log in again: postern login {source}", login: true},
	50074:   {says: "multifactor authentication is required now", todo: again, login: true},
	50076:   {says: "multifactor authentication is required now, by a change of policy or of place", todo: again, login: true},
	50078:   {says: "multifactor authentication must be done anew, by policy", todo: again + ". Exempt the account from the sign-in frequency, or use an app of its own right (flow: client-credentials).", login: true},
	50079:   {says: "the account must register for multifactor authentication", todo: "Register, then log in again: postern login {source}", login: true},
	50089:   {says: "the login took too long", todo: again, login: true},
	50105:   {says: "the account is not assigned to the app", todo: "Assign it: Enterprise applications, the app, Users and groups; or set Assignment required to No.", policy: true},
	50126:   {says: "the user name or password is wrong", todo: again, login: true},
	50128:   {says: "the tenant does not exist", todo: "Check the tenant ({tenant}): the directory id stands on the app's overview page."},
	50132:   {says: "the login has ended with a change of the password", todo: again, login: true},
	50133:   {says: "the login has ended with a change of the password", todo: again, login: true},
	50135:   {says: "the account must change its password, because it is at risk", todo: "Change the password, then log in again: postern login {source}", login: true},
	50173:   {says: "the login was revoked, by an administrator or a change of the password", todo: again, login: true},
	50194:   {says: "the app is for one directory only, and was asked for at a common address", todo: "Write the directory's id as tenant."},
	50196:   {says: "the app asked for too many tokens in a short time", todo: "Look whether another program uses the same app."},
	53000:   {says: "a policy of Conditional Access wants a device that complies", todo: "Exempt the app or the account in Conditional Access.", policy: true},
	53001:   {says: "a policy of Conditional Access wants a device of the domain", todo: "Exempt the app or the account in Conditional Access.", policy: true},
	53002:   {says: "a policy of Conditional Access wants an approved app", todo: "Exempt the app or the account in Conditional Access.", policy: true},
	53003:   {says: "a policy of Conditional Access blocks it", todo: "Look at the sign-in logs of Microsoft Entra which policy, and exempt the app, the account or this server's address. Where it is the device code flow that is blocked: postern login --browser {source}", policy: true},
	53011:   {says: "the account is blocked because it is at risk", todo: "Look at Risky users in Microsoft Entra.", policy: true},
	530032:  {says: "a security policy of the directory blocks it", todo: "Look at the sign-in logs of Microsoft Entra which policy.", policy: true},
	530035:  {says: "security defaults block it", todo: "Look at the sign-in logs of Microsoft Entra.", policy: true},
	54005:   {says: "the code was used already", todo: again, login: true},
	65001:   {says: "nobody has consented to what the app asks for", todo: "An administrator grants it: App registrations, the app, API permissions, Grant admin consent. Then, for flow login: postern login {source}", login: true},
	65002:   {says: "the app's id is one of Microsoft's own", todo: "Register an app of your own and write its id as client-id."},
	65004:   {says: "the person did not consent", todo: again, login: true},
	65005:   {says: "the app asks for something that is not among its API permissions", todo: "Add it: App registrations, the app, API permissions; then Grant admin consent.", policy: true},
	650052:  {says: "the directory has no subscription for what the app asks for", todo: "Exchange Online must be part of the directory's subscription."},
	650056:  {says: "the app is not set up: it lists no permission, or nobody consented", todo: "Add it under API permissions and Grant admin consent.", policy: true},
	650057:  {says: "the app asks for something that is not among its API permissions", todo: "Add it: App registrations, the app, API permissions; then Grant admin consent.", policy: true},
	70000:   {says: "the login is not valid any more", todo: again, login: true},
	70001:   {says: "the app is disabled", todo: "Enable it: Enterprise applications, the app, Properties.", policy: true},
	700011:  {says: "the directory does not know the app", todo: "Check client-id ({client}) and tenant ({tenant})."},
	700016:  {says: "the directory does not know the app", todo: "Check client-id ({client}) and tenant ({tenant}): both stand on the app's overview page."},
	700020:  {says: "somebody must log in", todo: again, login: true},
	700022:  {says: "scopes of two services were asked for at once", todo: "Write scopes of one service only."},
	700025:  {says: "the app is a public client, and a secret was sent", todo: "Leave client-secret-file out, or add the platform Web to the app."},
	70002:   {says: "the client secret is wrong", todo: "Write the secret's value, not its id, into client-secret-file."},
	70003:   {says: "the app may not log in this way", todo: "Allow public client flows: App registrations, the app, Authentication."},
	70008:   {says: "the login has expired, because it was not used for long", todo: again, login: true},
	700082:  {says: "the login has expired, because it was not used for 90 days", todo: again, login: true},
	700084:  {says: "the login was one of a single-page app and has ended", todo: "Use the platform Mobile and desktop applications in the app, and log in again: postern login {source}", login: true},
	70011:   {says: "a scope is not valid", todo: "Check scopes and cloud ({cloud}) of the source; left out, they are what the protocol needs."},
	70018:   {says: "the code that was typed in is wrong", todo: again, login: true},
	70019:   {says: "the code has expired", todo: again, login: true},
	70043:   {says: "the login has ended by the sign-in frequency of Conditional Access", todo: again + ". Exempt the account from it, or use an app of its own right (flow: client-credentials).", login: true},
	7000112: {says: "the app is disabled", todo: "Enable it: Enterprise applications, the app, Properties.", policy: true},
	7000215: {says: "the client secret is wrong", todo: "Write the secret's value into client-secret-file, not its id; it is shown once, when it is made: App registrations, the app, Certificates & secrets.", policy: true},
	7000218: {says: "the app is not a public client, and no secret was sent", todo: "Name client-secret-file, or allow public client flows: App registrations, the app, Authentication.", policy: true},
	7000222: {says: "the client secret has expired", todo: "Make a new one (App registrations, the app, Certificates & secrets) and write its value into client-secret-file.", policy: true},
	90002:   {says: "the tenant does not exist in this cloud ({cloud})", todo: "Check tenant ({tenant}) and cloud ({cloud}): the directory id stands on the app's overview page."},
	900144:  {says: "the request lacks something", todo: "Check client-id and client-secret-file."},
	900382:  {says: "the app belongs to another cloud", todo: "Check cloud ({cloud})."},
	90013:   {says: "something in the request is not valid", todo: "Check tenant, client-id and scopes."},
	90014:   {says: "the request lacks something", todo: "Check client-id and client-secret-file."},
	90023:   {says: "the request is not valid", todo: "Check tenant, client-id and scopes."},
	90038:   {says: "the tenant belongs to another of Microsoft's clouds", todo: "Check cloud ({cloud})."},
	90094:   {says: "an administrator must consent", todo: "Grant it: App registrations, the app, API permissions, Grant admin consent. Then, for flow login: postern login {source}", login: true},
	90095:   {says: "an administrator must consent", todo: "Grant it: App registrations, the app, API permissions, Grant admin consent. Then, for flow login: postern login {source}", login: true},
}

// general are the codes of RFC 6749 section 5.2 and 4.1.2.1, RFC 8628 section 3.5, and of OpenID Connect.
var general = map[string]meaning{
	"invalid_client":         {says: "it does not know the app, or the secret is wrong", todo: "Check client-id and client-secret-file.", policy: true},
	"invalid_grant":          {says: "the login is not valid any more: it was revoked, has expired, or the password was changed", todo: ""},
	"unauthorized_client":    {says: "the app may not get tokens this way", todo: "Check at the provider what the app (client-id {client}) is allowed."},
	"unsupported_grant_type": {says: "it does not give tokens this way", todo: "Check flow and token-url of the source."},
	"invalid_scope":          {says: "a scope is not valid, or not allowed", todo: "Check scopes of the source; left out, they are what the protocol needs."},
	"invalid_request":        {says: "it does not take the request", todo: "Check client-id, client-secret-file and scopes."},
	"access_denied":          {says: "whoever was asked said no", todo: again, login: true},
	"authorization_declined": {says: "whoever was asked said no", todo: again, login: true},
	"expired_token":          {says: "the code has expired before anybody entered it", todo: again, login: true},
	"code_expired":           {says: "the code has expired before anybody entered it", todo: again, login: true},
	"bad_verification_code":  {says: "the code is not known", todo: again, login: true},
	"consent_required":       {says: "the consent was withdrawn, or more is asked for than was consented to", todo: again, login: true},
	"interaction_required":   {says: "somebody must log in", todo: again, login: true},
	"login_required":         {says: "somebody must log in", todo: again, login: true},
}

// googleMeaning is after developers.google.com/identity/protocols/oauth2 ("Refresh token expiration"), …/oauth2/service-account
// ("JWT error codes") and …/oauth2/native-app ("Errors"). One code of Google's means several things, which its words tell apart.
func googleMeaning(a *answer) (meaning, bool) {
	says := strings.ToLower(a.Says)
	switch {
	case a.Code == "invalid_grant" && strings.Contains(a.Subtype, "rapt"):
		return meaning{says: "Google Workspace wants the person to log in anew, by session control", login: true,
			todo: again + ". To end this, mark the app as trusted: Admin console, Security, Access and data control, API controls."}, true
	case a.Code == "invalid_grant" && strings.Contains(says, "expired or revoked"):
		return meaning{says: "the login was revoked or has expired: by the person, a change of the password, six months without use, or after seven days because the app's publishing status is Testing", login: true,
			todo: again + ". Where it happens each week: Google Cloud console, Google Auth Platform, Audience, publish the app (or make it Internal)."}, true
	case a.Code == "invalid_grant" && strings.Contains(says, "email or user id"):
		return meaning{says: "there is no user {user} in this Google Workspace", todo: "Check user of the source: it must be a mailbox's primary address, and no alias or group."}, true
	case a.Code == "invalid_grant" && strings.Contains(says, "short-lived"):
		return meaning{says: "the clock of this server is wrong", todo: "Set it right (NTP)."}, true
	case a.Code == "invalid_grant" && (strings.Contains(says, "jwt signature") || strings.Contains(says, "account not found")):
		return meaning{says: "the service account's key was deleted or disabled", todo: "Make a new key and write it into service-account-file.", policy: true}, true
	case a.Code == "unauthorized_client" && strings.Contains(says, "client is unauthorized"), a.Code == "access_denied" && strings.Contains(says, "not authorized"):
		return meaning{says: "the service account may not act for the users of this Google Workspace", policy: true,
			todo: "Admin console, Security, Access and data control, API controls, Domain-wide delegation: add client ID {subject} with the scopes {scopes}. It can take a day to count."}, true
	case a.Code == "invalid_scope" && strings.Contains(says, "device flow"):
		return meaning{says: "Google's device flow is not for mail", todo: "Log in with a browser: postern login {source}"}, true
	case a.Code == "invalid_client", a.Code == "deleted_client", a.Code == "disabled_client":
		return meaning{says: "it does not know the app, the secret is wrong, or it was deleted or disabled", policy: true,
			todo: "Check client-id and client-secret-file with Google Cloud console, Google Auth Platform, Clients."}, true
	case a.Code == "admin_policy_enforced":
		return meaning{says: "an administrator of this Google Workspace does not allow the app", policy: true,
			todo: "Admin console, Security, Access and data control, API controls: mark the app (client ID {client}) as trusted."}, true
	case a.Code == "org_internal":
		return meaning{says: "the app is for the users of another Google Workspace only", todo: "Make the app in a project of this Workspace, or publish it as External."}, true
	}
	return meaning{}, false
}
