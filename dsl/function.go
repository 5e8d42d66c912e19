package dsl

import (
	"fmt"
	"reflect"
	"time"

	"github.com/expr-lang/expr/builtin"
)

// A function is something that scripts call by name. All are in one table, from which the checker,
// the error messages and a test of the documentation read.
type function struct {
	name     string
	params   []param
	optional int  // how many of the last parameters may be left out
	rest     bool // the last parameter may be repeated
	result   reflect.Type
	resultOf func(args []reflect.Type) reflect.Type // instead of result, where it depends on the arguments
	method   bool                                   // called as receiver.name(…); the receiver is the first parameter
	constant bool                                   // may stand in a list: it depends on its arguments alone
	action   bool
	envelope bool // an action that stage envelope may take
	call     func(r *Run, args []any) (any, error)
}

// A param is one parameter: its name in messages, what may be handed to it, and for names of the
// configuration which of them.
type param struct {
	name  string
	kind  kind
	names vocabulary
}

// kind is what may be handed to a parameter.
type kind uint8

const (
	kindAny      kind = iota
	kindText          // string
	kindTexts         // string, or a list of them
	kindInt           // int
	kindScalar        // string, number, true or false, time, duration
	kindTime          // time.Time
	kindDuration      // time.Duration, or a string such as "7d"
	kindWhen          // time.Time, time.Duration, or a string of either
	kindList          // any list
	kindRegex         // a constant string that is a regular expression
	kindBools         // what a condition said of each element
	kindMail          // *Mail
	kindSender        // *Sender
	kindZone          // a constant string that names a time zone
	kindHours         // a constant string of opening hours
	kindNetworks      // networks as texts
	kindInline        // what a template shows
)

// String is what messages call the kind.
func (k kind) String() string {
	return [...]string{"anything", "a text", "a text or a list of texts", "a whole number",
		"a text, number, time or duration", "a time", `a duration such as "7d"`, `a duration such as "3d" or a date`,
		"a list", "a regular expression in quotes", "a condition", "mail", "sender",
		`a time zone such as "Europe/Berlin"`, `opening hours such as "Mon-Fri 09:00-17:30"`, `a network such as "192.0.2.0/24" or a list of them`,
		"a text, number, time, duration, address or a list of them"}[k]
}

var (
	typeAny       = reflect.TypeFor[any]()
	typeString    = reflect.TypeFor[string]()
	typeFloat     = reflect.TypeFor[float64]()
	typeAddress   = reflect.TypeFor[Address]()
	typeAddresses = reflect.TypeFor[[]Address]()
	typeInt       = reflect.TypeFor[int]()
	typeBool      = reflect.TypeFor[bool]()
	typeTime      = reflect.TypeFor[time.Time]()
	typeDuration  = reflect.TypeFor[time.Duration]()
	typeStrings   = reflect.TypeFor[[]string]()
	typeInts      = reflect.TypeFor[[]int]()
	typeAnys      = reflect.TypeFor[[]any]()
	typeAction    = reflect.TypeFor[Action]()
	typeFound     = reflect.TypeFor[*Found]()
	typeMail      = reflect.TypeFor[*Mail]()
	typeSender    = reflect.TypeFor[*Sender]()
	typeIssue     = reflect.TypeFor[*Issue]()
)

// takes says whether a value of type t, or of unknown type, may be handed to the kind.
func (k kind) takes(t reflect.Type) bool {
	if t == nil {
		return k == kindAny // nil
	}
	if t == typeAny {
		return true
	}
	switch k {
	case kindAny:
		return true
	case kindText, kindRegex, kindZone, kindHours:
		return t == typeString
	case kindTexts, kindNetworks:
		return t == typeString || isListOf(t, typeString)
	case kindInt:
		return t == typeInt
	case kindScalar:
		return isScalar(t)
	case kindInline:
		return isScalar(t) || t == typeAddress || t.Kind() == reflect.Slice && (isScalar(t.Elem()) || t.Elem() == typeAddress || t.Elem() == typeAny)
	case kindTime:
		return t == typeTime
	case kindDuration:
		return t == typeDuration || t == typeString
	case kindWhen:
		return t == typeDuration || t == typeString || t == typeTime
	case kindList:
		return t.Kind() == reflect.Slice
	case kindMail:
		return t == typeMail
	case kindSender:
		return t == typeSender
	}
	return false
}

// compiled says whether a constant of the kind is made what it says while rules are loaded.
func (k kind) compiled() bool {
	return k == kindRegex || k == kindZone || k == kindHours || k == kindNetworks
}

func isListOf(t, element reflect.Type) bool {
	return t.Kind() == reflect.Slice && (t.Elem() == element || t.Elem() == typeAny)
}

// isScalar says whether values of the type have no elements, so that comparing or printing one is cheap.
func isScalar(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return t == typeTime
}

// typeName is what messages call a type.
func typeName(t reflect.Type) string {
	switch {
	case t == nil:
		return "nil"
	case t == typeAny:
		return "a value of unknown type"
	case t == typeTime:
		return "a time"
	case t == typeDuration:
		return "a duration"
	case t == typeAction:
		return "an action"
	case t == typeFound:
		return "what find found"
	}
	switch t.Kind() {
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Map:
		return "a map"
	case reflect.Slice:
		return "a list"
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Struct:
		switch t {
		case reflect.TypeFor[Address]():
			return "an address"
		case reflect.TypeFor[Attachment]():
			return "an attachment"
		case reflect.TypeFor[Effects]():
			return "the outcome"
		}
		return "the " + lowerFirst(t.Name())
	}
	return t.String()
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return string(s[0]|0x20) + s[1:]
}

// signature is how the function is written, for messages.
func (f *function) signature() string {
	params := f.params
	s := f.name + "("
	if f.method {
		s = params[0].kind.String() + "." + s
		params = params[1:]
	}
	for i, p := range params {
		if i > 0 {
			s += ", "
		}
		s += p.name
	}
	if f.rest {
		s += ", …"
	}
	return s + ")"
}

// arity says whether n arguments are too few (-1), right (0) or too many (1).
func (f *function) arity(n int) int {
	switch {
	case n < len(f.params)-f.optional:
		return -1
	case n > len(f.params) && !f.rest:
		return 1
	}
	return 0
}

func (f *function) param(i int) param { return f.params[min(i, len(f.params)-1)] }

// builtin is the function as expr wants it. The run comes as the first argument; for an action its
// place follows. Types are checked apart from expr (see types.go), to say more when one is wrong.
func (f *function) builtin() *builtin.Function {
	call := f.call
	hidden := 1
	if f.action {
		hidden = 2
	}
	return &builtin.Function{
		Name: f.name,
		Func: func(args ...any) (any, error) {
			if len(args) == 0 {
				return nil, fmt.Errorf("%s was called without a run", f.name)
			}
			r, ok := args[0].(*Run)
			if !ok {
				return nil, fmt.Errorf("%s was called without a run", f.name)
			}
			return call(r, args[1:])
		},
		Validate: func(args []reflect.Type) (reflect.Type, error) {
			if f.resultOf != nil {
				return f.resultOf(args[min(hidden, len(args)):]), nil
			}
			return f.result, nil
		},
	}
}
