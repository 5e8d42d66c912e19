package dsl_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"postern/dsl"
)

// truths are conditions that hold, beside the examples of the reference.
var truths = []string{
	`orgDomain("example.org") == "example.org" and orgDomain("a.b.EXAMPLE.org.") == "example.org"`,
	`orgDomain("co.uk") == "" and orgDomain("") == "" and orgDomain("192.0.2.1") == "" and orgDomain("[192.0.2.1]") == "" and orgDomain("a b.org") == ""`,
	`orgDomain("x.bücher.example") == "xn--bcher-kva.example" and orgDomain("a.github.io") == "a.github.io"`,
	`orgDomain(mail.from.domain) == "bigcorp.com"`,

	`address("ann@example.org").name == "" and address("<ann@example.org>").local == "ann"`,
	`address("nobody") == address("") and address("a@b, c@d").email == ""`,
	`address("\"Lee, Ann\" <ANN@Bücher.example>").email == "ann@xn--bcher-kva.example"`,
	`address("Ann <ann@example.org>").name == "Ann"`,
	`len(addresses("no one @ all, a@b, @x.example, x@")) == 0`,
	`map(addresses("<a.b+c@example.org>;'x@y.example', A.B+C@EXAMPLE.ORG. mailto:z@z.example?x"), .email) == ["a.b+c@example.org", "x@y.example", "z@z.example"]`,
	`addresses("ümlaut@bücher.example")[0].domain == "xn--bcher-kva.example"`,
	`plusTag("ann@example.org") == "" and withoutPlus("ann@example.org") == "ann@example.org" and withoutPlus("a+b+c@x@example.org") == "a@example.org"`,
	`plusTag("a+b+c@example.org") == "b+c" and plusTag("no address+x") == "x"`,

	`inNetwork("192.0.2.77", "192.0.2.0/24") and not inNetwork("192.0.3.1", "192.0.2.0/24")`,
	`inNetwork("2001:db8::7", "2001:db8::/32") and inNetwork("::ffff:192.0.2.1", "192.0.2.1") and inNetwork("192.0.2.1", "::ffff:192.0.2.0/120")`,
	`not inNetwork("", "0.0.0.0/0") and not inNetwork("host", ["0.0.0.0/0"]) and not inNetwork("2001:db8::1", "0.0.0.0/0") and inNetwork("10.1.1.1", "0.0.0.0/0")`,
	`inNetwork("fe80::1%eth0", "fe80::/10") and inNetwork(envelope.ip, nets) and not inNetwork("198.51.100.1", nets)`,
	`inNetwork("10.0.0.1", split("10.0.0.0/8 x", " ", 1)[0] contains "x" ? ["10.0.0.0/8"] : map([1], "10.0.0.0/8"))`,

	`hasAll(mail.text, "server is down") and not hasAll(mail.subject, ["outage", "paris"]) and hasAll("", [])`,
	`glob("abc", "abc") and glob("abc", "a*") and glob("abc", "*c") and glob("abc", "*b*") and glob("abc", "a?c") and glob("", "*") and glob("", "")`,
	`not glob("abc", "ab") and not glob("abc", "b*") and not glob("abc", "a?") and not glob("abc", "") and not glob("", "?")`,
	`glob("ÄÖ", "ä?") and glob("aXbXc", "a*b*c") and not glob("aXbX", "a*b*c") and glob("a*b", "a*b") and glob("x.exe", ["*.com", "*.exe"])`,
	`similar("a", "a") == 1 and similar("A  b", "a b") == 1 and similar("abc", "xyz") == 0 and similar("", "") == 1 and similar("", "abc") == 0`,
	`similar("paypal.com", "paypa1.com") == 0.9 and similar("ab", "ba") == 0.5`,
	`similar(repeat("a", 100000), repeat("a", 100000) + "b") == 1`,
	`lines("a\r\n\n  b  \n") == ["a", "b"] and lines("") == []`,
	`sha256("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`,

	`language("") == "" and language("Printer") == "" and language("12345 !!") == "" and language("OK") == ""`,
	`language("The printer on the second floor is not working and we need it today.") == "en"`,
	`language("Bonjour, je vous écris pour la commande que nous avons passée.") == "fr"`,
	`language("Hola, no puedo entrar en la página de los clientes. Gracias por su ayuda.") == "es"`,
	`language("Buongiorno, non riesco a stampare il documento che mi avete mandato.") == "it"`,
	`language("Olá, não consigo abrir a página dos clientes. Obrigado.") == "pt"`,
	`language("Ik heb een vraag over de factuur van vorige maand, kunnen jullie mij bellen?") == "nl"`,
	`language("Dzień dobry, proszę o przesłanie faktury za ostatni miesiąc.") == "pl"`,
	`language("Hej, jag kan inte logga in på sidan och behöver hjälp med det.") == "sv"`,
	`language("Merhaba, bu sipariş için bir fatura istiyorum, teşekkürler.") == "tr"`,
	`language("Здравствуйте, пришлите, пожалуйста, счёт за прошлый месяц.") == "ru" and language("Добрий день, надішліть, будь ласка, рахунок їм.") == "uk"`,
	`language("お世話になっております。請求書を送ってください。") == "ja" and language("请把上个月的发票发给我") == "zh" and language("안녕하세요 청구서를 보내 주세요") == "ko"`,
	`language("Καλημέρα, στείλτε μου το τιμολόγιο") == "el" and language("שלום, אני צריך חשבונית") == "he" and language("مرحبا، أحتاج إلى فاتورة") == "ar"`,

	"pairs(\"Host: web1\\nState = DOWN\\n* **Info:** a: b\\n> Quoted: yes\\nhttp://x.example: no\\nTime 10:30 = x\\nEmpty:\\n\")[\"host\"] == \"web1\"",
	"let p = pairs(\"Host: web1\\r\\nHost: web2\\n- State = DOWN\\n* **Info:** a: b\\n> Quoted: yes\\nhttp://x.example: no\\nEmpty:\\n\"); p.host == \"web1\" and p.state == \"DOWN\" and p.info == \"a: b\" and p.quoted == \"yes\" and p.empty == \"\" and p.none == \"\" and len(p) == 5",
	"let p = pairs(\"| Order | Date | Total |\\n|---|:-:|--:|\\n| 123 | today | 5 EUR |\\n| 124 | never | 6 EUR |\\n\"); p.order == \"123\" and p.total == \"5 EUR\" and len(p) == 3",
	"let p = pairs(\"Name\\tAnn\\nPhone:\\t123\\n\"); p.name == \"Ann\" and p.phone == \"123\"",
	"len(pairs(\"just a text. With 10:30 in it, and a long sentence that says: nothing\")) == 0",
	"len(pairs(\"\")) == 0 and len(pairs(\"::==||\\t\\n|\\n|||\\n = x\")) == 0",

	"jsonValue(\"no {json} here, [but] here: {\\\"a\\\": {\\\"b\\\": [true, 7, 1.50, null]}} more\", \"a.b[2]\") == \"1.50\"",
	"let j = \"{\\\"a\\\": {\\\"b\\\": [true, \\\"x\\\"]}}\"; jsonValue(j, \"a.b[0]\") == \"true\" and jsonValue(j, \"a.b[1]\") == \"x\" and jsonValue(j, \"a.b[2]\") == \"\" and jsonValue(j, \"a.b\") == \"\" and jsonValue(j, \"a[0]\") == \"\" and jsonValue(j, \"a.b[x]\") == \"\" and jsonValue(j, \"\") == \"\"",
	"jsonValue(\"[1, 2]\", \"[1]\") == \"2\" and jsonValue(\"\", \"a\") == \"\" and jsonValue(\"{{{{\", \"a\") == \"\"",

	`mail.hasAttachment("exe") and mail.hasAttachment(".EXE") and mail.hasAttachment("application/*") and mail.hasAttachment(["zip", "pdf"])`,
	`not mail.hasAttachment("a.exe.txt") and not mail.hasAttachment("image/*") and not mail.hasAttachment("xe") and not mail.hasAttachment([])`,

	`inZone(now(), "America/New_York").Hour() == 7 and inZone(now(), "UTC") == now() and inZone(date("2026-01-31T23:30:00Z"), "Europe/Berlin").Day() == 1`,
	`businessHours(date("2026-01-30T08:00:00Z"), "Mon-Fri 09:00-17:00", "Europe/Berlin") and not businessHours(date("2026-01-30T16:00:00Z"), "Mon-Fri 09:00-17:00", "Europe/Berlin")`,
	`not businessHours(date("2026-01-30T09:00:00Z"), "Mon-Fri 9-17", "UTC", ["2026-01-30"]) and businessHours(date("2026-01-29T09:00:00Z"), "monday-friday 9-17", "UTC", holidays)`,
	`businessHours(date("2026-02-01T00:00:00Z"), "Fri-Mon 0-24", "UTC") and not businessHours(date("2026-02-03T00:00:00Z"), "Fri-Mon 0-24", "UTC")`,
	`not businessHours(date("2026-01-30T12:30:00Z"), "Fri 9-12 13-17", "UTC") and businessHours(date("2026-01-30T13:00:00Z"), "Fri 13-17 9-12", "UTC")`,
	// Berlin's clocks go forward in the night to 29 March 2026, a Sunday: 24 hours of the day after are 22:00Z to 22:00Z.
	`businessTime(date("2026-03-28T23:00:00Z"), "23h", "Mon-Sun 0-24", "Europe/Berlin") == date("2026-03-29T22:00:00Z")`,
	`businessTime(date("2026-01-30T07:00:00Z"), "0h", "Fri 9-17", "UTC") == date("2026-01-30T09:00:00Z")`,
	`businessTime(date("2026-01-30T10:00:00Z"), "7h", "Fri 9-17", "UTC") == date("2026-01-30T17:00:00Z")`,
	`businessTime(date("2026-01-30T10:00:00Z"), "8h", "Mon-Fri 9-17", "UTC", ["2026-02-02"]) == date("2026-02-03T10:00:00Z")`,
}

