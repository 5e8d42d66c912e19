package mail_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/mail"
)

func TestParseAddresses(t *testing.T) {
	t.Parallel()
	type pair struct{ Name, Email string }
	tests := []struct {
		in   string
		want []pair
	}{
		{`ann@example.org`, []pair{{"", "ann@example.org"}}},
		{`Ann Lee <Ann@Example.ORG>`, []pair{{"Ann Lee", "ann@example.org"}}},
		{`"Lee, Ann" <ann@example.org>, Bob <bob@example.org>`, []pair{{"Lee, Ann", "ann@example.org"}, {"Bob", "bob@example.org"}}},
		{`Lee, Ann <ann@example.org>`, []pair{{"Lee, Ann", "ann@example.org"}}},
		{`ann@example.org (Ann (the one) Lee)`, []pair{{"Ann (the one) Lee", "ann@example.org"}}},
		{`Ann Lee ann@example.org`, []pair{{"Ann Lee", "ann@example.org"}}},
		{`Ann@Home <ann@example.org>`, []pair{{"Ann@Home", "ann@example.org"}}},
		{`"ann@example.org" <mallory@evil.example>`, []pair{{"ann@example.org", "mallory@evil.example"}}},
		{`"ann@example.org"`, []pair{{"", "ann@example.org"}}},
		{`"O'Neil \"Big\" \\ Ann" <ann@example.org>`, []pair{{`O'Neil "Big" \ Ann`, "ann@example.org"}}},
		{`Ann Lee <ann@example.org> Bob <bob@example.org>`, []pair{{"Ann Lee", "ann@example.org"}, {"Bob", "bob@example.org"}}},
		{`<ann@example.org> "Bob, Jr." <bob@example.org><c@example.org>`, []pair{{"", "ann@example.org"}, {"Bob, Jr.", "bob@example.org"}, {"", "c@example.org"}}},
		{`Ann <ann@example.org> Lee`, []pair{{"Ann Lee", "ann@example.org"}}},
		{`Ann <ann@example.org> =?utf-8?Q?eve=40evil.example?= <bob@example.org>`, []pair{{"Ann", "ann@example.org"}, {"eve@evil.example", "bob@example.org"}}},
		{`a@b@example.org`, []pair{{"a@b@example.org", ""}}},
		{`team: a@example.org, B <b@example.org>;, c@example.org`, []pair{{"", "a@example.org"}, {"B", "b@example.org"}, {"", "c@example.org"}}},
		{`undisclosed-recipients:;`, nil},
		{`a@example.org; b@example.org`, []pair{{"", "a@example.org"}, {"", "b@example.org"}}},
		{`Ann <ann@example.org`, []pair{{"Ann", "ann@example.org"}}},
		{`"Ann <ann@example.org>`, []pair{{"Ann", "ann@example.org"}}},
		{`<<ann@example.org>>`, []pair{{"", "ann@example.org"}}},
		{`< ann @ example.org >`, []pair{{"", "ann@example.org"}}},
		{`<mailto:ann@example.org>`, []pair{{"", "ann@example.org"}}},
		{`<@relay.example,@other.example:ann@example.org>`, []pair{{"", "ann@example.org"}}},
		{`ann@example.org.`, []pair{{"", "ann@example.org"}}},
		{`'ann@example.org' <ann@example.org>`, []pair{{"ann@example.org", "ann@example.org"}}},
		{`ann@[192.0.2.1]`, []pair{{"", "ann@[192.0.2.1]"}}},
		{`"ann lee"@example.org`, []pair{{"", `"ann lee"@example.org`}}},
		{`=?utf-8?Q?M=C3=BCller,_Hans?= <hans@example.org>`, []pair{{"Müller, Hans", "hans@example.org"}}},
		{`=?utf-8?Q?a=40evil.example=2C?= <good@example.org>`, []pair{{"a@evil.example,", "good@example.org"}}},
		{`"=?iso-8859-1?Q?J=FCrgen?=" <j@example.org>`, []pair{{"Jürgen", "j@example.org"}}},
		{`=?utf-8?Q?=E2=80=AEnnA?= <ann@example.org>`, []pair{{"nnA", "ann@example.org"}}},
		{`Jürgen <jürgen@größe.example>`, []pair{{"Jürgen", "jürgen@xn--gre-6ka8i.example"}}},
		{`a@ex ample.org`, []pair{{"ample.org", "a@ex"}}},
		{`ann@evil.example＠example.org`, []pair{{"ann@evil.example＠example.org", ""}}},
		{`Ann <ann>`, []pair{{"Ann", ""}}},
		{`Ann`, []pair{{"Ann", ""}}},
		{`=?utf-8?Q?Support_=3Csupport@example.com=3E?=`, []pair{{"Support <support@example.com>", ""}}},
		// An encoded word is a name, whatever it says (RFC 2047 section 5).
		{`=?utf-8?Q?ann=40good.example?=`, []pair{{"ann@good.example", ""}}},
		{`=?utf-8?Q?ann=40good.example?= <>`, []pair{{"ann@good.example", ""}}},
		{`"=?utf-8?Q?ann=40good.example?="`, []pair{{"ann@good.example", ""}}},
		{`=?utf-8?Q?ann?=@good.example`, []pair{{"ann@good.example", ""}}},
		{`=?utf-8?Q?ann?= @good.example`, []pair{{"ann @good.example", ""}}},
		{`ann@=?utf-8?Q?good.example?=`, []pair{{"ann@=?utf-8?Q?good.example?=", ""}}},
		{`<=?utf-8?Q?ann=40good.example?=>`, []pair{{"=?utf-8?Q?ann=40good.example?=", ""}}},
		{`=?utf-8?Q?Ann_<ann=40good.example>,?= eve@evil.example`, []pair{{"Ann <ann@good.example>,", "eve@evil.example"}}},
		{`=?utf-8?Q?ann=40good.example?=@good.example, eve@evil.example`, []pair{{"ann@good.example@good.example", ""}, {"", "eve@evil.example"}}}, // two to others
		{`"ann@good.example", <eve@evil.example>`, []pair{{"", "ann@good.example"}, {"", "eve@evil.example"}}},
		{`=?utf-8?Q?ann=40good.example=3E?= <eve@evil.example>`, []pair{{"ann@good.example>", "eve@evil.example"}}},
		// Groups. An address in place of a group's name: whose mail it is nobody can say.
		{`ann@x.example:eve@y.example;`, []pair{{"ann@x.example", ""}, {"", "eve@y.example"}}},
		{`ann@x.example: eve@y.example`, []pair{{"ann@x.example", ""}, {"", "eve@y.example"}}},
		{`Ann <ann@x.example>: eve@y.example;`, []pair{{"Ann", ""}, {"", "eve@y.example"}}},
		{`ann@x.example:25`, []pair{{"ann@x.example", ""}, {"25", ""}}},
		{`Ann <ann@x.example>:`, []pair{{"Ann", "ann@x.example"}}},
		{`g1: a@x.example; g2: b@y.example;`, []pair{{"", "a@x.example"}, {"", "b@y.example"}}},
		{`g: ;, a@x.example`, []pair{{"", "a@x.example"}}},
		{`Company: Sales <ann@x.example>`, []pair{{"Sales", "ann@x.example"}}},
		// Two @, blanks and comments inside.
		{`<ann@good.example@evil.example>`, []pair{{"ann@good.example@evil.example", ""}}},
		{`"ann@good.example"@evil.example`, []pair{{`"ann@good.example"@evil.example`, ""}}},
		{`Ann <ann@good.example eve@evil.example>`, []pair{{"Ann", ""}}},
		{`Ann <ann lee@good.example>`, []pair{{"Ann", ""}}},
		{`Ann <ann@good.example@>`, []pair{{"Ann", ""}}},
		{`Pete(A nice \) chap) <pete(his account)@silly.test(his host)>`, []pair{{"Pete", "pete@silly.test"}}}, // RFC 5322 appendix A.5
		{`Ann <ann@good.example (x)>`, []pair{{"Ann", "ann@good.example"}}},
		{`Ann <(x) ann@good.example>`, []pair{{"Ann", "ann@good.example"}}},
		{`(a(b)c)ann@(e)good.example(f)`, []pair{{"f", "ann@good.example"}}},
		{`ann@good(.evil).example`, []pair{{".example", ""}}},
		{`Ann (ann@good.example) <eve@evil.example>`, []pair{{"Ann", "eve@evil.example"}}},
		{`(ann@good.example) eve@evil.example`, []pair{{"ann@good.example", "eve@evil.example"}}},
		// Local parts and domains that are none, or not what they look like.
		{`"a\"b"@example.org`, []pair{{"", `"a\"b"@example.org`}}},
		{`ann..lee.@docomo.example`, []pair{{"", "ann..lee.@docomo.example"}}}, // real ones end in a dot
		{`ann@good..example`, []pair{{"ann@good..example", ""}}},
		{`ann@good.example?subject=x`, []pair{{"ann@good.example?subject=x", ""}}},
		{`ann@[good.example]`, []pair{{"ann@[good.example]", ""}}},
		{`ann@[IPv6:2001:db8::1]`, []pair{{"", "ann@[ipv6:2001:db8::1]"}}},
		{"mar\u212a@example.org", []pair{{"mar\u212a@example.org", ""}}}, // the Kelvin sign
		{"ann@\uff45xample.org", []pair{{"ann@\uff45xample.org", ""}}},   // a full-width e
		{"ann@good\u3002example", []pair{{"ann@good\u3002example", ""}}}, // an ideographic full stop
		{"ann@good.example\u200b", []pair{{"ann@good.example", ""}}},
		{`""@example.org`, []pair{{`""@example.org`, ""}}},
		{`ann%good.example@evil.example`, []pair{{"", "ann%good.example@evil.example"}}},
		{`ann(at)example.org`, []pair{{"annexample.org", ""}}},
		{`ann at example.org`, []pair{{"ann at example.org", ""}}},
		{`"Support <support@example.com>"`, []pair{{"Support", "support@example.com"}}},
		{`"'Ann Lee' via Users" <users@example.com>`, []pair{{"'Ann Lee' via Users", "users@example.com"}}},
		{`'Ann Lee' <ann@example.org>`, []pair{{"Ann Lee", "ann@example.org"}}},
		{`"Ann "Annie" Lee" <ann@example.org>`, []pair{{"Ann Annie Lee", "ann@example.org"}}},
		{`Ann Lee [mailto:ann@example.org]`, []pair{{"Ann Lee", "ann@example.org"}}},
		{`Ann <mailto:ann@example.org?subject=x>`, []pair{{"Ann", "ann@example.org"}}},
		{`Ann Lee <ann@example.org> (Bigcorp)`, []pair{{"Ann Lee", "ann@example.org"}}},
		{`<ann@example.org> Ann Lee`, []pair{{"Ann Lee", "ann@example.org"}}},
		{`Mail Delivery Subsystem <MAILER-DAEMON>`, []pair{{"Mail Delivery Subsystem", ""}}},
		// Two addresses without a comma are two, and what is left over makes an address doubtful: none.
		{`<a@good.example> <b@evil.example>`, []pair{{"", "a@good.example"}, {"", "b@evil.example"}}},
		{`a@good.example b@evil.example`, []pair{{"", "a@good.example"}, {"", "b@evil.example"}}},
		{`a@good.example <b@evil.example>`, []pair{{"a@good.example", "b@evil.example"}}},
		{`a@good.example(x)@evil.example`, []pair{{"@evil.example", ""}}},
		{`a@good.example @evil.example`, []pair{{"@evil.example", ""}}},
		{`Ann <a@good.example>@evil.example`, []pair{{"Ann@evil.example", ""}}},
		{`"a@good.example>,"@evil.example`, []pair{{`"a@good.example>,"@evil.example`, ""}}},
		{`<>`, nil},
		{``, nil},
		{`, ,;`, nil},
	}
	for _, tt := range tests {
		var got []pair
		for _, a := range mail.ParseAddresses(tt.in) {
			checkAddress(t, a)
			got = append(got, pair{a.Name, a.Email})
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestDomains(t *testing.T) {
	t.Parallel()
	tests := []struct {
		in, domain, display string
		mixed               bool
	}{
		{"a@BÜCHER.example", "xn--bcher-kva.example", "a@bücher.example", false},
		{"a@xn--bcher-kva.example", "xn--bcher-kva.example", "a@bücher.example", false},
		{"a@pаypal.example", "xn--pypal-4ve.example", "a@pаypal.example", true},
		{"a@xn--pypal-4ve.example", "xn--pypal-4ve.example", "a@pаypal.example", true},
		{"a@пример.example", "xn--e1afmkfd.example", "a@пример.example", false},
		{"a@日本ひらカタlatin.example", "xn--latin-o84f7b7d1hse9b9834ac88a.example", "", false},
		{"a@under_score.example", "under_score.example", "a@under_score.example", false},
		{"a@plain.example", "plain.example", "a@plain.example", false},
	}
	for _, tt := range tests {
		a := mail.ParseAddress(tt.in)
		if tt.display == "" { // a name of several scripts that are written together
			if a.MixedScript || a.Email == "" {
				t.Errorf("%s: %+v", tt.in, a)
			}
			continue
		}
		if a.Domain != tt.domain || a.Display != tt.display || a.MixedScript != tt.mixed {
			t.Errorf("%s: got %+v, want %+v", tt.in, a, tt)
		}
	}
}
