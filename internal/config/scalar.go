package config

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// scalar decodes one plain value.
func (d *decoder) scalar(n ast.Node, v reflect.Value, k key) {
	if !isScalar(n) {
		d.errorf(n, "%q is one value, not %s", k.name, kindOf(n))
		return
	}
	if err := d.set(text(n), n, v, k); err != nil {
		d.errorf(n, "%s: %v", k.name, err)
	}
}

func (d *decoder) set(text string, n ast.Node, v reflect.Value, k key) error {
	switch p := v.Addr().Interface().(type) {
	case *string:
		if err := checkWord(text, k); err != nil {
			return err
		}
		if k.path && (text != k.word || text == "") {
			text = d.resolvePath(text)
			if text == k.word && text != "" {
				text = "./" + text // it is a path
			}
		}
		if low, err := strconv.Atoi(k.min); err == nil && len(text) < low {
			return fmt.Errorf("may not be empty")
		}
		*p = text
	case *bool:
		switch text {
		case "true", "false":
			*p = text == "true"
		default:
			return fmt.Errorf("%q is neither true nor false", text)
		}
	case *int:
		i, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		if low, err := strconv.Atoi(k.min); err == nil && i < low {
			return fmt.Errorf("%d is less than %d", i, low)
		}
		*p = i
	case *Size:
		return setBetween(p, text, ParseSize, Size.String, k)
	case *time.Duration:
		if k.forever && text == "forever" {
			*p = 0
			return nil
		}
		err := setBetween(p, text, ParseDuration, FormatDuration, k)
		if err != nil && k.forever {
			err = fmt.Errorf("%w, or forever", err)
		}
		return err
	case *Secret:
		*p = NewSecret(text)
	case *SecretFile:
		*p = SecretFile{Path: d.resolvePath(text)}
	case *netip.Prefix:
		net, err := parseNet(text)
		*p = net
		return err
	case *Listener:
		l, err := ParseListener(text)
		if l.Network == "unix" {
			l.Address = d.resolvePath(l.Address)
		}
		*p = l
		return err
	default:
		return fmt.Errorf("a key of type %s cannot be read", v.Type()) // a test decodes every key
	}
	return nil
}

// setBetween parses a value and holds it against the tags min and max.
func setBetween[T ~int64](p *T, text string, parse func(string) (T, error), format func(T) string, k key) error {
	x, err := parse(text)
	if err != nil {
		return err
	}
	if low, err := parse(k.min); err == nil && k.min != "" && x < low {
		return fmt.Errorf("%s is less than %s", text, format(low))
	}
	if high, err := parse(k.max); err == nil && k.max != "" && x > high {
		return fmt.Errorf("%s is more than %s", text, format(high))
	}
	*p = x
	return nil
}

// checkWord holds a text against the words that a key may hold.
func checkWord(text string, k key) error {
	switch {
	case k.words == nil || slices.Contains(k.words, text):
		return nil
	case slices.Contains(k.later, text):
		return fmt.Errorf("%q is not available in this version (allowed: %s)", text, strings.Join(k.words, ", "))
	default:
		return fmt.Errorf("unknown word %q%s (allowed: %s)", text, suggest(text, k.words), strings.Join(k.words, ", "))
	}
}

// resolvePath makes a path start from the folder of the file it stands in.
func (d *decoder) resolvePath(path string) string {
	if path == "" || filepath.IsAbs(path) || d.dir == "" {
		return path
	}
	return filepath.Join(d.dir, path)
}
