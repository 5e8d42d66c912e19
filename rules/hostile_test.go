package rules_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/dsl"
	"postern/rules"
)

// Rules may be written by somebody who wishes us ill: they come by the API from whoever has its scope, and mail that is made for them
// comes from anybody. What check does not refuse must end in time and little memory, harm no other rule, and never panic.

// computed is the time that this process has computed: the machine may be busy.
func computed() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// costs runs f and says when it took more time or memory than it may.
func costs(t *testing.T, what string, most time.Duration, mostMiB uint64, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := computed()
	f()
	took := computed() - began
	runtime.ReadMemStats(&after)
	made := (after.TotalAlloc - before.TotalAlloc) >> 20
	t.Logf("%s: %v, %d MiB", what, took.Round(time.Millisecond), made)
	if took > most*slower {
		t.Errorf("%s took %v", what, took)
	}
	if made > mostMiB {
		t.Errorf("%s made %d MiB", what, made)
	}
}

// hostileMail is as large as rules may see one, and full of what is costly.
func hostileMail() *dsl.View {
	v := newView()
	v.Mail.Text = strings.Repeat("aaaaaaa b: 1\n", 80_000)
	v.Mail.NewText = v.Mail.Text[1:]
	v.Mail.HTML = strings.Repeat("x", 1<<20)
	v.Mail.Subject = strings.Repeat("İ", 400) + strings.Repeat("(", 200)
	for i := range 1000 {
		v.Mail.References = append(v.Mail.References, fmt.Sprintf("<%d@example.com>", i))
		v.Mail.To = append(v.Mail.To, dsl.Address{Email: fmt.Sprintf("%d@example.com", i), Domain: "example.com"})
	}
	v.Mail.Attachments = make([]dsl.Attachment, 1000)
	v.Sender.Count = func(time.Duration) int { return 1 << 60 }
	return v
}

// An attack is a condition, and what check says of it: "" where it may be published.
type attack struct{ name, when, refused string }

