package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// fetch returns a folder with the files of a public set, which it downloads by the registry's own client once
// and keeps under cache. The error says why it is not to be had here.
func (s *set) fetch(cache string) (string, error) {
	kind, what, _ := strings.Cut(s.source, " ")
	switch kind {
	case "go":
		return s.fetchGo(what)
	case "debian", "npm":
	default:
		return "", fmt.Errorf("no such source: %s", kind)
	}
	cache, err := filepath.Abs(cache)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, s.name+"-"+s.sum[:12])
	if _, err := os.Stat(filepath.Join(dir, "done")); err == nil {
		return filepath.Join(dir, "x"), nil
	}
	if err := os.MkdirAll(filepath.Join(dir, "x"), 0o755); err != nil {
		return "", err
	}
	var archive string
	if kind == "npm" {
		archive, err = npmPack(dir, what)
	} else {
		archive, err = aptSource(cache, dir, what)
	}
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(archive)
	if err != nil {
		return "", err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != s.sum {
		return "", fmt.Errorf("%s: sha256 is %x, not %s", filepath.Base(archive), sum, s.sum)
	}
	if out, err := run(dir, "tar", "xf", archive, "-C", "x", "--strip-components=1"); err != nil {
		return "", fmt.Errorf("unpack: %w: %s", err, out)
	}
	return filepath.Join(dir, "x"), os.WriteFile(filepath.Join(dir, "done"), nil, 0o644)
}

// fetchGo asks the go command, which checks the module against the checksum database.
func (s *set) fetchGo(module string) (string, error) {
	out, err := run("", "go", "mod", "download", "-json", module)
	var m struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &m); jsonErr != nil {
		return "", fmt.Errorf("go mod download: %w", err)
	}
	switch {
	case m.Error != "":
		return "", fmt.Errorf("go mod download: %s", firstLine(m.Error))
	case m.Sum != s.sum:
		return "", fmt.Errorf("%s: sum is %s, not %s", module, m.Sum, s.sum)
	}
	return m.Dir, nil
}

// npmPack downloads a package without installing or running anything of it.
func npmPack(dir, what string) (string, error) {
	out, err := run(dir, "npm", "pack", "--silent", "--ignore-scripts", what)
	if err != nil {
		return "", fmt.Errorf("npm pack: %w: %s", err, firstLine(string(out)))
	}
	return filepath.Join(dir, strings.TrimSpace(string(out))), nil
}

// aptSource downloads a source package with lists and settings of its own: the machine's are left alone. A mirror may lack
// Debian's changes and still have what upstream published, and that is all that is needed.
func aptSource(cache, dir, what string) (string, error) {
	suite, pkg, _ := strings.Cut(what, " ")
	home := filepath.Join(cache, "apt-"+suite)
	options := []string{"-q", "-o", "Dir::Etc::SourceList=" + filepath.Join(home, "sources.list"), "-o", "Dir::Etc::SourceParts=-",
		"-o", "Dir::State::Lists=" + filepath.Join(home, "lists"), "-o", "Dir::Cache=" + filepath.Join(home, "cache"), "-o", "Debug::NoLocking=1"}
	if _, err := os.Stat(filepath.Join(home, "done")); err != nil {
		for _, d := range []string{"lists/partial", "cache/archives/partial"} {
			if err := os.MkdirAll(filepath.Join(home, d), 0o755); err != nil {
				return "", err
			}
		}
		list := "deb-src http://deb.debian.org/debian " + suite + " main\n"
		if err := os.WriteFile(filepath.Join(home, "sources.list"), []byte(list), 0o644); err != nil {
			return "", err
		}
		if out, err := run(home, "apt-get", append(options, "update")...); err != nil {
			return "", fmt.Errorf("apt-get update: %w: %s", err, lastLine(string(out)))
		}
		if err := os.WriteFile(filepath.Join(home, "done"), nil, 0o644); err != nil {
			return "", err
		}
	}
	out, err := run(dir, "apt-get", append(options, "source", "--download-only", pkg)...)
	found, _ := filepath.Glob(filepath.Join(dir, "*.orig.tar.*"))
	for _, f := range found {
		if !strings.HasSuffix(f, ".asc") {
			return f, nil
		}
	}
	return "", fmt.Errorf("apt-get source %s: %w: %s", pkg, err, lastLine(string(out)))
}

func run(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stderr = nil
	if name != "go" { // its JSON would be mixed with its progress
		return cmd.CombinedOutput()
	}
	return cmd.Output()
}

func firstLine(s string) string { s, _, _ = strings.Cut(strings.TrimSpace(s), "\n"); return s }

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
