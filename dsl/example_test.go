package dsl_test

import (
	"context"
	"fmt"

	"postern/dsl"
)

func Example() {
	file, diags := dsl.Parse("10-outage.rules", []byte(`
		list vip = ["bigcorp.com"]

		rule "outage reported by a VIP" {
			when mail.from.domain in vip and has(mail.subject, "outage")
			then {
				priority("urgent")
				tag("outage", "vip"); stop()
			}
		}`))
	program, more := dsl.Compile([]*dsl.File{file}, dsl.Options{
		Vocabulary: dsl.Vocabulary{Priorities: []string{"low", "normal", "urgent"}},
	})
	if diags = append(diags, more...); diags.HasErrors() {
		fmt.Print(diags.Text())
		return
	}
	view := &dsl.View{Mail: &dsl.Mail{Subject: "OUTAGE in Berlin", From: dsl.Address{Domain: "bigcorp.com"}}}
	run := program.NewRun(context.Background(), view, dsl.DefaultBudget)
	defer run.Close()
	for _, rule := range program.Rules {
		matched, err := rule.Match(run)
		fmt.Println(rule.Pos, rule.Name, matched, err)
		for i := range rule.Len(true) {
			actions, err := rule.Do(run, true, i)
			fmt.Println(actions, err)
		}
	}
	// Output:
	// 10-outage.rules:4:8 outage reported by a VIP true <nil>
	// [priority("urgent")] <nil>
	// [tag("outage", "vip")] <nil>
	// [stop()] <nil>
}

func ExampleDiagnostics_Text() {
	file, _ := dsl.Parse("10-outage.rules", []byte(`rule "r" { then { priority("urgnt") } }`))
	_, diags := dsl.Compile([]*dsl.File{file}, dsl.Options{Vocabulary: dsl.Vocabulary{Priorities: []string{"low", "urgent"}}})
	fmt.Print(diags.Text())
	// Output:
	// 10-outage.rules:1:28: unknown priority "urgnt"; did you mean urgent?
	//     rule "r" { then { priority("urgnt") } }
	//                                ^
	//     the priorities are: low, urgent
}

// What an editor, or a page of a console, asks while somebody writes.
func ExampleWorkspace() {
	const text = "list vip = [\"bigcorp.com\"]\nrule \"r\" {\n    when mail.from.domain in vip and mail.from."
	file, _ := dsl.Parse("10-outage.rules", []byte(text))
	w := dsl.NewWorkspace([]*dsl.File{file}, dsl.Options{}, nil)
	for _, c := range w.Complete("10-outage.rules", len(text)).Items[:2] {
		fmt.Println(c.Label+":", c.Type+",", c.Doc)
	}
	fmt.Print(w.Hover("10-outage.rules", w.Offset("10-outage.rules", 3, 30)).Markdown())
	// Output:
	// email: a text, the address, in lower case, its domain in the ASCII form
	// name: a text, the name beside it
	// ```rules
	// list vip = ["bigcorp.com"]
	// ```
	//
	// 1 text
}
