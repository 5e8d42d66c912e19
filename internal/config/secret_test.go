package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"postern/internal/config"
)

const planted = "hunter2-planted"

func TestSecretIsNeverShown(t *testing.T) {
	t.Parallel()
	s := config.NewSecret(planted)
	type holder struct {
		Public  config.Secret
		File    config.SecretFile
		private config.Secret
		pointer *config.Secret
	}
	h := holder{s, config.SecretFile{Path: "p", Secret: s}, s, &s}
	var b bytes.Buffer
	for _, v := range []any{s, &s, h, &h, []config.Secret{s}, map[string]any{"k": s}, h.File, errors.Join(fmt.Errorf("dial %v: %w", s, os.ErrExist))} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T %v", "%10.3s"} {
			fmt.Fprintf(&b, strings.Replace(verb, "%T ", "", 1)+"\n", v)
		}
		j, err := json.Marshal(v)
		if err != nil {
			t.Errorf("json: %v", err)
		}
		y, err := yaml.Marshal(v)
		if err != nil {
			t.Errorf("yaml: %v", err)
		}
		b.Write(j)
		b.Write(y)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
	}
	for _, form := range []string{planted, fmt.Sprintf("%x", planted), fmt.Sprintf("%X", planted), planted[:5]} {
		if strings.Contains(b.String(), form) {
			t.Errorf("%q shows in\n%s", form, b.String())
		}
	}
	if !strings.Contains(b.String(), "***") || s.Reveal() != planted {
		t.Error("nothing was hidden, or nothing is there")
	}
}

// No secret of a configuration shows in anything that is printed of it, its errors among them.
func TestConfigShowsNoSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"pw": 0o600, "loose": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(planted+"\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	src := fmt.Sprintf(`
store: {mongodb: "mongodb://u:%s@h/postern", password-file: loose}
%%s
`, planted)
	good := filepath.Join(dir, "good.yaml")
	if err := os.WriteFile(good, fmt.Appendf(nil, src, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems := config.Load(good, none)
	if c == nil {
		t.Fatal(problems)
	}
	if c.Store.Password.Reveal() != planted {
		t.Errorf("the last line break counts: %q", c.Store.Password.Reveal())
	}
	if len(problems) != 1 || !strings.Contains(problems[0].String(), "warning: ") || !strings.Contains(problems[0].Message, "chmod 600 it") {
		t.Errorf("a file that all can read: %v", problems)
	}
	out, err := c.YAML()
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.yaml")
	users := fmt.Sprintf("smtp: {users: {a: {password-hash: %s}, b: {password-file: pw, password-hash: %s}, %s: {}}}\nnonsense: 1", planted, planted, "c")
	if err := os.WriteFile(bad, []byte(strings.Replace(fmt.Sprintf(src, users), "mongodb://", "mango://", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs := config.Load(bad, none)
	if len(errs) < 5 {
		t.Errorf("too few errors: %v", errs)
	}
	all := fmt.Sprintf("%s\n%v\n%+v\n%#v\n%v\n%v\n%+v", out, c, c, c, problems, errs, errs)
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(all+string(j), planted) {
		t.Errorf("the secret shows:\n%s\n%s", all, j)
	}
	if !strings.Contains(string(out), "***") {
		t.Errorf("the printed configuration hides nothing:\n%s", out)
	}
}

// A connection string that is wrong in its password is refused by us: the driver would quote a piece of it.
func TestConnectionStrings(t *testing.T) {
	t.Parallel()
	for uri, ok := range map[string]bool{
		"mongodb://h/postern": true, "mongodb://h1:1,h2:2/postern?replicaSet=rs": true, "mongodb+srv://u@h/postern": true,
		"mongodb://u:p%2Fw@h/postern": true, "mongodb://h/db?appName=a@b": true,
		"http://h": false, "mongodb://u:" + planted + "/x@h/db": false, "mongodb://u:" + planted + "@x@h/db": false,
		"mongodb://u:" + planted + "%zz@h/db": false, "mongodb://u:" + planted + ":x@h/db": false,
	} {
		c, problems := config.Load("", env("POSTERN_STORE_MONGODB", uri, "POSTERN_DATA", "/nowhere"))
		if (c != nil) != ok || strings.Contains(problems.String(), planted) {
			t.Errorf("%s: %v", uri, problems)
		}
	}
}
