package dsl

import (
	"encoding/json"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// extractFunctions take what machines and forms write into mail apart.
func extractFunctions() []*function {
	return []*function{
		pure("pairs", reflect.TypeFor[map[string]string](), func(r *Run, args []any) (any, error) {
			s, err := asText(args, 0)
			if err != nil {
				return nil, err
			}
			return orNil(pairs(r, s))
		}, takes("text", kindText)),
		pure("jsonValue", typeString, texts(2, jsonValue), takes("text", kindText), takes("path", kindText)),
		{name: "hasAttachment", method: true, rest: true, optional: 1, result: typeBool, params: []param{takes("mail", kindMail), takes("type", kindTexts)},
			call: hasAttachment},
	}
}

const (
	mostPairs    = 1000
	longestKeyOf = 100  // bytes of a pair's name
	longestValue = 2000 // bytes of its value
)

// pairs reads "Order: 123", "state = DOWN", and tables whose cells are set apart by tabs or |: rows of two cells, or a row of
// names above a row of values. Names are in lower case; of one that comes twice the first counts.
func pairs(r *Run, s string) (map[string]string, error) {
	out := map[string]string{}
	put := func(key, value string) error {
		key = strings.ToLower(foldSpace(strings.Trim(key, " \t*_`>-•·.\u00a0")))
		value = strings.Trim(value, " \t*_`\u00a0\r")
		if key == "" || len(key) > longestKeyOf || len(value) > longestValue || len(out) == mostPairs || !inWord([]rune(key)[0]) {
			return nil
		}
		if _, there := out[key]; there {
			return nil
		}
		out[key] = value
		return r.make(len(key) + len(value) + 64)
	}
	var header []string // the cells of the row before
	for line := range strings.Lines(s) {
		if err := r.step(); err != nil {
			return nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) > longestKeyOf+longestValue+100 {
			header = nil
			continue
		}
		cells := cellsOf(line)
		switch {
		case cells == nil:
			header = nil
			if key, value, ok := pairOf(line); ok {
				if err := put(key, value); err != nil {
					return nil, err
				}
			}
		case isRuler(cells):
		case len(cells) == 2:
			header = nil
			if err := put(strings.TrimSuffix(strings.TrimSpace(cells[0]), ":"), cells[1]); err != nil {
				return nil, err
			}
		case len(header) == len(cells):
			for i := range cells {
				if err := put(header[i], cells[i]); err != nil {
					return nil, err
				}
			}
			header = nil
		default:
			header = cells
		}
	}
	return out, nil
}

// cellsOf are the cells of a row, nil for a line that is none.
func cellsOf(line string) []string {
	trimmed := strings.TrimSpace(line)
	var cells []string
	switch {
	case strings.Contains(trimmed, "|"):
		cells = strings.Split(strings.Trim(trimmed, "|"), "|")
	case strings.Contains(trimmed, "\t"):
		cells = strings.Split(trimmed, "\t")
	}
	if len(cells) < 2 || len(cells) > 50 {
		return nil
	}
	return cells
}

// isRuler says whether a row is the line below a table's head.
func isRuler(cells []string) bool {
	return !slices.ContainsFunc(cells, func(c string) bool { return strings.Trim(c, " -=:+") != "" })
}

// pairOf cuts "name: value" or "name = value"; a name is a few words, and no address of a page.
func pairOf(line string) (key, value string, ok bool) {
	at := strings.IndexAny(line, ":=")
	if at < 0 || strings.HasPrefix(line[at:], "://") || len(strings.Fields(line[:at])) > 6 {
		return "", "", false
	}
	rest := line[at+1:]
	if line[at] == ':' && rest != "" && !unicode.IsSpace(rune(rest[0])) && rest[0] != '*' {
		return "", "", false // 10:30, a:b
	}
	return line[:at], strings.TrimSpace(rest), true
}

// mostJSON are the places in a text where JSON is looked for.
const mostJSON = 20

// jsonValue finds a value of the first JSON object or array in a text, which may stand among other lines. "" where there is none.
func jsonValue(r *Run, a []string) (string, error) {
	text := a[0]
	for range mostJSON {
		at := strings.IndexAny(text, "{[")
		if at < 0 {
			return "", nil
		}
		text = text[at:]
		if err := r.make(len(text)); err != nil {
			return "", err
		}
		d := json.NewDecoder(io.LimitReader(strings.NewReader(text), 1<<20))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err == nil {
			if err := r.make(16 * int(d.InputOffset())); err != nil {
				return "", err
			}
			return scalarAt(v, a[1]), nil
		}
		text = text[1:]
	}
	return "", nil
}

// scalarAt is what stands at a path such as "alerts[0].labels.host".
func scalarAt(v any, path string) string {
	for step := range strings.SplitSeq(strings.ReplaceAll(path, "[", ".["), ".") {
		if step == "" {
			continue
		}
		if index, ok := strings.CutPrefix(step, "["); ok {
			i, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
			list, ok := v.([]any)
			if err != nil || !ok || i < 0 || i >= len(list) {
				return ""
			}
			v = list[i]
			continue
		}
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[step]
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// hasAttachment says whether a file that is not shown within the text has one of the types, "image/*", or endings, ".exe"; without
// any, whether there is one.
func hasAttachment(r *Run, args []any) (any, error) {
	m, ok := args[0].(*Mail)
	if !ok {
		return nil, wrongKind("hasAttachment", args[0], kindMail)
	}
	var wanted []string
	for i := range args[1:] {
		texts, err := asTexts(args[1:], i)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, texts...)
	}
	for i := range m.Attachments {
		a := &m.Attachments[i]
		if a.Inline {
			continue
		}
		if len(args) == 1 {
			return true, nil
		}
		for _, w := range wanted {
			if err := r.step(); err != nil {
				return nil, err
			}
			if isOfType(a, strings.ToLower(w)) {
				return true, nil
			}
		}
	}
	return false, nil
}

func isOfType(a *Attachment, want string) bool {
	if family, ok := strings.CutSuffix(want, "/*"); ok {
		return strings.HasPrefix(a.Type, family+"/")
	}
	if strings.Contains(want, "/") {
		return a.Type == want
	}
	return strings.HasSuffix(strings.ToLower(a.Name), "."+strings.TrimPrefix(want, "."))
}
