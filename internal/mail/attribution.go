package mail

import "strings"

// attributionMax is the longest line of an attribution, and attributionLines how many it is wrapped over.
const (
	attributionMax   = 300
	attributionLines = 3
)

// attribution says how many lines from i on introduce a quote ("On …, Ann wrote:"), 0 for none. It is
// sure when the line names a day and an hour or an address, as mail programs write and people do not.
func (q *quotes) attribution(i int) (lines int, sure bool) {
	k := 0
	for ; k < attributionLines; k++ {
		if i+k >= q.count() || q.starts[i+k+1]-q.starts[i+k] > attributionMax {
			return 0, false
		}
		ln := q.line(i + k)
		if ln == "" {
			return 0, false
		}
		if strings.HasSuffix(ln, ":") || strings.HasSuffix(ln, "：") {
			break
		}
	}
	if k == attributionLines {
		return 0, false
	}
	s := strings.ToLower(strings.Join(strings.Fields(q.text[q.starts[i]:q.starts[i+k+1]]), " "))
	found, usual := introduces(s)
	if !found {
		// Without the first word of the sentence only right above a quote, in one or two lines.
		next := q.skipBlank(i+k+1, 2)
		if k > 1 || next >= q.count() || !q.quoted(next) || !names(s) {
			return 0, false
		}
		return k + 1, false
	}
	return k + 1, hasAddress(s) && hasDigit(s) || usual && hasDay(s) && hasHour(s)
}

// introduces says whether s, in lower case, is a sentence of the table, and whether it also opens as
// those of mail programs usually do.
func introduces(s string) (found, usual bool) {
	for i := range attributions {
		a := &attributions[i]
		if !strings.HasPrefix(s, a.opens) {
			continue
		}
		rest := s[len(a.opens):]
		for _, verb := range a.verbs {
			if at := strings.Index(rest, verb); at > 0 {
				return true, a.opens != ""
			}
		}
	}
	return false, false
}

// names says whether a line above a quote tells whose it is: by a verb of the table, or by an
// address and a date.
func names(s string) bool {
	if hasAddress(s) && (hasDigit(s) || strings.HasPrefix(s, "quoting ") || strings.HasPrefix(s, "zitat von ")) {
		return true
	}
	for i := range attributions {
		for _, verb := range attributions[i].verbs {
			if strings.HasSuffix(strings.TrimRight(s, " :："), verb) || strings.Contains(s, verb+" am ") {
				return true
			}
		}
	}
	return false
}

func hasAddress(s string) bool {
	at := strings.IndexByte(s, '@')
	return at > 0 && at+1 < len(s) && s[at-1] > ' ' && s[at+1] > ' '
}

func hasDigit(s string) bool { return strings.ContainsAny(s, "0123456789") }

// hasDay says whether s has a year of four digits, or a date in numbers.
func hasDay(s string) bool {
	run, groups := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] >= '0' && s[i] <= '9' {
			run++
			continue
		}
		if run == 4 {
			return true
		}
		if run == 1 || run == 2 {
			if i < len(s) && (s[i] == '.' || s[i] == '/' || s[i] == '-') {
				groups++
			}
			if groups >= 2 {
				return true
			}
		}
		run = 0
	}
	return false
}

// hasHour says whether s has a time like 15:04 or 15h04.
func hasHour(s string) bool {
	for i := 1; i+2 < len(s); i++ {
		if (s[i] == ':' || s[i] == 'h' || s[i] == '.') && digit(s[i-1]) && digit(s[i+1]) && digit(s[i+2]) {
			return true
		}
	}
	return false
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// An attributionForm is how the sentence above a quote begins in a language, and the verbs that may follow.
type attributionForm struct {
	opens string
	verbs []string
}

// attributions are in lower case. To teach Postern a language, add a line.
var attributions = []attributionForm{
	{"on ", []string{" wrote", " writes", " said", " sent"}},                  // English
	{"am ", []string{" schrieb", " hat geschrieben"}},                         // German
	{"le ", []string{" a écrit", " a ecrit"}},                                 // French
	{"el ", []string{" escribió", " escribio", " ha escrit", " va escriure"}}, // Spanish, Catalan
	{"il ", []string{" ha scritto", " scrive"}},                               // Italian
	{"op ", []string{" schreef", " heeft geschreven", " het geskryf"}},        // Dutch, Afrikaans
	{"em ", []string{" escreveu"}},                                            // Portuguese
	{"no dia ", []string{" escreveu"}},                                        //
	{"a ", []string{" escreveu"}},                                             //
	{"den ", []string{" skrev"}},                                              // Danish, Norwegian, Swedish
	{"på ", []string{" skrev"}},                                               //
	{"man ", []string{" skrev"}}, {"tir ", []string{" skrev"}}, {"ons ", []string{" skrev"}}, {"tor ", []string{" skrev"}},
	{"tors ", []string{" skrev"}}, {"fre ", []string{" skrev"}}, {"lör ", []string{" skrev"}}, {"lør ", []string{" skrev"}}, {"sön ", []string{" skrev"}},
	{"w dniu ", []string{" pisze", " napisał", " napisała", " użytkownik"}}, // Polish
	{"dne ", []string{" napsal", " napsala"}},                               // Czech
	{"dňa ", []string{" napísal", " napísala"}},                             // Slovak
	{"pe ", []string{" a scris"}},                                           // Romanian
	{"în ", []string{" a scris"}},                                           //
	{"на ", []string{" написа", " пише"}},                                   // Bulgarian
	{"στις ", []string{" έγραψε"}},                                          // Greek
	{"pada ", []string{" menulis"}},                                         // Indonesian
	{"vào ", []string{" đã viết"}},                                          // Vietnamese
	// Languages that begin with the day or the name.
	{"", []string{"写道", "寫道", "님이 작성", " tarihinde şunu yazdı", " ezt írta", " kirjoitti", " пишет", " писал", " пише", " написав", " skrev", " napsal", " napisał"}},
}
