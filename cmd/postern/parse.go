package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"postern/internal/mail"
)

func (p *program) parse() *cobra.Command {
	return &cobra.Command{
		Use: "parse [FILE or FOLDER…]", Short: "Print what a mail says, a JSON line each",
		Long: `Reads mail and prints one JSON line a message: file subject from to cc date messageId inReplyTo references text
newText html attachments[name,type,size,sha256,inline] kind report isReply isForward isAutoReply isBounce isList warnings. kind is
human, ooo, bounce, delay, feedback, receipt, calendar, bulk, list or notification; report says of a bounce or a delay which mail
did not arrive: messageId recipients[email,action,status,reason,diagnostic]. Where there is one, calendar is the summary of an
invitation or its answer, signed and encrypted say how ("pgp" or "smime"; nothing is verified), and message in an attachment is
the mail that the file is, with the same names. A "-" or no file reads standard input; of a folder
every file in it is read. Whatever the bytes are, a line is printed.`,
		Example: `  postern parse mail.eml | jq -r .newText
  postern parse ~/Maildir/new | jq -r .subject`,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"-"}
			}
			failed := false
			for _, name := range args {
				for _, file := range filesOf(name) {
					if err := p.parseOne(file); err != nil {
						failed = true
						fmt.Fprintln(p.err, "postern: "+err.Error())
					}
				}
			}
			if failed {
				return &exit{code: exitFailed}
			}
			return nil
		},
	}
}

// filesOf is a file itself, and of a folder all files in it and below.
func filesOf(name string) []string {
	if info, err := os.Stat(name); name == "-" || err != nil || !info.IsDir() {
		return []string{name} // one that cannot be read has its line too
	}
	var out []string
	_ = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() && d.Type()&fs.ModeSymlink == 0 {
			return nil
		}
		if !d.IsDir() {
			out = append(out, path)
		}
		return nil
	})
	return out
}

// parseOne prints one mail. A file that cannot be read has its line too, with what was read of it.
func (p *program) parseOne(name string) error {
	in, done, err := p.input(name)
	if err != nil {
		in, done = bytes.NewReader(nil), func() {}
	}
	defer done()
	m, perr := parseSafely(in)
	if err == nil {
		err = perr
	}
	if err != nil {
		m.Warnings = append(m.Warnings, mail.Warning{Code: "unreadable", Detail: err.Error()})
	}
	b, jerr := m.MarshalParsed(name)
	if jerr != nil {
		return jerr
	}
	if _, werr := p.out.Write(append(bytes.TrimRight(b, "\n"), '\n')); werr != nil {
		return werr
	}
	return err
}

// parseSafely parses; a panic of ours costs that mail its line's contents, and no other mail anything.
func parseSafely(in io.Reader) (m *mail.Message, err error) {
	defer func() {
		if p := recover(); p != nil {
			m, err = &mail.Message{}, fmt.Errorf("a fault of ours, please report it with the mail: panic: %v", p)
		}
	}()
	m, err = mail.Parse(in, mail.Options{})
	if m == nil {
		m = &mail.Message{}
	}
	return m, err
}

// input opens a file, or standard input for "-".
func (p *program) input(name string) (io.Reader, func(), error) {
	if name == "-" {
		return p.in, func() {}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, err
	}
	return f, func() { _ = f.Close() }, nil
}
