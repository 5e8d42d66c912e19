package dsl

// A wordEntry says what a word of the language means where it stands: in a file, in a rule, in a test, after given, after on, or
// between values. Its snippet is what an editor puts in, with places to fill as the Language Server Protocol writes them.
type wordEntry struct{ name, doc, snippet string }

var fileWordTable = []wordEntry{
	{"list", "Values that rules look up in constant time, however many there are: written here, or in a file below the rules folder.", "list ${1:name} = [\"$2\"]"},
	{"define", "A condition, or another value, with a name for the whole set.", "define ${1:name} = $2"},
	{"rule", "What is to be done with mail for which a condition holds.", "rule \"${1:name}\" {\n    when $2\n    then {\n        $0\n    }\n}"},
	{"shadow", "A rule on trial: it is asked and traced, and nothing of it is applied.", "shadow rule \"${1:name}\" {\n    when $2\n    then {\n        $0\n    }\n}"},
	{"token", "A command that a sender may write into a mail: [[NAME: value]]. `value` is its argument.", "token \"${1:name}\" {\n    when ${2:sender.role == \"agent\"}\n    then {\n        $0\n    }\n}"},
	{"test", "A mail, what is assumed beside it, and what must come of it.", "test \"${1:name}\" {\n    mail \"\"\"\n        From: ${2:ann@example.org}\n        To: ${3:support@example.com}\n        Subject: $4\n\n        ${5:Hello}\n    \"\"\"\n    expect $0\n}"},
	{"disabled", "The rule or token is checked, and asked of no mail.", "disabled "},
}

var ruleWordTable = []wordEntry{
	{"in", "The mailboxes that it is for. Without it: all.", "in $0"},
	{"on", "When it is asked: on mail, with the whole mail, or on envelope, before the body.", "on ${1:envelope}"},
	{"let", "A name for a value in the rest of the rule, computed before the condition.", "let ${1:name} = $0"},
	{"when", "The condition, over any lines up to then. Without it: all mail.", "when $0"},
	{"then", "What is done where the condition holds: a statement a line, each an action, a list of actions, or nil.", "then {\n    $0\n}"},
	{"else", "What is done where the condition does not hold.", "else {\n    $0\n}"},
	{"until", "The day (UTC) that is its last, or in quotes the time at which it ends.", "until ${1:2026-12-31}"},
	{"sample", "The share of the messages that it is asked about, decided by a hash of the message's key.", "sample ${1:10}%"},
	{"owner", "Who answers for it.", "owner \"$1\""},
	{"doc", "What it is for.", "doc \"$1\""},
}

var testWordTable = []wordEntry{
	{"given", "What is assumed beside the mail.", "given $0"},
	{"mail", "The mail: a text, or a file below the rules folder.", "mail \"\"\"\n    From: ${1:ann@example.org}\n    To: ${2:support@example.com}\n    Subject: $3\n\n    ${4:Hello}\n\"\"\""},
	{"expect", "A condition that must hold when the rules are done.", "expect $0"},
	{"for", "A test of each element of a constant list; in the braces the name stands for the element.", "for ${1:case} in [\n    {$2},\n] {\n    $0\n}"},
}

var givenWordTable = []wordEntry{
	{"sender", "Who writes, and what is proven of it.", "sender {trust: \"${1:authenticated}\"}"},
	{"people", "Others whom we know.", "people [{email: \"${1:ann@example.org}\"}]"},
	{"issue", "An issue that is there.", "issue {number: ${1:7}, status: \"${2:open}\"}"},
	{"auth", "What the authentication of mail found.", "auth {spf: \"${1:pass}\"}"},
	{"envelope", "What was known before the body.", "envelope {from: \"${1:ann@example.org}\"}"},
	{"mailbox", "The mailbox. Left out: the one that the mail is addressed to, else the first.", "mailbox $0"},
	{"time", "The time at which the test's clock stands. Left out: 2026-01-01T12:00Z.", "time \"${1:2026-01-31T12:00:00Z}\""},
}

var stageWordTable = []wordEntry{
	{"mail", "With the whole mail; the default.", "mail"},
	{"envelope", "At RCPT, before the body: envelope, mailbox and sender are known, and reject tryLater tag set stop possible.", "envelope"},
}

// operatorTable are what stands between values, and what stands alone.
var operatorTable = []wordEntry{
	{"and", "both hold", ""},
	{"or", "one of them holds", ""},
	{"in", "is one of a list; ignores case where the list is one of the rules", ""},
	{"not in", "is none of a list", ""},
	{"contains", "the left text holds the right one", ""},
	{"startsWith", "the left text begins with the right one", ""},
	{"endsWith", "the left text ends with the right one", ""},
	{"matches", "the left text has what the constant regular expression (RE2) on the right finds", ""},
	{"==", "they are equal", ""},
	{"!=", "they are not equal", ""},
	{"<", "less, or earlier", ""},
	{">", "more, or later", ""},
	{"<=", "at most", ""},
	{">=", "at least", ""},
}

var constantTable = []wordEntry{
	{"not", "the opposite", ""},
	{"true", "it holds", ""},
	{"false", "it does not hold", ""},
	{"nil", "nothing: as a statement, no action", ""},
	{"if", "statements for a condition: if CONDITION { … } else { … }", "if ${1:condition} {\n    $0\n}"},
	{"let", "a name for a value within the statement: let NAME = VALUE; …", "let ${1:name} = $2; $0"},
}
