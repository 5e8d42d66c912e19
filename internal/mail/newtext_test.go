package mail_test

import (
	"strings"
	"testing"

	"postern/internal/mail"
)

// TestAttributions: the line above a quote, as mail programs write it in many languages, goes with the quote.
func TestAttributions(t *testing.T) {
	t.Parallel()
	for _, line := range strings.Split(strings.TrimSpace(`
On Mon, Jan 5, 2026 at 2:04 PM Support <support@example.com> wrote:
---- On Mon, 05 Jan 2026 14:04:05 +0100 Support <support@example.com> wrote ----
5 Jan 2026, 14:04 by support@example.com:
On Mon, 5 Jan 2026, at 2:04 PM, Support wrote:
On Mon, Jan 05, 2026 at 02:04:05PM +0100, Support wrote:
On Monday, January 5, 2026 at 02:04:05 PM GMT+1, Support <support@example.com> wrote:
Am Mo., 5. Jan. 2026 um 14:04 Uhr schrieb Support <support@example.com>:
Am 05.01.2026 um 14:04 schrieb Support:
Le lun. 5 janv. 2026 à 14:04, Support <support@example.com> a écrit :
El lun, 5 ene 2026 a las 14:04, Support (<support@example.com>) escribió:
El dl., 5 de gen. 2026, 14:04, Support <support@example.com> va escriure:
Il giorno lun 5 gen 2026 alle ore 14:04 Support <support@example.com> ha scritto:
Op ma 5 jan 2026 om 14:04 schreef Support <support@example.com>:
Em seg., 5 de jan. de 2026 às 14:04, Support <support@example.com> escreveu:
A segunda, 5/01/2026, 14:04, Support <support@example.com> escreveu:
Den mån 5 jan. 2026 kl 14:04 skrev Support <support@example.com>:
Den man. 5. jan. 2026 kl. 14.04 skrev Support <support@example.com>:
man. 5. jan. 2026 kl. 14:04 skrev Support <support@example.com>:
ma 5. tammik. 2026 klo 14.04 Support (support@example.com) kirjoitti:
pon., 5 sty 2026 o 14:04 Support <support@example.com> napisał(a):
po 5. 1. 2026 v 14:04 odesílatel Support <support@example.com> napsal:
po 5. 1. 2026 o 14:04 Support <support@example.com> napísal(a):
Support <support@example.com> ezt írta (időpont: 2026. jan. 5., H, 14:04):
În lun., 5 ian. 2026 la 14:04, Support <support@example.com> a scris:
На пн, 5.01.2026 г. в 14:04 Support <support@example.com> написа:
пн, 5 янв. 2026 г. в 14:04, Support <support@example.com>:
пн, 5 січ. 2026 р. о 14:04 Support <support@example.com> пише:
Στις Δευ 5 Ιαν 2026 στις 2:04 μ.μ., ο χρήστης Support <support@example.com> έγραψε:
Support <support@example.com>, 5 Oca 2026 Pzt, 14:04 tarihinde şunu yazdı:
pon., 5. jan. 2026 ob 14:04 je oseba Support <support@example.com> napisala:
pon, 5. sij 2026. u 14:04 Support <support@example.com> napisao je:
Support (<support@example.com>) kirjutas kuupäeval E, 5. jaanuar 2026 kell 14:04:
2026-01-05, pr, 14:04 Support <support@example.com> rašė:
בתאריך יום ב׳, 5 בינו׳ 2026 ב-14:04 מאת Support <support@example.com>:
في الاثنين، 5 يناير 2026 في 2:04 م تمت كتابة ما يلي بواسطة Support <support@example.com>:
Vào Th 2, 5 thg 1, 2026 vào lúc 14:04 Support <support@example.com> đã viết:
Pada Sen, 5 Jan 2026 pukul 14.04 Support <support@example.com> menulis:
ในวันที่ จ. 5 ม.ค. 2026 เวลา 14:04 Support <support@example.com> เขียนว่า:
Support <support@example.com> 于2026年1月5日周一 14:04写道：
Support <support@example.com> 於 2026年1月5日 週一 下午2:04寫道：
2026年1月5日(月) 14:04 Support <support@example.com>:
2026년 1월 5일 (월) 오후 2:04, Support <support@example.com>님이 작성:
`), "\n") {
		m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\nYes.\n\n"+line+"\n\n> Is there paper?\n"))
		if got := m.NewText(); got != "Yes." {
			t.Errorf("%s: new text %q", line, got)
		}
	}
}

