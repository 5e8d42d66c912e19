package rules

import (
	"iter"
	"regexp"
	"slices"
	"strings"
	"time"

	"postern/dsl"
)

// Bounds on what rules may pile onto one message; a rule that goes beyond them fails. But texts that come out of the mail are cut, and
// tags and notes of nothing are none: else whoever writes a long subject, or leaves a line out, would switch off all that the rule does.
const (
	maxSteps    = 500 // actions of all rules together
	maxTags     = 100
	maxTag      = 100 // bytes of one
	maxWatchers = 100
	maxFields   = 100
	maxNotes    = 20
	maxNote     = 64 << 10 // bytes
	maxText     = 1000     // bytes of a subject, a field's value or a name
	maxReason   = 300      // bytes; it goes into an SMTP reply
)

// The names that close and reopen give an issue's status.
const (
	closedStatus = "closed"
	openStatus   = "open"
)

// effects are the actions that change the issue. Each returns the name of the field it set, "" for none.
var effects = map[string]func(*board, dsl.Action) (string, error){
	"set": func(b *board, a dsl.Action) (string, error) {
		if field := text(a, 0); slices.Contains(b.vocab.Fields, field) {
			return b.custom(a, field, strings.TrimSpace(text(a, 1)))
		}
		return b.set(a, text(a, 0), text(a, 1))
	},
	"subject":  setter("subject"),
	"type":     setter("type"),
	"class":    setter("class"),
	"priority": setter("priority"),
	"status":   setter("status"),
	"assign":   setter("assignee"),
	"template": setter("template"),

	"visibility": setter("visibility"),

	"tag": func(b *board, a dsl.Action) (string, error) {
		for t := range texts(a) {
			if t = shorten(t, maxTag); t == "" {
				continue
			}
			b.changes.AddTags, b.changes.RemoveTags = with(b.changes.AddTags, t), without(b.changes.RemoveTags, t)
			b.view.Issue.Tags = with(b.view.Issue.Tags, t)
		}
		if len(b.changes.AddTags) > maxTags {
			return "", wrong(a, "more than %d tags", maxTags)
		}
		return "tags", nil
	},
	"untag": func(b *board, a dsl.Action) (string, error) {
		for t := range texts(a) {
			b.changes.AddTags, b.changes.RemoveTags = without(b.changes.AddTags, t), with(b.changes.RemoveTags, t)
			b.view.Issue.Tags = without(b.view.Issue.Tags, t)
		}
		if len(b.changes.RemoveTags) > maxTags {
			return "", wrong(a, "more than %d tags", maxTags)
		}
		return "tags", nil
	},
	"watch": func(b *board, a dsl.Action) (string, error) {
		for w := range texts(a) {
			w = strings.ToLower(w)
			if local, domain, _ := strings.Cut(w, "@"); local == "" || domain == "" || strings.ContainsAny(w, " ,;<>") {
				return "", wrong(a, "%q is not one mail address", shorten(w, maxTag))
			}
			b.changes.AddWatchers, b.changes.DropWatchers = with(b.changes.AddWatchers, w), without(b.changes.DropWatchers, w)
			b.view.Issue.Watchers = with(b.view.Issue.Watchers, w)
		}
		if len(b.changes.AddWatchers) > maxWatchers {
			return "", wrong(a, "more than %d watchers", maxWatchers)
		}
		return "watchers", nil
	},
	"unwatch": func(b *board, a dsl.Action) (string, error) {
		for w := range texts(a) {
			w = strings.ToLower(w)
			b.changes.AddWatchers, b.changes.DropWatchers = without(b.changes.AddWatchers, w), with(b.changes.DropWatchers, w)
			b.view.Issue.Watchers = without(b.view.Issue.Watchers, w)
		}
		return "watchers", nil
	},
	"note": func(b *board, a dsl.Action) (string, error) {
		note := strings.TrimSpace(strings.ToValidUTF8(text(a, 0), "\uFFFD"))
		if note == "" {
			return "", nil
		}
		if len(b.changes.Notes) == maxNotes {
			return "", wrong(a, "more than %d notes", maxNotes)
		}
		b.changes.Notes = append(b.changes.Notes, shorten(note, maxNote))
		return "notes", nil
	},
	"due": func(b *board, a dsl.Action) (string, error) {
		at, err := moment(a, 0, b.view.Now)
		if err != nil {
			return "", err
		}
		b.changes.Due = &at
		return "due", nil
	},
	"close": func(b *board, a dsl.Action) (string, error) { return b.set(a, "status", closedStatus) },
	"reopen": func(b *board, a dsl.Action) (string, error) {
		if b.view.Issue.Status != closedStatus {
			return "", nil
		}
		return b.set(a, "status", openStatus)
	},
	"quiet": func(b *board, a dsl.Action) (string, error) {
		b.changes.Quiet = true
		return "quiet", nil
	},
	"dropAttachments": func(b *board, a dsl.Action) (string, error) {
		for _, i := range indexes(a) {
			if i < 0 || i >= len(b.view.Mail.Attachments) {
				return "", wrong(a, "there is no attachment %d", i)
			}
			if !slices.Contains(b.changes.DropAttachments, i) {
				b.changes.DropAttachments = append(b.changes.DropAttachments, i)
			}
		}
		slices.Sort(b.changes.DropAttachments)
		return "attachments", nil
	},
	"redact": func(b *board, a dsl.Action) (string, error) {
		re, err := regexp.Compile(text(a, 0))
		if err != nil {
			return "", wrong(a, "%v", err)
		}
		if b.changes.Redact = with(b.changes.Redact, re.String()); len(b.changes.Redact) > maxNotes {
			return "", wrong(a, "more than %d patterns", maxNotes)
		}
		return "redact", nil
	},
}

