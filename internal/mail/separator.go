package mail

import "strings"

// separator says what a line begins when all below it is an older message: "-----Original
// Message-----", a forward's marker, or a block of From, Sent, To and Subject.
func (q *quotes) separator(i int, ln string) (SpanKind, string) {
	if len(ln) > attributionMax {
		return "", ""
	}
	if kind, ok := marker(ln); ok {
		if kind == SpanForward {
			return SpanForward, "forward marker"
		}
		return q.older(), "separator of the original message"
	}
	if q.headerBlock(i, ln) {
		return q.older(), "header block of the original message"
	}
	return "", ""
}

// older is what an older message below is, where the marks of replies and forwards are the same.
func (q *quotes) older() SpanKind {
	if q.fwd {
		return SpanForward
	}
	return SpanQuote
}

// marker reads "-----Original Message-----", "---------- Forwarded message ---------", "Begin forwarded message:".
func marker(ln string) (SpanKind, bool) {
	if c := ln[0]; c != '-' && c != '=' && c != '_' && c != '*' && c != '>' && ln[len(ln)-1] != ':' {
		return "", false
	}
	inner := strings.TrimLeft(ln, "-=_*>")
	dashes := len(ln) - len(inner)
	if dashes == 0 && !strings.HasSuffix(inner, ":") || dashes > 0 && dashes < 2 || inner == "" || inner == ln && len(ln) > 80 {
		return "", false
	}
	inner = strings.ToLower(strings.TrimSpace(strings.TrimRight(inner, "-=_*:： \u00a0")))
	inner = strings.ReplaceAll(inner, "’", "'")
	if dashes == 0 {
		_, ok := appleForwards[inner]
		return SpanForward, ok
	}
	if kind, ok := markers[inner]; ok {
		return kind, true
	}
	if strings.HasSuffix(inner, " wrote") || strings.HasSuffix(inner, " schrieb") { // Notes: -----Ann <ann@example.org> wrote: -----
		return SpanQuote, hasAddress(inner)
	}
	if strings.HasPrefix(inner, "forwarded by ") || strings.HasPrefix(inner, "weitergeleitet von ") || strings.HasPrefix(inner, "forwarded message from ") {
		return SpanForward, true
	}
	return "", false
}

// headerKind is which field of a quoted header a label is, in whatever language; one label may be two.
type headerKind uint8

const (
	labelFrom headerKind = 1 << iota
	labelDate
	labelTo
	labelSubject
)

// headerLines is how far down a header block is looked for.
const headerLines = 10

// headerBlock says whether the header of an older message begins at line i: From first, or a date and
// then From; with all four of its fields, or three and somebody's address. People write From, To and
// Date above each other too, of journeys, bookings and invoices.
func (q *quotes) headerBlock(i int, ln string) bool {
	seen := label(ln)
	switch {
	case seen&labelFrom != 0:
		seen = labelFrom // some words are two labels
	case seen&labelDate == 0 || i+1 >= q.count() || label(q.line(i+1))&labelFrom == 0:
		return false
	}
	address := hasAddress(ln)
	blanks := 0
	for j := i + 1; j < q.count() && j <= i+headerLines; j++ {
		if q.starts[j+1]-q.starts[j] > 4*attributionMax {
			continue // a long list of recipients
		}
		ln := q.line(j)
		if ln == "" {
			if blanks++; blanks > 1 && seen == labelFrom || blanks > 4 {
				break
			}
			continue
		}
		seen |= label(ln)
		address = address || hasAddress(ln)
		if seen&(labelFrom|labelDate) != labelFrom|labelDate {
			continue
		}
		if to, subject := seen&labelTo != 0, seen&labelSubject != 0; to && subject || (to || subject) && address {
			return true
		}
	}
	return false
}

// labelMax is how far into its line a label reaches, in bytes.
const labelMax = 40

