package intake_test

import (
	"slices"
	"testing"
)

// What is blackened is black everywhere: also where a rule repeats it in a note or a subject.
func TestRedactionOfWhatRulesWrite(t *testing.T) {
	t.Parallel()
	r := newRigWith(t, "rule \"r\" { then { redact(`\\d{4}`); subject(\"[x] {mail.subject}\"); note(\"it says {mail.newText}\") } }")
	first := r.one(plain("<1@x.example>", "ann@example.org", "pin 4711", "4711, 12"))
	r.one(plain("<2@x.example>", "ann@example.org", "Re: pin 4712", "4712, 13", "In-Reply-To: <1@x.example>"))
	is := r.issue(first.Issue)
	var notes []string
	for _, n := range r.notes(first.Issue) {
		notes = append(notes, n.Text)
	}
	slices.Sort(notes)
	if want := []string{"it says ████, 12", "it says ████, 13", "████, 13"}; is.Subject != "[x] Re: pin ████" || is.Description != "████, 12" || !slices.Equal(notes, want) {
		t.Errorf("%q, %q, notes %q", is.Subject, is.Description, notes)
	}
}
