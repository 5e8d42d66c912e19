package dsl

import "reflect"

// A memberEntry says what a rule sees: a name, or a member of what one is. values are those that a text of ours can have.
type memberEntry struct {
	name, doc string
	values    []string
}

// memberTables are all that has members, in the order of the documentation. prefix is how a rule comes to one.
var memberTables = []struct {
	typ     reflect.Type
	prefix  string
	title   string
	members []memberEntry
}{
	{reflect.TypeFor[env](), "", "", []memberEntry{
		{"mail", "the mail, as it was parsed", nil},
		{"envelope", "what was known before the body came", nil},
		{"mailbox", "the mailbox that the mail is for", nil},
		{"sender", "who wrote, as far as is known", nil},
		{"issue", "what the mail will become or be added to, with all that was decided so far", nil},
		{"value", "in a token: its argument", nil},
		{"verdict", "in an expect: what became of the mail", []string{"committed", "rejected", "discarded", "quarantined", "try later"}},
		{"reason", "in an expect: why", nil},
		{"sent", "in an expect: the mail that would leave", nil},
		{"outcome", "in an expect: what rules did that the issue does not show", nil},
	}},
	{reflect.TypeFor[Mail](), "mail.", "The mail", []memberEntry{
		{"id", "the message's id in Postern", nil},
		{"subject", "the subject, decoded", nil},
		{"from", "who wrote, as the mail says", nil},
		{"replyTo", "whom an answer should go to", nil},
		{"to", "whom it was written to", nil},
		{"cc", "who got a copy", nil},
		{"date", "when it was written, as it says", nil},
		{"text", "all of its text; made from HTML where there is no plain part", nil},
		{"newText", "the new text alone: no quoted history, no signature", nil},
		{"html", "its HTML, as it came; \"\" without any", nil},
		{"size", "how large it is, in bytes", nil},
		{"attachments", "its files", nil},
		{"messageId", "its Message-ID, with the angle brackets", nil},
		{"inReplyTo", "the Message-IDs that it answers", nil},
		{"references", "the Message-IDs of the conversation before it", nil},
		{"isReply", "it answers a mail", nil},
		{"isForward", "it hands a mail on", nil},
		{"kind", "what wrote it: \"ooo\" is an out of office and any other answer of a machine, \"delay\" a mail not delivered yet, or news of a delivery, \"feedback\" somebody who called a mail spam, \"receipt\" that it was read, \"calendar\" an answer to an invitation",
			[]string{"human", "ooo", "bounce", "delay", "feedback", "receipt", "calendar", "bulk", "list", "notification"}},
		{"isAutoReply", "a machine answered", nil},
		{"isBounce", "it says that a mail could not be delivered", nil},
		{"isList", "it came by a mailing list", nil},
		{"report", "of a bounce or a delay: what could not be delivered; empty for other mail", nil},
		{"calendar", "of an invitation or an answer to one: what is in it; empty for other mail", nil},
		{"signed", "how it is signed, \"\" where it is not; the signature was checked by nobody", []string{"pgp", "smime"}},
		{"encrypted", "how it is encrypted, \"\" where it is not", []string{"pgp", "smime"}},
		{"attached", "the mails that came as files", nil},
		{"spamScore", "what a filter before us said of it, 0 where none did", nil},
		{"auth", "what the authentication of mail found", nil},
		{"truncated", "rules see only the beginning of its text", nil},
	}},
	{reflect.TypeFor[Address](), "mail.from.", "Addresses: `mail.from`, each of `mail.to` and the like", []memberEntry{
		{"email", "the address, in lower case, its domain in the ASCII form", nil},
		{"name", "the name beside it", nil},
		{"local", "what stands before the @", nil},
		{"domain", "what stands behind the @, in lower case, in the ASCII form", nil},
		{"display", "the address with the domain in the Unicode form", nil},
		{"mixedScript", "the domain mixes letters of scripts, as forgers do", nil},
	}},
	{reflect.TypeFor[Attachment](), "mail.attachments[].", "Each of `mail.attachments`", []memberEntry{
		{"name", "the file's name", nil},
		{"type", "its media type, \"application/pdf\"", nil},
		{"size", "its size in bytes, decoded", nil},
		{"sha256", "the SHA-256 of its bytes, in hex", nil},
		{"inline", "it is shown within the text, as a picture of a signature is", nil},
	}},
	{reflect.TypeFor[Report](), "mail.report.", "`mail.report`", []memberEntry{
		{"messageId", "the Message-ID of the mail that it is about", nil},
		{"recipients", "whom it did not reach", nil},
	}},
	{reflect.TypeFor[ReportedRcpt](), "mail.report.recipients[].", "Each of `mail.report.recipients`", []memberEntry{
		{"email", "the address", nil},
		{"action", "what happened", []string{"failed", "delayed", "delivered", "relayed", "expanded"}},
		{"status", "the status code, \"5.1.1\"", nil},
		{"reason", "why, in a word", []string{"user-unknown", "host-unknown", "disabled", "full", "size", "blocked", "spam", "auth", "expired", "loop", "unavailable", "unknown"}},
		{"diagnostic", "what the other server said", nil},
	}},
	{reflect.TypeFor[Calendar](), "mail.calendar.", "`mail.calendar`", []memberEntry{
		{"method", "what it is", []string{"request", "reply", "cancel", "publish", "counter", "add", "refresh", "declinecounter"}},
		{"uid", "the id of the event", nil},
		{"summary", "its title", nil},
		{"location", "where it is", nil},
		{"start", "when it begins", nil},
		{"end", "when it ends", nil},
		{"allDay", "it takes whole days", nil},
		{"organizer", "who invites", nil},
		{"attendees", "who is invited", nil},
		{"answer", "what the answer is", []string{"accepted", "declined", "tentative", "delegated", "needs-action"}},
	}},
	{reflect.TypeFor[Attached](), "mail.attached[].", "Each of `mail.attached`", []memberEntry{
		{"name", "the file's name", nil},
		{"subject", "the subject", nil},
		{"from", "who wrote", nil},
		{"to", "to whom", nil},
		{"date", "when", nil},
		{"messageId", "its Message-ID", nil},
		{"text", "its text", nil},
		{"newText", "its new text alone", nil},
	}},
	{reflect.TypeFor[Auth](), "mail.auth.", "`mail.auth`", []memberEntry{
		{"spf", "what SPF says of the envelope sender", authResults},
		{"dkim", "whether a signature of the domain holds", authResults},
		{"dmarc", "whether one of them stands for the domain of From", authResults},
		{"arc", "whether the seals of those who passed it on hold", authResults},
	}},
	{reflect.TypeFor[Envelope](), "envelope.", "`envelope`", []memberEntry{
		{"from", "the envelope sender; its email is \"\" for bounces", nil},
		{"to", "the recipient that the mail came for", nil},
		{"ip", "the address of the client that handed it in", nil},
		{"helo", "the name by which the client greeted", nil},
		{"tls", "the connection was encrypted", nil},
		{"user", "who logged in to send it, \"\" for nobody", nil},
		{"source", "the way that it came in", nil},
	}},
	{reflect.TypeFor[Mailbox](), "mailbox.", "`mailbox`", []memberEntry{
		{"name", "its name in the configuration", nil},
		{"addresses", "the addresses that it takes mail for", nil},
	}},
	{reflect.TypeFor[Sender](), "sender.", "`sender`", []memberEntry{
		{"known", "we know the address", nil},
		{"email", "the address", nil},
		{"name", "the person's name", nil},
		{"role", "the person's role, where it is proven", nil},
		{"organization", "the person's organization, where it is proven", nil},
		{"claimed", "what a From merely says", nil},
	}},
	{reflect.TypeFor[Claimed](), "sender.claimed.", "`sender.claimed`", []memberEntry{
		{"role", "the role that a From claims; anybody may have written it", nil},
		{"organization", "the organization that a From claims; anybody may have written it", nil},
	}},
	{reflect.TypeFor[Issue](), "issue.", "`issue`", []memberEntry{
		{"isNew", "the mail begins it", nil},
		{"number", "its number, 0 while it is new", nil},
		{"subject", "its subject", nil},
		{"description", "its description", nil},
		{"type", "its type", nil},
		{"class", "its class", nil},
		{"priority", "its priority", nil},
		{"status", "its status", nil},
		{"assignee", "to whom it is assigned, \"\" for nobody", nil},
		{"template", "its template", nil},
		{"requester", "the person that it is for", nil},
		{"watchers", "the addresses of those who hear of it", nil},
		{"tags", "its tags", nil},
		{"fields", "the fields of the configuration: `issue.fields.order`, \"\" where it has no such field", nil},
		{"createdAt", "when it was made", nil},
		{"age", "how long that was before this message", nil},
		{"closedFor", "how long it had been closed when the mail came, 0 where it was open", nil},
	}},
	{reflect.TypeFor[Found](), "find(…).", "What `find` found", []memberEntry{
		{"found", "the regular expression matched", nil},
	}},
	{reflect.TypeFor[Sent](), "sent[].", "Each of `sent`, in an expect", []memberEntry{
		{"to", "the addresses that it goes to", nil},
		{"subject", "its subject", nil},
		{"text", "its text", nil},
		{"template", "the template that it was made of", nil},
	}},
	{reflect.TypeFor[Effects](), "outcome.", "`outcome`, in an expect", []memberEntry{
		{"notes", "the notes that rules added, in order", nil},
		{"due", "when it is due; the zero time where no rule said so", nil},
		{"visibility", "who sees the note, \"\" where no rule said so", []string{"internal", "public"}},
		{"quiet", "no acknowledgement goes out", nil},
		{"bounce", "with the verdict \"rejected\": a rule asked for a bounce", nil},
		{"dropped", "the names of attachments that are dropped", nil},
		{"redacted", "the patterns that are blackened", nil},
		{"text", "the mail's new text as it is kept, blackened", nil},
		{"thread", "the key under which the issue is found again", nil},
		{"rules", "the names of the rules that acted, in order", nil},
		{"shadows", "the names of the shadow rules that would have", nil},
		{"failed", "the names of the rules that failed", nil},
	}},
	{reflect.TypeFor[Person](), "given people ", "Each of `given people`", []memberEntry{
		{"email", "the address", nil},
		{"name", "the name", nil},
		{"role", "the role", nil},
		{"organization", "the organization", nil},
	}},
}

// authResults: RFC 8601, section 2.7.
var authResults = []string{"pass", "fail", "softfail", "neutral", "none", "policy", "temperror", "permerror"}
