package dsl

import (
	"errors"
	"fmt"
)

// A place is where a call of an action stands: a rune of its statement, of which many rules may have the same.
type place struct {
	at int
}

// actionFunction makes a function whose evaluation counts: it adds to the run's actions and returns
// the action. prepare turns the arguments into the action's; nil takes texts on one line each.
func actionFunction(f function, prepare func(r *Run, args []any) ([]any, error)) *function {
	if prepare == nil {
		prepare = oneLineTexts
	}
	f.action, f.result = true, typeAction
	f.call = func(r *Run, args []any) (any, error) {
		at, ok := args[0].(*place)
		if !ok {
			return nil, errors.New(f.name + " was called without a place")
		}
		prepared, err := prepare(r, args[1:])
		if err != nil {
			return nil, err
		}
		return r.record(Action{Name: f.name, Args: prepared, Pos: r.statement.src.pos(r.statement.offset(at.at))})
	}
	return &f
}

const longestArgument = 64 << 10 // bytes of one text of an action; a note may have longestNote
const longestNote = 1 << 20

// oneLineTexts takes texts and lists of texts, in order, as texts on one line.
func oneLineTexts(r *Run, args []any) ([]any, error) {
	out := make([]any, 0, len(args))
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			clean, err := shortLine(s)
			if err != nil {
				return nil, err
			}
			if clean == s {
				out = append(out, arg) // as it is boxed already
			} else {
				out = append(out, clean)
			}
			continue
		}
		texts, err := asTexts(args, i)
		if err != nil {
			return nil, err
		}
		for _, s := range texts {
			clean, err := shortLine(s)
			if err != nil {
				return nil, err
			}
			if len(out) == mostActions {
				return nil, fmt.Errorf("more than %d texts in one action", mostActions)
			}
			out = append(out, clean)
		}
	}
	return out, nil
}

func shortLine(s string) (string, error) {
	if len(s) > longestArgument {
		return "", fmt.Errorf("a text of %d bytes is too long for an action: at most %d", len(s), longestArgument)
	}
	return oneLine(s), nil
}

// reason is oneLineTexts where the text may be left out, and is then empty.
func reason(r *Run, args []any) ([]any, error) {
	if len(args) == 0 {
		return []any{""}, nil
	}
	return oneLineTexts(r, args)
}

func noteText(r *Run, args []any) ([]any, error) {
	s, err := asText(args, 0)
	if err != nil {
		return nil, err
	}
	if len(s) > longestNote {
		return nil, fmt.Errorf("a note of %d bytes is too long: at most %d", len(s), longestNote)
	}
	return []any{cleanLines(s)}, nil
}

func dueTime(r *Run, args []any) ([]any, error) {
	t, err := asWhen(r, args, 0)
	return []any{t}, err
}

func threadKey(r *Run, args []any) ([]any, error) {
	key, err := oneLineTexts(r, args[:1])
	if err != nil {
		return nil, err
	}
	if len(key) != 1 || key[0] == "" {
		return nil, errors.New("the key of thread is empty")
	}
	within, err := asDuration(args, 1)
	if err == nil && within <= 0 {
		err = errors.New("thread needs a time above zero")
	}
	return []any{key[0], within}, err
}

func issueNumber(r *Run, args []any) ([]any, error) {
	n, err := asInt(args, 0)
	if err == nil && n < 1 {
		err = fmt.Errorf("there is no issue %d", n)
	}
	return []any{int64(n)}, err
}

// droppedAttachments turns what the condition said of each attachment into their indexes.
func droppedAttachments(r *Run, args []any) ([]any, error) {
	list, ok := args[0].([]any)
	if !ok {
		return nil, wrongKind("dropAttachments", args[0], kindBools)
	}
	indexes := []int{}
	for i, v := range list {
		yes, ok := v.(bool)
		if !ok {
			return nil, wrongKind("dropAttachments", v, kindBools)
		}
		if yes {
			indexes = append(indexes, i)
		}
	}
	return []any{indexes}, nil
}

func redactPattern(r *Run, args []any) ([]any, error) {
	p, ok := args[0].(*pattern)
	if !ok {
		return nil, wrongKind("redact", args[0], kindRegex)
	}
	return []any{p.source}, nil
}

// setField turns set("priority", x) into priority(x); fields of the configuration stay set.
func setField(r *Run, args []any) ([]any, error) {
	field, err := asText(args, 0)
	if err != nil {
		return nil, err
	}
	value, err := asString(args[1])
	if err != nil {
		return nil, err
	}
	if len(field)+len(value) > longestArgument {
		return nil, fmt.Errorf("a field is longer than %d bytes", longestArgument)
	}
	return []any{oneLine(field), oneLine(value)}, nil
}

// settable are the issue's own fields that set takes, with the names that their values are of.
var settable = map[string]vocabulary{
	"subject": "", "type": vocabularyType, "class": vocabularyClass, "priority": vocabularyPriority, "status": vocabularyStatus,
	"assignee": vocabularyAssignee, "team": vocabularyTeam, "template": "", "visibility": vocabularyVisibility,
}

func text(name string, names vocabulary) []param { return []param{{name, kindText, names}} }

// actions are what a statement can do in this version.
func actions() []*function {
	reasons := func(name string, envelope bool) *function {
		return actionFunction(function{name: name, params: text("reason", ""), optional: 1, envelope: envelope}, reason)
	}
	plain := func(name string, envelope bool) *function {
		return actionFunction(function{name: name, envelope: envelope}, nil)
	}
	one := func(name, arg string, names vocabulary) *function {
		return actionFunction(function{name: name, params: text(arg, names)}, nil)
	}
	many := func(name, arg string, envelope bool) *function {
		return actionFunction(function{name: name, params: []param{{arg, kindTexts, ""}}, rest: true, envelope: envelope}, nil)
	}
	return []*function{
		actionFunction(function{name: "set", params: []param{{"field", kindText, vocabularyField}, {"value", kindScalar, ""}}, envelope: true}, setField),
		one("subject", "text", ""),
		one("type", `"A/B"`, vocabularyType),
		one("class", "name", vocabularyClass),
		one("priority", "name", vocabularyPriority),
		one("status", "name", vocabularyStatus),
		one("assign", "name", vocabularyAssignee),
		many("tag", "name", true),
		many("untag", "name", false),
		many("watch", "address", false),
		many("unwatch", "address", false),
		actionFunction(function{name: "due", params: []param{{"when", kindWhen, ""}}}, dueTime),
		actionFunction(function{name: "note", params: text("text", "")}, noteText),
		plain("close", false),
		plain("reopen", false),
		one("visibility", `"internal"`, vocabularyVisibility),
		plain("quiet", false),
		actionFunction(function{name: "thread", params: []param{{"key", kindText, ""}, {"within", kindDuration, ""}}}, threadKey),
		plain("newIssue", false),
		actionFunction(function{name: "attachTo", params: []param{{"number", kindInt, ""}}}, issueNumber),
		actionFunction(function{name: "dropAttachments", params: []param{{"condition", kindBools, ""}}}, droppedAttachments),
		actionFunction(function{name: "redact", params: []param{{"regex", kindRegex, ""}}}, redactPattern),
		reasons("reject", true),
		reasons("bounce", false),
		reasons("discard", false),
		reasons("quarantine", false),
		reasons("tryLater", true),
		plain("stop", true),
	}
}

// laterActions are what the language has and this version cannot do.
var laterActions = []string{"answer", "notify", "forward", "webhook", "template", "accept"}
