package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestFieldsTellRightFromWrong(t *testing.T) {
	t.Parallel()
	m, err := parseCase([]byte(`-- mail.eml --
From: Ann <ann@example.org>
Subject: The printer
Date: Mon, 5 Jan 2026 15:04:05 +0100

It is on fire.
It is.
-- want.json --
{"subject": "The  printer", "from": "Ann@example.org", "fromName": "Ann", "kind": "human", "attachments": [], "date": "2026-01-05T14:04:05Z", "reply": false, "forward": false}
-- new.txt --
It is on fire. It is.
-- text.txt --
It is on fire.
It is.
-- hasnot.txt --
smoke
`))
	if err != nil {
		t.Fatal(err)
	}
	good := readOurs(m.raw)
	bad := Reading{From: "bob@example.org", FromName: "Bob", Subject: "x", Text: "It is. It is on fire. smoke", New: "x", Kind: "list", Reply: true, Forward: true, Files: []File{{Name: "a"}}}
	asked := 0
	for _, f := range fields {
		if !f.known(&m.want) {
			continue
		}
		asked++
		if !f.right(&m.want, &good) {
			t.Errorf("%s is wrong: %s", f.name, said(&good, f.name))
		}
		if f.right(&m.want, &bad) {
			t.Errorf("%s of another reading is right: %s", f.name, said(&bad, f.name))
		}
	}
	if asked != 10 {
		t.Errorf("%d fields are known, want 10", asked)
	}
}

func TestTextInOrder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, out []string
		want    bool
	}{
		{[]string{"a b", "c"}, nil, true}, {[]string{"c", "a b"}, nil, false}, {[]string{"a b", "a b"}, nil, false}, {nil, []string{"c"}, false}, {nil, []string{"d"}, true},
	} {
		if got := holds("a\n b\tc", tt.in, tt.out); got != tt.want {
			t.Errorf("in %q out %q: %t", tt.in, tt.out, got)
		}
	}
}

func TestFilesInAnyOrder(t *testing.T) {
	t.Parallel()
	got := []File{{Name: "a", Type: "x/y", Size: 1}, {Name: "b", Type: "x/y", Size: 2}}
	want := []WantFile{{Name: ptr("b"), Size: ptr(int64(2))}, {Type: ptr("X/Y")}}
	if !sameFiles(want, got) {
		t.Error("the same files, and they differ")
	}
	if sameFiles(want[:1], got) || sameFiles([]WantFile{{Name: ptr("b")}, {Name: ptr("b")}}, got) {
		t.Error("other files, and they are the same")
	}
}

func TestMboxIsSplit(t *testing.T) {
	t.Parallel()
	got := splitMbox([]byte("From a@b Mon Jan  5 15:04:05 2026\nSubject: 1\n\nFrom here on.\n\nFrom a@b Mon Jan  5 15:04:06 2026\nSubject: 2\n"))
	if len(got) != 2 || !strings.HasPrefix(string(got[1]), "Subject: 2") || !strings.Contains(string(got[0]), "From here") {
		t.Errorf("%q", got)
	}
	if got := splitMbox([]byte("Subject: 1\n\nFrom a@b Mon Jan  5 15:04:05 2026\n")); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// TestReasonsAreSorted keeps the table readable: in order, each line for a set that exists and a field that is measured.
func TestReasonsAreSorted(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/reasons.txt")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "#") && strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	if !slices.IsSorted(lines) {
		t.Error("reasons.txt is not sorted")
	}
	if len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Error("reasons.txt has a line twice")
	}
	reasons, err := readReasons("testdata/reasons.txt")
	if err != nil {
		t.Fatal(err)
	}
	for key := range reasons {
		name, _, _ := strings.Cut(key, "/")
		if !slices.Contains([]string{"aside", "open", "golden"}, name) && !slices.ContainsFunc(sets, func(s set) bool { return s.name == name }) {
			t.Errorf("%s: no such set", key)
		}
		if !slices.ContainsFunc(fields, func(f field) bool { return strings.HasSuffix(key, " "+f.name) }) {
			t.Errorf("%s: no such field", key)
		}
	}
}

// TestSetsAreWhole holds the table of sets against its own form: nothing is downloaded.
func TestSetsAreWhole(t *testing.T) {
	t.Parallel()
	sum := regexp.MustCompile(`^(h1:[\w+/]{43}=|[0-9a-f]{64})$`)
	seen := map[string]bool{}
	for _, s := range sets {
		if seen[s.name] || s.about == "" || len(s.files) == 0 || !sum.MatchString(s.sum) || !regexp.MustCompile(`^(go|debian|npm) `).MatchString(s.source) {
			t.Errorf("%+v", s)
		}
		seen[s.name] = true
		for _, f := range s.files {
			if _, err := filepath.Match(f, "x"); err != nil {
				t.Errorf("%s: %s: %v", s.name, f, err)
			}
		}
	}
}
