package rules_test

import (
	"context"
	"fmt"

	"postern/rules"
)

// A set decides about a mail, and says why.
func Example() {
	set, diags := rules.FromFiles(map[string]string{"10-printers.rules": `
rule "printers" {
    when mail.subject contains "printer"
    then {
        tag("printer")
        mail.subject contains "fire" ? priority("urgent") : nil
    }
}

rule "newsletters" {
    when mail.isList
    then { discard("a newsletter") }
}
`}, rules.LoadOptions{})
	if diags.HasErrors() {
		fmt.Print(diags.Text())
		return
	}
	view := newView() // a mail with the subject "The printer is on fire"
	result := set.Decide(context.Background(), view, &issues{}, rules.Options{Now: still})
	fmt.Println(view.Issue.Priority, view.Issue.Tags)
	for _, entry := range result.Trace {
		fmt.Println(entry)
	}
	// Output:
	// urgent [printer]
	// 10-printers.rules:2 "printers" matched: tag("printer"), priority("urgent")
	// 10-printers.rules:10 "newsletters" did not match
}
