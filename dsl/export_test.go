package dsl

import (
	"reflect"
	"slices"
	"strings"
)

// Names are all names that a rule can write: functions, methods, actions and fields.
func Names() []string {
	var names []string
	for _, f := range append(functions(), actions()...) {
		if f.name[0] != '$' {
			names = append(names, f.name)
		}
	}
	for name := range allowedBuiltins {
		names = append(names, name)
	}
	names = append(names, everyName...)
	names = append(names, allowedMethods...)
	names = append(names, laterActions...)
	for _, v := range []any{Mail{}, Address{}, Attachment{}, Auth{}, Report{}, ReportedRcpt{}, Calendar{}, Attached{}, Envelope{}, Mailbox{}, Sender{}, Claimed{}, Issue{}, Sent{}, Found{}} {
		names = append(names, fieldNames(reflect.TypeOf(v))...)
	}
	return names
}

// Undocumented are callable names that the reference lacks.
func Undocumented() []string { return undocumented() }

func undocumented() []string {
	var out []string
	known := func(name string) bool {
		return slices.ContainsFunc(referenceTable, func(e referenceEntry) bool { return e.name == name })
	}
	for _, f := range append(functions(), actions()...) {
		if !known(f.name) && f.name[0] != '$' {
			out = append(out, f.name)
		}
	}
	for name := range allowedBuiltins {
		if !known(name) {
			out = append(out, name)
		}
	}
	return out
}

// Keywords are the words that begin a block or an item, or say what kind it is.
func Keywords() []string {
	return slices.Concat(blockWords, ruleWords, testWords, givenKinds, []string{string(StageMail), string(StageEnvelope)})
}

// UndocumentedMembers are those that the table of members lacks, or has too many.
func UndocumentedMembers() []string {
	var out []string
	seen := map[reflect.Type]bool{}
	var look func(t reflect.Type)
	look = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || t == typeTime || seen[t] {
			return
		}
		seen[t] = true
		for _, name := range fieldNames(t) {
			if name[0] == '$' {
				continue
			}
			if _, ok := membersByType[t][name]; !ok {
				out = append(out, t.Name()+"."+name)
			}
			look(fieldType(t, name))
		}
		for name := range membersByType[t] {
			if fieldIndex(t, name) < 0 {
				out = append(out, "no "+t.Name()+"."+name)
			}
		}
	}
	look(reflect.TypeFor[env]())
	look(reflect.TypeFor[Found]())
	look(reflect.TypeFor[Person]())
	for t := range membersByType {
		if !seen[t] {
			out = append(out, "no "+t.Name())
		}
	}
	return out
}

// UndocumentedWords are words of the language that the tables of words lack, or have too many.
func UndocumentedWords() []string {
	var out []string
	for _, of := range []struct {
		table []wordEntry
		words []string
	}{
		{fileWordTable, blockWords}, {ruleWordTable, ruleWords}, {testWordTable, testWords}, {givenWordTable, givenKinds},
		{stageWordTable, []string{string(StageMail), string(StageEnvelope)}},
	} {
		for _, w := range of.words {
			if !slices.ContainsFunc(of.table, func(e wordEntry) bool { return e.name == w && e.doc != "" }) {
				out = append(out, w)
			}
		}
		if len(of.table) != len(of.words) {
			out = append(out, "more than "+strings.Join(of.words, " "))
		}
	}
	return out
}

// Colours are the regular expressions of the TextMate grammar that name words of the language, by where they stand in it.
func Colours() map[string]string {
	quoted := func(words []string) string { return "(" + strings.Join(words, "|") + ")" }
	without := func(words []string, not ...string) []string {
		return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(not, w) })
	}
	var calls, acts []string
	for _, r := range References() {
		switch r.Kind {
		case "action":
			acts = append(acts, r.Name)
		case "function":
			calls = append(calls, r.Name)
		}
	}
	var words []string
	for _, e := range operatorTable {
		if isWord(rune(e.name[0])) && !strings.Contains(e.name, " ") {
			words = append(words, e.name)
		}
	}
	words = append(words, "not", "if")
	blocks := "(?:" + strings.Join(blockWords, "|") + ")"
	return map[string]string{
		"blocks":    `^\s*` + blocks + `(?:\s+` + blocks + `)*\b`,
		"items":     `^\s*in\b|\b(?:` + strings.Join(without(slices.Concat(ruleWords, testWords), "in", "mail"), "|") + `)\b`,
		"given":     `\b(given)\s+` + quoted(givenKinds) + `\b`,
		"actions":   `\b` + quoted(acts) + `\s*\(`,
		"functions": `\b` + quoted(append(calls, "file")) + `\s*\(`,
		"names":     `\b(?:` + strings.Join(everyName, "|") + `)\b`,
		"operators": `\b(?:` + strings.Join(words, "|") + `)\b`,
	}
}