// TestHeaderBlocks: From, date, recipient and subject above a message that is not marked, as Outlook
// writes them in many languages.
func TestHeaderBlocks(t *testing.T) {
	t.Parallel()
	for _, labels := range []string{
		"From|Sent|To|Subject", "From|Date|To|Subject", "Von|Gesendet|An|Betreff", "De|Envoyé|À|Objet", "De |Date |À |Objet ", "De|Enviado|Para|Asunto", "De|Enviada em|Para|Assunto", "Da|Inviato|A|Oggetto",
		"Van|Verzonden|Aan|Onderwerp", "Från|Skickat|Till|Ämne", "Fra|Sendt|Til|Emne", "Lähettäjä|Lähetetty|Vastaanottaja|Aihe", "Od|Wysłano|Do|Temat", "Od|Odesláno|Komu|Předmět", "Od|Odoslané|Komu|Predmet",
		"Feladó|Elküldve|Címzett|Tárgy", "Feladó|Küldve|Címzett|Tárgy", "De la|Trimis|Către|Subiect", "Kimden|Gönderildi|Kime|Konu", "От|Отправлено|Кому|Тема", "От|Изпратено|До|Относно", "Від|Надіслано|Кому|Тема", "Από|Στάλθηκε|Προς|Θέμα",
		"Od|Poslano|Za|Zadeva", "Šalje|Poslano|Prima|Predmet", "Saatja|Saadetud|Adressaat|Teema", "No|Nosūtīts|Kam|Tēma", "Nuo|Išsiųsta|Kam|Tema", "De|Enviat|Per a|Assumpte", "Từ|Đã gửi|Đến|Chủ đề", "Dari|Dikirim|Kepada|Subjek",
		"差出人|送信日時|宛先|件名", "发件人|发送时间|收件人|主题", "寄件者|寄件日期|收件者|主旨", "보낸 사람|보낸 날짜|받는 사람|제목", "מאת|נשלח|אל|נושא", "من|تم الإرسال|إلى|الموضوع", "จาก|ส่ง|ถึง|เรื่อง",
	} {
		l := strings.Split(labels, "|")
		block := l[0] + ": Support <support@example.com>\n" + l[1] + ": 5.1.2026 14:04\n" + l[2] + ": Ann Lee\n" + l[3] + ": Printer\n"
		m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\nYes.\n\n"+block+"\nIs there paper?\n"))
		if got := m.NewText(); got != "Yes." {
			t.Errorf("%s: new text %q", labels, got)
		}
	}
}

// TestLinesOfPhones: what phones and programs add below a text is no part of it.
func TestLinesOfPhones(t *testing.T) {
	t.Parallel()
	for _, line := range strings.Split("Sent from my iPhone|Sent from Outlook for Android<https://aka.ms/x>|Get Outlook for iOS|Sent from Yahoo Mail on Android|Sent from Mail for Windows|Sent with Proton Mail secure email.|"+
		"Sent via the Samsung Galaxy S21, an AT&T 5G smartphone|Von meinem iPhone gesendet|Von meinem Samsung Galaxy Smartphone gesendet.|Gesendet mit der GMX Mail App|"+
		"Diese Nachricht wurde von meinem Android Mobiltelefon mit WEB.DE Mail gesendet.|Envoyé de mon iPhone|Enviado desde mi iPhone|Enviado do meu iPhone|Inviato da iPhone|Verstuurd vanaf mijn iPhone|"+
		"Skickat från min iPhone|Sendt fra min iPhone|Lähetetty iPhonesta|Wysłane z iPhone'a|Odesláno z iPhonu|Отправлено с iPhone|发自我的iPhone|从我的 iPhone 发送|iPhoneから送信|나의 iPhone에서 보냄|iPhone'umdan gönderildi|"+
		"Sent from [Mail](https://go.example.com/?LinkId=550986) for Windows 10|Get [Outlook for Android](https://aka.example.com/x)|Sent with [Proton Mail](https://proton.example/) secure email.|<<sent by galaxy>>|From My Iphone 6|"+
		"Sent from Mailbox for iPad\nSent via mobile", "|") {
		m := parse(t, []byte("Content-Type: text/plain; charset=utf-8\n\nYes, it works.\n\n"+line+"\n"))
		if got := m.NewText(); got != "Yes, it works." {
			t.Errorf("%s: new text %q", line, got)
		}
	}
}

