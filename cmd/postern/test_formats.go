package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"postern/rules"
)

// writeTAP prints a report in the Test Anything Protocol, version 13 (testanything.org/tap-version-13-specification.html).
func writeTAP(w io.Writer, r rules.Report, found []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "TAP version 13\n1..%d\n", len(r.Tests))
	for i, t := range r.Tests {
		// # begins a directive in a description, and a backslash keeps it from that.
		name := strings.NewReplacer(`\`, `\\`, "#", `\#`).Replace(t.FullName())
		if t.OK() {
			fmt.Fprintf(&b, "ok %d - %s\n", i+1, name)
		} else {
			fmt.Fprintf(&b, "not ok %d - %s\n", i+1, name)
		}
		for line := range strings.Lines(one(t)) {
			b.WriteString("# " + line)
		}
	}
	for _, line := range found {
		b.WriteString("# " + line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// one is what the text report says of a test.
func one(t rules.TestResult) string {
	var b strings.Builder
	_ = rules.Report{Tests: []rules.TestResult{t}}.Write(&b, true) // a Builder takes all
	return b.String()
}

// The elements of JUnit's XML that the programs which show it agree on.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
		Found    string      `xml:"system-out,omitempty"` // what was covered, or noticed
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"` // the file
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Warning string        `xml:"system-err,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func writeJUnit(w io.Writer, r rules.Report, found []string) error {
	s := junitSuite{Found: strings.Join(found, "\n"), Name: "postern rules", Tests: len(r.Tests), Failures: r.Failed(), Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	for _, t := range r.Tests {
		c := junitCase{Class: t.File, Name: t.FullName(), File: t.File, Line: t.Line}
		text := one(t)
		if !t.OK() {
			first, _, _ := strings.Cut(text, "\n")
			c.Failure = &junitFailure{first, text}
		} else {
			c.Warning = text
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
