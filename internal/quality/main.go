// Command quality measures what postern/internal/mail understands, beside enmime and go-message on the same mails:
// docs/quality.md. It fails where a peer is right, we are wrong, and testdata/reasons.txt does not say why that is so.
//
//	go run . [-write] [-speed] [-open] [-aside folders] [-v] [-sets name,name]
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// readers are who is measured; we come first.
var readers = []Reader{
	{name: "Postern", read: readOurs},
	{name: "enmime", read: readEnmime, lacks: []string{"kind", "reply or not", "forward or not", "bounce: reason", "calendar"}},
	{name: "go-message", read: readGoMessage, lacks: []string{"new text", "kind", "reply or not", "forward or not", "bounce: recipients", "bounce: status", "bounce: reason", "bounce: id", "calendar"}},
}

func main() {
	write := flag.Bool("write", false, "write the figures into docs/quality.md")
	speed := flag.Bool("speed", false, "measure the speed too")
	open := flag.Bool("open", false, "only the open cases and the golden mails: nothing is downloaded")
	verbose := flag.Bool("v", false, "print what each reader says where they disagree")
	only := flag.String("sets", "", "only these public sets, separated by commas")
	aside := flag.String("aside", "", "folders of cases set aside, separated by commas, beside testdata/cases/aside")
	root := flag.String("root", "../..", "the folder of the repository")
	flag.Parse()
	if err := measure(os.Stdout, *root, *only, *aside, *open, *verbose, *speed, *write); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(out io.Writer, root, only, aside string, open, verbose, speed, write bool) error {
	reasons, err := readReasons(filepath.Join(root, "internal/quality/testdata/reasons.txt"))
	if err != nil {
		return err
	}
	r := report{reasons: reasons, verbose: verbose, out: out}
	cases := filepath.Join(root, "internal/mail/testdata/cases")
	if only == "" {
		if !open {
			var mails []Mail
			for _, dir := range append(strings.Split(aside, ","), filepath.Join(cases, "aside")) {
				mails = append(mails, must(readCases(dir))...)
			}
			r.group("aside", "cases set aside", mails)
		}
		r.group("open", "open cases", must(readCases(filepath.Join(cases, "open"))))
		r.group(golden, "golden mails of internal/mail", must(readGolden(filepath.Join(root, "internal/mail/testdata/golden"))))
	}
	for _, s := range sets {
		if open || only != "" && !slices.Contains(strings.Split(only, ","), s.name) {
			continue
		}
		dir, err := s.fetch(filepath.Join(root, "bin/_quality")) // the go command passes over names with _
		if err != nil {
			r.missing(&s, err)
			continue
		}
		r.group(s.name, s.about, must(s.mails(dir)))
	}
	r.print()
	if speed {
		if err := r.measureSpeed(root); err != nil {
			return err
		}
	}
	if write {
		if err := r.write(filepath.Join(root, "docs/quality.md")); err != nil {
			return err
		}
	}
	return r.verdict(only == "" && !open)
}

func must(mails []Mail, err error) []Mail {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return mails
}
