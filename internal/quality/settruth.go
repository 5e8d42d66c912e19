package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	perlFile   = regexp.MustCompile(`t/corpus/([\w.+*-]+)`)
	perlNot    = regexp.MustCompile(`is_bounce\s*=>\s*0|ok\(\s*!\s*\$\w+->is_bounce`)
	perlIs     = regexp.MustCompile(`is_bounce\s*=>\s*1|ok\(\s*\$\w+->is_bounce`)
	perlAddrs  = regexp.MustCompile(`(?s)(?:is_deeply\(\s*\[\s*\$\w+->addresses\s*\],|addresses\s*=>)\s*\[([^\]]*)\]`)
	perlReason = regexp.MustCompile(`std_reason\s*=>\s*'(\w+)'|is\(\$std_reason\d*, "(\w+)"`)
	perlWord   = regexp.MustCompile(`['"]([^'"]*)['"]|qw[(/]([^)/]*)[)/]`)
	perlID     = regexp.MustCompile(`(?s)orig_message_id,\s*'(<[^']*>)'`)
	perlRow    = regexp.MustCompile(`"([\w.-]+\.msg)" => \{`)
)

// perlReasons are our words for theirs: it has one for a user who is unknown and one who is closed, calls a relay that is denied
// an error of the domain, and all that is refused spam.
var perlReasons = map[string][]string{
	"user_unknown": {"user-unknown", "disabled"}, "over_quota": {"full"}, "domain_error": {"host-unknown", "auth"}, "spam": {"spam", "blocked"}, "message_too_large": {"size"}, "user_disabled": {"disabled"},
}

// knownBounceParser reads what the tests say after each file that they open, up to the next one; and the one table of files.
func knownBounceParser(dir string) (map[string]Truth, error) {
	tests, err := filepath.Glob(filepath.Join(dir, "t/*.t"))
	truths := map[string]Truth{}
	for _, test := range tests {
		data, err := os.ReadFile(test)
		if err != nil {
			return nil, err
		}
		src := string(data)
		at := perlFile.FindAllStringSubmatchIndex(src, -1)
		for i, m := range at {
			end := len(src)
			if i+1 < len(at) {
				end = at[i+1][0]
			}
			said := perlSays(src[m[1]:end])
			files, err := filepath.Glob(filepath.Join(dir, "t/corpus", src[m[2]:m[3]]))
			if err != nil {
				return nil, err
			}
			for _, f := range files {
				truths[filepath.Base(f)] = truths[filepath.Base(f)].and(said)
			}
		}
		if filepath.Base(test) == "various-unknown.t" {
			for _, row := range perlRow.FindAllStringSubmatch(src, -1) {
				w := Truth{Kind: ptr("bounce"), Bounce: &WantBounce{Recipients: []string{"recipient@example.net"}, Reasons: perlReasons["user_unknown"]}}
				if row[1] == "long-smtp.msg" {
					w.Bounce.Reasons = nil
				}
				truths[row[1]] = w
			}
		}
	}
	// Two of them are spam, which it takes for bounces; its tests hold that fast, and say that it is wrong.
	delete(truths, "spam-with-image.msg")
	delete(truths, "spam-bogus-email-in-report.msg")
	return truths, err
}

// perlSays is what a piece of a test says of its file.
func perlSays(said string) (w Truth) {
	var b WantBounce
	if perlIs.MatchString(said) {
		w.Kind = ptr("bounce")
	}
	if perlNot.MatchString(said) {
		w.NotKind = "bounce"
	}
	if a := perlAddrs.FindStringSubmatch(said); a != nil && !strings.Contains(a[1], "$") {
		b.Recipients = []string{}
		for _, word := range perlWord.FindAllStringSubmatch(a[1], -1) {
			b.Recipients = append(b.Recipients, strings.Fields(word[1]+word[2])...)
		}
	}
	if id := perlID.FindStringSubmatch(said); id != nil {
		b.MessageID = &id[1]
	}
	if r := perlReason.FindStringSubmatch(said); r != nil {
		b.Reasons = perlReasons[r[1]+r[2]]
	}
	if b.Recipients != nil || b.MessageID != nil || b.Reasons != nil {
		w.Bounce = &b
	}
	return w
}

// and adds what another place says of the same file. The first to speak is believed.
func (w Truth) and(v Truth) Truth {
	if w.Kind == nil {
		w.Kind = v.Kind
	}
	if w.NotKind == "" {
		w.NotKind = v.NotKind
	}
	if w.Bounce == nil {
		w.Bounce = v.Bounce
	}
	return w
}

var (
	refMsg  = regexp.MustCompile(`(?s)"Msg" => \{(.*?)\n  \}`)
	refPart = regexp.MustCompile(`(?s)"Part_[\d.]+" => \{(.*?)\n  \}`)
	refPair = regexp.MustCompile(`"(Subject|Filename)" => "((?:[^"\\]|\\.)*)"`)
)

// knownMIMETools reads the subject and the names of files from the tables beside the messages.
func knownMIMETools(dir string) (map[string]Truth, error) {
	refs, err := filepath.Glob(filepath.Join(dir, "testmsgs/*.ref"))
	truths := map[string]Truth{}
	for _, ref := range refs {
		data, err := os.ReadFile(ref)
		if err != nil {
			return nil, err
		}
		var w Truth
		if m := refMsg.FindStringSubmatch(string(data)); m != nil {
			if p := refPair.FindStringSubmatch(m[1]); p != nil && p[1] == "Subject" && !strings.Contains(p[2], "=?") {
				w.Subject = ptr(unperl(p[2]))
			}
		}
		for _, part := range refPart.FindAllStringSubmatch(string(data), -1) {
			if p := refPair.FindStringSubmatch(part[1]); p != nil && p[1] == "Filename" {
				w.Named = append(w.Named, unperl(p[2]))
			}
		}
		truths[strings.TrimSuffix(filepath.Base(ref), ".ref")+".msg"] = w
	}
	return truths, err
}

func unperl(s string) string { return regexp.MustCompile(`\\(.)`).ReplaceAllString(s, "$1") }

//go:embed testdata/enmime.txt
var enmimeSays string

// knownEnmime is what enmime's tests say in Go, copied into a table.
func knownEnmime(string) (map[string]Truth, error) {
	truths := map[string]Truth{}
	for line := range strings.Lines(enmimeSays) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		field, value, ok := strings.Cut(rest, " ")
		if !ok {
			return nil, fmt.Errorf("enmime.txt: %q", line)
		}
		w := truths[name]
		switch field {
		case "subject":
			w.Subject = &value
		case "text":
			w.Lines = append(w.Lines, value)
		case "never":
			w.Never = append(w.Never, value)
		case "file":
			w.Named = append(w.Named, value)
		case "recipient", "status":
			if w.Bounce == nil {
				w.Bounce = &WantBounce{}
			}
			if field == "status" {
				w.Bounce.Status = &value
			} else {
				w.Bounce.Recipients = append(w.Bounce.Recipients, value)
			}
		default:
			return nil, fmt.Errorf("enmime.txt: no such field: %s", field)
		}
		truths[name] = w
	}
	return truths, nil
}