func attacks() []attack {
	nested := func(open, inner, closing string, n int) string {
		return strings.Repeat(open, n) + inner + strings.Repeat(closing, n)
	}
	return []attack{
		// Predicates, and what grows in them.
		{"predicates in predicates", nested("any(mail.references, ", "any(mail.references, # == \"x\")", ")", 10), ""},
		{"map of map of map", `len(map(1..1000, map(1..1000, map(1..1000, #)))) > 0`, ""},
		{"lists that are made in each turn", `len(map(1..100000, [#, #, #, #, #, #, #, #, #, #])) > 0`, ""},
		{"maps that are made in each turn", `len(map(1..100000, ({"a": #, "b": [#, #]}))) > 0`, ""},
		{"filter of filter", `len(filter(1..100000, len(filter(1..1000, # > 0)) > 0)) > 0`, ""},
		{"reduce that keeps all", `len(reduce(1..100000, [#acc, #acc, #acc], "x")) > 0`, ""},
		{"sorting by sorting", `len(sortBy(1..1000, sortBy(1..1000, -#)[0])) > 0`, ""},
		{"a comparator of texts", `len(sortBy(1..10000, mail.text[#:])) > 0`, ""},
		{"counting in counting", `count(mail.references, count(mail.references, count(mail.references, true) > 0) > 0) > 0`, ""},
		{"finding from behind", `findLastIndex(1..100000, findLastIndex(1..100000, # < 0) == 7) == 7`, ""},
		{"lets in predicates", `any(1..100000, let x = #; any(1..100000, let y = # + x; y < 0))`, ""},
		{"a list as its own index", `any(1..100000, (1..100000)[-# % 1000] < 0)`, ""},

		// Text.
		{"a text of itself", `len(reduce(1..40, replace(#acc, "a", #acc), "aa")) > 0`, ""},
		{"upper case grows", `len(reduce(1..40, upper(#acc + #acc), "ŉ")) > 0`, ""},
		{"lower case grows", `any(1..100000, lower(mail.subject + string(#)) == "")`, ""},
		{"split into nothing", `len(split(mail.text, "")) > 0`, ""},
		{"split and join", `any(1..1000, join(splitAfter(mail.text, "a", 90000), "aaaaaaaaaaaaaaaaaaaaaaa") == "")`, ""},
		{"lines of lines", `any(1..1000, len(lines(join(lines(mail.newText), "\n\n"))) < 0)`, ""},
		{"repeat a negative time", `repeat("a", -1) == ""`, ""},
		{"repeat too often to count", `repeat("aa", 9223372036854775807) == ""`, ""},
		{"base64 of base64", `len(reduce(1..100, toBase64(#acc), mail.text)) > 0`, ""},
		{"not base64", `fromBase64(mail.text) == ""`, ""},
		{"texts of numbers", `len(map(1..100000, string(#) + string(-#) + string(# * 1.5))) > 0`, ""},
		{"a phrase of a megabyte", `has(mail.text, mail.newText)`, ""},
		{"a pattern of stars", `any(1..1000, glob(mail.text, repeat("*a*b", 5000) + "c"))`, ""},
		{"similar to itself", `any(1..100000, similar(mail.text, mail.html) > 2)`, ""},
		{"which language", `any(1..100000, language(mail.text) == "x")`, ""},
		{"pairs of pairs", `any(1..1000, pairs(mail.text)["x"] != "")`, ""},
		{"JSON in a mail", `any(1..1000, jsonValue(repeat("[", 300000) + mail.text, "a.b") == "x")`, ""},
		{"deep JSON", `fromJSON(repeat("[", 9999) + repeat("]", 9999)) == 1`, ""},
		{"JSON as deep as may be", `any(1..100000, fromJSON(repeat("[", 9000) + repeat("]", 9000)) == fromJSON(repeat("[", 9000) + repeat("]", 9000)))`, ""},
		{"a path without end", `jsonValue("{}", repeat("a[0].", 200000)) == "x"`, ""},
		{"addresses everywhere", `any(1..1000, len(addresses(repeat("a@b.c ", 100000))) < 0)`, ""},
		{"an address of a megabyte", `address(mail.html).email == "x"`, ""},
		{"a domain of a megabyte", `orgDomain(repeat("a.", 500000)) == "x" or under(repeat("ü.", 300000), "x")`, ""},
		{"hashes", `any(1..100000, sha256(mail.text) == "")`, ""},
		{"trim by all characters", `len(trim(mail.text, mail.html + mail.text)) < 0`, ""},

		// Regular expressions.
		{"repeated repetition", "mail.text matches `(((a{1,30}){1,30}){1,30}){1,30}`", "this regular expression"},
		{"a thousand times a thousand", "mail.text matches `(x{1000}){1000}`", "this regular expression"},
		{"large, and allowed", "mail.text matches `((a?){30}){30}b{900}c`", ""},
		{"many groups", "find(mail.text, `" + strings.Repeat("(a)|", 4000) + "b`).found", "too many groups"},
		{"a thousand groups", "find(mail.text, `" + strings.Repeat("(a)", 1000) + "`).found", "too many groups"},
		{"hundreds of groups", "any(1..1000, find(mail.text, `" + strings.Repeat("(a)|", 300) + "b`).found)", ""},
		{"very long", "mail.text matches `" + strings.Repeat("ab|", 150_000) + "c`", "too large"},
		{"classes", "mail.text matches `[\\p{L}\\p{N}]{200}\\P{L}{200}$`", ""},
		{"not constant", `mail.text matches mail.subject`, "must be a constant"},
		{"not constant in find", `find(mail.text, "(" + mail.subject).found`, "must be a constant"},

		// Numbers.
		{"a range of all", `len(1..1000000000) > 0`, ""},
		{"ranges that overflow", `len(-9223372036854775807..9223372036854775807) > 0`, ""},
		{"division by nothing", `1 / (len(mail.cc)) > 0 and 1 % len(mail.cc) == 0`, ""},
		{"the least number", `abs(-9223372036854775807 - 1) > 0 or (-9223372036854775807 - 1) % -1 == 0`, ""},
		{"no number", `max([0.0 / 0.0, 1]) > 0 or sort([0.0 / 0.0, 1.0, 0.0 / 0.0]) == [] or int(0.0 / 0.0) > 0`, ""},
		{"powers", `2 ** 100000 > 0 and int(2.0 ** 1000) != 0`, ""},
		{"a very long number", `int(repeat("9", 1000000)) > 0`, ""},
		{"places beyond", `mail.to[100000].email == "" or mail.text[9:5] == "" or mail.references[-5000] == ""`, ""},
		{"places that overflow", `mail.text[9223372036854775807:] == "x" or mail.text[:-9223372036854775807] == "x"`, ""},
		{"medians of many", `median(1..100000, 1..100000, 1..100000) > 0 and any(1..100000, median(1..100000) < 0)`, ""},

		// Time.
		{"hours that nobody keeps", `businessTime(now(), "87600h", "Fri 9-9:01", "UTC") == now()`, ""},
		{"no hours", `businessHours(now(), "", "UTC")`, "says no day and hours"},
		{"a zone that is a path", `inZone(now(), "../../etc/passwd").Hour() == 0`, "there is no time zone"},
		{"a zone of this machine", `inZone(now(), "Local").Hour() == 0`, "there is no time zone"},
		{"a zone from a mail", `inZone(now(), mail.subject).Hour() == 0`, "must be a constant text"},
		{"far years", `any(1..100000, now().AddDate(1000000 * #, 0, 0).Year() < 0) and date("999999999-01" + "-01") == now()`, ""},
		{"a far year written out", `date("999999999-01-01") == now()`, "is not a date"},
		{"a layout from a mail", `mail.date.Format(mail.text) == ""`, ""},
		{"a long duration", `duration("9223372036854775807" + "h") > duration("1h")`, ""},
		{"a long duration written out", `duration("9223372036854775807h") > duration("1h")`, "is not a duration"},
		{"holidays without end", `any(1..10000, businessHours(now(), "Fri 9-17", "UTC", map(1..900, string(#))))`, ""},
		{"how often, asked often", `any(1..100, sender.recent(string(#) + "h") < 0)`, ""},

		// Out of the language.
		{"the environment", `$env["Run"] == nil`, "$env"},
		{"what is hidden", `$run == nil`, "$run"},
		{"the step itself", `$step() == nil`, "$step"},
		{"methods of Go", `mail.from.String() == ""`, "has no method String"},
		{"a zone of a time", `now().Location().String() == ""`, "unknown method Location"},
		{"fields of Go", `sender.Count(1) > 0`, "unknown method Count"},
		{"writing a time", `now().GobEncode() == nil`, "unknown method GobEncode"},
		{"a function of Go", `mail.date.UnmarshalJSON("x") == nil`, "unknown method UnmarshalJSON"},
		{"the clock of this machine", `date().Year() > 0`, "not enough arguments"},
		{"a file", `len(file("/etc/passwd")) > 0`, "file is known only in a list"},
		{"a built-in's name", `let len = 1; len == 1`, "is taken"},
		{"a function's name", `let has = 1; has == 1`, "is taken"},
		{"what is left out", `toJSON(mail) == "" or keys(mail) == [] or groupBy(mail.to, #.email) == {}`, "not available in rules"},
		{"calls of calls", `has(mail.text, "a")("b")`, "unexpected \"(\""},
		{"a pipe", `mail.text | repeat(1000000) | repeat(1000000) | len() > 0`, ""},
		{"nothing", `mail.nothing.at.all == ""`, "no field"},
		{"optional nothing", `mail?.from?.nothing?.x == nil`, "no field"},
		{"bits", `bitshl(1, 100000) == 0`, "not available"},

		// Size and depth.
		{"brackets", nested("(", "true", ")", 100_000), "too many brackets are open"},
		{"not not not", strings.Repeat("not ", 10_000) + "true", "this expression is too long"},
		{"minus minus", strings.Repeat("-", 8000) + "1 > 0", ""},
		{"an or of fifty thousand", strings.Repeat("mail.isReply or ", 50_000) + "false", "this expression is too long"},
		{"an and of two thousand", strings.Repeat("mail.isReply == false and ", 1600) + "true", ""},
		{"questions", strings.Repeat("mail.isReply ? true : ", 3000) + "false", "this expression is too long"},
		{"nothing or nothing", strings.Repeat("nil ?? ", 4000) + "true", ""},
		{"a literal of a megabyte", `mail.text == "` + strings.Repeat("x", 900_000) + `"`, ""},
		{"a list of literals", `mail.subject in [` + strings.Repeat(`"x",`, 9000) + `"y"]`, ""},
		{"an index chain", "mail" + strings.Repeat(".from", 3000), "no field"},
		{"text that nobody sees", "mail.subject == \"\u202e\u0000\"", ""},
	}
}

