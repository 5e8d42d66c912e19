package mail

import "strings"

// endsInColon says whether a line ends in a colon, of whatever width; the marks of a link or of bold print may follow.
func endsInColon(ln string) bool {
	c := ln[len(ln)-1]
	if c == ':' {
		return true
	}
	if c == '*' || c == '_' || c >= 0x80 {
		ln = strings.TrimRight(ln, "*_"+bidiMarks)
		return strings.HasSuffix(ln, ":") || strings.HasSuffix(ln, "：")
	}
	return false
}

// introduces says whether s, in lower case, is a sentence of the table, and whether it also opens as
// those of mail programs usually do.
func introduces(s string) (found, usual bool) {
	if s == "" {
		return false, false // nothing but marks of writing direction
	}
	for i := range attributions.opened {
		a := &attributions.opened[i]
		if a.opens[0] == s[0] {
			if rest, ok := cutWord(s, a.opens); ok && a.verb(rest) > 0 {
				return true, true
			}
		}
	}
	for i := range attributions.bare {
		if attributions.bare[i].verb(s) > 0 {
			return true, false
		}
	}
	return false, false
}

// verb returns where in s a verb of the form ends, or 0.
func (a *attributionForm) verb(s string) int {
	for _, verb := range a.verbs {
		for from := 0; ; {
			i := strings.Index(s[from:], verb)
			if i < 0 {
				break
			}
			i += from
			from = i + len(verb)
			if i > 0 && beginsWord(s, i) {
				return from
			}
		}
	}
	return 0
}

// cutWord cuts a word off the beginning of s.
func cutWord(s, word string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(s, word)
	return rest, ok && (rest == "" || !asciiLetter(rest[0]) && rest[0] < 0x80 || unspaced(word))
}

// beginsWord says whether a word may begin at i.
func beginsWord(s string, i int) bool {
	c := s[i-1]
	return c < 0x80 && !asciiLetter(c) || c >= 0x80 && (unspaced(s[i:]) || strings.HasSuffix(s[:i], "\u00a0") || strings.HasSuffix(s[:i], "\u202f"))
}

// unspaced says whether s begins in a script that leaves no spaces between words: Thai, Chinese, Japanese, Korean.
func unspaced(s string) bool {
	return len(s) > 0 && (s[0] >= 0xe3 && s[0] < 0xf0 || strings.HasPrefix(s, "\xe0\xb8") || strings.HasPrefix(s, "\xe0\xb9"))
}

func asciiLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// names says whether a line above a quote tells whose it is: by a verb of the table at its end or with a date, by
// an address and a date, or by a day and an hour: programs write both.
func names(s string) bool {
	if hasAddress(s) && (hasDigit(s) || strings.HasPrefix(s, "quoting ") || strings.HasPrefix(s, "zitat von ")) {
		return true
	}
	day, hour := hasDay(s), hasHour(s)
	if day && hour {
		return true // in a language that nobody told us
	}
	dated := day || hour
	end := len(strings.TrimRight(s, " :："))
	for i := range attributions.all {
		if at := attributions.all[i].verb(s); at > 0 && (dated || at == end) {
			return true
		}
	}
	return false
}

// endsInVerb says whether s, in lower case, ends in a verb of the table.
func endsInVerb(s string) bool {
	end := len(strings.TrimRight(s, " :："))
	for i := range attributions.all {
		if attributions.all[i].verb(s) == end {
			return true
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

// attributions are the rows of the table, apart where nothing opens the sentence.
var attributions = func() (forms struct{ opened, bare, all []attributionForm }) {
	for _, row := range table("attributions") {
		form := attributionForm{row[0], several(row[1])}
		if forms.all = append(forms.all, form); form.opens == "" {
			forms.bare = append(forms.bare, form)
		} else {
			forms.opened = append(forms.opened, form)
		}
	}
	return forms
}()