// label reads the word before the colon of a header line, also *in bold*.
func label(ln string) headerKind {
	var buf [labelMax]byte
	i := colon(ln[:min(len(ln), labelMax)])
	if i <= 0 {
		return 0
	}
	word := strings.Trim(ln[:i], "* \t|")
	if isASCII(word) {
		return labels[string(appendLower(buf[:0], word))]
	}
	return labels[strings.ToLower(strings.Trim(word, "* \u00a0\t|"))]
}

// colon returns where the first colon of s is, also one of full width, or -1.
func colon(s string) int {
	i := strings.IndexByte(s, ':')
	if j := strings.Index(s, "："); j >= 0 && (i < 0 || j < i) {
		return j
	}
	return i
}

var labels = func() map[string]headerKind {
	m := map[string]headerKind{}
	for _, language := range headerLabels {
		for i, kind := range []headerKind{labelFrom, labelDate, labelTo, labelSubject} {
			for _, word := range strings.Split(language[i], "|") {
				m[word] |= kind
			}
		}
	}
	return m
}()

// headerLabels are the words for From, Sent or Date, To and Subject by language, in lower case. To teach
// Postern a language, add a line.
var headerLabels = [][4]string{
	{"from", "sent|date", "to|cc", "subject"},
	{"von|absender", "gesendet|datum", "an|empfänger", "betreff"},                            // German
	{"de|expéditeur", "envoyé|envoyé le|date d'envoi|date", "à|a|destinataire", "objet"},     // French
	{"de|remitente", "enviado|enviado el|enviados|fecha", "para", "asunto"},                  // Spanish
	{"de", "enviada em|enviado em|enviado|enviada|data", "para", "assunto"},                  // Portuguese
	{"de", "enviat|data", "per a|a", "assumpte|tema"},                                        // Catalan
	{"da|mittente", "inviato|data", "a", "oggetto"},                                          // Italian
	{"van", "verzonden|datum", "aan", "onderwerp"},                                           // Dutch
	{"från", "skickat|datum", "till", "ämne"},                                                // Swedish
	{"fra|afsender", "sendt|dato", "til", "emne"},                                            // Danish, Norwegian
	{"lähettäjä", "lähetetty|päivämäärä", "vastaanottaja", "aihe"},                           // Finnish
	{"saatja|kellelt", "saadetud|kuupäev", "adressaat|saaja|kellele", "teema"},               // Estonian
	{"no", "nosūtīts|datums", "kam", "tēma"},                                                 // Latvian
	{"nuo", "išsiųsta|data", "kam", "tema"},                                                  // Lithuanian
	{"od", "wysłano|data", "do", "temat"},                                                    // Polish
	{"od", "odesláno|datum", "komu", "předmět"},                                              // Czech
	{"od", "odoslané|dátum", "komu|pre", "predmet"},                                          // Slovak
	{"feladó", "elküldve|küldve|dátum", "címzett", "tárgy"},                                  // Hungarian
	{"de la", "trimis|expediat|data", "către", "subiect"},                                    // Romanian
	{"od", "poslano|datum", "za", "zadeva"},                                                  // Slovenian
	{"od|šalje", "poslano|datum", "prima|za", "predmet"},                                     // Croatian
	{"od|šalje|шаље|од", "poslato|послато|датум", "za|prima|за|коме", "naslov|тема|predmet"}, // Serbian
	{"от", "изпратено|дата", "до", "относно|тема"},                                           // Bulgarian
	{"от|отправитель", "отправлено|дата", "кому", "тема"},                                    // Russian
	{"від", "надіслано|дата", "кому", "тема"},                                                // Ukrainian
	{"από", "στάλθηκε|αποστολή|ημερομηνία", "προς", "θέμα"},                                  // Greek
	{"kimden|gönderen", "gönderildi|gönderme tarihi|tarih", "kime|alıcı", "konu"},            // Turkish
	{"từ", "đã gửi|ngày gửi|ngày", "đến|tới", "chủ đề|tiêu đề"},                              // Vietnamese
	{"dari", "dikirim|terkirim|tanggal", "kepada|ke", "subjek|perihal"},                      // Indonesian, Malay
	{"จาก", "ส่ง|วันที่", "ถึง", "เรื่อง"},                                                   // Thai
	{"מאת", "נשלח|תאריך", "אל", "נושא"},                                                      // Hebrew
	{"من", "تم الإرسال|تاريخ الإرسال|التاريخ", "إلى", "الموضوع"},                             // Arabic
	{"发件人", "发送时间|发送日期|日期|时间", "收件人", "主题"},                                                  // Chinese, simplified
	{"寄件者|寄件人", "寄件日期|傳送時間|日期", "收件者|收件人", "主旨|主題"},                                          // Chinese, traditional
	{"差出人|送信者", "送信日時|日時|日付", "宛先", "件名"},                                                    // Japanese
	{"보낸 사람|보낸사람", "보낸 날짜|보낸날짜|날짜", "받는 사람|받는사람", "제목"},                                      // Korean
}

