package dsl

import "strings"

// A Signature is the call that a place is in, and which of its arguments.
type Signature struct {
	Reference
	Argument int      // from 0
	Names    []string // of the arguments, as they stand in the signature
}

// Signature says which call a byte of a file is in the brackets of; nil for none.
func (w *Workspace) Signature(file string, offset int) *Signature {
	c := w.caret(file, offset)
	if c == nil || c.spot.kind != spotExpression {
		return nil
	}
	o := c.call()
	if o == nil {
		return nil
	}
	for _, ref := range references() {
		if ref.Name != o.call || (ref.Kind == "method") != o.method {
			continue
		}
		_, params, _ := strings.Cut(strings.TrimSuffix(ref.Signature, ")"), ref.Name+"(")
		s := &Signature{Reference: ref, Argument: len(o.args) - 1}
		for p := range strings.SplitSeq(strings.NewReplacer("[, ", ", ", "[", "", "]", "").Replace(params), ", ") {
			if p != "" {
				s.Names = append(s.Names, p)
			}
		}
		s.Argument = min(s.Argument, max(0, len(s.Names)-1))
		return s
	}
	return nil
}
