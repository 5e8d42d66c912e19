package mail

import "strings"

// marked says whether a line below an attribution is quoted in whatever style: "> ", "| ", "} ", "＞", or "Ann> ".
func (q *quotes) marked(i int) bool { return i < q.count() && (q.quoted(i) || q.style(i) != "") }

// style is what a line begins with that is quoted in another style than ">", "" for none.
func (q *quotes) style(i int) string {
	s := strings.TrimLeft(q.text[q.starts[i]:q.starts[i+1]], " \t")
	if s == "" {
		return ""
	}
	if s[0] == '|' || s[0] == '}' {
		return s[:1]
	}
	if strings.HasPrefix(s, "＞") {
		return "＞"
	}
	if !asciiLetter(s[0]) {
		return ""
	}
	end := strings.IndexByte(s[:min(len(s), initialsMax+1)], '>')
	for k := range max(end, 0) {
		if !asciiLetter(s[k]) {
			return ""
		}
	}
	return s[:end+1]
}

// initialsMax is how long a name before ">" may be.
const initialsMax = 12

// markedEnd returns the line after a run of lines quoted in one style.
func (q *quotes) markedEnd(i int) int {
	if q.quoted(i) {
		return q.quoteEnd(i)
	}
	style, end := q.style(i), i+1
	for j := end; j < q.count(); j++ {
		switch {
		case q.style(j) == style:
			end = j + 1
		case q.line(j) != "":
			return end
		}
	}
	return end
}

// initials returns the line after a run of two lines or more that begin with somebody's initials and ">", or i. It is
// sure when a person wrote them: "SQL>" is a prompt.
func (q *quotes) initials(i int) (end int, sure bool) {
	s := q.text[q.starts[i]:q.starts[i+1]]
	if !q.reply || len(s) < 4 || s[0] < 'A' || s[0] > 'Z' || strings.IndexByte(s[1:4], '>') < 0 {
		return i, false // "mysql>" is a prompt
	}
	style := q.style(i)
	if style == "" {
		return i, false
	}
	if end = q.markedEnd(i); end <= i+1 {
		return i, false
	}
	_, prose := q.codeLines(i, end, style)
	return end, prose > 0
}
