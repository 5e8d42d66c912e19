package dsl

import (
	"encoding/json"
	"math"
	"strings"
)

// readJSON reads an array of texts and numbers, or with {column: "domain"} of objects that have such a field; with
// {path: "a.b"} the array stands in objects.
func (f *listFile) readJSON(text string) (any, error) {
	j := &jsonList{listFile: f, text: text, d: json.NewDecoder(strings.NewReader(text))}
	j.d.UseNumber()
	if err := j.descend(); err != nil {
		return nil, err
	}
	if err := j.array(); err != nil {
		return nil, err
	}
	return j.value(), nil
}

// A jsonList is read token by token: a million entries are not held twice.
type jsonList struct {
	*listFile
	text string
	d    *json.Decoder
	entryList
}

func (j *jsonList) at() int {
	return 1 + strings.Count(j.text[:min(int(j.d.InputOffset()), len(j.text))], "\n")
}

func (j *jsonList) next() (json.Token, error) {
	t, err := j.d.Token()
	if err != nil {
		return nil, j.errorf(j.at(), "this is not JSON")
	}
	return t, nil
}

// descend goes to the array that path leads to.
func (j *jsonList) descend() error {
	steps := strings.Split(j.path, ".")
	if j.path == "" {
		steps = nil
	}
	for _, step := range steps {
		t, err := j.next()
		if err != nil {
			return err
		}
		if t != json.Delim('{') {
			return j.errorf(j.at(), "path leads to %s, where no object is", quoteShort(step))
		}
		for {
			if !j.d.More() {
				return j.errorf(j.at(), "path leads to %s, which is not there", quoteShort(step))
			}
			key, err := j.next()
			if err != nil {
				return err
			}
			if key == step {
				break
			}
			if err := j.skip(); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip passes over one value.
func (j *jsonList) skip() error {
	for depth := 0; ; {
		t, err := j.next()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func (j *jsonList) array() error {
	t, err := j.next()
	if err != nil {
		return err
	}
	if t != json.Delim('[') {
		return &listError{j.name, j.at(), "there is no array here", `say where it is: {path: "customers"}`}
	}
	for j.d.More() {
		t, err := j.next()
		if err != nil {
			return err
		}
		if t == json.Delim('{') && j.column != "" {
			if t, err = j.field(); err != nil {
				return err
			}
		} else if j.column != "" {
			return j.errorf(j.at(), "an entry is no object, so it has no field %s", quoteShort(j.column))
		}
		if err := j.add(t); err != nil {
			return err
		}
	}
	_, err = j.next()
	return err
}

// field reads the rest of an object and returns its field.
func (j *jsonList) field() (value json.Token, err error) {
	for found := false; ; {
		key, err := j.next()
		switch {
		case err != nil:
			return nil, err
		case key == json.Delim('}') && !found:
			return nil, j.errorf(j.at(), "an entry has no field %s", quoteShort(j.column))
		case key == json.Delim('}'):
			return value, nil
		case key == j.column:
			found = true
			if value, err = j.next(); err != nil {
				return nil, err
			}
			if _, nested := value.(json.Delim); nested {
				return nil, j.notScalar(j.at())
			}
		default:
			if err := j.skip(); err != nil {
				return nil, err
			}
		}
	}
}

func (j *jsonList) add(t json.Token) error {
	switch v := t.(type) {
	case string:
		return j.addText(j.listFile, v, j.at)
	case json.Number:
		return j.addNumber(j.listFile, string(v), j.at)
	}
	return j.notScalar(j.at())
}

func (f *listFile) notScalar(line int) error {
	if f.column == "" {
		return &listError{f.name, line, "an entry is neither a text nor a number", `of objects say which field: {column: "domain"}`}
	}
	return f.errorf(line, "the field %s is neither a text nor a number", quoteShort(f.column))
}

// An entryList gathers texts, and is of any once a number comes.
type entryList struct {
	texts []string
	all   []any
	mixed bool
}

func (l *entryList) value() any {
	if l.mixed {
		return l.all
	}
	if l.texts == nil {
		return []string{}
	}
	return l.texts
}

func (l *entryList) addText(f *listFile, s string, line func() int) error {
	if s = strings.ToLower(strings.TrimSpace(s)); len(s) > longestEntry {
		return f.errorf(line(), "an entry is longer than %d KiB", longestEntry>>10)
	}
	switch {
	case s == "":
	case len(l.texts)+len(l.all) == mostEntries:
		return f.tooMany(line())
	case l.mixed:
		l.all = append(l.all, s)
	default:
		l.texts = append(l.texts, s)
	}
	return nil
}

func (l *entryList) addNumber(f *listFile, s string, line func() int) error {
	if !l.mixed {
		for _, t := range l.texts {
			l.all = append(l.all, t)
		}
		l.texts, l.mixed = nil, true
	}
	if len(l.all) == mostEntries {
		return f.tooMany(line())
	}
	n := json.Number(s)
	if i, err := n.Int64(); err == nil {
		l.all = append(l.all, int(i))
		return nil
	}
	x, err := n.Float64()
	if err != nil || math.IsInf(x, 0) {
		return f.errorf(line(), "a number is too large")
	}
	l.all = append(l.all, x)
	return nil
}