// TestOwnWordsSurvive: what people write themselves stays in the new text, even where it looks like history.
func TestOwnWordsSurvive(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"On Monday, Ann wrote:\nthe printer is broken.",
		"On 5.1.2026 at 14:04 Bob wrote:\nthe printer is broken.\n\nIs that so?",
		"Please book a flight.\n\nFrom: Berlin\nTo: Paris\nDate: 5 January 2026\n\nThank you",
		"Bitte buchen:\n\nDatum: 5.1.2026\nVon: Berlin\nNach: Paris\n\nDanke",
		"No: 4711\nDate: 5.1.2026\nSubject: Invoice\n\nPlease pay.",
		"Från: kl 9\nTill: kl 11\n\nTack",
		"$ make\n> error 5\n\nWhat is that?",
		"He writes:\nno.",
		"I am not sent from my desk\nbut from home.",
		"Price: 5\n--\nSum: 7\n\n" + strings.Repeat("And so on.\n", 20) + "End.",
		"Original message:\nsee the file.",
		"Begin here:\n\nTo: all\nSubject: none",
	} {
		m := parse(t, []byte("Subject: x\nContent-Type: text/plain; charset=utf-8\n\n"+text+"\n"))
		if got := m.NewText(); got != text {
			t.Errorf("of %q only this is new: %q", text, got)
		}
	}
}

