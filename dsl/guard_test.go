package dsl_test

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"postern/dsl"
)

// large is a mail as large as rules may see one.
func large() *dsl.View {
	v := view()
	v.Mail.Text = strings.Repeat("aaaaaaa b\n", 100_000)
	v.Mail.NewText = v.Mail.Text[1:]
	v.Mail.HTML = strings.Repeat("x", 1<<20)
	v.Mail.References = make([]string, 1000)
	for i := range v.Mail.References {
		v.Mail.References[i] = fmt.Sprintf("<%d@example.com>", i)
	}
	v.Mail.Attachments = make([]dsl.Attachment, 1000)
	return v
}

// hostile are conditions that kill the process, or run for minutes, in plain expr.
func hostile() map[string]string {
	sum := "1"
	for range 6 {
		sum = "sum(mail.attachments, " + sum + ")"
	}
	doubled := strings.Repeat("let a%d = [a%d, a%d, a%d, a%d, a%d, a%d, a%d, a%d]; ", 1)
	dag := "let a0 = [1]; "
	for i := 1; i < 15; i++ {
		dag += fmt.Sprintf(doubled, i, i-1, i-1, i-1, i-1, i-1, i-1, i-1, i-1)
	}
	return map[string]string{
		"repeat of repeat":   `len(repeat(repeat("a", 900000), 900000)) > 0`,
		"repeat":             `len(repeat("aaaaaaaaaaaaaaaaaaaa", 900000)) + len(repeat(mail.text, 3000)) > 0`,
		"doubling":           `len(reduce(1..28, #acc + #acc, "xxxxxxxxxx")) > 0`,
		"doubling a text":    `len(reduce(1..60, #acc + #acc, mail.text)) > 0`,
		"nested sums":        sum + " > 0",
		"nested any":         `any(mail.references, {let x = #; any(mail.references, {let y = #; any(mail.references, # + x + y == "a")})})`,
		"range":              `len(1..1000000000) > 0`,
		"range of ranges":    `len(map(1..100000, 1..100000)) > 0`,
		"largest range":      `len(-9223372036854775807..9223372036854775807) > 0`,
		"regex in a loop":    "any(mail.attachments, mail.text matches `(a|b|ab)*c$`)",
		"large regex":        "mail.text matches `((a{1,60}){1,8}b?){2}c$`",
		"large regexes":      "any(mail.attachments, find(mail.text, `(a?){500}(a{1,2}){200}c`).found)",
		"lower in a loop":    `any(mail.attachments, lower(mail.text + string(#.size)) == "x")`,
		"upper in a loop":    `len(map(mail.attachments, upper(mail.text))) == 1`,
		"replace":            `len(replace(mail.text, "a", mail.text)) > 0`,
		"replace nothing":    `len(replace(mail.text, "", repeat("x", 1000))) > 0`,
		"join":               `len(join(map(1..100000, mail.text), mail.text)) > 0`,
		"split":              `any(mail.attachments, len(split(mail.text, "")) > 1)`,
		"split again":        `len(map(mail.attachments, split(mail.newText, "\n"))) == 1 and len(map(1..100000, split(mail.newText, "\n"))) == 1`,
		"concat":             `len(reduce(1..40, concat(#acc, #acc), [1, 2, 3])) > 0`,
		"sort":               `any(mail.attachments, sort(1..100000) == [])`,
		"sortBy":             `any(mail.attachments, sortBy(1..100000, -#) == [])`,
		"uniq":               `any(mail.attachments, len(uniq(1..100000)) == 0)`,
		"reverse":            `any(mail.attachments, len(reverse(1..100000)) == 0)`,
		"equal graphs":       dag + "a14 == a14",
		"equal copies":       strings.Replace(dag, "[1]", "[1, 2]", 1) + "let b = map(a14, #); b == a14",
		"in a graph":         dag + "a14 in [a14, a13]",
		"flatten a graph":    dag + "len(flatten(a14)) > 0",
		"max of a graph":     dag + "max(a14) > 0",
		"mean of a graph":    dag + "mean(a14, a13) > 0",
		"deep list":          `reduce(1..100000, [#acc], 0) == reduce(1..100000, [#acc], 0)`,
		"deep list as text":  `string(reduce(1..100000, [#acc], fromJSON("1"))) == ""`,
		"many contains":      strings.Repeat(`mail.html contains "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy" or `, 1200) + "false",
		"contains in a loop": `any(1..100000, mail.html contains "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxy")`,
		"has in a loop":      `any(1..100000, has(mail.text, "ab"))`,
		"many words":         `any(1..100000, has(mail.text, mail.references))`,
		"header in a loop":   `any(1..100000, any(1..100000, mail.header("x") == "y"))`,
		"json":               `any(1..100000, fromJSON("[" + repeat("[],", 100000) + "1]") == nil)`,
		"deep json":          `fromJSON(repeat("[", 1000000)) == nil`,
		"base64":             `any(1..100000, toBase64(mail.text) == "")`,
		"overflow":           `1..(9223372036854775807 + 1) == [1]`,
		"trim by many":       `len(trim(mail.text, repeat("ü", 500000) + "a \\n")) == 1`,
		"long word":          `has(mail.html, mail.html[:400000])`,
		"under many":         `under(mail.html, map(1..20000, mail.html[#:]))`,
		"layout":             `len(map(1..100000, mail.date.Format(mail.text))) == 1`,
		"layout to read":     `date("2006", repeat("2006", 1000000)) == mail.date`,
		"sort texts":         `sort(map(1..20000, mail.html[#:])) == []`,
		"sortBy texts":       `sortBy(map(1..20000, mail.html[#:]), #) == []`,
		"uniq texts":         `uniq(map(1..100000, mail.html[#:])) == []`,
		"very deep list":     `let d = reduce(1..1000, let o = #acc; reduce(1..900, [#acc], o), [1]); d == d`,
		"sum in a loop":      `let a = 1..100000; map(a, sum(a)) == a`,
		"median in a loop":   `let a = 1..100000; map(a, median(a)) == a`,
		"indexes":            `any(1..100000, lastIndexOf(mail.html, "xy") > 0)`,
	}
}

