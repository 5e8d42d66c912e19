package mail_test

import (
	"slices"
	"strings"
	"testing"

	"postern/internal/mail"
)

// Whatever a reader may see of a mail is among its texts.
func TestTexts(t *testing.T) {
	t.Parallel()
	raw := strings.ReplaceAll(`From: "Ann (one)" <ann@example.org>
Reply-To: two <ann@example.org>
To: three <support@example.com>
Subject: =?utf-8?Q?four?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=a

--a
Content-Type: text/plain

five
> six
--a
Content-Type: text/html

<style>p {color: red}</style><p title="ten">1 < 2 sev<b class="a > b" id='>'>en</b> &#101;ig<!-- > -->ht<o:p> <img alt="nine" src="cid:x"><span style="display:none">eleven</span></p>
--a--
--b
Content-Type: message/rfc822
Content-Disposition: attachment; filename="twelve.eml"

From: thirteen <bob@example.net>
Subject: fourteen

fifteen
--b
Content-Type: text/calendar; method=REQUEST

BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:1
SUMMARY:sixteen
LOCATION:seventeen
DTSTART:20260101T120000Z
END:VEVENT
END:VCALENDAR
--b--
`, "\n", "\r\n")
	m, err := mail.Parse(strings.NewReader(raw), mail.Options{})
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(slices.Collect(m.Texts()), "\n")
	for _, want := range strings.Fields("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen") {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not among the texts:\n%s", want, all)
		}
	}
	if strings.Contains(all, "1 2") || !strings.Contains(all, "1 < 2") {
		t.Error("what is no tag is text")
	}
	for stop := range 12 { // whoever has seen enough stops
		n := 0
		for range m.Texts() {
			if n++; n > stop {
				break
			}
		}
	}
}
