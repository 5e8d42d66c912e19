package main

import (
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strings"
)

// agreement says of a field when two readings agree, where there is no truth. Text made from HTML is nowhere made the
// same way, and files that are text are converted by some and not by others: neither is compared.
var agreement = map[string]func(a, b *Reading) bool{
	"subject":       func(a, b *Reading) bool { return fold(a.Subject) == fold(b.Subject) },
	"sender":        func(a, b *Reading) bool { return address(a.From) == address(b.From) },
	"sender's name": func(a, b *Reading) bool { return a.From == "" || b.From == "" || fold(a.FromName) == fold(b.FromName) },
	"date":          func(a, b *Reading) bool { return a.Date.Equal(b.Date) },
	"text":          func(a, b *Reading) bool { return a.MadeText || b.MadeText || fold(a.Text) == fold(b.Text) },
	"attachments":   func(a, b *Reading) bool { return alike(a.Files, b.Files) },
}

// silent says that a reading has nothing for a field. Two peers who both have nothing where we have something do not agree, they fail.
func silent(r *Reading, field string) bool {
	switch field {
	case "subject":
		return r.Subject == ""
	case "sender", "sender's name":
		return r.From == ""
	case "date":
		return r.Date.IsZero()
	case "text":
		return strings.TrimSpace(r.Text) == ""
	}
	return false
}

// alike compares files. We give a name to what has none, and peers do not.
func alike(a, b []File) bool {
	if len(a) != len(b) {
		return false
	}
	left := slices.Clone(b)
	for _, f := range a {
		i := slices.IndexFunc(left, func(g File) bool {
			named := f.Name == "" || g.Name == "" || decodedName(f.Name) == decodedName(g.Name)
			sized := strings.HasPrefix(f.Type, "text/") || f.SHA256 == g.SHA256
			return named && sized && strings.EqualFold(f.Type, g.Type)
		})
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// decodedName is kind to a peer that leaves encoded words in names.
func decodedName(s string) string {
	if d, err := new(mime.WordDecoder).DecodeHeader(s); err == nil {
		s = d
	}
	return fold(s)
}

// said is what a reading says of a field, in one line.
func said(r *Reading, field string) string {
	if r.Failed != "" {
		return "failed: " + r.Failed
	}
	switch field {
	case "subject":
		return fmt.Sprintf("%q", r.Subject)
	case "sender", "sender's name":
		return fmt.Sprintf("%q <%s>", r.FromName, r.From)
	case "date":
		return stamp(r.Date)
	case "text", "charset":
		return fmt.Sprintf("%q: %q", r.Subject, cut(fold(r.Text)))
	case "new text":
		return fmt.Sprintf("%q", cut(fold(r.New)))
	case "attachments":
		return fmt.Sprint(r.Files)
	case "calendar":
		return toJSON(r.Calendar)
	case "kind", "reply or not", "forward or not":
		return fmt.Sprintf("%s, reply %t, forward %t", r.Kind, r.Reply, r.Forward)
	}
	return toJSON(r.Bounce)
}

// wanted is what a truth says of a field, in one line.
func wanted(w *Truth, field string) string {
	switch field {
	case "text", "charset":
		if len(w.Lines)+len(w.Never) > 0 {
			return fmt.Sprintf("%q, and not %q", w.Lines, w.Never)
		}
	case "new text":
		if w.New != nil {
			return fmt.Sprintf("%q", cut(fold(*w.New)))
		}
	case "attachments":
		if w.Files != nil || w.Named != nil {
			return toJSON(w.Files) + toJSON(w.Named)
		}
		return ""
	case "subject":
		return toJSON(w.Subject)
	case "sender", "sender's name":
		return toJSON([]*string{w.FromName, w.From})
	case "date":
		return toJSON(w.Date)
	case "kind":
		return toJSON(w.Kind) + ", not " + w.NotKind
	case "reply or not", "forward or not":
		return toJSON([]*bool{w.Reply, w.Forward})
	case "calendar":
		return toJSON(w.Calendar)
	}
	if w.Bounce == nil {
		return ""
	}
	return toJSON(w.Bounce)
}

func cut(s string) string {
	if len(s) > 1500 {
		return s[:700] + " … " + s[len(s)-700:]
	}
	return s
}

func toJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
