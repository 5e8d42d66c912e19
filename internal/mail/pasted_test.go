package mail_test

import (
	"strings"
	"testing"

	"postern/internal/mail"
)

// TestPasted: in a reply, what a person typed or pasted with ">" before its lines stays, and no command is looked for below it; what
// was quoted goes.
func TestPasted(t *testing.T) {
	t.Parallel()
	const history = "\n\nOn Mon, 5 Jan 2026 at 14:04, Support <support@example.com> wrote:\n> Is there paper?\n"
	for _, text := range []string{
		"I did this:\n\n> npm install --force\n> npm start\n\nIs that right?",
		"I typed\n\n> summary(printers)\n> plot(printers$pages)\n\nand it hangs.",
		"I typed\n\n> ls -la\n\nand it hangs.",
		"It says:\n\n> foo();\n> }\n",
		"What changed is\n3c3\n< a paper tray\n---\n> the paper tray is here\n\nand no more.",
		"What I see:\n\n$ cat > x <<E\n> some words of mine here\n> E\n\nand no more.",
		"I tried\n\n>>> import printer\n>>> printer.start()\n\nand no more.",
	} {
		for _, below := range []string{"", history} {
			m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n"+text+below))
			checkSpans(t, m)
			if got, want := m.NewText(), strings.TrimRight(text, "\n"); got != want {
				t.Errorf("%q: new text %q", text+below, got)
			}
			if len(m.Spans) == 0 || m.Spans[0].Kind != mail.SpanUnsure {
				t.Errorf("%q: spans %v", text+below, m.Spans)
			}
		}
	}
	for _, tt := range []struct{ text, want string }{
		{"> npm install --force\n\nI did.", "I did."},
		{"I did.\n\n> npm install --force", "I did."},
		{"Support wrote:\n> npm install --force\n\nI did.", "I did."},
		{"Hi,\n\n> Please look into the tray.\n\nI did.\n\n> npm install --force\n\nThat too.", "Hi,\n\nI did.\n\nThat too."},
		{"Hi,\n\n> Please run this and tell us what it says:\n> npm install --force\n\nI did.", "Hi,\n\nI did."},
		{"Hi,\n\n> Is there paper?\n\nYes.", "Hi,\n\nYes."},
		{"Hi,\n\n> Is the paper(s) there?\n\nYes.", "Hi,\n\nYes."},
		{"Hi,\n\n> > Thanks\n> Ann\n\nYes.", "Hi,\n\nYes."},
		{"Hi,\n\n> 好的，谢谢\n\nYes.", "Hi,\n\nYes."},
	} {
		m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n"+tt.text+"\n"))
		checkSpans(t, m)
		if got := m.NewText(); folded(got) != folded(tt.want) {
			t.Errorf("%q: new text %q", tt.text, got)
		}
	}
}

// TestStuffed: with format=flowed a ">" below a space is no quote (RFC 3676 section 4.4).
func TestStuffed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ flowed, want string }{
		{"I typed \n \n\n > make\n\nand it hangs.", "I typed \n> make\n\nand it hangs."},
		{"I typed\n\n > make\n > it all\n\nand it hangs.\n\n> Is there \n> paper?", "I typed\n\n> make\n> it all\n\nand it hangs."},
		{"I typed\n\n> make\n\nand it hangs.\n\n > ls", "I typed\n\nand it hangs.\n\n> ls"},
		{"> a \n>> b\n\n > ls\n\nhangs.\n", "> ls\n\nhangs."},
	} {
		m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8; format=flowed\n\n"+tt.flowed+"\n"))
		checkSpans(t, m)
		if got := m.NewText(); folded(got) != folded(tt.want) {
			t.Errorf("%q: new text %q, spans %v", tt.flowed, got, m.Spans)
		}
	}
}

// TestArmor: what PGP writes around a signed text is none of it.
func TestArmor(t *testing.T) {
	t.Parallel()
	const begin, sig = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n", "-----BEGIN PGP SIGNATURE-----\nVersion: x\n\niQEzBAEBCAAdFiEE\n=abCD\n-----END PGP SIGNATURE-----\n"
	for _, tt := range []struct{ text, want string }{
		{begin + "Yes.\n" + sig, "Yes."},
		{begin + "Yes.\n\n- -- \nAnn\n" + sig, "Yes."},
		{begin + "Yes:\n- - one\n- - two\n" + sig, "Yes:\n- one\n- two"},
		{begin + "> Is there paper?\n\nYes.\n" + sig + "\nSent from my iPhone\n", "Yes."},
		{"- - one\n\n" + begin + "Yes.\n" + sig + "\nAnd this.\n", "- - one\n\nYes.\n\nAnd this."},
		{begin + "Yes.\n\n- -----Original Message-----\nFrom: Support\n\nIs there paper?\n" + sig, "Yes."},
		{"-----BEGIN PGP SIGNED MESSAGE-----\nis what it says.\n", "-----BEGIN PGP SIGNED MESSAGE-----\nis what it says."},
		{"Yes.\n-----BEGIN PGP SIGNATURE-----\nis what it says.\n-----END PGP SIGNATURE-----\n", "Yes.\n-----BEGIN PGP SIGNATURE-----\nis what it says.\n-----END PGP SIGNATURE-----"},
		{begin + "Yes.\n", "Yes."},
		{begin + "Yes.\n" + sig + "_______________________________________________\nusers mailing list\nusers@lists.example.org\nhttps://lists.example.org/listinfo/users\n", "Yes."},
		{begin + "- -----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nYes.\n- -----BEGIN PGP SIGNATURE-----\n\niQEzBAEB\n- -----END PGP SIGNATURE-----\n" + sig, "Yes."},
	} {
		m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n"+tt.text))
		checkSpans(t, m)
		if got := m.NewText(); folded(got) != folded(tt.want) {
			t.Errorf("%q: new text %q", tt.text, got)
		}
		m = parse(t, []byte("Subject: Re: x\nContent-Type: text/html; charset=utf-8\n\n<pre>"+strings.ReplaceAll(tt.text, ">", "&gt;")+"</pre>"))
		check(t, m)
		if got := m.NewText(); folded(got) != folded(tt.want) {
			t.Errorf("%q in HTML: new text %q", tt.text, got)
		}
	}
}
