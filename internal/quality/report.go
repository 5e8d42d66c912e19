package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// golden is the group of our own golden mails. Each was read by people when it was written: where both peers agree against
// us there, no further reason is asked for.
const golden = "golden"

// readGolden reads the mails of the golden files. What stands beside them is what we said of them: no truth to measure by.
func readGolden(dir string) ([]Mail, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.txtar"))
	var mails []Mail
	for _, file := range files {
		ar, err := txtar.ParseFile(file)
		if err != nil || len(ar.Files) == 0 {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		mails = append(mails, Mail{name: strings.TrimSuffix(filepath.Base(file), ".txtar"), raw: ar.Files[0].Data})
	}
	return mails, err
}

// readReasons reads one reason a line: set/file, the field, a colon, why the peers are not right there after all; or
// "wrong: " and why we are, which the document tells.
func readReasons(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	reasons := map[string]string{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		line := strings.TrimSpace(sc.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, why, ok := strings.Cut(line, ": ")
		if !ok || strings.TrimSpace(why) == "" {
			return nil, fmt.Errorf("%s: no reason in %q", path, line)
		}
		reasons[key] = strings.TrimSpace(why)
	}
	return reasons, nil
}

// A report is what was measured so far.
type report struct {
	out     io.Writer
	verbose bool
	reasons map[string]string
	groups  []group
	behind  []string // where a peer is right and we are wrong, or both peers agree against us: "set/file field"
	absent  []string
	speed   string // as Markdown, "" when it was not measured
}

// A group is the figures of one set.
type group struct {
	name, about string
	mails       int
	known       map[string]int    // of each field: how many truths say something about it
	right       map[string][]int  // of each field: how often each reader is right
	alike       map[string][4]int // of each field without a truth: all agree, two against us, the peers differ, only we have something
	failed      []int
}

func (r *report) missing(s *set, err error) {
	r.absent = append(r.absent, fmt.Sprintf("%s (%s): %v", s.name, s.source, err))
}

// group reads the mails with all readers and counts.
func (r *report) group(name, about string, mails []Mail) {
	g := group{name: name, about: about, mails: len(mails), known: map[string]int{}, right: map[string][]int{}, alike: map[string][4]int{}, failed: make([]int, len(readers))}
	for i := range mails {
		m := &mails[i]
		got := make([]Reading, len(readers))
		for k := range readers {
			got[k] = readers[k].safely(m.raw)
			if got[k].Failed != "" {
				g.failed[k]++
			}
		}
		for _, f := range fields {
			if f.known(&m.want) {
				r.judge(&g, m, f, got)
			} else if same := agreement[f.name]; same != nil && name != "open" && name != "aside" { // whoever wrote a case said what matters
				r.compare(&g, m, f.name, same, got)
			}
		}
	}
	r.groups = append(r.groups, g)
}

// judge holds readings against a truth.
func (r *report) judge(g *group, m *Mail, f field, got []Reading) {
	g.known[f.name]++
	if g.right[f.name] == nil {
		g.right[f.name] = make([]int, len(readers))
	}
	var ok []bool
	for k := range readers {
		ok = append(ok, !slices.Contains(readers[k].lacks, f.name) && got[k].Failed == "" && f.right(&m.want, &got[k]))
		if ok[k] {
			g.right[f.name][k]++
		}
	}
	if !ok[0] && slices.Contains(ok, true) {
		r.behindAt(g, m, f.name, got)
	} else if !ok[0] && r.verbose {
		fmt.Fprintf(r.out, "wrong, as the others: %s/%s %s\n", g.name, m.name, f.name)
		r.show(m, f.name, got)
	}
}

// compare holds readings against each other, where nobody said what is true: two peers who agree may be right.
func (r *report) compare(g *group, m *Mail, field string, same func(a, b *Reading) bool, got []Reading) {
	if got[1].Failed != "" && got[2].Failed != "" {
		return
	}
	for k := range got[1:] { // who is left is held against itself
		if got[1+k].Failed != "" {
			got = slices.Clone(got)
			got[1+k] = got[2-k]
		}
	}
	n := g.alike[field]
	switch {
	case !same(&got[1], &got[2]):
		n[2]++
		if r.verbose && !same(&got[0], &got[1]) {
			fmt.Fprintf(r.out, "the peers differ: %s/%s %s\n", g.name, m.name, field)
			r.show(m, field, got)
		}
	case same(&got[0], &got[1]):
		n[0]++
	case silent(&got[1], field):
		n[3]++
	default:
		n[1]++
		if g.name != golden {
			r.behindAt(g, m, field, got)
		}
	}
	g.alike[field] = n
}

func (r *report) behindAt(g *group, m *Mail, field string, got []Reading) {
	key := g.name + "/" + m.name + " " + field
	if g.name == "aside" { // its mails are not named, so that they stay a measure
		key = g.name + "/* " + field
	}
	r.behind = append(r.behind, key)
	if r.verbose {
		fmt.Fprintf(r.out, "behind: %s (%s)\n", key, r.reasons[key])
		r.show(m, field, got)
	}
}

// show prints what each reader says.
func (r *report) show(m *Mail, field string, got []Reading) {
	if w := wanted(&m.want, field); w != "" {
		fmt.Fprintf(r.out, "    %-10s %s\n", "want", w)
	}
	for k := range readers {
		fmt.Fprintf(r.out, "    %-10s %s\n", readers[k].name, said(&got[k], field))
	}
}

// measured says whether mails of the set that a reason is for were there.
func (r *report) measured(key string) bool {
	name, _, _ := strings.Cut(key, "/")
	return slices.ContainsFunc(r.groups, func(g group) bool { return g.name == name && g.mails > 0 })
}

// verdict fails where a peer is right and we are not without a reason, and where a reason is no longer needed.
func (r *report) verdict(all bool) error {
	var without, unused []string
	for _, key := range r.behind {
		if r.reasons[key] == "" {
			without = append(without, key)
		}
	}
	if all && len(r.absent) == 0 {
		for key := range r.reasons {
			if !slices.Contains(r.behind, key) && r.measured(key) {
				unused = append(unused, key)
			}
		}
	}
	slices.Sort(unused)
	var errs []error
	if len(without) > 0 {
		errs = append(errs, fmt.Errorf("a peer is right and we are wrong, or both agree against us, and testdata/reasons.txt does not say why:\n  %s", strings.Join(without, "\n  ")))
	}
	if len(unused) > 0 {
		errs = append(errs, fmt.Errorf("reasons that nothing needs any more:\n  %s", strings.Join(unused, "\n  ")))
	}
	return errors.Join(errs...)
}
