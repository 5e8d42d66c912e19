package dsl_test

import (
	"fmt"
	"strings"
	"testing"
)

// What a condition needs, each way to say it as "field op text", joined by |; "" where nothing is known.
func TestNeeds(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]string{
		`mail.from.domain == "x.example"`:                                         `mail.from.domain = x.example`,
		`"X.example" == mail.from.domain`:                                         `mail.from.domain = x.example`,
		`mail.from.domain != "x.example"`:                                         ``,
		`not (mail.from.domain != "x.example" or mail.isReply)`:                   `mail.from.domain = x.example && mail.isReply = false`,
		`mail.from.domain == "x.example" and mail.subject contains "Invoice 7"`:   `mail.from.domain = x.example && mail.subject ~ invoice 7`,
		`mail.from.domain == "x.example" or mail.subject contains "Invoice 7"`:    `mail.from.domain = x.example | mail.subject ~ invoice 7`,
		`mail.isReply ? mail.subject == "a" : mail.from.email == "b"`:             `mail.subject = a | mail.from.email = b && mail.isReply = true | mail.isReply = false`,
		`(mail.isReply ? mail.newText : mail.text) contains "key"`:                `mail.newText ~ key | mail.text ~ key`,
		`(mail.subject + "\n" + mail.text) contains "order 7"`:                    `mail.subject ~ order 7 | mail.text ~ order 7`,
		`(mail.subject + " " + mail.text) contains "order 7"`:                     ``,
		`(mail.subject + mail.text) contains "order"`:                             ``,
		`has(mail.subject + " " + mail.text, "order 7")`:                          `mail.subject ~ order | mail.text ~ order`,
		`mail.subject in ["a", "b"]`:                                              `mail.subject = a/b`,
		`mail.from.domain in vip`:                                                 `mail.from.domain in`,
		`mail.from.domain in []`:                                                  `never`,
		`"ann@example.org" in map(mail.to, .email)`:                               `mail.to[].email = ann@example.org`,
		`any(concat(mail.to, mail.cc), .email == "a@b.example")`:                  `mail.to[].email = a@b.example | mail.cc[].email = a@b.example`,
		`count(filter(mail.attachments, .size > 10), .name endsWith ".exe") >= 1`: `mail.attachments[].name ~ .exe`,
		`len(filter(mail.to, .domain == "a.example")) > 0`:                        `mail.to[].domain = a.example`,
		`count(mail.to, .domain == "a.example") > -1`:                             ``,
		`mail.to[0].domain == "a.example"`:                                        `mail.to[].domain = a.example`,
		`any(vip, mail.subject contains #)`:                                       `mail.subject ~ bigcorp.com/example.org`,
		`all(vip, mail.subject contains #)`:                                       ``,
		`none(vip, not (mail.subject contains #))`:                                ``,
		`not none(vip, mail.subject contains #)`:                                  `mail.subject ~ bigcorp.com/example.org`,
		`any(lines(mail.text), # startsWith "Order:")`:                            `mail.text ~ order:`,
		`split(mail.subject, ":")[0] == "PROBLEM"`:                                `mail.subject ~ problem`,
		`glob(mail.subject, "*outage of*?b*")`:                                    `mail.subject ~ outage of`,
		`glob(mail.subject, ["*one*", "two*"])`:                                   `mail.subject ~ one/two`,
		`glob(mail.subject, ["*one*", "*"])`:                                      ``,
		`glob(upper(mail.subject), "*one*")`:                                      `mail.subject ~ one`,
		`hasAll(mail.subject, ["a", "Berlin wall"])`:                              `mail.subject ~ berlin && mail.subject ~ a`,
		`similar(mail.subject, "outage") > 0.5`:                                   ``,
		`orgDomain(mail.from.domain) == "bigcorp.com"`:                            `mail.from.domain under bigcorp.com`,
		`orgDomain(mail.from.domain) in vip`:                                      `mail.from.domain under`,
		`orgDomain(mail.from.domain) == ""`:                                       ``,
		`language(mail.text) == "de" and mail.subject == "X"`:                     `mail.subject = x`,
		`pairs(mail.text).order == "17-N"`:                                        `mail.text ~ order && mail.text ~ 17-n`,
		`pairs(mail.text)["order number"] != ""`:                                  `mail.text ~ number`,
		`"order number" in pairs(mail.text)`:                                      `mail.text ~ number`,
		`jsonValue(mail.text, "alert.host") == "web1"`:                            `mail.text ~ {`,
		`jsonValue(mail.text, "[0].host") == "web1"`:                              `mail.text ~ {/[`,
		`jsonValue(mail.text, "host") == ""`:                                      ``,
		`find(mail.subject, "^PROBLEM (\\S+)")[1] == "web1"`:                      `mail.subject ~ problem  && mail.subject ~ web1`,
		`find(mail.subject, "^PROBLEM (\\S+)")[1] != ""`:                          `mail.subject ~ problem `,
		`find(mail.subject, "^PROBLEM (\\S+)").found`:                             `mail.subject ~ problem `,
		`mail.subject matches "(?i)\\b(order|invoice)s?\\b"`:                      `mail.subject ~ order/invoice`,
		`mail.subject matches "."`:                                                ``,
		`mail.header("X-Jira") != ""`:                                             `mail.header.x-jira some`,
		`not (mail.header("X-Jira") == "")`:                                       `mail.header.x-jira some`,
		`mail.header("X-Jira") == ""`:                                             `mail.header.x-jira = `,
		`"a" in mail.headers("X-Jira")`:                                           `mail.headers.x-jira = a`,
		`mail.references == []`:                                                   ``,
		`inNetwork(envelope.ip, "192.0.2.0/24")`:                                  `envelope.ip net 192.0.2.0/24`,
		`inNetwork(envelope.ip, ["192.0.2.1", "::ffff:198.51.100.0/120"])`:        `envelope.ip net 192.0.2.1/32 | envelope.ip net 198.51.100.0/24`,
		`mail.hasAttachment(".EXE", "image/*", "application/zip")`:                `mail.attachments[].type ~ image/ | mail.attachments[].type = application/zip | mail.attachments[].name ~ .exe`,
		`mail.hasAttachment()`:                                                    `mail.attachments[].inline = false`,
		`sender.atLeast("known") and sender.organization == "Big"`:                `sender.organization = big`,
		`issue.priority == "high"`:                                                ``,
		`mail.size > 10`:                                                          ``,
	} {
		p := must(t, "list vip = [\"bigcorp.com\", \"example.org\"]\nrule \"r\" {\n when "+condition+"\n then { stop() } }")
		var ways []string
		for _, way := range p.Rules[0].Needs() {
			var needs []string
			for _, n := range way {
				op := []string{"=", "~", "some", "in", "under", "under", "net"}[n.Op]
				text := n.Text
				if n.Words != nil {
					text = strings.Join(n.Words.Texts, "/")
				}
				needs = append(needs, strings.TrimSuffix(fmt.Sprintf("%s %s %s", n.Field, op, text), " "))
				if n.Op == 0 && text == "" || strings.HasSuffix(text, " ") {
					needs[len(needs)-1] += " "
				}
			}
			if len(needs) == 0 {
				needs = []string{"never"}
			}
			ways = append(ways, strings.Join(needs, " | "))
		}
		if got := strings.Join(ways, " && "); got != want {
			t.Errorf("%s\n needs %q\n want  %q", condition, got, want)
		}
	}
}
