package mail_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// words are the rows of a table of words.
func words(t *testing.T, name string) [][]string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("words", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, line := range strings.Split(string(b), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		row := strings.Split(line, "|")
		for i := range row {
			row[i] = strings.TrimSpace(row[i])
		}
		rows = append(rows, row)
	}
	return rows
}

// TestTables: rows are sorted, whole, in lower case, told once, and say where they are from.
func TestTables(t *testing.T) {
	t.Parallel()
	files, _ := filepath.Glob("words/*.txt")
	if len(files) < 7 {
		t.Fatalf("tables: %v", files)
	}
	for _, file := range files {
		rows := words(t, strings.TrimSuffix(filepath.Base(file), ".txt"))
		var before []string
		for _, row := range rows {
			if len(row) != len(rows[0]) || row[len(row)-1] == "" {
				t.Errorf("%s: %q", file, row)
			}
			if slices.Compare(row, before) <= 0 {
				t.Errorf("%s: %q does not follow %q", file, row, before)
			}
			for _, field := range row[:min(2, len(row)-2)] {
				if field != strings.ToLower(field) {
					t.Errorf("%s: %q is not in lower case", file, row)
				}
			}
			before = row
		}
	}
}

// TestEveryAttribution: each verb of the table, with each of its openings, goes with the quote below it.
func TestEveryAttribution(t *testing.T) {
	t.Parallel()
	languages := map[string]bool{}
	for _, row := range words(t, "attributions") {
		for _, language := range strings.Split(row[2], ",") {
			languages[strings.TrimSpace(language)] = true
		}
		for _, verb := range strings.Split(row[1], ",") {
			line := strings.TrimSpace(row[0] + " 5.1.2026 14:04 Support " + strings.TrimSpace(verb) + ":")
			m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\nYes.\n\n"+line+"\n\n> Is there paper?\n"))
			if got := m.NewText(); got != "Yes." {
				t.Errorf("%s: new text %q", line, got)
			}
		}
	}
	if len(languages) < 25 {
		t.Errorf("%d languages", len(languages))
	}
}

// TestEveryHeaderBlock: each word of the table belongs to a header block with the first of the others.
func TestEveryHeaderBlock(t *testing.T) {
	t.Parallel()
	for _, row := range words(t, "headers") {
		for column := range 4 {
			for _, word := range strings.Split(row[column], ",") {
				var label [4]string
				for i := range label {
					label[i], _, _ = strings.Cut(row[i], ",")
				}
				label[column] = strings.TrimSpace(word)
				block := label[0] + ": Support <support@example.com>\n" + label[1] + ": 5.1.2026 14:04\n" + label[2] + ": Ann Lee\n" + label[3] + ": Printer\n"
				m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\nYes.\n\n"+block+"\nIs there paper?\n"))
				if got := m.NewText(); got != "Yes." {
					t.Errorf("%s: new text %q", label, got)
				}
			}
		}
	}
}

// TestEveryMarker: what stands below a marker is not new.
func TestEveryMarker(t *testing.T) {
	t.Parallel()
	around := map[string][2]string{"quote": {"-----", "-----"}, "forward": {"---------- ", " ---------"}, "begin": {"", ":"}, "above": {"##- ", " -##"}}
	for _, row := range words(t, "markers") {
		line := around[row[0]][0] + row[1] + around[row[0]][1]
		m := parse(t, []byte("Subject: x\nContent-Type: text/plain; charset=utf-8\n\nYes.\n\n"+line+"\n\nIs there paper?\n"))
		if got := m.NewText(); got != "Yes." {
			t.Errorf("%s: new text %q", line, got)
		}
		if want := row[0] == "forward" || row[0] == "begin"; want != m.IsForward {
			t.Errorf("%s: forward %t", line, m.IsForward)
		}
	}
}

// TestEveryMobileLine: what phones add is no part of a text.
func TestEveryMobileLine(t *testing.T) {
	t.Parallel()
	for _, row := range words(t, "mobile") {
		line := row[0] + " x " + row[1]
		m := parse(t, []byte("Content-Type: text/plain; charset=utf-8\n\nYes.\n\n"+line+"\n"))
		if got := m.NewText(); got != "Yes." {
			t.Errorf("%s: new text %q", line, got)
		}
	}
}

// TestEveryInline: where a text says that its answers stand below it, nothing of what is below is taken away.
func TestEveryInline(t *testing.T) {
	t.Parallel()
	for _, row := range words(t, "inline") {
		text := "Hi, " + row[0] + ".\n\nFrom: Support <support@example.com>\nSent: 5.1.2026 14:04\nTo: Ann\nSubject: x\n\nIs there paper?\nYes."
		m := parse(t, []byte("Subject: Re: x\nContent-Type: text/plain; charset=utf-8\n\n"+text+"\n"))
		if got := m.NewText(); got != text {
			t.Errorf("%s: new text %q", row[0], got)
		}
	}
}

