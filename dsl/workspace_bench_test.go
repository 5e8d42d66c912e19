package dsl_test

import (
	"fmt"
	"strings"
	"testing"

	"postern/dsl"
)

// A keystroke in one of ten files of a thousand rules: the file is read anew, and asked what could stand there.
func BenchmarkWorkspaceKeystroke(b *testing.B) {
	var files []*dsl.File
	var texts []string
	for i := range 10 {
		var s strings.Builder
		for j := range 1000 {
			fmt.Fprintf(&s, "rule \"r%d.%d\" {\n    when mail.from.domain == \"d%d.example\" and has(mail.subject, \"w%d\")\n    then { tag(\"t%d\") }\n}\n", i, j, j, j, j)
		}
		fmt.Fprintf(&s, "define d%d = mail.isReply\nrule \"last %d\" {\n    when mail.from.", i, i)
		f, _ := dsl.Parse(fmt.Sprintf("%d.rules", i), []byte(s.String()))
		files, texts = append(files, f), append(texts, s.String())
	}
	w := dsl.NewWorkspace(files, options(), nil)
	for b.Loop() {
		next := w.With("5.rules", []byte(texts[5]))
		if got := next.Complete("5.rules", len(texts[5])); len(got.Items) != 6 {
			b.Fatal(labels(got))
		}
	}
}
