package dsl_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"postern/dsl"
)

// A habit is a line of habits.txt.
type habit struct{ kind, word, advice string }

func readHabits(t *testing.T) (list []habit) {
	t.Helper()
	text, err := os.ReadFile("habits.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if part := strings.SplitN(line, " ", 3); len(part) == 3 && !strings.HasPrefix(line, "#") {
			list = append(list, habit{part[0], part[1], part[2]})
		} else if line != "" && !strings.HasPrefix(line, "#") {
			t.Errorf("%q is no line of a table", line)
		}
	}
	return list
}

func TestHabitsAreInOrder(t *testing.T) {
	t.Parallel()
	list := readHabits(t)
	less := func(a, b habit) int { return strings.Compare(a.kind+" "+a.word, b.kind+" "+b.word) }
	if !slices.IsSortedFunc(list, less) {
		t.Error("the lines are not in order")
	}
	if n := len(slices.CompactFunc(slices.Clone(list), func(a, b habit) bool { return less(a, b) == 0 })); n != len(list) {
		t.Errorf("%d words come twice", len(list)-n)
	}
	for _, h := range list {
		if h.word != strings.ToLower(h.word) {
			t.Errorf("%s: words are in lower case", h.word)
		}
	}
}

// Who writes what stands in a line is told what to write, and that is right.
func TestHabits(t *testing.T) {
	t.Parallel()
	for _, h := range readHabits(t) {
		wrong, right := "", ""
		rule := func(when, then string) string {
			return "rule \"x\" {\n    " + strings.Replace("when "+when+"\n    ", "when true\n    ", "", 1) + "then { " + then + " }\n}\n"
		}
		value := func(expression string) string {
			return "rule \"x\" {\n    let it = " + expression + "\n    then { tag(\"x\") }\n}\n"
		}
		switch h.kind {
		case "action":
			wrong, right = rule("true", h.word+`("x")`), rule("true", h.advice)
		case "later":
			wrong = rule("true", h.word+`("x")`)
		case "value":
			wrong, right = value(h.word+"(mail.subject)"), value(h.advice)
		case "method":
			of := "mail.subject"
			if strings.Contains(h.advice, "mail.to") {
				of = "mail.to"
			}
			wrong, right = value(of+"."+h.word+"()"), value(h.advice)
		case "operator":
			wrong, right = value(`mail.subject `+h.word+` "x"`), value(h.advice)
			if h.word == "/" { // it is right between numbers
				wrong = value("mail.subject matches /x/")
			}
		case "list":
			wrong, right = value("mail.to."+h.word), value(h.advice)
		case "address":
			wrong, right = value("mail.from."+h.word), value(h.advice)
		case "attachment":
			wrong, right = value("map(mail.attachments, ."+h.word+")"), value(h.advice)
		case "mail", "issue", "envelope", "sender", "mailbox":
			wrong, right = value(h.kind+"."+h.word), value(h.advice)
		case "word":
			wrong = "rule \"x\" {\n    " + h.word + " y\n    then { tag(\"x\") }\n}\n"
			right = "rule \"x\" {\n    " + h.advice + "\n    then { tag(\"x\") }\n}\n"
			if strings.HasPrefix(h.advice, "then") {
				right = "rule \"x\" {\n    " + h.advice + "\n}\n"
			} else if strings.HasPrefix(h.advice, "else") {
				right = "rule \"x\" {\n    when mail.isReply\n    then { tag(\"x\") }\n    " + h.advice + "\n}\n"
			}
		case "stage":
			on := func(stage string) string {
				return "rule \"x\" {\n    on " + stage + "\n    then { tag(\"x\") }\n}\n"
			}
			wrong, right = on(h.word), on(h.advice)
		case "file":
			wrong, right = h.word+" \"x\" {\n}\n", h.advice+"\n"
		case "test":
			mail, expect := `mail file("mails/plain.eml")`, `expect issue.priority == "high"`
			wrong = "test \"x\" {\n    " + h.word + " x\n    " + mail + "\n    " + expect + "\n}\n"
			right = "test \"x\" {\n    " + mail + "\n    " + expect + "\n}\n"
			if h.advice != mail && h.advice != expect {
				t.Errorf("%s %s: %q is not tried", h.kind, h.word, h.advice)
			}
		case "kind":
			wrong, right = value(`mail.kind == "`+h.word+`"`), value(`mail.kind == "`+h.advice+`"`)
		case "verdict":
			about := func(verdict string) string {
				return "test \"x\" {\n    mail \"\"\"\n        Subject: x\n    \"\"\"\n    expect verdict == \"" + verdict + "\"\n}\n"
			}
			wrong, right = about(h.word), about(h.advice)
		default:
			t.Errorf("there is no kind %q", h.kind)
		}
		if _, diags := compile("wrong.rules", wrong, options()); !strings.Contains(diags.Text(), h.advice) {
			t.Errorf("%s %s: not told to write %s:\n%s\n%s", h.kind, h.word, h.advice, wrong, diags.Text())
		}
		if right == "" {
			continue
		}
		right = strings.NewReplacer(" when ", "\n    when ", " then ", "\n    then ").Replace(right)
		_, diags := compile("right.rules", right, options())
		diags = slices.DeleteFunc(diags, func(d dsl.Diagnostic) bool {
			return d.Code == "unused" || d.Code == "constant" || d.Code == "always" || d.Code == "cannot-fail"
		})
		if len(diags) > 0 {
			t.Errorf("%s %s: %s is wrong itself:\n%s\n%s", h.kind, h.word, h.advice, right, diags.Text())
		}
	}
}