var markers = map[string]SpanKind{
	"original message": SpanQuote, "original appointment": SpanQuote, "original e-mail": SpanQuote, "original mail": SpanQuote, "ursprüngliche nachricht": SpanQuote, "originalnachricht": SpanQuote,
	"original-nachricht": SpanQuote, "ursprünglicher termin": SpanQuote, "message d'origine": SpanQuote, "message original": SpanQuote, "courriel original": SpanQuote, "mensaje original": SpanQuote,
	"messaggio originale": SpanQuote, "oorspronkelijk bericht": SpanQuote, "origineel bericht": SpanQuote, "mensagem original": SpanQuote, "original meddelelse": SpanQuote, "oprindelig meddelelse": SpanQuote,
	"opprinnelig melding": SpanQuote, "ursprungligt meddelande": SpanQuote, "originalmeddelande": SpanQuote, "wiadomość oryginalna": SpanQuote, "oryginalna wiadomość": SpanQuote, "původní zpráva": SpanQuote,
	"исходное сообщение": SpanQuote, "оригинальное сообщение": SpanQuote, "alkuperäinen viesti": SpanQuote, "eredeti üzenet": SpanQuote, "orijinal mesaj": SpanQuote, "mesaj original": SpanQuote,
	"原始邮件": SpanQuote, "邮件原件": SpanQuote, "原始郵件": SpanQuote, "元のメッセージ": SpanQuote, "원본 메시지": SpanQuote, "reply message": SpanQuote, "quoted message": SpanQuote,
	"forwarded message": SpanForward, "forwarded mail": SpanForward, "weitergeleitete nachricht": SpanForward, "message transféré": SpanForward, "message transmis": SpanForward, "message réexpédié": SpanForward,
	"mensaje reenviado": SpanForward, "messaggio inoltrato": SpanForward, "doorgestuurd bericht": SpanForward, "mensagem encaminhada": SpanForward, "mensagem reencaminhada": SpanForward,
	"videresendt meddelelse": SpanForward, "videresendt melding": SpanForward, "vidarebefordrat meddelande": SpanForward, "przekazana wiadomość": SpanForward, "przesłana wiadomość": SpanForward,
	"přeposlaná zpráva": SpanForward, "пересылаемое сообщение": SpanForward, "пересланное сообщение": SpanForward, "edelleenlähetetty viesti": SpanForward, "转发邮件": SpanForward, "转发的邮件": SpanForward, "転送メッセージ": SpanForward,
}

// appleForwards stand alone on a line, with a colon and no dashes.
var appleForwards = map[string]struct{}{
	"begin forwarded message": {}, "anfang der weitergeleiteten nachricht": {}, "début du message réexpédié": {}, "début du message transféré": {}, "inicio del mensaje reenviado": {},
	"inizio messaggio inoltrato": {}, "begin doorgestuurd bericht": {}, "início da mensagem encaminhada": {}, "início da mensagem reencaminhada": {}, "videresendt besked": {}, "vidarebefordrat brev": {},
	"начало переадресованного сообщения": {}, "początek przekazywanej wiadomości": {},
}
