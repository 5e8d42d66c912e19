package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
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

// write puts what was measured between the marks of a document. Marks for what was not measured keep what they hold.
func (r *report) write(path string) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"figures": r.figures(), "speed": r.speed} {
		if text == "" {
			continue
		}
		from, to := []byte("<!-- "+name+" -->\n"), []byte("<!-- /"+name+" -->")
		head, rest, ok := bytes.Cut(doc, from)
		_, tail, ok2 := bytes.Cut(rest, to)
		if !ok || !ok2 {
			return fmt.Errorf("%s lacks its marks for %s", path, name)
		}
		doc = bytes.Join([][]byte{head, from, []byte(text), to, tail}, nil)
	}
	return os.WriteFile(path, doc, 0o644)
}

// figures is what was counted, as Markdown.
func (r *report) figures() string {
	var b strings.Builder
	for _, g := range r.groups {
		if g.mails == 0 {
			fmt.Fprintf(&b, "The %s were not there to be measured.\n\n", g.about)
		} else if g.name == "aside" || g.name == "open" {
			fmt.Fprintf(&b, "### The %s: %d mails\n\n", g.about, g.mails)
			tableHead(&b, "right", "known of")
			for _, f := range fields {
				if n := g.known[f.name]; n > 0 {
					fmt.Fprintf(&b, "| %s | %d |%s\n", f.name, n, g.shares(f.name))
				}
			}
			b.WriteByte('\n')
		}
	}
	b.WriteString("### Public sets that say what is right\n\n")
	tableHead(&b, "set and field", "known of")
	for _, g := range r.groups {
		if g.name == "aside" || g.name == "open" {
			continue
		}
		for _, f := range fields {
			if n := g.known[f.name]; n > 0 {
				fmt.Fprintf(&b, "| %s: %s | %d |%s\n", g.name, f.name, n, g.shares(f.name))
			}
		}
	}
	b.WriteString("\n### Where nobody says what is right\n\n" +
		"Subject, sender, date, text and attachments of each mail, held against each other. *Only we*: both peers have nothing, or cannot read the mail. *Both against us*: they agree with each\n" +
		"other and not with us; each case has been read, and its reason is in `reasons.txt`.\n\n" +
		"| set | mails | enmime, go-message read nothing of | fields compared | all agree | the peers differ | only we | both against us |\n|---|--:|--:|--:|--:|--:|--:|--:|\n")
	for _, g := range r.groups {
		if g.name == "aside" || g.name == "open" {
			continue
		}
		var n [4]int
		for _, a := range g.alike {
			for i := range n {
				n[i] += a[i]
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %d, %d | %d | %d | %d | %d | %d |\n", g.about, g.mails, g.failed[1], g.failed[2], n[0]+n[1]+n[2]+n[3], n[0], n[2], n[3], n[1])
	}
	b.WriteString("\n### Where a peer is right and we are wrong, and know it\n\n")
	none := true
	for _, key := range slices.Compact(slices.Clone(r.behind)) {
		if why, wrong := strings.CutPrefix(r.reasons[key], "wrong: "); wrong {
			fmt.Fprintf(&b, "- %s: %s\n", key, why)
			none = false
		}
	}
	if none {
		b.WriteString("Nowhere.\n")
	}
	b.WriteByte('\n')
	for _, a := range r.absent {
		fmt.Fprintf(&b, "Not to be had when this was written: %s\n", a)
	}
	return b.String()
}

func tableHead(b *strings.Builder, first, second string) {
	fmt.Fprintf(b, "| %s | %s |", first, second)
	for _, r := range readers {
		fmt.Fprintf(b, " %s |", r.name)
	}
	b.WriteString("\n|---|--:|" + strings.Repeat("--:|", len(readers)) + "\n")
}

// shares are the cells of a row, one a reader.
func (g *group) shares(field string) string {
	var b strings.Builder
	for k := range readers {
		fmt.Fprintf(&b, " %s |", share(readers[k], field, g.right[field][k], g.known[field]))
	}
	return b.String()
}
