package dsl

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// A Test is one test block.
type Test struct {
	Name    string
	Pos     Pos    // of the name
	Case    string // of a table, as written; "" for a test without one
	CasePos Pos
	Given   Given
	Mail    []byte // as it stands in its file, or as written inline with CRLF line ends
	Expects []*Expect
}

// An Outcome is what came of a test's mail, for its expectations to look at.
type Outcome struct {
	View    *View
	Verdict string // "committed", "rejected", …
	Reason  string
	Sent    []Sent
	Effects Effects
}

// Effects are what rules did that the issue does not show: `outcome` in an expectation.
type Effects struct {
	Notes      []string  `expr:"notes"`      // that rules added, in order
	Due        time.Time `expr:"due"`        // the zero time where no rule said any
	Visibility string    `expr:"visibility"` // "public", "internal", or "" where no rule said any
	Quiet      bool      `expr:"quiet"`
	Bounce     bool      `expr:"bounce"`   // with the verdict "rejected": a rule asked for a bounce
	Dropped    []string  `expr:"dropped"`  // the names of attachments that are dropped
	Redacted   []string  `expr:"redacted"` // the patterns that are blackened
	Text       string    `expr:"text"`     // the mail's new text as it is kept, blackened
	Thread     string    `expr:"thread"`   // the key under which the issue is found again
	Rules      []string  `expr:"rules"`    // that matched, or did what their else says, in order
	Shadows    []string  `expr:"shadows"`  // shadow rules that did
	Failed     []string  `expr:"failed"`   // rules that failed and took none of their actions
}

// Sent is a mail that would leave.
type Sent struct {
	To       []string `expr:"to"`
	Subject  string   `expr:"subject"`
	Text     string   `expr:"text"`
	Template string   `expr:"template"`
}

// An Expect is one expectation of a test.
type Expect struct {
	Pos    Pos
	Source string // as written

	condition *expression
	again     *again
	row       *row // of a table
}

func (c *compiler) test(f *File, b *TestBlock) *Test {
	t := &Test{Name: b.Name, Pos: b.Pos, Mail: c.fillMail(f, b)}
	for _, g := range b.given {
		c.given(f, g, &t.Given)
	}
	if b.mailFile != nil {
		t.Mail = c.mailFile(f, c.fillPath(f, *b.mailFile))
	}
	for _, frag := range b.expects {
		e := &Expect{Pos: f.src.pos(frag.start), Source: frag.original(), again: c.again, row: c.row}
		e.condition = c.compile(frag, expectScope, mustBeBool)
		t.Expects = append(t.Expects, e)
	}
	return t
}

var expectScope = scope{what: "expect", names: expectNames, stage: StageMail}

// Check evaluates the expectation. When it does not hold, got says what there was instead (`issue.priority is "normal"`), of what is
// to blame where that is clear, and parts are the conditions that and, or join.
func (e *Expect) Check(o *Outcome) (ok bool, got string, parts []Part, err error) {
	r := e.of(o)
	defer r.Close()
	if ok, err = e.holds(r); ok || err != nil {
		return ok, "", nil, err
	}
	p := explain(e.again, e.condition, expectScope, e.row, r, nil)
	if p == nil {
		return false, "", nil, nil
	}
	blamed := p
	if p.Op == "and" {
		blamed = &Part{}
		for _, leaf := range p.leaves() {
			if !leaf.Holds {
				blamed.Parts = append(blamed.Parts, leaf)
			}
		}
	}
	looked := blamed.Looked()
	if len(looked) == 0 {
		looked = p.Looked()
	}
	texts := make([]string, 0, len(looked))
	for _, v := range looked {
		texts = append(texts, v.String())
	}
	return false, strings.Join(texts, ", "), p.leaves(), nil
}

// Holds says only whether it is so, for who does not ask why not.
func (e *Expect) Holds(o *Outcome) (bool, error) {
	r := e.of(o)
	defer r.Close()
	return e.holds(r)
}

func (e *Expect) of(o *Outcome) *Run {
	r := newRun(background(), o.View, Budget{})
	r.env.Verdict, r.env.Reason, r.env.Sent, r.env.Outcome = o.Verdict, o.Reason, o.Sent, &o.Effects
	return r
}

func (e *Expect) holds(r *Run) (bool, error) {
	if e.condition == nil {
		return false, errors.New("this expectation was not compiled")
	}
	v, err := e.condition.run(r)
	if err != nil {
		return false, err
	}
	ok, isBool := v.(bool)
	if !isBool {
		return false, e.condition.failure(0, "expect is neither true nor false, but "+typeName(typeOf(v)), nil)
	}
	return ok, nil
}

// shownValue prints a value for a person, cut to what can be read.
func shownValue(v any) string {
	value := reflect.ValueOf(v)
	switch {
	case v == nil:
		return "nil"
	case value.Kind() == reflect.String:
		return quoteShort(value.String())
	case value.Kind() == reflect.Slice:
		parts := []string{}
		for i := range min(value.Len(), 10) {
			parts = append(parts, shownValue(value.Index(i).Interface()))
		}
		if value.Len() > 10 {
			parts = append(parts, fmt.Sprintf("and %d more", value.Len()-10))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if a, ok := v.(Address); ok {
		return quoteShort(a.Email)
	}
	if s, err := asString(v); err == nil {
		return s
	}
	return quoteShort(fmt.Sprintf("%v", v))
}
