package dsl_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postern/dsl"
)

// What stands in a right file is what would be offered there: at each word of the examples and of the reference, with all that follows
// cut off, as when it is being typed, completion offers that word, and there is something to say of it. Left out are words that only
// their author knows.
func TestCompletionOffersWhatIsThere(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	paths, _ := filepath.Glob("../examples/rules/*.rules")
	if len(paths) < 10 {
		t.Fatalf("only %d examples", len(paths))
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(path)] = string(b)
	}
	page, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range strings.Split(string(page), "```rules\n")[1:] {
		files["rules.md "+string(rune('a'+i))], _, _ = strings.Cut(s, "```")
	}
	word := regexp.MustCompile(`[\p{L}_$][\p{L}\p{N}_$]*`)
	asked := 0
	for name, text := range files {
		parsed, _ := dsl.Parse(name, []byte(text))
		w := dsl.NewWorkspace([]*dsl.File{parsed}, dsl.Options{Vocabulary: dsl.Vocabulary{Fields: fieldsOf(text)}}, nil)
		code := blank(text)
		for _, at := range word.FindAllStringIndex(code, -1) {
			is := text[at[0]:at[1]]
			if own(code, at[0], is) || at[0] > 0 && code[at[0]-1] >= '0' && code[at[0]-1] <= '9' || ofMap(code, at[0]) {
				continue
			}
			asked++
			if h := w.Hover(name, at[0]); h == nil {
				t.Errorf("%s: nothing is said of %s", place(text, name, at[0]), is)
			}
			// Lists and defines of the whole file are known, what is behind the caret is not there.
			cut := w.With(name, []byte(text[:at[0]]+is[:1]))
			if got := labels(cut.Complete(name, at[0]+1)); !slices.Contains(got, is) && !slices.Contains(got, is+" in") && !later(text[at[0]:], is) {
				t.Errorf("%s: %s is not among %v", place(text, name, at[0]), is, got)
			}
		}
	}
	t.Logf("%d words", asked)
}

func place(text, name string, at int) string {
	line := text[strings.LastIndexByte(text[:at], '\n')+1:]
	line, _, _ = strings.Cut(line, "\n")
	return name + ": " + line
}

// blank replaces comments and texts by blanks.
func blank(text string) string {
	noise := regexp.MustCompile("(?s)\"\"\".*?\"\"\"|`[^`]*`|\"(?:[^\"\\\\\n]|\\\\.)*\"|'(?:[^'\\\\\n]|\\\\.)*'|//[^\n]*|/\\*.*?\\*/")
	return noise.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
}

// own says whether a word is its author's: a new name, a mailbox, a date, a key of a table.
func own(code string, at int, is string) bool {
	line := code[strings.LastIndexByte(code[:at], '\n')+1 : at]
	return regexp.MustCompile(`(?:\b(?:list|define|let|for)\s+|^\s*in\s+\S.*|^\s*in\s+|mailbox\s+|\bfor \w+ |\buntil\s+.*)$`).MatchString(line) && is != "when" && is != "then" || tableKey(code, at, is)
}

// tableKey says whether a word is a key of a case of a table, or of a map of its author's.
func tableKey(code string, at int, is string) bool {
	return strings.HasPrefix(strings.TrimLeft(code[at+len(is):], " "), ":") && !strings.Contains(code[strings.LastIndex(code[:at], "\n")+1:at], "given")
}

// fieldsOf are the fields of the configuration that a file counts on.
func fieldsOf(text string) (names []string) {
	for _, m := range regexp.MustCompile(`fields(?:\.|: \{)(\w+)`).FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// ofMap says whether a word is a key of what pairs found in a mail.
func ofMap(code string, at int) bool {
	for _, m := range regexp.MustCompile(`(?:let|define) (\w+) = (?:pairs|fromJSON)\(`).FindAllStringSubmatch(code, -1) {
		if strings.HasSuffix(code[:at], m[1]+".") {
			return true
		}
	}
	return false
}

// later says whether a list or define stands below.
func later(rest, is string) bool {
	return regexp.MustCompile(`(?m)^(list|define)\s+` + regexp.QuoteMeta(is) + `\b`).MatchString(rest)
}