func TestHostileRules(t *testing.T) {
	names := map[string]bool{}
	for _, a := range attacks() {
		if names[a.name] {
			t.Errorf("two attacks are named %q", a.name)
		}
		names[a.name] = true
		t.Run(a.name, func(t *testing.T) {
			text := "rule \"before\" { then { tag(\"before\") } }\n" +
				"rule \"attack\" { when " + a.when + "\nthen { tag(\"attack\") } }\n" +
				"rule \"after\" { when mail.size > 0 then { tag(\"after\") } }"
			var set *rules.Set
			var diags dsl.Diagnostics
			costs(t, "check", 2*time.Second, 300, func() { set, diags = rules.FromFiles(map[string]string{"1.rules": text}, options) })
			if a.refused != "" {
				if set != nil || !strings.Contains(diags.Text(), a.refused) {
					t.Errorf("not refused with %q: %.500s", a.refused, diags.Text())
				}
				return
			}
			if set == nil {
				t.Fatalf("refused: %.500s", diags.Text())
			}
			v := hostileMail()
			var r *rules.Result
			costs(t, "run", time.Second, 200, func() {
				r = decide(t, set.Linear(), v, rules.Options{Budget: dsl.Budget{Time: 400 * time.Millisecond * slower}})
			})
			if r.Err != nil || r.Spent || r.Verdict != "" || !slices.Contains(v.Issue.Tags, "before") || !slices.Contains(v.Issue.Tags, "after") {
				t.Errorf("other rules suffer: %s, %v, %v", r.Reason, r.Err, v.Issue.Tags)
			}
			for _, e := range r.Trace {
				if e.Rule == "attack" {
					t.Logf("%.200s", e)
				}
			}
		})
	}
	t.Logf("%d attacks", len(names))
}
