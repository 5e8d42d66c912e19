package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postern/dsl"
	"postern/internal/config"
	"postern/internal/intake"
	"postern/internal/issue"
	"postern/rules"
)

// openRules publishes the folder's rules where they are new and good, or takes up what was published last.
func (a *App) openRules(ctx context.Context, c *config.Config) error {
	node, err := nodeName(c)
	if err != nil {
		return err
	}
	dir := rulesDir(c)
	var archive rules.Archive = &archive{a.store, filepath.Join(c.Data, "rules.seen"), "files@" + node}
	if a.o.Dry {
		archive = dry{archive}
	}
	a.rules = rules.NewLive(rules.LiveOptions{
		Dir: dir, Builtin: c.Rules == "" || c.RulesInStore(),
		Load: func() rules.LoadOptions { return rules.LoadOptions{Vocabulary: a.policy.Load().Vocabulary} },
		Simulate: func(ctx context.Context, s *rules.Set, t *dsl.Test) (*dsl.Outcome, []rules.Entry, error) {
			return intake.Simulate(a.policy.Load())(ctx, s, t)
		},
		Archive: archive, By: "files@" + node, Log: a.part("rules"), Now: a.o.Now, Follow: follow(c),
	})
	if err := a.rules.Start(ctx); err != nil {
		return problems(err)
	}
	return nil
}

// follow is how often a node asks what others published. An embedded store has no others.
func follow(c *config.Config) time.Duration {
	if c.Store.MongoDB.IsSet() {
		return 2 * time.Second
	}
	return time.Minute
}

// rulesDir is the configured folder, or the one beside the configuration that is used when it is there; "" where the rules
// live in the store.
func rulesDir(c *config.Config) string {
	switch {
	case c.RulesInStore():
		return ""
	case c.Rules != "":
		return c.Rules
	}
	return filepath.Join(filepath.Dir(c.File), "rules")
}

// nodeName tells this node from others that share a store: the machine's name and chance, made at the first start and kept in the
// data folder. An embedded store has one node only.
func nodeName(c *config.Config) (string, error) {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	if !c.Store.MongoDB.IsSet() {
		return host, nil
	}
	path := filepath.Join(c.Data, "node")
	b, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(b)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read this node's name: %w", err)
	}
	name := host + "-" + strings.ToLower(rand.Text()[:6])
	if err := writeFile(path, name+"\n"); err != nil {
		return "", fmt.Errorf("keep this node's name: %w", err)
	}
	return name, nil
}

// writeFile replaces a small file, whole or not at all.
func writeFile(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// An archive keeps publications in the store, and in the data folder what this node's rules folder held last.
type archive struct {
	store issue.Store
	seen  string // the file
	by    string // as which this node publishes its folder
}

var _ rules.Archive = (*archive)(nil)

func publication(r *issue.Ruleset) rules.Publication {
	return rules.Publication{Number: r.Number, Version: r.Version, Files: r.Files, At: r.PublishedAt, By: r.By, Note: r.Note}
}

// Latest asks for the files only where they are news.
func (k *archive) Latest(ctx context.Context, known int64) (rules.Publication, error) {
	last, _, err := k.store.Rulesets(ctx, issue.RulesetQuery{Page: issue.Page{Limit: 1}})
	if err != nil || len(last) == 0 {
		return rules.Publication{}, err
	}
	if last[0].Number == known {
		return publication(last[0]), nil
	}
	return k.Get(ctx, last[0].Number)
}

func (k *archive) Get(ctx context.Context, number int64) (rules.Publication, error) {
	r, err := k.store.Ruleset(ctx, number)
	if err != nil {
		return rules.Publication{}, err
	}
	return publication(r), nil
}

func (k *archive) Has(ctx context.Context, version string) (bool, error) {
	found, _, err := k.store.Rulesets(ctx, issue.RulesetQuery{Page: issue.Page{Limit: 1}, Version: version})
	return len(found) > 0, err
}

func (k *archive) Publish(ctx context.Context, p rules.Publication, after int64) (int64, error) {
	return k.store.PublishRuleset(ctx, issue.Ruleset{
		Version: p.Version, Files: p.Files, PublishedAt: issue.Time(p.At), By: p.By, Note: p.Note,
	}, after)
}

// Seen is what the file says, unless the store has a later publication of this node's: then a crash came between the two. A file that
// knows of a later one than the store is of another life of the store, before a backup was restored, and counts for nothing.
func (k *archive) Seen(ctx context.Context) (string, error) {
	b, err := os.ReadFile(k.seen)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read what the rules folder held last: %w", err)
	}
	lines := strings.Split(string(b), "\n")
	version, n := numbered(lines[0])
	last, _, err := k.store.Rulesets(ctx, issue.RulesetQuery{Page: issue.Page{Limit: 1}})
	if err != nil || len(last) == 0 || last[0].Number < n {
		return "", err
	}
	own, _, err := k.store.Rulesets(ctx, issue.RulesetQuery{Page: issue.Page{Limit: 1}, By: k.by})
	if err == nil && len(own) > 0 && own[0].Number > n {
		version = own[0].Version
	}
	return version, err
}

// numbered reads "VERSION NUMBER"; the number is 0 in a damaged file: then the store knows better.
func numbered(line string) (version string, n int64) {
	version, number, _ := strings.Cut(strings.TrimSpace(line), " ")
	n, _ = strconv.ParseInt(number, 10, 64)
	return version, n
}

func (k *archive) See(ctx context.Context, version string) error {
	b, err := os.ReadFile(k.seen)
	if text := string(b); err == nil && strings.HasPrefix(text, version+" ") && !strings.Contains(text, refusedLine) {
		return nil
	}
	last, _, err := k.store.Rulesets(ctx, issue.RulesetQuery{Page: issue.Page{Limit: 1}})
	if err != nil || len(last) == 0 {
		return err
	}
	if err := writeFile(k.seen, fmt.Sprintf("%s %d\n", version, last[0].Number)); err != nil {
		return fmt.Errorf("remember what the rules folder holds: %w", err)
	}
	return nil
}

// refusedLine begins the line of the file that tells what the folder held last and was not published.
const refusedLine = "refused "

func (k *archive) Refused(context.Context) (version string, latest int64, err error) {
	b, err := os.ReadFile(k.seen)
	if errors.Is(err, fs.ErrNotExist) {
		return "", 0, nil
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, refusedLine); ok {
			version, latest = numbered(rest)
		}
	}
	return version, latest, err
}

func (k *archive) Refuse(_ context.Context, version string, latest int64) error {
	b, err := os.ReadFile(k.seen)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	seen, _, _ := strings.Cut(string(b), "\n")
	return writeFile(k.seen, fmt.Sprintf("%s\n%s%s %d\n", seen, refusedLine, version, latest))
}

// dry is an archive for a command that changes nothing.
type dry struct{ rules.Archive }

func (dry) See(context.Context, string) error           { return nil }
func (dry) Refuse(context.Context, string, int64) error { return nil }
func (dry) Publish(_ context.Context, _ rules.Publication, after int64) (int64, error) {
	return after + 1, nil
}

// problems marks what is wrong with the rules as the administrator's to mend.
func problems(err error) error {
	var diags dsl.Diagnostics
	var report rules.Report
	if errors.As(err, &diags) || errors.As(err, &report) {
		return &ErrConfig{Problems: err.Error()}
	}
	return err
}
