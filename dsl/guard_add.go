package dsl

import (
	"fmt"
	"time"
)

// add is + where it may make text.
func add(r *Run, args []any) (any, error) {
	switch a := args[0].(type) {
	case string:
		if b, ok := args[1].(string); ok {
			if err := r.make(len(a) + len(b)); err != nil {
				return nil, err
			}
			return a + b, nil
		}
	case int:
		switch b := args[1].(type) {
		case int:
			return a + b, nil
		case float64:
			return float64(a) + b, nil
		}
	case float64:
		switch b := args[1].(type) {
		case int:
			return a + float64(b), nil
		case float64:
			return a + b, nil
		}
	case time.Time:
		if b, ok := args[1].(time.Duration); ok {
			return a.Add(b), nil
		}
	case time.Duration:
		switch b := args[1].(type) {
		case time.Time:
			return b.Add(a), nil
		case time.Duration:
			return a + b, nil
		}
	}
	return nil, fmt.Errorf("cannot add %s and %s", typeName(typeOf(args[0])), typeName(typeOf(args[1])))
}

// makeRange is a..b.
func makeRange(r *Run, args []any) (any, error) {
	from, err := asInt(args, 0)
	if err != nil {
		return nil, err
	}
	to, err := asInt(args, 1)
	if err != nil {
		return nil, err
	}
	if to < from {
		return []int{}, nil
	}
	if uint64(to)-uint64(from) >= mostListed { // unsigned: the difference of two ints may not fit an int
		return nil, r.makeList(mostListed + 1)
	}
	n := to - from + 1
	if err := r.makeList(n); err != nil {
		return nil, err
	}
	list := make([]int, n)
	for i := range list {
		list[i] = from + i
	}
	return list, nil
}
