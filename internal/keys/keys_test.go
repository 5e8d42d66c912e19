package keys_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/fault"
	"postern/internal/keys"
)

var now = time.Date(2026, 11, 24, 8, 0, 0, 123, time.UTC)

func create(t *testing.T) (string, *keys.Ring) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data", "postern.key")
	r, err := keys.Init(path, now)
	if err != nil {
		t.Fatal(err)
	}
	return path, r
}

func TestInit(t *testing.T) {
	t.Parallel()
	path, made := create(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	read, err := keys.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made.Derive(keys.Replies), read.Derive(keys.Replies)) || made.Fingerprint() != read.Fingerprint() {
		t.Error("what was read is not what was made")
	}
	if bytes.Equal(read.Derive(keys.Replies), read.Derive(keys.Cursors)) {
		t.Error("two purposes have one key")
	}
	if !read.Created().Equal(now.Truncate(time.Second)) {
		t.Errorf("created %v", read.Created())
	}
	if _, err := keys.Init(path, now); !fault.Is(err, fault.Conflict) {
		t.Errorf("a second Init: %v", err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("files left over: %v", files)
	}
}

func TestRotate(t *testing.T) {
	t.Parallel()
	path, first := create(t)
	old := first.Sign(keys.Replies, []byte("issue 7"))
	second, err := keys.Rotate(path, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if second.Len() != 2 || second.Fingerprint() != first.Fingerprint() || bytes.Equal(second.Derive(keys.Replies), first.Derive(keys.Replies)) {
		t.Errorf("after the rotation: %d keys, fingerprint %s, before %s", second.Len(), second.Fingerprint(), first.Fingerprint())
	}
	young := second.Sign(keys.Replies, []byte("issue 7"))
	read, err := keys.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		ring      *keys.Ring
		purpose   keys.Purpose
		message   string
		signature []byte
		want      bool
	}{
		{"old signature", read, keys.Replies, "issue 7", old, true},
		{"new signature", read, keys.Replies, "issue 7", young, true},
		{"a node that was forgotten", first, keys.Replies, "issue 7", young, false},
		{"another purpose", read, keys.Cursors, "issue 7", young, false},
		{"another message", read, keys.Replies, "issue 8", young, false},
		{"a part of it", read, keys.Replies, "issue 7", young[:16], false},
		{"none", read, keys.Replies, "issue 7", nil, false},
	}
	for _, tt := range tests {
		if got := tt.ring.Verify(tt.purpose, []byte(tt.message), tt.signature); got != tt.want {
			t.Errorf("%s: verified %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestOpenMakesOneForAll(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postern.key")
	var wg sync.WaitGroup
	prints, made := make([]string, 8), make([]bool, 8)
	for i := range prints {
		wg.Go(func() {
			r, created, err := keys.Open(path, now)
			if err != nil {
				t.Error(err)
				return
			}
			prints[i], made[i] = r.Fingerprint(), created
		})
	}
	wg.Wait()
	count := 0
	for i := range prints {
		if prints[i] != prints[0] {
			t.Errorf("two key files: %s and %s", prints[0], prints[i])
		}
		if made[i] {
			count++
		}
	}
	if count != 1 {
		t.Errorf("%d say they made it", count)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	path, _ := create(t)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := good[bytes.Index(good, []byte("\nkey1"))+1:]
	tests := []struct {
		name string
		text []byte
		mode os.FileMode
		kind fault.Kind
		want string
	}{
		{"readable by the group", good, 0o640, fault.Denied, "chmod 600"},
		{"readable by the world", good, 0o604, fault.Denied, "chmod 600"},
		{"empty", nil, 0o600, fault.Invalid, "no key in it"},
		{"twice the same", append(bytes.Clone(good), line...), 0o600, fault.Invalid, "line 4 repeats a key"},
		{"another format", []byte("key2 a b\n"), 0o600, fault.Invalid, "line 1 is not a key"},
		{"no time", []byte("key1 yesterday c2VjcmV0\n"), 0o600, fault.Invalid, "line 1 has no time"},
		{"short", []byte("key1 2026-11-24T08:00:00Z c2VjcmV0\n"), 0o600, fault.Invalid, "line 1 has no key of 32 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "postern.key")
			if err := os.WriteFile(path, tt.text, tt.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil { // whatever the umask says
				t.Fatal(err)
			}
			_, err := keys.Load(path)
			if !fault.Is(err, tt.kind) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v (%v), want %v with %q", err, fault.KindOf(err), tt.kind, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "c2VjcmV0") {
				t.Errorf("the error shows what is in the file: %v", err)
			}
		})
	}
	if _, err := keys.Load(filepath.Join(t.TempDir(), "none")); !fault.Is(err, fault.NotFound) {
		t.Errorf("no file: %v", err)
	}
}

func TestPrintsNoKey(t *testing.T) {
	t.Parallel()
	path, r := create(t)
	text, _ := os.ReadFile(path)
	words := strings.Fields(string(text))
	secret := words[len(words)-1]
	var b bytes.Buffer
	holder := struct{ ring *keys.Ring }{r}
	fmt.Fprintf(&b, "%v %+v %#v %s %x %q %+v %#v", r, r, r, r, r, r, holder, *r)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("keys", "ring", r, "holder", holder)
	j, _ := json.Marshal(r)
	b.Write(j)
	raw, err := base64.RawStdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, string(raw)} {
		if strings.Contains(b.String(), s) {
			t.Errorf("a key is in %s", b.String())
		}
	}
	if !strings.Contains(b.String(), r.Fingerprint()) {
		t.Errorf("no fingerprint in %s", b.String())
	}
}