func TestFunctions(t *testing.T) {
	t.Parallel()
	for _, condition := range truths {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			p := must(t, "list nets = [\"192.0.2.0/25\", \"2001:DB8::/32\"]\nlist holidays = [\"2026-01-30\"]\nrule \"r\" {\n when "+condition+"\n then { stop() } }")
			r := p.NewRun(t.Context(), view(), dsl.Budget{})
			defer r.Close()
			if ok, err := p.Rules[0].Match(r); !ok || err != nil {
				t.Errorf("%v, %v", ok, err)
			}
		})
	}
}

// What fails says so, and takes no longer than the budget allows, however large the text is.
func TestFunctionsHaveBounds(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]string{
		`inNetwork(envelope.ip, mail.from.domain)`:                                                                 "this is no network",
		`businessTime(now(), "-1h", "Fri 9-17", "UTC") == now()`:                                                   "businessTime goes forward only",
		`businessTime(now(), "10000h", "Fri 9-10", "UTC") == now()`:                                                "there are not that many opening hours",
		`any(mail.references, glob(mail.text, repeat("*a", 300) + "*x"))`:                                          "budget",
		`any(mail.references, similar(mail.text, # + mail.text) > 2)`:                                              "",
		`any(mail.references, len(addresses(repeat("a@", 500000))) > 1)`:                                           "budget",
		`any(mail.references, len(addresses(repeat("a@b.example ", 90000))) > 1)`:                                  "budget",
		`any(mail.references, len(pairs(mail.text)) > 1)`:                                                          "budget",
		`any(mail.references, jsonValue(repeat("[", 900000), "a") == "x")`:                                         "budget",
		`any(mail.references, language(mail.text) == "x")`:                                                         "",
		`any(mail.references, sha256(mail.text) == "x")`:                                                           "budget",
		`any(mail.references, len(lines(mail.text)) < 0)`:                                                          "too long",
		`any(mail.references, jsonValue("[" + repeat("1,", 400000) + "1]", "[0]") == "x")`:                         "budget",
		`any(1..100000, orgDomain(repeat("a.", 400) + "org") == "x" or address(repeat("(", 900)).email == "x")`:    "",
		`any(mail.references, mail.hasAttachment(map(1..50000, string(#))))`:                                       "budget",
		`any(mail.references, inNetwork("10.0.0.1", map(1..50000, "10.0.0.2")))`:                                   "budget",
		`any(1..100000, businessTime(now(), "100h", "Fri 9-10", "Europe/Berlin", map(1..900, string(#))) < now())`: "budget",
	} {
		t.Run(condition, func(t *testing.T) {
			p := must(t, "rule \"r\" {\n when "+condition+"\n then { stop() } }")
			r := p.NewRun(t.Context(), large(), dsl.Budget{Time: 300 * time.Millisecond})
			defer r.Close()
			began := time.Now()
			ok, err := p.Rules[0].Match(r)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			switch {
			case want == "budget" && !errors.Is(err, dsl.ErrRuleBudget) && !errors.Is(err, dsl.ErrBudget), want != "budget" && want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%v, %v", ok, err)
			case want == "" && err != nil && !errors.Is(err, dsl.ErrRuleBudget) && !errors.Is(err, dsl.ErrBudget):
				t.Error(err)
			}
		})
	}
}