// TestQuotingStyles: quotes are told in whatever style, below attributions wrapped over several lines.
func TestQuotingStyles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"On Mon, Jan 5, 2026 at 2:04 PM Support wrote:\n| Is there paper?\n| Where?\n\nYes.", "Yes."},
		{"Support <support@example.com> wrote:\n} Is there paper?\n\nYes.", "Yes."},
		{"Support wrote on 5.1.2026:\nSupp> Is there paper?\nSupp> Where?\n\nYes.", "Yes."},
		{"AL> Is there paper?\nAL> Where?\n\nYes.", "Yes."},
		{"mysql> select\nmysql> quit\n\nYes.", "mysql> select\nmysql> quit\n\nYes."},
		{"> Is there paper?\n\nYes.\n\n> Where?\n_______________________________________________\nusers mailing list\nusers@lists.example.org\nhttps://lists.example.org/listinfo/users", "Yes."},
		{"Yes.\n\nA> Is there paper?\nA>\nA> Where?\n\nYes.", "Yes.\n\n\nYes."},
		{"SQL> select\nSQL> quit\n\nYes.", "SQL> select\nSQL> quit\n\nYes."},
		{"C> dir\nC> cd x\n\nYes.", "C> dir\nC> cd x\n\nYes."},
		{"Yes.\n\n2026-01-05 14:04 GMT+01:00 Support:\n\n> Is there paper?", "Yes."},
		{"Yes.\n\n2026-01-05 14:04 GMT+01:00 Support\n\n> Is there paper?", "Yes."},
		{"AL> is what it says.\n\nYes.", "AL> is what it says.\n\nYes."},
		{"| a | b |\n| 1 | 2 |\n\nYes.", "| a | b |\n| 1 | 2 |\n\nYes."},
		{"Yes.\nSupport <support@example.com> wrote\n> Is there paper?", "Yes."},
		{"Yes.\n\nOn Mon, Jan 5, 2026 at 2:04 PM Support Team of Example <support@\nexample.com> wrote:\n> Is there paper?", "Yes."},
		{"Yes.\n\nOn Mon, Jan 5, 2026 at 2:04 PM\nThe Support Team of Example\n<support@example.com\n> wrote:\n\n> Is there paper?", "Yes."},
		{"はい。\n\nSupport <support@example.com> 于2026年1月5日周一 14:04写\n道：\n\n> Is there paper?", "はい。"},
		{"כן.\n\n\u202bבתאריך יום ב׳, 5 בינו׳ 2026 ב-14:04 מאת \u202aSupport\u202c <\u202asupport@example.com\u202c>:\u202c\n\n> Is there paper?", "כן."},
		{"Yes.\n*From:* Support On Behalf Of Ann\n*Sent:* Monday, January 5, 2026 2:04 PM\n*To:* Ann Lee\n*Subject:* Printer\n\nIs there paper?", "Yes."},
		{"Yes.\n\n------Original Message------\nFrom: Support\nTo: Ann\nSubject: Printer\nSent: Jan 5, 2026 2:04 PM\n\nIs there paper?", "Yes."},
		{"Yes.\n\n##- Please type your reply above this line -##\n\nIs there paper?", "Yes."},
		{"Yes.\n\n=== Reply above this line ===\n\nIs there paper?", "Yes."},
		{"Yes.\n\nOn Mon, Jan 5, 2026 at 2:04 PM Support <support@example.com> wrote:\n\nIs there paper?", "Yes."},
		{"نعم\n\nفي الاثنين، ٥ يناير ٢٠٢٦، ٢:٠٤ م Support <support@example.com> كتب:\n> Is there paper?", "نعم"},
		{"Igen.\n\n11.1.2026 14:04, in der unbekannten Sprache, Support:\n> Is there paper?", "Igen."},
		{"Yes.\n\n2026/1/5 Support Team via Example <support@example.com>\n\n| Is there paper?\n|\n| Where?\n|", "Yes."},
		{"Yes.\n\nSupport <support@example.com> schrieb am Mo., 5.\nJan. 2026 um 14:04 Uhr:\n\n> Is there paper?", "Yes."},
		{"Yes.\n\nSupport schrieb am Mo., 5.\nJan. 2026 um 14:04 Uhr:\n\n> Is there paper?", "Yes."},
		{"He wrote so.\nSupport <support@example.com> schrieb am 5.1.2026 um 14:04:\n\n> Is there paper?", "He wrote so."},
		{"Yes.\n\nOn Mon, 5 Jan 2026 at 14:04 Support\n\n<\nmailto:Support <support@example.com>\n> wrote:\n\n\nIs there paper?", "Yes."},
		{"Yes.\n\nOn Monday, see below\n\n<\nhere\n> wrote:\nno", "Yes.\n\nOn Monday, see below\n\n<\nhere\n> wrote:\nno"},
		{"Yes.\n\n>>> Support <support@example.com> 1/5/2026 2:04 PM >>>\nIs there paper?", "Yes."},
		{"Yes.\n\n‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nOn Monday, January 5, 2026 2:04 PM, Support wrote:\n\nIs there paper?", "Yes."},
		{"好。\n\n发件人：Support <support@example.com>\n发送时间：2026年1月5日\n收件人：Ann\n主　题：x\n\nIs there paper?", "好。"},
		{"Evet.\n\n-------- İletilen İleti --------\nKonu: x\n\nIs there paper?", "Evet."},
		{"Here they are:\n\nFrom: sales@example.com\nTo: ann@example.org\nSubject: Offer\nDate: Mon, 5 Jan 2026 14:04:05 +0100\n\nIs that all?", "Here they are:\n\nFrom: sales@example.com\nTo: ann@example.org\nSubject: Offer\nDate: Mon, 5 Jan 2026 14:04:05 +0100\n\nIs that all?"},
		{"Here they are:\n\nFrom: sales@example.com\nDate: Mon, 5 Jan 2026 14:04:05 +0100\nMessage-ID: <a@example.com>\nTo: ann@example.org\nSubject: Offer\nX-Mailer: x\n\nIs that all?", "Here they are:\n\nFrom: sales@example.com\nDate: Mon, 5 Jan 2026 14:04:05 +0100\nMessage-ID: <a@example.com>\nTo: ann@example.org\nSubject: Offer\nX-Mailer: x\n\nIs that all?"},
		{"I tried:\n\n>>> import x\nx is not there\n>>> x.y\n\nWhy?", "I tried:\n\n>>> import x\nx is not there\n>>> x.y\n\nWhy?"},
		{"Yes.\n\nSent from Mail<https://go.example.com/?LinkId=550986> for Windows\n\nFrom: Support<mailto:support@example.com>\nSent: Monday, January 5, 2026 2:04 PM\nTo: Ann\nSubject: x\n\nIs there paper?", "Yes."},
		{"Да.\n\nпн, 5 янв. 2026 г. в 14:04, Support <support@example.com>:\n\nIs there paper?", "Да."},
		{"Ja.\n\n05.01.2026, 14:04 von support@example.com:\nIs there paper?", "Ja."},
		{"Please send it by 5.1.2026 14:04 to Support <support@example.com>:\n- a\n- b", "Please send it by 5.1.2026 14:04 to Support <support@example.com>:\n- a\n- b"},
		{"On 5.1.2026 at 14:04 Bob wrote:\nthe printer is broken.\n\nIs it?\n\nSupport wrote:\n> Is there paper?\n", "On 5.1.2026 at 14:04 Bob wrote:\nthe printer is broken.\n\nIs it?"},
	} {
		m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n"+tt.text+"\n"))
		checkSpans(t, m)
		if got := m.NewText(); got != tt.want {
			t.Errorf("%q: new text %q", tt.text, got)
		}
	}
}

