package rules

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"postern/dsl"
)

// A Draft is a set of rules that somebody is writing: what an editor asks about it, and what is wrong with it.
type Draft struct {
	read  files // the rules files
	open  func(string) ([]byte, error)
	names func() []string
	bad   dsl.Diagnostics // files that cannot be read
	o     LoadOptions
	dir   string
}

// NewDraft takes the rules files of a folder as they are on disk, and over them those that are open in an editor, by their path below
// the folder. The files that lists name are read when they are asked for.
func NewDraft(dir string, open map[string][]byte, o LoadOptions) *Draft {
	d := &Draft{read: files{}, o: o, dir: dir}
	folder, err := openFolder(dir)
	if err == nil {
		defer folder.close()
		maps.Copy(folder.read, open)
		var bad map[string]error
		if bad, err = folder.readRules(); err == nil {
			for name, text := range open {
				if isRulesFile(name) && len(text) > MaxRulesFile {
					bad[name] = fmt.Errorf("%s is larger than %d MiB", name, MaxRulesFile>>20)
					delete(folder.read, name)
				}
			}
			for _, name := range slices.Sorted(maps.Keys(bad)) {
				d.bad = append(d.bad, dsl.Diagnostic{Pos: dsl.Pos{File: name, Line: 1, Column: 1}, Message: "this file cannot be read: " + bad[name].Error()})
			}
		}
		d.read = folder.read
	}
	if err != nil { // a folder that is not there yet
		maps.Copy(d.read, open)
	}
	d.open = func(name string) ([]byte, error) {
		folder, err := openFolder(dir)
		if err != nil {
			return nil, plain(dir, err)
		}
		defer folder.close()
		maps.Copy(folder.read, open)
		return folder.open(name)
	}
	d.names = func() []string { return namesBelow(dir) }
	return d
}

// DraftOf takes a set's files as [Set.Files] gives them.
func DraftOf(stored map[string]string, o LoadOptions) (*Draft, error) {
	if err := wellNamed(stored); err != nil {
		return nil, err
	}
	f, err := fromStored(stored)
	if err != nil {
		return nil, err
	}
	return &Draft{read: f, open: f.open, o: o, names: func() []string {
		return slices.DeleteFunc(slices.Sorted(maps.Keys(f)), isRulesFile)
	}}, nil
}

// Check is all that is wrong with the set, and what its author may not have meant, as [Load] says it. Names are those below the folder.
func (d *Draft) Check() dsl.Diagnostics {
	_, diags := compile(d.read, d.open, d.o)
	return append(diags, d.bad...).Sorted()
}

// Workspace answers what an editor asks.
func (d *Draft) Workspace() *dsl.Workspace {
	var parsed []*dsl.File
	for _, name := range d.read.rulesFiles() {
		f, _ := dsl.Parse(name, d.read[name])
		parsed = append(parsed, f)
	}
	return dsl.NewWorkspace(parsed, dsl.Options{Vocabulary: d.o.Vocabulary, Now: d.o.Now, Open: func(name string) (io.ReadCloser, error) {
		clean, err := cleanName(name)
		if err != nil {
			return nil, err
		}
		b, err := d.open(clean)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}}, d.names)
}

// IsRulesFile says whether a file of a folder, by its name, is one of rules.
func IsRulesFile(name string) bool { return isRulesFile(name) }

const mostNames = 1000 // of files below a folder that are offered

// namesBelow are the files below a folder that a list or a test may name.
func namesBelow(dir string) []string {
	d, err := openFolder(dir)
	if err != nil {
		return nil
	}
	defer d.close()
	var names []string
	looked := 0
	_ = fs.WalkDir(d.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		looked++
		switch {
		case err != nil || looked > 20*mostNames || len(names) == mostNames:
			return fs.SkipAll
		case strings.HasPrefix(e.Name(), ".") && name != ".":
			if e.IsDir() {
				return fs.SkipDir
			}
		case !e.IsDir() && !isRulesFile(name):
			names = append(names, name)
		}
		return nil
	})
	return names
}