// cpu is the time that this process has computed: tests measure with it, because the machine may be busy.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// No script runs for long or takes much memory: it ends with its message's budget or an error of its own.
func TestHostile(t *testing.T) {
	alone(t)
	budget := dsl.Budget{Time: 100 * time.Millisecond}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30))
	for name, condition := range hostile() {
		t.Run(name, func(t *testing.T) {
			begin := cpu()
			p, diags := compile("t.rules", "rule \"r\" {\n when "+condition+"\n then { stop() } }", options())
			if took := cpu() - begin; took > time.Second {
				t.Errorf("checking took %v", took)
			}
			if diags.HasErrors() {
				t.Logf("refused: %s", diags)
				return
			}
			v := large()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin = cpu()
			r := p.NewRun(context.Background(), v, budget)
			ok, err := p.Rules[0].Match(r)
			took := cpu() - begin
			runtime.ReadMemStats(&after)
			r.Close()
			t.Logf("%v, %v after %v and %d MiB", ok, err, took, (after.TotalAlloc-before.TotalAlloc)>>20)
			if took > time.Second {
				t.Errorf("took %v", took)
			}
			if made := after.TotalAlloc - before.TotalAlloc; made > 512<<20 {
				t.Errorf("took %d MiB", made>>20)
			}
		})
	}
}