// TestFooters: what stands below a text and is not part of it, in any order, goes; a person who writes about such things does not.
func TestFooters(t *testing.T) {
	t.Parallel()
	const notice = "This e-mail and any files with it are confidential and intended solely for\nthe individual to whom they are addressed."
	for _, tt := range []struct{ text, want string }{
		{"Yes.\n\n-- \nAnn", "Yes."}, {"Yes.\n\n--\nAnn", "Yes."}, {"Yes.\n\nᐧ", "Yes."}, {"Yes.\n\nᐧ\n--\nAnn", "Yes."}, {"See ᐧ", "See ᐧ"},
		{"Yes.\n\n—\nAnn\nBigcorp", "Yes."},
		{"One thing.\n\n---\n\nAnd the other is this one.", "One thing.\n\n---\n\nAnd the other is this one."},
		{"One thing.\n—\nWhat about the other?", "One thing.\n—\nWhat about the other?"},
		{"Yes.\n\nSent from my iPhone\n\n" + notice, "Yes."},
		{"Yes.\n\n" + notice + "\n\nSent from my iPhone", "Yes."},
		{"Yes.\n\n-- \nAnn\n\n" + notice + "\n\nPlease consider the environment before printing this e-mail.", "Yes."},
		{"Yes.\n\nDISCLAIMER\n\n" + notice, "Yes."},
		{"Yes.\n\n________________________________\n" + notice, "Yes."},
		{"Yes.\n\n" + notice + "\n_______________________________________________\nusers mailing list\nusers@lists.example.org\nhttps://lists.example.org/listinfo/users", "Yes."},
		{"Yes.\n\nVirus-free. www.avast.com", "Yes."},
		{"Yes.\n\nExample GmbH, Sitz der Gesellschaft: Berlin\nAmtsgericht Charlottenburg HRB 1\nGeschäftsführer: Ann Lee", "Yes."},
		{notice, notice},
		{"Your mails say:\n\n" + notice + "\n\nPlease take that away.", "Your mails say:\n\n" + notice + "\n\nPlease take that away."},
		{"Disclaimer: I have not looked myself.", "Disclaimer: I have not looked myself."},
		{"Yes.\n\nThis email was in error, sorry.", "Yes.\n\nThis email was in error, sorry."},
		{"Yes.\n\nIf you have received this mail, could you tell the people who are not the intended recipient of it to delete it?", "Yes.\n\nIf you have received this mail, could you tell the people who are not the intended recipient of it to delete it?"},
	} {
		m := parse(t, []byte("Subject: x\nContent-Type: text/plain; charset=utf-8\n\n"+tt.text+"\n"))
		checkSpans(t, m)
		if got := m.NewText(); got != tt.want {
			t.Errorf("%q: new text %q", tt.text, got)
		}
	}
}

