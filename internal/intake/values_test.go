package intake

import (
	"slices"
	"testing"

	"postern/dsl"
	"postern/internal/mail"
)

// What check warns of is what a mail can never be: the values that rules are told of are those that mail and decisions have.
func TestValuesOfRules(t *testing.T) {
	t.Parallel()
	have := map[string][]string{}
	for _, m := range dsl.Members() {
		have[m.Of+m.Name] = m.Values
	}
	for of, want := range map[string][]string{
		"mail.kind": {
			string(mail.KindHuman), string(mail.KindAutoReply), string(mail.KindBounce), string(mail.KindDelay), string(mail.KindFeedback),
			string(mail.KindReceipt), string(mail.KindCalendar), string(mail.KindBulk), string(mail.KindList), string(mail.KindNotification),
		},
		"mail.report.recipients[].reason": {
			string(mail.ReasonNoUser), string(mail.ReasonNoHost), string(mail.ReasonDisabled), string(mail.ReasonFull), string(mail.ReasonSize),
			string(mail.ReasonBlocked), string(mail.ReasonSpam), string(mail.ReasonAuth), string(mail.ReasonExpired), string(mail.ReasonLoop),
			string(mail.ReasonUnavailable), string(mail.ReasonUnknown),
		},
		"verdict": {string(Committed), string(Rejected), string(Discarded), string(Quarantined), string(TryLater)},
	} {
		if got := have[of]; !slices.Equal(got, want) {
			t.Errorf("%s: rules know %q, and there are %q", of, got, want)
		}
	}
}
