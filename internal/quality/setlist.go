package main

// sets are what could be found on the registries that a build may ask. Where one is gone, the measuring says so and goes on.
var sets = []set{
	{
		name: "enmime", about: "jhillyerd/enmime's own tests", source: "go github.com/jhillyerd/enmime/v2@v2.3.0", sum: "h1:Y/pzQanyU8nkSgB2npXX8Dha5OItJE/QwbDJM4sf/kU=",
		files: []string{"testdata/mail/*.raw", "testdata/low-quality/*.raw", "testdata/parts/*.raw", "dsn/testdata/*.raw"}, known: knownEnmime,
	},
	{
		name: "reply", about: "texts of dimiro1/reply, after Discourse's email_reply_trimmer", source: "go github.com/dimiro1/reply@v0.0.0-20200315094148-d0136a4c9e21", sum: "h1:PdsjTl0Cg+ZJgOx/CFV5NNgO1ThTreqdgKYiDCMHJwA=",
		files: []string{"testdata/emails/*.txt"}, known: knownReply, bare: true,
	},
	{
		name: "flufl.bounce", about: "bounces of GNU Mailman", source: "debian bookworm flufl.bounce", sum: "f5c1712abc938f17b4ad534566ab78c5a849947871abc5e57baff600f86dc206",
		files: []string{"flufl/bounce/tests/data/*.txt"}, known: knownFlufl,
	},
	{
		name: "bounceparser", about: "bounces of Perl's Mail::DeliveryStatus::BounceParser", source: "debian trixie libmail-deliverystatus-bounceparser-perl", sum: "01f89040426ab6de77f9f0bcdce61a938ef6a24179efbfdb4f7a1f68c5263282",
		files: []string{"t/corpus/*.msg"}, known: knownBounceParser,
	},
	{
		name: "baunsu", about: "bounces of providers", source: "npm baunsu@0.2.3", sum: "e70903f6e92ec53b8feef60f6437be6f794a5b19ded61776657637e205dbae93",
		files: []string{"tests/emails/*.txt"}, known: knownBaunsu,
	},
	{
		name: "mime-tools", about: "Perl's MIME-tools", source: "debian trixie libmime-tools-perl", sum: "c1ba1dd9f0b2cd82a0e75caedec51e48233f9f01dc29a0971bdff1cb53be9013",
		files: []string{"testmsgs/*.msg"}, known: knownMIMETools,
	},
	{
		name: "rspamd", about: "rspamd's functional tests", source: "debian trixie rspamd", sum: "8801ee6838114c5a9e69fc27e818be4d636c051f06c87a2c711111dc21a4a254",
		files: []string{"test/functional/messages/*.eml", "test/functional/messages/dmarc/*.eml"},
	},
	{
		name: "notmuch", about: "notmuch's corpora: mailing lists, encrypted and broken mail", source: "debian trixie notmuch", sum: "b88bb02a76c46bad8d313fd2bb4f8e39298b51f66fcbeb304d9f80c3eef704e3",
		files: []string{"test/corpora/*/*", "test/corpora/*/*/*", "test/corpora/*/*/*/*", "test/corpora/*/*/*/*/*"}, skip: `README|\.conf$|\.key$|\.crt$`,
	},
	{
		name: "horde", about: "Horde's MIME library", source: "debian bookworm php-horde-mime", sum: "51c987ac90d4b2c7098eedea7f8ee4980d4dc31815dd89bdb34a1761f3e5036b",
		files: []string{"test/Horde/Mime/fixtures/*.txt"}, skip: `mime_part_v1|uudecode`,
	},
	{
		name: "mailparse", about: "PHP's mailparse", source: "debian trixie php-mailparse", sum: "59beab4ef851770c495ba7a0726ab40e098135469a11d9c8e665b089c96efc2f",
		files: []string{"tests/testdata/*.txt", "mailparse-*/tests/testdata/*.txt"},
	},
	{
		name: "kmime", about: "KDE's mail library", source: "debian trixie kmime", sum: "f7cb36c40d94fd4a7f996223c323ef81c43ab9e5573d8b1af5acd0f997e121cc",
		files: []string{"autotests/data/mails/*.mbox"},
	},
	{
		name: "commons-email", about: "Apache Commons Email", source: "debian trixie commons-email", sum: "108e226c51acec5eb2bdbb607a7f856f5af507891c3654b4d55086778d3fd774",
		files: []string{"src/test/resources/eml/*.eml"},
	},
	{
		name: "alot", about: "the mail reader alot", source: "debian trixie alot", sum: "4b82a38af65bea84719c40a01f4c1edc759263f7a752e1f1b3457e72ef7b0a2d",
		files: []string{"tests/static/mail/*.eml"},
	},
	{
		name: "email-simple", about: "Perl's Email::Simple", source: "debian trixie libemail-simple-perl", sum: "2dce1d68fde99d53db9ca43e211b69b169ba2efaecf87a55cb33a9336047c96d",
		files: []string{"t/test-mails/*"},
	},
	{
		name: "email-mime", about: "Perl's Email::MIME", source: "debian trixie libemail-mime-perl", sum: "6dd69b01435b645aecc5354d9854a70cb87641eb446a525e7ab241cefa3cc4d3",
		files: []string{"t/Mail/*"}, skip: `\.gif$`,
	},
	{
		name: "bogofilter", about: "the spam filter bogofilter", source: "debian trixie bogofilter", sum: "3248a1373bff552c500834adbea4b6caee04224516ae581fb25a4c6a6dee89ea",
		files: []string{"src/tests/inputs/*.mbx", "src/tests/inputs/msg.*.txt", "src/tests/inputs/msg.split*"},
	},
	{
		name: "mailutils", about: "GNU Mailutils", source: "debian trixie mailutils", sum: "50230d20036c5b8ad8c96b0d996177f1f133fba4c7c7e3b462d39eeb30849f45",
		files: []string{"testsuite/spool/*.mbox", "testsuite/spool/mime.msg", "testsuite/spool/mbox*"},
	},
	{
		name: "request-tracker", about: "the ticket system RT", source: "debian trixie request-tracker5", sum: "1a1a4838979f08c58e67642686e4fd980e1f4ee98e144ff8a56f870f37162cce",
		files: []string{"t/data/emails/*", "t/data/emails/*/*"},
	},
	{
		name: "messagelib", about: "KDE's mail reader: encrypted, signed, encapsulated", source: "debian trixie messagelib", sum: "1f8ef167de26fe1c31afdd48bf359fc511e5691ef8dbaded3390f5037755ef8c",
		files: []string{"*/autotests/data/*.mbox", "*/autotests/data/*/*.mbox"},
	},
	{
		name: "python", about: "Python's email package", source: "debian trixie python3.13", sum: "93e583f243454e6e9e4588ca2c2662206ad961659863277afcdb96801647d640",
		files: []string{"Lib/test/test_email/data/*.txt"},
	},
	{
		name: "mail-dkim", about: "signed mail of Perl's Mail::DKIM", source: "debian trixie libmail-dkim-perl", sum: "45de46f5dc4d23bcb6ad6401759881dd43968eab20e73f6f79d9557467de20ee",
		files: []string{"t/corpus/*.txt"},
	},
	{
		name: "mail-box", about: "a mailbox of Perl's Mail::Box", source: "debian trixie libmail-box-perl", sum: "0fdb5683c0b15fe95f50a6d5db6801e212797f0025a00f97460b75e8e96ed7ff",
		files: []string{"t/folders/mbox.src"},
	},
	{
		name: "messageparser", about: "mailboxes of Perl's Mail::Mbox::MessageParser", source: "debian trixie libmail-mbox-messageparser-perl", sum: "5723c0aa9cc10bab9ed1e3bfd9d5c95f7159e71c1a475414eb1af1dee3a46237",
		files: []string{"t/mailboxes/*.txt", "t/mailboxes/*.sep"},
	},
	{
		name: "mailman", about: "GNU Mailman", source: "debian trixie mailman3", sum: "0de478fcf326f25d931938c3744e61c5cd67596b46e5b1e3bb2abf99d5445632",
		files: []string{"src/mailman/*/tests/data/*.eml"},
	},
	{
		name: "sympa", about: "the list server Sympa", source: "debian trixie sympa", sum: "fcce68331f24cf9f8ec316b479b7fc9303759266be71bcec63545f9786df57ce",
		files: []string{"t/samples/*.eml"},
	},
	{
		name: "geary", about: "the mail reader Geary", source: "debian trixie geary", sum: "afad151302817ddf098b5e416e7ac7f2d5eea567a3b80bb90bd3c62afd13b9a1",
		files: []string{"test/data/*.eml"},
	},
	{
		name: "inbucket", about: "the mail catcher inbucket", source: "go github.com/inbucket/inbucket/v3@v3.2.0", sum: "h1:JDffo5CFbtWu6ooRoLmGs6bmkpMGbX3Wo8F0zwpFmTY=",
		files: []string{"etc/swaks-tests/*.raw", "etc/*/*.raw", "pkg/*/*/*.eml", "pkg/*/*.eml", "*/*/*.raw"},
	},
	{
		name: "mailpit", about: "the mail catcher mailpit", source: "go github.com/axllent/mailpit@v1.33.1", sum: "h1:5cW1C4QrxRKh9qNiRYvSVaYw82BU1lGt/mYZtGUmi7A=",
		files: []string{"internal/*/testdata/*.eml", "internal/*/*/testdata/*.eml"},
	},
	{
		name: "gluon", about: "Proton's IMAP library", source: "go github.com/ProtonMail/gluon@v0.17.1-0.20230724134000-308be39be96e", sum: "h1:lCsqUUACrcMC83lg5rTo9Y0PnPItE61JSfvMyIcANwk=",
		files: []string{"imap/testdata/*.eml", "tests/testdata/*.eml", "*/*/*.eml", "*/*/*/*.eml"},
	},
}