func setter(field string) func(*board, dsl.Action) (string, error) {
	return func(b *board, a dsl.Action) (string, error) { return b.set(a, field, text(a, 0)) }
}

// set gives a field a value: one of the issue's own by its name, else one of the configured fields. Names that come from a
// mail, as in a token's value, are held against the configuration here.
func (b *board) set(a dsl.Action, field, value string) (string, error) {
	value = strings.TrimSpace(value)
	is, c := b.view.Issue, &b.changes
	var show *string // what scripts see; team and visibility are not shown
	var keep **string
	var allowed []string
	switch field {
	case "subject":
		show, keep = &is.Subject, &c.Subject
	case "type":
		show, keep, allowed = &is.Type, &c.Type, b.vocab.Types
	case "class":
		show, keep, allowed = &is.Class, &c.Class, b.vocab.Classes
	case "priority":
		show, keep, allowed = &is.Priority, &c.Priority, b.vocab.Priorities
	case "status":
		show, keep, allowed = &is.Status, &c.Status, b.vocab.Statuses
	case "assignee":
		show, keep = &is.Assignee, &c.Assignee
	case "template":
		show, keep = &is.Template, &c.Template
	case "team":
		keep, allowed = &c.Team, b.vocab.Teams
	case "visibility":
		keep, allowed = &c.Visibility, []string{"public", "internal"}
	default:
		return b.custom(a, field, value)
	}
	if field == "subject" {
		value = shorten(value, maxText)
	}
	if len(value) > maxText {
		return "", wrong(a, "%s: the value is longer than %d bytes", field, maxText)
	}
	value, err := choose(a, field, value, allowed)
	if err != nil {
		return "", err
	}
	*keep = &value
	if show != nil {
		*show = value
	}
	if field == "status" {
		was := b.original().Status
		c.Close = value == closedStatus && was != closedStatus
		c.Reopen = value != closedStatus && was == closedStatus
	}
	return field, nil
}

// original is the issue that the message starts or joins as it was before the rules.
func (b *board) original() *dsl.Issue {
	for _, st := range slices.Backward(b.steps) {
		if st.target != nil {
			return st.target
		}
	}
	return b.before
}

func (b *board) custom(a dsl.Action, field, value string) (string, error) {
	field, err := choose(a, "field", field, b.vocab.Fields)
	if err != nil {
		return "", err
	}
	if field == "" || len(field) > maxTag {
		return "", wrong(a, "a field's name has 1 to %d bytes", maxTag)
	}
	value = shorten(value, maxText)
	if b.changes.Fields == nil {
		b.changes.Fields = map[string]string{}
	}
	b.changes.Fields[field] = value
	if len(b.changes.Fields) > maxFields {
		return "", wrong(a, "more than %d fields", maxFields)
	}
	if value == "" {
		delete(b.view.Issue.Fields, field)
	} else {
		b.view.Issue.Fields[field] = value
	}
	return "fields." + field, nil
}

// choose finds a value among those that the configuration allows, whatever its case; nil allows all.
// Nothing ("") is always allowed: it takes the value away.
func choose(a dsl.Action, what, value string, allowed []string) (string, error) {
	if allowed == nil || value == "" && what != "field" && what != "status" {
		return value, nil
	}
	if slices.Contains(allowed, value) {
		return value, nil
	}
	for _, s := range allowed {
		if strings.EqualFold(s, value) {
			return s, nil
		}
	}
	return "", wrong(a, "unknown %s %q, there are: %s", what, shorten(value, maxTag), strings.Join(allowed, ", "))
}

func with(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func without(list []string, s string) []string {
	if i := slices.Index(list, s); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// The arguments of an action. Package dsl has checked their types; what is missing is the zero value.

func text(a dsl.Action, i int) string {
	if i < len(a.Args) {
		if s, ok := a.Args[i].(string); ok {
			return s
		}
	}
	return ""
}

// texts are all texts, also those in lists, without white space around them.
func texts(a dsl.Action) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, arg := range a.Args {
			switch v := arg.(type) {
			case string:
				if !yield(strings.TrimSpace(v)) {
					return
				}
			case []string:
				for _, s := range v {
					if !yield(strings.TrimSpace(s)) {
						return
					}
				}
			}
		}
	}
}

func number(a dsl.Action, i int) int {
	if i < len(a.Args) {
		switch v := a.Args[i].(type) {
		case int64:
			return int(v)
		case int:
			return v
		}
	}
	return 0
}

func duration(a dsl.Action, i int) time.Duration {
	if i < len(a.Args) {
		if d, ok := a.Args[i].(time.Duration); ok {
			return d
		}
	}
	return 0
}

// moment is a time, or a duration counted from now.
func moment(a dsl.Action, i int, now time.Time) (time.Time, error) {
	if i < len(a.Args) {
		switch v := a.Args[i].(type) {
		case time.Time:
			return v.UTC().Truncate(time.Millisecond), nil
		case time.Duration:
			return now.Add(v).UTC().Truncate(time.Millisecond), nil
		}
	}
	return time.Time{}, wrong(a, "needs a time or a duration")
}

func indexes(a dsl.Action) []int {
	var out []int
	for _, arg := range a.Args {
		if list, ok := arg.([]int); ok {
			out = append(out, list...)
		}
	}
	return out
}

// reason is what an action that ends the stage says, fit for a line of SMTP.
func reason(a dsl.Action) string { return shorten(strings.TrimSpace(text(a, 0)), maxReason) }
