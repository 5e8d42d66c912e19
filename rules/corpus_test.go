package rules_test

import (
	"fmt"
	"strings"
)

// many writes n rules of the kinds that people write, of which the last ten match Ann's mail.
func many(n int) map[string]string { return corpus(n, simple) }

// simple rules ask one thing or two.
func simple(i int) string {
	switch {
	case i%3 == 0:
		return fmt.Sprintf(`when mail.from.domain == "d%d.example"`, i)
	case i%6 == 1:
		return fmt.Sprintf(`when mail.subject contains "word%d"`, i)
	case i%6 == 4:
		return fmt.Sprintf("when mail.text matches `(?i)\\b(order|invoice) word%d\\b`", i)
	}
	return fmt.Sprintf(`when mail.from.email in ["a%d@example.net", "b%d@example.net"] and mail.isReply`, i, i)
}

// mixed rules ask whatever the language can be asked, each with literals of its own: § stands for its number.
var mixed = []string{
	`when mail.from.domain == "d§.example"`,
	`when mail.from.domain in ["d§.example", "e§.example"] and not mail.isAutoReply`,
	"when mail.subject matches `(?i)\\b(order|invoice)[ -]?word§\\b` or mail.from.email == \"shop§@example.net\"",
	`when lower(mail.subject) contains "[project-§]"`,
	`when mail.header("X-Project") == "project-§"`,
	`when has(mail.text, ["outage §", "customer-§ down"])`,
	`when not mail.isBounce and under(mail.from.domain, "corp§.example")`,
	"let m = find(mail.subject, `^(?P<state>PROBLEM|RECOVERY) host§:`)\n    when m.found",
	"let m = find(mail.text, `(?i)contract §-(?P<n>\\d+)`)\n    when m.n != \"\"",
	`when from_partner and mail.subject startsWith "Delivery §"`,
	`when any(mail.to, .email == "team§@example.com") or any(mail.cc, .domain == "team§.example")`,
	`when glob(mail.subject, ["*ticket §*", "re: *ticket §*"])`,
	`when sender.organization == "organization §" and sender.atLeast("known")`,
	`when not (mail.subject != "Report §" and mail.from.email != "report§@example.net")`,
	`when mail.attachments != [] and any(mail.attachments, .name == "file§.pdf")`,
	`when (mail.isReply ? mail.text : mail.newText) contains "keyword-§"`,
	`when pairs(mail.text).order == "§-17"`,
	`when inNetwork(envelope.ip, "2001:db8:§::/64")`,
}

func mixedRule(i int) string {
	return strings.ReplaceAll(mixed[i%len(mixed)], "§", fmt.Sprint(i))
}

// only writes rules of one shape.
func only(shape string) func(int) string {
	return func(i int) string { return strings.ReplaceAll(shape, "§", fmt.Sprint(i)) }
}

// corpus writes n rules, a thousand a file. The last ten match Ann's mail.
func corpus(n int, rule func(i int) string) map[string]string {
	files := map[string]string{"00.rules": "list partners = [\"partner.example\", \"partner.test\"]\ndefine from_partner = under(mail.from.domain, partners)\n"}
	var b strings.Builder
	for i := range n {
		head := rule(i)
		if i >= n-10 {
			head = `when mail.from.domain == "example.org"`
		}
		does := fmt.Sprintf("tag(\"t%d\")", i%10)
		if i%2 == 0 && i < n-10 {
			does = fmt.Sprintf("assign(\"team%d@example.com\"); tag(\"customer-%d\")", i, i)
		}
		fmt.Fprintf(&b, "rule \"r%d\" {\n    %s\n    then { %s }\n}\n", i, head, does)
		if i%1000 == 999 || i == n-1 {
			files[fmt.Sprintf("%03d.rules", i/1000)] = b.String()
			b.Reset()
		}
	}
	return files
}
