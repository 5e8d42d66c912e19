package intake

import (
	"context"

	"postern/internal/logkey"
	"postern/rules"
)

// onFailing is for mail that comes: failures count.
func (p *Policy) onFailing() rules.OnFailing {
	if p.SetAside {
		return rules.SetAsideFailing
	}
	return rules.ReportFailing
}

// tellFailing logs rules that have begun to fail again and again. Why they fail may hold what stands in mail, and is in the trace.
func (in *Intake) tellFailing(ctx context.Context, set *rules.Set, r *rules.Result) {
	for _, f := range r.Failing {
		in.log.WarnContext(ctx, "a rule fails again and again: postern explain of a message that it was asked about says why",
			logkey.Rule, f.Rule, logkey.Path, f.At.String(), logkey.Ruleset, set.Short(), "times", f.Times)
	}
}
