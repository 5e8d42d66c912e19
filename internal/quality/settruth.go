package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	perlFile  = regexp.MustCompile(`t/corpus/([\w.+-]+)`)
	perlNot   = regexp.MustCompile(`is_bounce\s*=>\s*0|ok\(\s*!\s*\$\w+->is_bounce`)
	perlIs    = regexp.MustCompile(`is_bounce\s*=>\s*1|ok\(\s*\$\w+->is_bounce`)
	perlAddrs = regexp.MustCompile(`(?s)is_deeply\(\s*\[\s*\$\w+->addresses\s*\],\s*\[([^\]]*)\]`)
	perlWord  = regexp.MustCompile(`['"]([^'"]*)['"]|qw[(/]([^)/]*)[)/]`)
	perlID    = regexp.MustCompile(`(?s)orig_message_id,\s*'(<[^']*>)'`)
)

// knownBounceParser reads what the tests say after each file that they open, up to the next one.
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
			name, said := src[m[2]:m[3]], src[m[1]:end]
			w := truths[name]
			if perlIs.MatchString(said) {
				w.Kind = ptr("bounce")
			}
			if a := perlAddrs.FindStringSubmatch(said); a != nil && w.Bounce == nil {
				w.Bounce = &WantBounce{Recipients: []string{}}
				for _, word := range perlWord.FindAllStringSubmatch(a[1], -1) {
					w.Bounce.Recipients = append(w.Bounce.Recipients, strings.Fields(word[1]+word[2])...)
				}
				if id := perlID.FindStringSubmatch(said); id != nil {
					w.Bounce.MessageID = &id[1]
				}
			}
			if perlNot.MatchString(said) {
				w.NotKind = "bounce"
			}
			truths[name] = w
		}
	}
	return truths, err
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
