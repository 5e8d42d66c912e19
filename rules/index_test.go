package rules_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/dsl"
	"postern/rules"
)

var indexSeeds = flag.Int("index.seeds", 16, "how many sets of generated rules are decided with the index and without")

// words are few, so that conditions and mails meet; some fold onto each other in ways that are easy to get wrong.
var words = []string{
	"a", "ab", "abc", "b", "Outage", "outage", "OUTAGE", "İstanbul", "istanbul", "Straße", "STRASSE", "K", "k", "ſ", "s", "Σίσυφος", "ΣΊΣΥΦΟΣ", "ä", "Ä",
	"x y", "x  y", "x\ny", "", " ", "a: abc", "outage = K", `{"a": "ab"}`, `{"a": "ab", "x": ["K"]}`, "[\"a\"]", "image/png", "a.pdf", "a+b@example.org", "\xe6\x97", "\uFFFD", "example.org", "mail.example.org", "EXAMPLE.ORG", "bücher.example", "xn--bcher-kva.example", "true", "ann@example.org", "日本語", "語", "İ", "i̇", "ı", "I",
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func word(r *rand.Rand) string { return pick(r, words...) }

// textExpr is something that is a text.
func textExpr(r *rand.Rand) string {
	f := pick(r, "mail.subject", "mail.text", "mail.newText", "mail.from.email", "mail.from.domain", "mail.from.name", "envelope.from.domain", "envelope.helo",
		"sender.email", "sender.role", "sender.claimed.role", "mailbox.name", "mail.kind", "mail.auth.spf", `mail.header("X-Thing")`, `mail.header("Subject")`, "issue.priority", "issue.subject", "s", "g.n", "g[1]", "g[0]", "d_text", "d_low", "d_find.n", "envelope.ip")
	switch r.IntN(16) {
	case 10:
		return "(" + condition(r, 0) + " ? " + textExpr(r) + " : " + pick(r, textExpr(r), constant(r)) + ")"
	case 11:
		return "(" + textExpr(r) + pick(r, ` + " " + `, ` + "\n--" + `, ` + "ß" + `, " + ") + pick(r, textExpr(r), constant(r)) + ")"
	case 12:
		list := textList(r)
		return "(" + pick(r, "first("+list+")", "get("+list+", 1)", "(len("+list+") > 0 ? "+list+"[0] : nil)", "(len(mail.to) > 0 ? mail.to[0].email : nil)", "last(mail.cc)?.domain", "first(filter(mail.to, .domain != \"a\"))?.name") + ` ?? "x")`
	case 13:
		return pick(r, "join("+textList(r)+", "+pick(r, constant(r), `", "`)+")", "upper("+f+")", "trimPrefix("+f+", "+constant(r)+")", "plusTag("+f+")")
	case 14:
		return pick(r, "pairs("+f+").outage", "pairs("+f+")[\"a\"]", "jsonValue("+f+", \"x[0]\")", "jsonValue("+f+", \"[0]\")", "find("+f+", `(?i)(a|k)b?`)[1]")
	case 8:
		return "orgDomain(" + f + ")"
	case 9:
		return pick(r, "pairs("+f+").a", "withoutPlus("+f+")", "join(lines("+f+"))", "address("+f+").domain", "language("+f+")", "sha256("+f+")", "jsonValue("+f+", \"a\")")
	case 0:
		return "lower(" + f + ")"
	case 1:
		return "upper(" + f + ")"
	case 2:
		return "trim(" + f + ")"
	case 3:
		return fmt.Sprintf("(%s + %q)", f, word(r))
	}
	return f
}

// textList is something that is a list of texts.
func textList(r *rand.Rand) string {
	switch r.IntN(8) {
	case 0:
		return "lines(" + textExpr(r) + ")"
	case 1:
		return pick(r, "split(", "splitAfter(") + textExpr(r) + ", " + pick(r, constant(r), `":"`) + ")"
	case 2:
		return "concat(" + textList(r) + ", " + textList(r) + ")"
	case 3:
		return pick(r, "uniq(", "sort(", "reverse(") + textList(r) + ")"
	case 4:
		return "map(" + pick(r, "mail.to", "concat(mail.to, mail.cc)", "filter(mail.cc, .mixedScript)") + ", " + pick(r, ".email", ".domain", "lower(.name)") + ")"
	}
	return pick(r, "mail.references", `mail.headers("X-Thing")`, "mailbox.addresses")
}

func constant(r *rand.Rand) string { return fmt.Sprintf("%q", word(r)) }

func constants(r *rand.Rand) string {
	var list []string
	for range r.IntN(4) {
		list = append(list, constant(r))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

func regex(r *rand.Rand) string {
	w := func() string { return strings.ToValidUTF8(regexp.QuoteMeta(word(r)), "") }
	return "`" + pick(r, w(), "(?i)"+w(), "^"+w(), w()+"$", "(?i)\\b("+w()+"|"+w()+")\\b", "("+w()+")+", "("+w()+")*x?", w()+".*"+w(), "[ab]+c", "(?:"+w()+"){1,3}", "(?i:"+w()+")"+w(), ".") + "`"
}

// condition is something that is true or false.
func condition(r *rand.Rand, depth int) string {
	if depth > 0 {
		switch r.IntN(9) {
		case 0, 1:
			return "(" + condition(r, depth-1) + " and " + condition(r, depth-1) + ")"
		case 2, 3:
			return "(" + condition(r, depth-1) + " or " + condition(r, depth-1) + ")"
		case 4:
			return "not (" + condition(r, depth-1) + ")"
		case 5:
			return "(" + condition(r, depth-1) + " ? " + condition(r, depth-1) + " : " + condition(r, depth-1) + ")"
		}
	}
	switch r.IntN(24) {
	case 18:
		return textExpr(r) + pick(r, ` == ""`, ` != ""`)
	case 19:
		return pick(r, "any", "none", "all", "one") + "(" + textList(r) + ", # " + pick(r, "== ", "!= ", "contains ", "in fruit or # startsWith ") + constant(r) + ")"
	case 20:
		return pick(r, "any", "none", "all", "one") + "(" + pick(r, "fruit", "nothing", constants(r)) + ", " + textExpr(r) + pick(r, " contains #", " == #", " != #", " startsWith #") + ")"
	case 21:
		return "inNetwork(" + pick(r, "envelope.ip", textExpr(r)) + ", " + pick(r, `"192.0.2.0/24"`, `["192.0.2.1", "2001:db8::/32"]`, `"::ffff:192.0.2.0/120"`, "nets", `"0.0.0.0/0"`) + ")"
	case 22:
		return "mail.hasAttachment(" + pick(r, "", `"image/*"`, `".pdf", "image/png"`, `"PDF"`, `["application/zip", "image/*"]`, "fruit") + ")"
	case 23:
		return pick(r, "count(mail.to, .domain == "+constant(r)+") >= 1", "len(filter(mail.cc, .email contains "+constant(r)+")) > 0", constant(r)+" in "+textList(r), "\"a\" in pairs("+textExpr(r)+")", "any(mail.attachments, .inline and .name contains "+constant(r)+")", "any(concat(mail.to, mail.cc), .email == "+constant(r)+")", "orgDomain("+textExpr(r)+") in places", "orgDomain("+textExpr(r)+") == \"bücher.example\"",
			"(mail.isReply ? jsonValue(mail.text, \"a\") : mail.subject) "+pick(r, "== ", "contains ")+pick(r, `"ab"`, `"a"`), "(mail.subject + \"-\" + jsonValue(mail.text, \"a\")) endsWith \"ab\"",
			"(mail.auth.spf + mail.kind) contains "+constant(r), "(mail.auth.spf + mail.kind) == "+constant(r), "trim(mail.auth.spf + \" \") + mail.kind contains "+constant(r), "join([mail.auth.spf, mail.kind], \"\") == "+constant(r))
	case 16:
		return "glob(" + textExpr(r) + ", " + pick(r, constant(r), constants(r), "\"*"+pick(r, "a", "outage", "istanbul")+"*\"", "fruit") + ")"
	case 17:
		return pick(r, "hasAll("+textExpr(r)+", "+constants(r)+")", "similar("+textExpr(r)+", "+constant(r)+") > 0.5", "mail.hasAttachment("+constant(r)+")", "inNetwork(envelope.ip, \"0.0.0.0/0\")", "businessHours(now(), \"Mon-Fri 9-17\", \"UTC\")")
	case 0:
		return textExpr(r) + pick(r, " == ", " != ") + constant(r)
	case 1:
		return constant(r) + " == " + textExpr(r)
	case 2:
		return textExpr(r) + pick(r, " in ", " not in ") + pick(r, constants(r), "fruit", "places", "nothing")
	case 3, 4:
		return textExpr(r) + pick(r, " contains ", " startsWith ", " endsWith ") + constant(r)
	case 5:
		return textExpr(r) + " matches " + regex(r)
	case 6:
		return "has(" + textExpr(r) + ", " + pick(r, constant(r), constants(r), "fruit") + ")"
	case 7:
		return "under(" + textExpr(r) + ", " + pick(r, constant(r), constants(r), "places") + ")"
	case 8:
		return pick(r, "mail.isReply", "mail.isBounce", "envelope.tls", "sender.known", "mail.from.mixedScript", "f.found", "g.found", "true", "false", "c", "d_find.found", "d_cond", "d_both", "d_issue")
	case 9:
		return "find(" + textExpr(r) + ", " + regex(r) + ").found"
	case 10:
		return pick(r, "any", "none", "all", "one") + "(mail.to, " + pick(r, ".email", ".domain", "#.name") + pick(r, " == ", " != ", " contains ") + constant(r) + ")"
	case 11:
		return pick(r, "any", "none", "all") + "(" + pick(r, "mail.references", `mail.headers("X-Thing")`, "map(mail.to, .domain)") + ", # " + pick(r, "== ", "!= ", "in fruit or # == ", "contains ") + constant(r) + ")"
	case 12:
		return constant(r) + pick(r, " in ", " not in ") + pick(r, "mail.references", `mail.headers("X-Thing")`, "map(mail.to, .email)", "issue.tags")
	case 13:
		return "count(mail.to, .domain == " + constant(r) + ") > " + pick(r, "0", "1")
	case 14:
		return "(" + condition(r, 0) + ") == " + pick(r, "true", "false")
	default:
		return "hasPrefix(" + textExpr(r) + ", " + constant(r) + ")"
	}
}

func randomView(r *rand.Rand) *dsl.View {
	text := func() string {
		var b strings.Builder
		for range r.IntN(4) {
			b.WriteString(word(r) + pick(r, "", " ", "\n"))
		}
		return b.String()
	}
	address := func() dsl.Address {
		return dsl.Address{Email: strings.ToLower(text()), Name: text(), Domain: strings.ToLower(word(r)), MixedScript: r.IntN(2) == 0}
	}
	v := newView()
	v.Key = fmt.Sprint(r.Uint64())
	v.Mail.Subject, v.Mail.Text, v.Mail.NewText, v.Mail.Kind, v.Mail.From = text(), text(), word(r), word(r), address()
	v.Mail.IsReply, v.Mail.IsBounce, v.Envelope.TLS, v.Sender.Known = r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0
	v.Mail.To, v.Mail.References = nil, nil
	for range r.IntN(3) {
		v.Mail.To = append(v.Mail.To, address())
		v.Mail.References = append(v.Mail.References, word(r))
		v.Mail.Fields = append(v.Mail.Fields, dsl.HeaderField{Name: pick(r, "X-Thing", "x-thing", "Subject"), Value: text()})
	}
	for range r.IntN(3) {
		v.Mail.Cc = append(v.Mail.Cc, address())
		v.Mail.Attachments = append(v.Mail.Attachments, dsl.Attachment{Name: word(r), Type: strings.ToLower(word(r)), Inline: r.IntN(2) == 0})
	}
	v.Envelope.IP = pick(r, "192.0.2.1", "::ffff:192.0.2.7", "2001:db8::5%eth0", "198.51.100.1", "", "a")
	v.Mail.Auth.SPF = word(r)
	v.Envelope.From, v.Envelope.Helo = address(), text()
	v.Mailbox.Addresses = []string{word(r), word(r)}
	if w := word(r); r.IntN(2) == 0 { // what stands across two fields
		at := r.IntN(len(w) + 1)
		v.Mail.Auth.SPF, v.Mail.Kind = w[:at], w[at:]
	}
	v.Sender.Email, v.Sender.Role, v.Sender.Claimed.Role = word(r), word(r), word(r)
	return v
}

// What the index rules out would not have matched, whatever the rules and the mail are.
func TestIndexAgreesWithTheRules(t *testing.T) {
	t.Parallel()
	matched, ruledOut, skipped, otherwise := 0, 0, 0, 0
	for seed := range uint64(*indexSeeds) {
		r := rand.New(rand.NewPCG(seed, 7))
		text := "list fruit = [\"a\", \"ab\", \"istanbul\", \"x y\", \"straße\"]\nlist places = [\"example.org\", \"bücher.example\"]\nlist nothing = filter([\"a\"], false)\nlist nets = [\"192.0.2.0/28\", \"2001:db8::5\"]\n"
		text += fmt.Sprintf("define d_both = d_cond and d_find.found\ndefine d_text = %s\ndefine d_low = lower(%s)\ndefine d_find = find(mail.subject, `(?i)(?P<n>o\\w+|a)`)\ndefine d_cond = mail.text contains %s\ndefine d_issue = issue.priority == \"high\" or d_cond\n",
			pick(r, "mail.subject", "mail.from.name"), pick(r, "mail.subject", "mail.from.domain"), constant(r))
		for i := range 60 {
			text += fmt.Sprintf("%srule \"r%d\" {\n    let s = %s\n    let f = find(mail.text, %s)\n    let g = find(mail.subject, `(?i)(?P<n>o\\w+|a)`)\n    let c = mail.subject contains %s\n    when %s\n    then { tag(\"r%d\")\n %s }\n%s}\n",
				pick(r, "", "", "", "shadow ", "disabled "), i, pick(r, "mail.subject", "lower(mail.from.name)", "mail.text"), regex(r), constant(r), condition(r, 3), i, pick(r, "", "priority(\"high\")", "subject(\"abc\")", "tag(\"a\")"),
				pick(r, "", "", "", "", "sample 50%\n", "until 2025-12-31\n", "until 2026-12-31\n", "else { tag(\"else\") }\n"))
		}
		set, diags := rules.FromFiles(map[string]string{"10.rules": text}, rules.LoadOptions{Vocabulary: vocabulary})
		if set == nil {
			t.Fatalf("seed %d: %s", seed, diags.Text())
		}
		for range 40 {
			v := randomView(r)
			other := *v
			indexed, linear := decide(t, set, v, rules.Options{}), decide(t, set.Linear(), &other, rules.Options{})
			if linear.Failed > 0 || linear.Spent {
				t.Fatalf("seed %d: a generated rule failed: %+v", seed, linear.Trace)
			}
			if diff := cmp.Diff(linear.Trace, indexed.Trace); diff != "" {
				t.Fatalf("seed %d (-linear +indexed):\n%s\n%s\n%s", seed, diff, asJSON(t, v.Mail), text)
			}
			if diff := cmp.Diff(asJSON(t, linear.Changes), asJSON(t, indexed.Changes)); diff != "" {
				t.Fatalf("seed %d (-linear +indexed):\n%s", seed, diff)
			}
			for _, e := range linear.Trace {
				if e.Matched {
					matched++
				}
				if e.Skipped != "" {
					skipped++
				}
				if e.Else {
					otherwise++
				}
			}
		}
		ruledOut += set.RuledOut(newView())
	}
	if matched < 4_000 || ruledOut < 100 || skipped < 1_000 || otherwise < 500 {
		t.Errorf("the generated rules and mails do not meet: %d rules matched, %d skipped, %d else, %d of 960 were ruled out", matched, skipped, otherwise, ruledOut)
	}
}
