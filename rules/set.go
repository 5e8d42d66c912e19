package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/dsl"
)

// LoadOptions say what a set is compiled against.
type LoadOptions struct {
	Vocabulary dsl.Vocabulary // the names that rules may use; also what a value known only later is held against
	Now        time.Time      // by which rules are over, for warnings; zero means the clock's

	Gently bool // rests between rules: there is mail to be decided meanwhile

	watch bool // see dsl.Options.Watch
}

// A Set is rules that are compiled and ready to decide. It never changes and may be used by many
// goroutines at once.
type Set struct {
	version    string
	files      files
	program    *dsl.Program
	failures   *failures // of its rules on this node, which alone changes
	vocabulary dsl.Vocabulary
	dir        string // what people call the folder; "" for stored and built-in sets

	envelope plan
	mail     plan
	tokens   map[string]command // by name in lower case
}

// A command is a token's name as it is spelled, and its blocks.
type command struct {
	name  string
	rules []*dsl.Rule
}

// Load reads and compiles the rules in a folder: every *.rules file there, in the order of their names, and the
// files that lists name, below the folder. It returns no set when a diagnostic is an error. A folder that is
// missing is an error; one without rules files makes an empty set and a warning.
func Load(dir string, o LoadOptions) (*Set, dsl.Diagnostics) {
	s, _, diags := load(dir, o)
	return s, diags
}

// load returns the version of the files, too, where they make no set.
func load(dir string, o LoadOptions) (_ *Set, version string, _ dsl.Diagnostics) {
	d, err := openFolder(dir)
	if err != nil {
		return nil, "", troubleWith(dir, err)
	}
	defer d.close()
	bad, err := d.readRules()
	if err != nil {
		return nil, "", troubleWith(dir, err)
	}
	s, diags := compile(d.read, d.open, o)
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		s = nil
		diags = append(diags, dsl.Diagnostic{Pos: dsl.Pos{File: name, Line: 1, Column: 1}, Message: "this file cannot be read: " + bad[name].Error()})
	}
	if s != nil {
		s.dir = filepath.ToSlash(filepath.Clean(dir))
		if len(s.files) == 0 {
			diags = append(diags, dsl.Diagnostic{Pos: dsl.Pos{Line: 1, Column: 1}, Severity: dsl.SeverityWarning,
				Message: "the folder holds no *.rules files: every message becomes an issue as its mailbox says"})
		}
	}
	for i := range diags {
		d := &diags[i]
		d.File, d.End.File = inFolder(dir, d.File), inFolder(dir, d.End.File)
		for j := range d.Related {
			d.Related[j].File = inFolder(dir, d.Related[j].File)
		}
	}
	return s, d.read.version(), diags
}

// FromFiles compiles what [Set.Files] gave: paths below the rules folder, and the texts there.
func FromFiles(stored map[string]string, o LoadOptions) (*Set, dsl.Diagnostics) {
	f, err := fromStored(stored)
	if err != nil {
		return nil, troubleWith("stored rules", err)
	}
	return compile(f, f.open, o)
}

func compile(f files, open func(string) ([]byte, error), o LoadOptions) (*Set, dsl.Diagnostics) {
	parsed, options, diags := f.parse(open, o)
	// Also with errors of syntax, so that all that is wrong is told at once.
	program, found := dsl.Compile(parsed, options)
	diags = append(diags, found...).Sorted()
	if diags.HasErrors() || program == nil {
		return nil, diags
	}
	s := &Set{version: f.version(), files: f, failures: &failures{}, vocabulary: o.Vocabulary}
	return s.with(program), diags
}

// parse reads the rules files, for a compiler that finds the others by open.
func (f files) parse(open func(string) ([]byte, error), o LoadOptions) (parsed []*dsl.File, options dsl.Options, diags dsl.Diagnostics) {
	pause := o.pause()
	for _, name := range f.rulesFiles() {
		pause()
		file, found := dsl.Parse(name, f[name])
		diags = append(diags, found...)
		if isTestFile(name) {
			diags = append(diags, onlyTests(file)...)
		}
		parsed = append(parsed, file)
	}
	return parsed, dsl.Options{Vocabulary: o.Vocabulary, Now: o.Now, Watch: o.watch, Pause: pause, Open: func(name string) (io.ReadCloser, error) {
		clean, err := cleanName(name)
		if err != nil {
			return nil, err
		}
		b, err := open(clean)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}}, diags
}

// with is the set with a program of its files.
func (s *Set) with(program *dsl.Program) *Set {
	out := *s
	out.program, out.tokens = program, map[string]command{}
	out.envelope = newPlan(program.Rules, dsl.StageEnvelope)
	out.mail = newPlan(program.Rules, dsl.StageMail)
	for _, r := range program.Tokens {
		if r.Disabled {
			continue // what a sender writes is then just text
		}
		key := strings.ToLower(r.Name)
		c, ok := out.tokens[key]
		if !ok {
			c.name = r.Name
		}
		c.rules = append(c.rules, r)
		out.tokens[key] = c
	}
	return &out
}

// onlyTests: what decides mail should not hide in a file whose name says that it tests.
func onlyTests(f *dsl.File) dsl.Diagnostics {
	var diags dsl.Diagnostics
	for _, r := range f.Rules {
		diags = append(diags, dsl.Diagnostic{Pos: r.Pos, Message: fmt.Sprintf("%q stands in a file for tests, where it would decide mail too", r.Name),
			Hint: "move it to a file whose name does not end in _test.rules"})
	}
	return diags
}

func troubleWith(dir string, err error) dsl.Diagnostics {
	d := dsl.Diagnostic{Pos: dsl.Pos{File: filepath.ToSlash(filepath.Clean(dir)), Line: 1, Column: 1}}
	if errors.Is(err, fs.ErrNotExist) {
		d.Message = "the rules folder does not exist"
		d.Hint = "make it, or set rules: in the configuration to where the rules are"
	} else {
		d.Message = "the rules folder cannot be read: " + plain(dir, err).Error()
	}
	return dsl.Diagnostics{d}
}

// inFolder names a file of the set as people find it from where they stand.
func inFolder(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.ToSlash(filepath.Join(dir, filepath.FromSlash(name)))
}

// Version is a hash of every file the set was made of, in hex: the same files give the same version anywhere.
func (s *Set) Version() string { return s.version }

// Short is the beginning of the version, for people.
func (s *Set) Short() string { return s.version[:12] }

// Files are the texts that the set was made of, by path below the rules folder, lists included; what is no
// valid text is base64 behind a mark that [FromFiles] knows.
func (s *Set) Files() map[string]string { return s.files.stored() }

// Program is the compiled program, for those who list or explain rules.
func (s *Set) Program() *dsl.Program { return s.program }
