package dsl

import "reflect"

// Names are all names that a rule can write: functions, methods, actions and fields.
func Names() []string {
	var names []string
	for _, f := range append(functions(), actions()...) {
		names = append(names, f.name)
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
