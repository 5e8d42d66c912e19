package dsl

import (
	"reflect"
	"slices"
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
