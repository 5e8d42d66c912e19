package dsl

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

func concat(r *Run, args []any) (any, error) {
	size := 0
	for _, a := range args {
		v := reflect.ValueOf(a)
		if v.Kind() != reflect.Slice {
			return nil, wrongKind("concat", a, kindList)
		}
		size += v.Len()
	}
	if err := r.makeList(size); err != nil {
		return nil, err
	}
	out := make([]any, 0, size)
	for _, a := range args {
		v := reflect.ValueOf(a)
		for i := range v.Len() {
			out = append(out, v.Index(i).Interface())
		}
	}
	return out, nil
}

// uniq keeps the first of each. Elements are scalars: comparing lists with lists has no bound.
func uniq(r *Run, args []any) (any, error) {
	seen := map[any]bool{}
	return r.each("uniq", args[0], func(out []any, e any) []any {
		if seen[e] {
			return out
		}
		seen[e] = true
		return append(out, e)
	})
}

func sortList(r *Run, args []any) (any, error) {
	list, err := r.each("sort", args[0], func(out []any, e any) []any { return append(out, e) })
	if err != nil {
		return nil, err
	}
	mixed := false
	slices.SortStableFunc(list, func(a, b any) int {
		if err == nil {
			err = r.pauseAt(a)
		}
		if err != nil {
			return 0 // Go's sorting cannot be stopped, but it has little to do when all are equal
		}
		c, ok := compareScalars(a, b)
		mixed = mixed || !ok
		return c
	})
	if err == nil && mixed {
		err = errors.New("sort needs texts, or numbers, not both")
	}
	return orNil(list, err)
}

// pauseAt looks at the clock where comparing a value may take long.
func (r *Run) pauseAt(v any) error {
	if s, ok := v.(string); ok && len(s) > 1000 {
		return r.pause()
	}
	return nil
}

func compareScalars(a, b any) (int, bool) {
	if x, ok := a.(string); ok {
		y, ok := b.(string)
		return strings.Compare(x, y), ok
	}
	x, okX := number(a)
	y, okY := number(b)
	switch {
	case x < y:
		return -1, okX && okY
	case x > y:
		return 1, okX && okY
	}
	return 0, okX && okY
}

func number(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// each builds a list from the scalars of another.
func (r *Run) each(name string, list any, add func(out []any, e any) []any) ([]any, error) {
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice {
		return nil, wrongKind(name, list, kindList)
	}
	if err := r.makeList(v.Len()); err != nil {
		return nil, err
	}
	out := make([]any, 0, v.Len())
	for i := range v.Len() {
		e := v.Index(i).Interface()
		if e == nil || !isScalar(reflect.TypeOf(e)) {
			return nil, fmt.Errorf("%s needs a list of texts or numbers", name)
		}
		if err := r.pauseAt(e); err != nil {
			return nil, err
		}
		out = add(out, e)
	}
	return out, nil
}

func fromJSON(r *Run, args []any) (any, error) {
	s, err := asText(args, 0)
	if err != nil {
		return nil, err
	}
	if err := r.make(16 * len(s)); err != nil {
		return nil, err
	}
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return nil, errors.New("this is not JSON")
	}
	return v, nil
}
