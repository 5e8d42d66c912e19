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

// headerBlock says whether the header of an older message begins at line i: From first, then at least
// a date and one of To and Subject.
func (q *quotes) headerBlock(i int, ln string) bool {
	if label(ln)&labelFrom == 0 {
		return false
	}
	var seen headerKind
	blanks := 0
	for j := i + 1; j < q.count() && j <= i+headerLines; j++ {
		if q.starts[j+1]-q.starts[j] > 4*attributionMax {
			continue // a long list of recipients
		}
		ln := q.line(j)
		if ln == "" {
			if blanks++; blanks > 1 && seen == 0 || blanks > 4 {
				break
			}
			continue
		}
		seen |= label(ln)
		if seen&labelDate != 0 && seen&(labelTo|labelSubject) != 0 {
			return true
		}
	}
	return false
}

// label reads the word before the colon of a header line, also *in bold*.
func label(ln string) headerKind {
	i := colon(ln[:min(len(ln), 40)])
	if i <= 0 {
		return 0
	}
	return labels[strings.ToLower(strings.Trim(ln[:i], "* \u00a0\t|"))]
}

// colon returns where the first colon of s is, also one of full width, or -1.
func colon(s string) int {
	for i := range len(s) {
		if s[i] == ':' || s[i] == 0xef && strings.HasPrefix(s[i:], "：") {
			return i
		}
	}
	return -1
}

var labels = map[string]headerKind{
	"from": labelFrom, "von": labelFrom, "de": labelFrom, "da": labelFrom, "van": labelFrom, "fra": labelFrom, "från": labelFrom, "od": labelFrom | labelTo,
	"от": labelFrom, "lähettäjä": labelFrom, "feladó": labelFrom, "kimden": labelFrom, "expéditeur": labelFrom, "remitente": labelFrom, "mittente": labelFrom,
	"发件人": labelFrom, "寄件者": labelFrom, "差出人": labelFrom, "보낸 사람": labelFrom, "από": labelFrom, "від": labelFrom, "de la": labelFrom, "afsender": labelFrom, "absender": labelFrom,
	"sent": labelDate, "date": labelDate, "gesendet": labelDate, "datum": labelDate, "envoyé": labelDate, "envoyé le": labelDate, "date d'envoi": labelDate, "enviado": labelDate, "enviado el": labelDate,
	"enviada em": labelDate, "enviado em": labelDate, "fecha": labelDate, "data": labelDate, "inviato": labelDate, "verzonden": labelDate, "sendt": labelDate, "skickat": labelDate, "dato": labelDate,
	"wysłano": labelDate, "odesláno": labelDate, "отправлено": labelDate, "дата": labelDate, "lähetetty": labelDate, "päivämäärä": labelDate, "trimis": labelDate, "gönderildi": labelDate, "tarih": labelDate,
	"dátum": labelDate, "elküldve": labelDate, "发送时间": labelDate, "日期": labelDate, "送信日時": labelDate, "日付": labelDate, "보낸 날짜": labelDate, "надіслано": labelDate, "ημερομηνία": labelDate,
	"to": labelTo, "an": labelTo, "à": labelTo, "a": labelTo, "para": labelTo, "aan": labelTo, "til": labelTo, "till": labelTo, "do": labelTo, "komu": labelTo, "кому": labelTo, "vastaanottaja": labelTo,
	"címzett": labelTo, "kime": labelTo, "destinataire": labelTo, "收件人": labelTo, "收件者": labelTo, "宛先": labelTo, "받는 사람": labelTo, "προς": labelTo, "către": labelTo, "cc": labelTo, "empfänger": labelTo,
	"subject": labelSubject, "betreff": labelSubject, "objet": labelSubject, "asunto": labelSubject, "oggetto": labelSubject, "onderwerp": labelSubject, "assunto": labelSubject, "emne": labelSubject,
	"ämne": labelSubject, "temat": labelSubject, "předmět": labelSubject, "тема": labelSubject, "aihe": labelSubject, "tárgy": labelSubject, "konu": labelSubject, "主题": labelSubject, "主旨": labelSubject,
	"件名": labelSubject, "제목": labelSubject, "θέμα": labelSubject, "subiect": labelSubject, "assumpte": labelSubject,
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