// TestUnsure: what may be history in a language or a form that nobody told us is kept, and said to be unsure, so that nobody
// takes what stands below it for a command.
func TestUnsure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, from string }{
		{"Yes.\n\nIn unbekannter Sprache 5.1.2026 14:04 Support <support@example.com> dixit:\n\n[[close]]", "In unbekannter"},
		{"Yes.\n\nEks: Support <support@example.com>\nWai: 5.1.2026 14:04\nZed: Ann Lee\nAlfa: Printer\n\n[[close]]", "Eks:"},
		{"Yes.\n\nOn Monday, Support wrote:\n\n[[close]]", "On Monday"},
		{"Yes.\n\nFrom: a@example.com\nTo: b@example.com\nSubject: x\nDate: 5.1.2026\n\n[[close]]", "From:"},
		{"Yes.\n\n2026-01-05 14:04 GMT+01:00 Support\n\n[[close]]", "2026-"},
		{"Yes.\n\n>>> print(1)\n1\n\n[[close]]", ">>>"},
		{"Hi, my answers below.\n\nFrom: Support <support@example.com>\nSent: 5.1.2026 14:04\nTo: Ann\nSubject: x\n\nIs there paper?\nYes, a lot.", "From:"},
	} {
		m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n"+tt.text+"\n"))
		checkSpans(t, m)
		if got := m.NewText(); got != tt.text {
			t.Errorf("%q: new text %q", tt.text, got)
		}
		if len(m.Spans) != 1 || m.Spans[0].Kind != mail.SpanUnsure || !strings.HasPrefix(m.Text[m.Spans[0].Start:], tt.from) || m.Spans[0].End != len(m.Text) {
			t.Errorf("%q: spans %v", tt.text, m.Spans)
		}
	}
}

