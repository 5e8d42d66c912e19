package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A set is mail that others published for their tests. It is downloaded when it is measured, and never committed.
type set struct {
	name   string
	about  string
	source string // "go MODULE@VERSION", "debian SUITE PACKAGE=VERSION" for what upstream published, "npm PACKAGE@VERSION"
	sum    string // of the module as go.sum has it, or the archive's sha256
	files  []string
	bare   bool                                       // the files are texts without a header: one of a reply is put before them
	skip   string                                     // a regular expression over the file's name
	known  func(dir string) (map[string]Truth, error) // what the set itself says of its files, by name
}

// mails reads the messages of a set below dir. A file in mbox form gives several.
func (s *set) mails(dir string) ([]Mail, error) {
	truths := map[string]Truth{}
	if s.known != nil {
		var err error
		if truths, err = s.known(dir); err != nil {
			return nil, err
		}
	}
	var names []string
	for _, pattern := range s.files {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	times := map[string]int{}
	for _, file := range names {
		times[filepath.Base(file)]++
	}
	var skip *regexp.Regexp
	if s.skip != "" {
		skip = regexp.MustCompile(s.skip)
	}
	var mails []Mail
	for _, file := range names {
		name := filepath.Base(file)
		long := filepath.Base(filepath.Dir(file)) + "/" + name
		if info, err := os.Stat(file); err != nil || !info.Mode().IsRegular() || skip != nil && skip.MatchString(name) {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		want, ok := truths[long]
		if !ok {
			want = truths[name]
		}
		if times[name] > 1 {
			name = long
		}
		if s.bare {
			raw = append([]byte("Subject: Re: a question\nContent-Type: text/plain; charset=utf-8\n\n"), raw...)
		}
		for i, m := range splitMbox(raw) {
			at := name
			if i > 0 {
				at += fmt.Sprint("#", i+1)
			}
			mails = append(mails, Mail{name: at, raw: m, want: want})
		}
	}
	return mails, nil
}

// fromLine is what stands before each message of an mbox file: "From ", who, and the time as asctime writes it.
var fromLine = regexp.MustCompile(`(?m)^From \S.* (Mon|Tue|Wed|Thu|Fri|Sat|Sun),? .*\d\d:\d\d.*\n`)

// splitMbox cuts an mbox file at its "From " lines and takes them away. Ten messages are enough of one file.
func splitMbox(raw []byte) [][]byte {
	if !bytes.HasPrefix(raw, []byte("From ")) {
		return [][]byte{raw}
	}
	const enough = 10
	cuts := fromLine.FindAllIndex(raw, enough+1)
	if len(cuts) == 0 {
		return [][]byte{raw}
	}
	var out [][]byte
	for i, at := range cuts[:min(len(cuts), enough)] {
		end := len(raw)
		if i+1 < len(cuts) {
			end = cuts[i+1][0]
		}
		out = append(out, raw[at[1]:end])
	}
	return out
}

func ptr[T any](v T) *T { return &v }

var (
	fluflRow  = regexp.MustCompile(`(?s)\('\w+',\s*'([\w.-]+)',\s*\[([^\]]*)\](,\s*True)?\)`)
	fluflAddr = regexp.MustCompile(`b'([^']*)'`)
)

// knownFlufl reads the table of flufl.bounce's tests. A file for which one of its detectors is shown to
// find nothing is left out: another may find something.
func knownFlufl(dir string) (map[string]Truth, error) {
	data, err := os.ReadFile(filepath.Join(dir, "flufl/bounce/testing/helpers.py"))
	if err != nil {
		return nil, err
	}
	truths := map[string]Truth{}
	for _, row := range fluflRow.FindAllStringSubmatch(string(data), -1) {
		var rcpts []string
		for _, a := range fluflAddr.FindAllStringSubmatch(row[2], -1) {
			rcpts = append(rcpts, a[1])
		}
		if len(rcpts) == 0 {
			continue
		}
		kind := "bounce"
		if row[3] != "" {
			kind = "delay"
		}
		truths[row[1]] = Truth{Kind: &kind, Bounce: &WantBounce{Recipients: rcpts}}
	}
	return truths, nil
}

// knownReply pairs the texts of dimiro1/reply with the replies that it holds them against.
func knownReply(dir string) (map[string]Truth, error) {
	files, err := filepath.Glob(filepath.Join(dir, "testdata/reply/*.txt"))
	truths := map[string]Truth{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		truths[filepath.Base(f)] = Truth{New: ptr(string(data))}
	}
	return truths, err
}

// knownBaunsu knows bounces by their names.
func knownBaunsu(dir string) (map[string]Truth, error) {
	files, err := filepath.Glob(filepath.Join(dir, "tests/emails/*.txt"))
	truths := map[string]Truth{}
	for _, f := range files {
		name := filepath.Base(f)
		switch kind, _, _ := strings.Cut(name, "_"); kind {
		case "bounce":
			truths[name] = Truth{Kind: ptr("bounce")}
		case "auto":
			truths[name] = Truth{Kind: ptr("ooo")}
		}
	}
	return truths, err
}
