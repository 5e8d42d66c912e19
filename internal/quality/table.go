package main

import (
	"bytes"
	"fmt"
	"os"
	"text/tabwriter"
)

// print writes the figures as a table for the terminal.
func (r *report) print() {
	w := tabwriter.NewWriter(r.out, 2, 8, 2, ' ', 0)
	for _, g := range r.groups {
		fmt.Fprintf(w, "\n%s (%s): %d mails\n", g.name, g.about, g.mails)
		for k := range readers {
			if g.failed[k] > 0 {
				fmt.Fprintf(w, "  %s reads nothing at all of %d\n", readers[k].name, g.failed[k])
			}
		}
		for _, row := range g.rows() {
			for _, cell := range row {
				fmt.Fprintf(w, "  %s\t", cell)
			}
			fmt.Fprintln(w)
		}
	}
	w.Flush()
	for _, a := range r.absent {
		fmt.Fprintln(r.out, "not to be had here:", a)
	}
}

func (g *group) rows() [][]string {
	var rows [][]string
	for _, f := range fields {
		n := g.known[f.name]
		if n > 0 {
			row := []string{f.name, fmt.Sprintf("of %d", n)}
			for k := range readers {
				row = append(row, share(readers[k], f.name, g.right[f.name][k], n))
			}
			rows = append(rows, row)
		}
		if a := g.alike[f.name]; a[0]+a[1]+a[2]+a[3] > 0 {
			rows = append(rows, []string{f.name, fmt.Sprintf("all agree %d", a[0]), fmt.Sprintf("both peers against us %d", a[1]), fmt.Sprintf("peers differ %d", a[2]), fmt.Sprintf("only we %d", a[3])})
		}
	}
	return rows
}

func share(r Reader, field string, right, of int) string {
	for _, l := range r.lacks {
		if l == field {
			return "-"
		}
	}
	return fmt.Sprintf("%.1f %%", 100*float64(right)/float64(of))
}

// write puts the figures between the marks of a document.
func (r *report) write(path string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	const from, to = "<!-- figures -->\n", "<!-- /figures -->"
	head, rest, ok := bytes.Cut(doc, []byte(from))
	_, tail, ok2 := bytes.Cut(rest, []byte(to))
	if !ok || !ok2 {
		return fmt.Errorf("%s lacks its marks", path)
	}
	return os.WriteFile(path, bytes.Join([][]byte{head, []byte(from), r.markdown(), []byte(to), tail}, nil), 0o644)
}

func (r *report) markdown() []byte { return nil }