// TestPrograms: a short answer in the HTML and the plain text of more programs.
func TestPrograms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, plain, html string }{
		{"Proton", "Yes.\n\nSent with Proton Mail secure email.\n\nOn Monday, January 5th, 2026 at 2:04 PM, Support <support@example.com> wrote:\n\n> Is there paper?\n",
			`<div>Yes.<br></div><div class="protonmail_signature_block"><div class="protonmail_signature_block-user protonmail_signature_block-empty"></div><div class="protonmail_signature_block-proton">Sent with <a href="https://proton.me/">Proton Mail</a> secure email.</div></div><div class="protonmail_quote">On Monday, January 5th, 2026 at 2:04 PM, Support &lt;support@example.com&gt; wrote:<br><blockquote class="protonmail_quote" type="cite">Is there paper?</blockquote><br></div>`},
		{"BlackBerry", "Yes.\n\nSent from my BlackBerry 10 smartphone.\nFrom: Support\nSent: Monday, January 5, 2026 2:04 PM\nTo: Ann Lee\nSubject: Printer\n\nIs there paper?\n",
			`<div>Yes.</div><div><br></div><div>Sent from my BlackBerry 10 smartphone.</div><table width="100%"><tr><td style="border-style: solid none none; border-top-color: rgb(181, 196, 223)"><div><b>From: </b>Support</div><div><b>Sent: </b>Monday, January 5, 2026 2:04 PM</div><div><b>To: </b>Ann Lee</div><div><b>Subject: </b>Printer</div></td></tr></table><div>Is there paper?</div>`},
		{"Yandex", "Yes.\n\n05.01.2026, 14:04, \"Support\" <support@example.com>:\nIs there paper?\n",
			`<div>Yes.</div><div> </div><div>05.01.2026, 14:04, "Support" &lt;support@example.com&gt;:</div><blockquote><p>Is there paper?</p></blockquote>`},
		{"Tuta", "Yes.\n\n5.1.2026, 14:04 by support@example.com:\n\n> Is there paper?\n",
			`<div>Yes.</div><div>5.1.2026, 14:04 by support@example.com:<br></div><blockquote class="tutanota_quote" style="border-left: 1px solid #93A3B8">Is there paper?</blockquote>`},
		{"Fastmail", "Yes.\n\nOn Mon, 5 Jan 2026, at 2:04 PM, Support wrote:\n> Is there paper?\n",
			`<div>Yes.</div><div>On Mon, 5 Jan 2026, at 2:04 PM, Support wrote:<br></div><blockquote type="cite" id="qt">Is there paper?</blockquote>`},
		{"Zoho", "Yes.\n\n---- On Mon, 05 Jan 2026 14:04:05 +0100 Support <support@example.com> wrote ---\n\nIs there paper?\n",
			`<div>Yes.</div><div class="zmail_extra_hr" style="border-top: 1px solid"></div><div class="zmail_extra"><div id="Zm-_Id_-Sgn1">---- On Mon, 05 Jan 2026 14:04:05 +0100 <b>Support &lt;support@example.com&gt;</b> wrote ---</div><blockquote id="blockquote_zmail"><div>Is there paper?</div></blockquote></div>`},
		{"Outlook for Mac", "Yes.\n\nOn 5/1/26, 2:04 PM, \"Support\" <support@example.com> wrote:\n\n    Is there paper?\n",
			`<div>Yes.</div><span id="OLK_SRC_BODY_SECTION"><div style="border:none;border-top:solid #B5C4DF 1.0pt"><b>From:</b> Support<br><b>Date:</b> 5 January 2026<br></div><div>Is there paper?</div></span>`},
		{"Outlook answers Outlook", "Yes.\n\nVon: Support <support@example.com>\nGesendet: Montag, 5. Januar 2026 14:04\nAn: Ann Lee\nBetreff: Printer\n\nIs there paper?\n",
			`<div>Yes.</div><hr tabindex="-1"><div id="x_divRplyFwdMsg"><b>Von:</b> Support &lt;support@example.com&gt;<br><b>Gesendet:</b> Montag, 5. Januar 2026 14:04<br><b>An:</b> Ann Lee<br><b>Betreff:</b> Printer</div><div>Is there paper?</div>`},
		{"Front", "Yes.\n\nOn Jan 5, 2026, 2:04 PM +0100, Support <support@example.com>, wrote:\n> Is there paper?\n",
			`<div>Yes.</div><blockquote type="cite" class="front-blockquote"><p>On Jan 5, 2026, 2:04 PM +0100, Support &lt;support@example.com&gt;, wrote:</p>Is there paper?</blockquote>`},
		{"Freshdesk", "Yes.\n\nOn Mon, 5 Jan at 2:04 PM , Support <support@example.com> wrote:\nIs there paper?\n",
			`<div>Yes.</div><div class="freshdesk_quote"><blockquote class="freshdesk_quote">On Mon, 5 Jan at 2:04 PM , Support &lt;support@example.com&gt; wrote:<br>Is there paper?</blockquote></div>`},
		{"Infomaniak", "Yes.\n\nLe 05.01.2026, 14:04, Support a écrit :\n\nIs there paper?\n",
			`<div>Yes.</div><div class="ik_mail_quote"><div>Le 05.01.2026, 14:04, Support a écrit :</div><div>Is there paper?</div></div>`},
		{"NetEase", "Yes.\n\n---- 回复的原邮件 ----\n| 发件人 | Support<support@example.com> |\n| 发送日期 | 2026年01月05日 14:04 |\n| 收件人 | Ann |\n| 主题 | Printer |\nIs there paper?\n",
			`<div>Yes.</div><div id="isReplyContent"><blockquote>在 2026-01-05 14:04:05，"Support" &lt;support@example.com&gt; 写道：<br>Is there paper?</blockquote></div>`},
	} {
		for _, subject := range []string{"Re: x", "x\nIn-Reply-To: <a@example.com>"} {
			m := parse(t, []byte("Subject: "+subject+"\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; charset=utf-8\n\n"+tt.plain+"\n--b\nContent-Type: text/html; charset=utf-8\n\n<html><body>"+tt.html+"</body></html>\n--b--\n"))
			check(t, m)
			if got := m.NewText(); got != "Yes." {
				t.Errorf("%s: new text %q", tt.name, got)
			}
			left := parse(t, []byte("Content-Type: text/html; charset=utf-8\n\n"+newHTML(m)))
			if folded(left.Text) != "Yes." || !strings.HasSuffix(strings.TrimSpace(newHTML(m)), "</body></html>") {
				t.Errorf("%s: new HTML %s", tt.name, newHTML(m))
			}
		}
	}
}
