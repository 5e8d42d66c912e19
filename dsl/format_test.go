package dsl

import (
	"testing"
)

func TestFormat(t *testing.T) {
	const messy = "list vip = [\"a.example\",\n\"b.example\"]\n\n\n\nrule \"r\" {\n  in support\n      when mail.from.domain in vip\n  and mail.subject contains \"}\" // a brace in a text, and { one here\n  then {\n tag(\"x\",\n \"y\")   \n      if mail.isReply {\n stop()\n } else { nil }\n }\n}\ntest \"t\" {\n mail \"\"\"\n      From: a@example.org\n\n      Hi {\n \"\"\"\n expect true\n}"
	const want = "list vip = [\"a.example\",\n    \"b.example\"]\n\nrule \"r\" {\n    in support\n    when mail.from.domain in vip\n        and mail.subject contains \"}\" // a brace in a text, and { one here\n    then {\n        tag(\"x\",\n            \"y\")\n        if mail.isReply {\n            stop()\n        } else { nil }\n    }\n}\ntest \"t\" {\n    mail \"\"\"\n      From: a@example.org\n\n      Hi {\n \"\"\"\n    expect true\n}\n"
	got, err := Format("x.rules", []byte(messy))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	again, err := Format("x.rules", got)
	if err != nil || string(again) != string(got) {
		t.Errorf("formatted twice it differs: %v\n%s", err, again)
	}
}

func TestFormatLeavesErrorsAlone(t *testing.T) {
	if out, err := Format("x.rules", []byte("rule {{{")); err == nil {
		t.Errorf("a broken file became %q", out)
	}
}