// TestEverySubject: each word makes a reply or a forward of a mail.
func TestEverySubject(t *testing.T) {
	t.Parallel()
	for _, row := range words(t, "subjects") {
		for _, word := range strings.Split(row[1], ",") {
			m := parse(t, []byte("Subject: "+strings.TrimSpace(word)+": x\n\nYes.\n"))
			if m.IsReply != (row[0] == "reply") || m.IsForward != (row[0] == "forward") {
				t.Errorf("%s: reply %t, forward %t", word, m.IsReply, m.IsForward)
			}
		}
	}
}

// TestEveryNotice: a notice below a text is no part of it, and a paragraph that only says a phrase of one is.
func TestEveryNotice(t *testing.T) {
	t.Parallel()
	text := func(s string) string {
		return parse(t, []byte("Content-Type: text/plain; charset=utf-8\n\nYes.\n\n"+s+"\n")).NewText()
	}
	for _, row := range words(t, "disclaimers") {
		notice, human := "", ""
		switch row[0] {
		case "alone":
			notice = row[1] + " and so on"
		case "opens":
			notice = row[1] + " and all that comes with it is confidential, and intended solely for those who are meant by it."
			human = row[1] + " and all that comes with it is on the printer, and has been there since Monday morning."
		case "says":
			notice = "This e-mail and all that comes with it is what it is: " + row[1] + "; whoever is not meant by it may not read it. It is for those alone who are meant by it, and for nobody who is not."
			human = "I have read what you wrote: " + row[1] + "; what does that mean for whoever is not meant by it?"
		case "legal":
			notice = "Example: 1\namtsgericht 2\nkvk 3\n" + row[1] + " 4"
			human = "Which number: 1\n" + row[1]
		case "list":
			notice = "_______________________________________________\nusers " + row[1]
			human = "users " + row[1]
		}
		if row[0] == "banner" {
			m := parse(t, []byte("Content-Type: text/plain; charset=utf-8\n\n["+row[1]+" the firm.\nBe careful.]\n\nYes.\n\n"+row[1]+"\n"))
			if got := m.NewText(); got != "Yes.\n\n"+row[1] && got != "Yes." {
				t.Errorf("%q: new text %q", row[1], got)
			}
			continue
		}
		if got := text(notice); got != "Yes." {
			t.Errorf("%q: new text %q", notice, got)
		}
		if got := text(human); human != "" && got != "Yes.\n\n"+human {
			t.Errorf("%q: new text %q", human, got)
		}
	}
}

// TestEveryElement: an element that a mail program marks is history or a signature, in the text and in the HTML, also
// where Outlook or Yahoo renamed it.
func TestEveryElement(t *testing.T) {
	t.Parallel()
	for _, row := range words(t, "elements") {
		mark := ""
		switch k, v, _ := strings.Cut(row[1], "="); {
		case v != "":
			mark = k + `="` + v + `"`
		case k[0] == '.':
			mark = `class="a x_` + k[1:] + `"`
		case k[0] == '#':
			mark = "id='ydp1a2b3c" + k[1:] + "'"
		case k[0] == '~':
			mark = `style="border:none; ` + strings.ReplaceAll(k[1:], ":", ": ") + ` 1.0pt"`
		}
		page := "<div>Yes.</div><div " + mark + ">Støtte dixit</div>"
		if row[1][0] == '~' { // a line drawn for another reason is nobody's
			m := parse(t, []byte("Content-Type: text/html; charset=utf-8\n\n"+page))
			if got := m.NewText(); got != "Yes.\nStøtte dixit" {
				t.Errorf("%s: new text %q", mark, got)
			}
			page = "<div>Yes.</div><div " + mark + ">Eks: Støtte<br>Wai: i dag<br>Zed: Ann</div>"
		}
		if row[0] == "attribution" || row[0] == "rest" {
			page += "<blockquote>Is there paper?</blockquote>"
		}
		m := parse(t, []byte("Content-Type: text/html; charset=utf-8\n\n<body>"+page+"</body>"))
		if got := m.NewText(); got != "Yes." {
			t.Errorf("%s: new text %q", mark, got)
		}
		if got := newHTML(m); got != "<body><div>Yes.</div></body>" {
			t.Errorf("%s: new HTML %q", mark, got)
		}
	}
}