// Files that are hostile to the parser and the checker.
func TestHostileFiles(t *testing.T) {
	alone(t)
	for name, when := range map[string]string{
		"brackets":    strings.Repeat("(", 1<<18),
		"closed":      strings.Repeat("(", 1<<18) + "1" + strings.Repeat(")", 1<<18),
		"not":         strings.Repeat("!", 1<<18) + "true",
		"minus":       strings.Repeat("-", 1<<18) + "1",
		"ternaries":   strings.Repeat("true ? true : ", 1<<16) + "true",
		"questions":   strings.Repeat("true ? ", 1<<16),
		"if":          strings.Repeat("if true {true} else ", 1<<14),
		"let":         strings.Repeat("let a = 1; ", 1<<14),
		"powers":      strings.Repeat("1 ** ", 1<<16) + "1 == 1",
		"ors":         strings.Repeat("mail.isReply or ", 1<<14) + "true",
		"trim":        strings.Repeat("trim(", 90) + `"a"` + strings.Repeat(`, "a")`, 90) + ` == "a"`,
		"split":       strings.Repeat("join(split(", 40) + `"a"` + strings.Repeat(`, "a", 2), "b")`, 40) + ` == "a"`,
		"sort":        strings.Repeat("sort(", 90) + `["a"]` + strings.Repeat(`)`, 90) + ` == ["a"]`,
		"max":         strings.Repeat("max(1, ", 90) + `2` + strings.Repeat(`)`, 90) + ` == 2`,
		"tokens":      strings.Repeat("a ", 1<<18),
		"predicates":  strings.Repeat("any(mail.to, ", 90) + "true" + strings.Repeat(")", 90),
		"quotes":      strings.Repeat(`"`, 1<<18),
		"backticks":   strings.Repeat("`", 1<<18),
		"comments":    strings.Repeat("/*", 1<<18),
		"braces":      strings.Repeat("{", 99),
		"lines":       strings.Repeat("\n", 1<<18) + "true",
		"large regex": "mail.text matches `((((a{1,30}){1,30}){1,30})`",
		"long text":   `mail.text == "` + strings.Repeat("x", 1<<20) + `"`,
	} {
		for _, into := range []string{"rule \"r\" {\n when %s\n then { stop() } }", "rule \"r\" { then {\n %s\n } }", "list a = %s", "test \"t\" { mail \"\"\"x\"\"\"\n expect %s\n }"} {
			t.Run(name+" in "+into[:4], func(t *testing.T) {
				begin := cpu()
				_, diags := compile("t.rules", fmt.Sprintf(into, when), options())
				if took := cpu() - begin; took > time.Second {
					t.Errorf("took %v", took)
				}
				if len(diags.Text()) > 1<<20 {
					t.Errorf("%d bytes of messages", len(diags.Text()))
				}
			})
		}
	}
}

// Whole sets that would take much memory or time to load: all lists share one budget, as do all regular expressions.
func TestHostileSets(t *testing.T) {
	alone(t)
	each := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+"\n", i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ text, want string }{
		"lists that are large":    {each(20, `list l%d = map(1..90, repeat("a", 100000))`), "cost too much"},
		"lists that compute":      {each(30, `list l%d = map(1..1000, string(sum(1..2000, # * 2)))`), "cost too much"},
		"a large list and more":   {"list a = map(1..100000, string(#))\nlist b = concat(a, a, [\"x\"])\n", ""},
		"classes of Unicode":      {"rule \"r\" { when mail.text matches `" + strings.Repeat(`\pL`, 9000) + "` then { stop() } }", "together are too large"},
		"redact":                  {"rule \"r\" { then { redact(`(a?){600}`) } }", "too large to redact"},
		"mistakes and many lists": {each(9000, `list l%d = ["a"]`) + each(3000, `rule "r%d" { when mial.x then { stp() } }`), "did you mean mail?"},
	} {
		t.Run(name, func(t *testing.T) {
			begin := cpu()
			_, diags := compile("t.rules", c.text, options())
			if took := cpu() - begin; took > 20*time.Second {
				t.Errorf("took %v", took)
			}
			if text := diags.Text(); !strings.Contains(text, c.want) || c.want == "" && diags.HasErrors() {
				t.Errorf("want %q, got %.500s", c.want, text)
			}
		})
	}
}
