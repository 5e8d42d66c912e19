package dsl

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// What follows reads arguments whose type was not known when the rule was checked.

func wrongKind(name string, v any, want kind) error {
	return fmt.Errorf("%s needs %s, got %s", name, want, typeName(reflect.TypeOf(v)))
}

func asText(args []any, i int) (string, error) {
	if s, ok := args[i].(string); ok {
		return s, nil
	}
	return "", wrongKind("it", args[i], kindText)
}

func asTexts(args []any, i int) ([]string, error) {
	switch v := args[i].(type) {
	case string:
		return []string{v}, nil
	case []string:
		return v, nil
	case []any:
		out := make([]string, len(v))
		for i, e := range v {
			switch e := e.(type) {
			case string:
				out[i] = e
			case int, float64: // in a list from a file: who looks for words there means what is written
				out[i], _ = asString(e)
			default:
				return nil, wrongKind("it", e, kindText)
			}
		}
		return out, nil
	}
	return nil, wrongKind("it", args[i], kindTexts)
}

func asInt(args []any, i int) (int, error) {
	switch v := args[i].(type) {
	case int:
		return v, nil
	case float64:
		if v == float64(int(v)) {
			return int(v), nil
		}
	}
	return 0, wrongKind("it", args[i], kindInt)
}

func asDuration(args []any, i int) (time.Duration, error) {
	switch v := args[i].(type) {
	case time.Duration:
		return v, nil
	case string:
		return parseDuration(v)
	}
	return 0, wrongKind("it", args[i], kindDuration)
}

// asWhen is a time; a duration counts from the message's time.
func asWhen(r *Run, args []any, i int) (time.Time, error) {
	switch v := args[i].(type) {
	case time.Time:
		return v, nil
	case time.Duration:
		return r.view.Now.Add(v), nil
	case string:
		if d, err := parseDuration(v); err == nil {
			return r.view.Now.Add(d), nil
		}
		t, err := parseTime(v)
		if err != nil {
			err = fmt.Errorf("%s is neither a duration nor a date", quoteShort(v))
		}
		return t, err
	}
	return time.Time{}, wrongKind("it", args[i], kindWhen)
}

// asString prints a scalar.
func asString(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		return v.Format(time.RFC3339), nil
	case fmt.Stringer:
		if isScalar(reflect.TypeOf(v)) {
			return v.String(), nil
		}
	}
	if v != nil && isScalar(reflect.TypeOf(v)) {
		return fmt.Sprint(v), nil
	}
	return "", wrongKind("it", v, kindScalar)
}

var timeLayouts = []string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", time.RFC1123Z, time.RFC1123}

// parseTime reads a date, or a date and a time; without a zone it is UTC.
func parseTime(s string) (time.Time, error) {
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is not a date: write 2026-01-31 or 2026-01-31T15:04:05Z", quoteShort(s))
}

// parseDuration reads Go's durations and d (24 hours) and w (seven days): "90m", "7d", "1w2d12h".
func parseDuration(s string) (time.Duration, error) {
	fail := func() (time.Duration, error) {
		return 0, fmt.Errorf(`%s is not a duration: write "90m", "12h", "7d", "2w"`, quoteShort(s))
	}
	rest := strings.TrimPrefix(s, "-")
	var total time.Duration
	for {
		end := strings.IndexAny(rest, "dw")
		if end < 0 {
			break
		}
		start := strings.LastIndexFunc(rest[:end], func(r rune) bool { return r != '.' && !unicode.IsDigit(r) }) + 1
		n, err := strconv.ParseFloat(rest[start:end], 64)
		if err != nil || start != 0 || n > 1e6 {
			return fail()
		}
		unit := 24 * time.Hour
		if rest[end] == 'w' {
			unit *= 7
		}
		total += time.Duration(n * float64(unit))
		rest = rest[end+1:]
	}
	if rest != "" {
		if strings.ContainsAny(rest[:1], "+-") {
			return fail()
		}
		d, err := time.ParseDuration(rest)
		if err != nil {
			return fail()
		}
		total += d
	} else if s == "" || s == "-" {
		return fail()
	}
	if total < 0 {
		return fail()
	}
	if strings.HasPrefix(s, "-") {
		total = -total
	}
	return total, nil
}

// cleanLines keeps line breaks and tabs, and makes other control characters spaces.
func cleanLines(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

var errTooLong = errors.New("a text or list grew too long")

func typeOf(v any) reflect.Type { return reflect.TypeOf(v) }
