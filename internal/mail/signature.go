package mail

import "strings"

// What follows "-- " is a signature as long as it is short (RFC 3676 section 4.3 gives the line and
// no length): a long text below a line of dashes is more likely a text.
const (
	signatureLines = 30 // below "-- "
	dashesLines    = 12 // below "--", which people also draw
)

// signatures covers the signatures at the end of each piece that is not quoted.
func (q *quotes) signatures() {
	spans := q.spans
	q.spans = make([]Span, 0, len(spans)+2)
	from := 0 // the first line of the piece
	line := 0
	for _, s := range spans {
		for int(q.starts[line]) < s.Start {
			line++
		}
		q.signature(from, line)
		q.spans = append(q.spans, s)
		for int(q.starts[line]) < s.End {
			line++
		}
		from = line
	}
	q.signature(from, q.count())
	if len(q.spans) == 0 {
		q.spans = nil
	}
}

// signature covers the signature of the piece from line i up to, not with, j.
func (q *quotes) signature(i, j int) {
	end := j
	for end > i && q.line(end-1) == "" {
		end--
	}
	if end == i {
		return
	}
	at := end
	for k := end - 1; k >= i && k >= end-1-signatureLines; k-- {
		raw := strings.TrimRight(q.text[q.starts[k]:q.starts[k+1]], "\r\n")
		if raw == "-- " || raw == "--\u00a0" || raw == "--" && end-1-k <= dashesLines {
			at = k
		}
	}
	if at == end-1 {
		at = end // a line with nothing below it
	}
	mobile := end
	for k, n := at-1, 0; k >= i && n < 3; k-- {
		ln := q.line(k)
		if ln == "" {
			continue
		}
		if !isMobile(ln) {
			break
		}
		mobile, n = k, n+1
	}
	reason := "signature line"
	if mobile < at {
		at, reason = mobile, "line that a phone adds"
	}
	if at < end {
		q.spans = append(q.spans, Span{int(q.starts[at]), int(q.starts[j]), SpanSignature, reason})
	}
}

// isMobile says whether a line is one that phones and apps add: "Sent from my iPhone".
func isMobile(ln string) bool {
	if len(ln) > 200 {
		return false
	}
	s := strings.ToLower(strings.Trim(ln, "*_-–—<>[]() \u00a0"))
	for _, m := range mobileSignatures {
		if rest, ok := strings.CutPrefix(s, m.opens); ok {
			if m.has == "" && len(strings.Fields(rest)) <= 8 || m.has != "" && strings.Contains(rest, m.has) {
				return true
			}
		}
	}
	return false
}

// mobileSignatures are in lower case: how the line begins, and what it must have after that.
var mobileSignatures = []struct{ opens, has string }{
	{"sent from my ", ""}, {"sent from mail for windows", ""}, {"sent from outlook", ""}, {"sent from yahoo", ""}, {"sent from proton", ""}, {"sent from samsung", ""}, {"sent from a mobile", ""},
	{"sent via blackberry", ""}, {"sent via superhuman", ""}, {"sent with proton", ""}, {"sent with [proton", ""}, {"sent with spark", ""}, {"sent from spark", ""}, {"get outlook for ", ""}, {"get bluemail", ""},
	{"von meinem ", "gesendet"}, {"von mein ", "gesendet"}, {"gesendet von mein", ""}, {"gesendet von mail", ""}, {"gesendet von outlook", ""}, {"gesendet von yahoo", ""}, {"gesendet mit der ", "app"},
	{"diese nachricht wurde von mein", "gesendet"}, {"outlook für ", "herunterladen"}, {"outlook für ", "beziehen"}, {"holen sie sich outlook", ""},
	{"envoyé de mon ", ""}, {"envoyé depuis mon ", ""}, {"envoyé depuis l'application", ""}, {"envoyé à partir de ", "outlook"}, {"obtenir outlook pour", ""}, {"téléchargez outlook pour", ""},
	{"enviado desde mi ", ""}, {"enviado desde outlook", ""}, {"enviado do meu ", ""}, {"enviado a partir do meu ", ""}, {"enviado de mi ", ""}, {"obtener outlook para", ""}, {"obter o outlook para", ""}, {"obter outlook para", ""},
	{"inviato da iphone", ""}, {"inviato da ipad", ""}, {"inviato da outlook", ""}, {"inviato dal mio ", ""}, {"ottieni outlook per", ""}, {"scarica outlook per", ""},
	{"verstuurd vanaf mijn ", ""}, {"verzonden vanaf mijn ", ""}, {"verzonden met outlook", ""}, {"verstuurd met outlook", ""}, {"outlook voor ", "downloaden"},
	{"skickat från min ", ""}, {"sendt fra min ", ""}, {"lähetetty ", "puhelimesta"}, {"lähetetty iphonesta", ""}, {"wysłane z ", "iphone"}, {"odesláno z ", "iphon"}, {"отправлено с iphone", ""}, {"отправлено с моего ", ""}, {"отправлено из ", "почты"},
	{"sent via the samsung ", ""}, {"sent from aol", ""}, {"sent from the all new ", ""}, {"sent from gmail mobile", ""}, {"sent using zoho", ""}, {"von samsung ", "gesendet"}, {"wysłane z mojego ", ""}, {"odoslané z ", "iphon"},
	{"trimis de pe ", ""}, {"poslano z ", "iphone"}, {"iphone'umdan gönderildi", ""}, {"надіслано з iphone", ""}, {"enviat des del meu ", ""}, {"στάλθηκε από το iphone", ""}, {"נשלח מה-iphone", ""}, {"נשלח מה‑iphone", ""},
	{"发自我的", ""}, {"从我的", "发送"}, {"從我的", "傳送"}, {"iphoneから送信", ""}, {"ipadから送信", ""}, {"나의 iphone에서", ""}, {"내 iphone에서", ""},
}
