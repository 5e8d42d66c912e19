package webhook

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/internal/spool"
)

func TestAddressList(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][]string{
		"":                                     nil,
		" , ,":                                 nil,
		"a@example.org":                        {"a@example.org"},
		" <a@example.org> , b@example.org":     {"a@example.org", "b@example.org"},
		`"a,b"@example.org,c@example.org`:      {`"a,b"@example.org`, "c@example.org"},
		`"a\",b"@example.org,<c@example.org>,`: {`"a\",b"@example.org`, "c@example.org"},
		`"open,a@example.org`:                  {`"open,a@example.org`},
		`a\`:                                   {`a\`},
	} {
		if diff := cmp.Diff(want, addressList(in)); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
}

// TestCited: a file is in the text only where the text shows it.
func TestCited(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 40<<10)
	page := long + `<img src="cid:a@example.org"><img src='CID:b%40example.org'><img src=cid:c><td style="background: url(cid:d&quot;)"> cid:` + long + ` cid:"" xcid: cid:last`
	want := map[string]bool{}
	for id := range cited(spool.Bytes([]byte(page))) {
		if len(id) < 100 {
			want[id] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"a@example.org": true, "b@example.org": true, "b%40example.org": true, "c": true, "d": true, "last": true}, want); diff != "" {
		t.Error(diff)
	}
	if len(cited(nil)) != 0 {
		t.Error("nothing cites something")
	}
}

// TestAbove: what a sender wrote is never above the Received line of who took the mail.
func TestAbove(t *testing.T) {
	t.Parallel()
	raw := "X-A: 1\r\n  more\r\nX-B : 2\nno field\nreceived: by us\r\nX-A: 3\r\nReceived: by them\r\nX-C: 4\r\n\r\nReceived: not a header\r\n"
	top, err := topOf(spool.Bytes([]byte(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]headerField{{"X-A", "1  more"}, {"X-B", "2"}}, above(top, 1)); diff != "" {
		t.Error(diff)
	}
	if n := len(above(top, 2)); n != 4 {
		t.Errorf("%d fields above the second", n)
	}
	if above(top, 3) != nil || above(nil, 1) != nil {
		t.Error("fields above a line that is not there")
	}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "none": "none", "{@example.org : pass}": "pass", "{@a.example : fail, @example.org : pass}": "pass", "{@a.example : fail, @b.example : none}": "fail", "{}": "", "pass, <b>": "pass", "{@pass : x}": "",
	} {
		if got := sendgridDKIM(in); got != want {
			t.Errorf("dkim %q: got %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"Pass": "pass", " SoftFail ": "softfail", "hardfail": "fail", "error": "temperror", "unknown": "permerror", "passed": "", "pass fail": ""} {
		if got := authWord(in); got != want {
			t.Errorf("word %q: got %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"", "x", "NaN", "Inf", "1,5", "1e999"} {
		if got := decimal(in); got != nil {
			t.Errorf("number %q: got %v", in, *got)
		}
	}
	if got := decimal(" -1.5 "); got == nil || *got != -1.5 {
		t.Errorf("got %v", got)
	}
	for in, want := range map[string][3]string{
		`pass (example.org: designates 192.0.2.44) client-ip=192.0.2.44; helo="mx.example.org"; envelope-from=<a@example.org>`:            {"192.0.2.44", "mx.example.org", "<a@example.org>"},
		`pass (x (mechanism 'a' matched)) receiver=p; identity=mailfrom; envelope-from="a b@example.org"; helo=mx; client-ip=2001:db8::1`: {"2001:db8::1", "mx", "a b@example.org"},
		`pass (x: '"client-ip=192.0.2.1; helo=forged;"@example.org') client-ip=192.0.2.44; helo=mx.example.org`:                           {"", "", ""},
		`pass not-client-ip=192.0.2.1; xhelo=a`: {"", "", ""},
		"":                                      {},
	} {
		if got := [3]string{spfPair(in, "client-ip"), spfPair(in, "helo"), spfPair(in, "envelope-from")}; got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

// TestVerifySteps: postern webhook verify tells what was looked at, and no key.
func TestVerifySteps(t *testing.T) {
	t.Parallel()
	tl, _ := tools(t)
	var steps []string
	tl.Step = func(s string) { steps = append(steps, s) }
	tl.Now = func() time.Time { return time.Unix(1_000_060, 0) }
	r := formRequest("application/x-www-form-urlencoded", "timestamp=1000000&token=t&signature=00&body-mime=x")
	if err := verifyMailgun(context.Background(), tl, &Hook{Keys: []string{"the secret key"}}, r); err == nil {
		t.Error("proven")
	}
	r.Header.Set(sendgridSignature, "AA==")
	r.Header.Set(sendgridTimestamp, "1000000")
	if err := verifySendGrid(context.Background(), tl, &Hook{Keys: []string{"the secret key"}}, r); err == nil {
		t.Error("proven")
	}
	told := strings.Join(steps, "\n")
	for _, want := range []string{"timestamp 1000000 and token t", "it was signed at 1970-01-12T13:46:40Z, 1m0s before", " bytes of the body", "key 1 of 1 cannot be read"} {
		if !strings.Contains(told, want) {
			t.Errorf("not told: %q in\n%s", want, told)
		}
	}
	if strings.Contains(told, "secret") {
		t.Errorf("a key is told: %s", told)
	}
}
