package config_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"postern/internal/config"
)

// What is printed is a configuration, and the same one.
func TestPrintedIsReadAgain(t *testing.T) {
	t.Parallel()
	c := load(t, `
data: /tmp
smtp:
  listen: []
  relays: [10.0.0.0/8, {net: 192.0.2.7, proxy: true}]
  origins: [{net: "2001:db8::/32", from: ["@example.com"]}]
  limits: {drain: 1m30s, bytes: 153600KiB}
lmtp: {listen: ["127.0.0.1:24", "unix:/run/a b.sock"], ours: true}
http: {public-url: "https://postern.example.com/x", proxies: [127.0.0.1]}
mailboxes:
  b: {addresses: ["*"], active: false, new: {tags: [x, "1", "yes", "a: b"]}}
  a: {addresses: ["@example.com"], from: "Example <a@example.com>", notes: internal}
types: [{A: [B, {C: [D]}]}, E]
priorities: []
keep: {raw: forever, trace: 36h}
`)
	out, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(c.File), "again.yaml")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	again, problems := config.Load(path, none)
	if again == nil {
		t.Fatalf("%s\n%v", out, problems)
	}
	opts := cmp.Options{cmpopts.IgnoreUnexported(config.Config{}, config.Mailbox{}), cmpopts.IgnoreFields(config.Config{}, "File"), cmpopts.EquateEmpty(),
		cmpopts.EquateComparable(c.SMTP.Relays[0].Net), cmp.Comparer(func(a, b config.Secret) bool { return a.Reveal() == b.Reveal() })}
	if diff := cmp.Diff(c, again, opts); diff != "" {
		t.Errorf("%s\n%s", out, diff)
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	const d = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90d": 90 * d, "2w": 14 * d, "1w2d3h": 9*d + 3*time.Hour, "1d12h": 36 * time.Hour, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute, "0s": 0, "500ms": 500 * time.Millisecond,
		"": -1, "d": -1, "1": -1, "-1d": -1, "-5m": -1, "1d-5m": -1, "1.5d": -1, "99999999w": -1, "1d2w": -1, "90 d": -1,
	} {
		got, err := config.ParseDuration(text)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
		if want >= 0 {
			if back, err := config.ParseDuration(config.FormatDuration(got)); err != nil || back != got {
				t.Errorf("%q is printed %q", text, config.FormatDuration(got))
			}
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]config.Size{
		"20MB": 20e6, "20 mb": 20e6, "20MiB": 20 << 20, "1.5GiB": 3 << 29, "4096": 4096, "0": 0, "512KiB": 512 << 10, "7B": 7,
		"": -1, "MB": -1, "-1": -1, "1e30": -1, "NaN": -1, "Inf": -1, "9223372036854775808": -1, "9GB9": -1, "1TBB": -1,
	} {
		got, err := config.ParseSize(text)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %v, %v; want %d", text, got, err, int64(want))
		}
		if back, err := config.ParseSize(got.String()); want >= 0 && (err != nil || back != got) {
			t.Errorf("%q is printed %q", text, got)
		}
	}
}
