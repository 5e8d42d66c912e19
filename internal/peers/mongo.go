package peers

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// MongoEnv names a server that tests use instead of starting one: any that speaks MongoDB's protocol.
const MongoEnv = "POSTERN_TEST_MONGODB_URI"

// mongoMissing has in the environment why no server could be started, so that a process tries it once.
const mongoMissing = "POSTERN_TEST_MONGODB_MISSING"

// The MongoDB server of the tests is a stand-in and says so: FerretDB in front of PostgreSQL with the DocumentDB
// extension, since Debian has no mongod. mongo/start.sh unpacks and starts it; docs/schema-mongodb.md has what it cannot show.
//
//go:embed mongo/start.sh
var mongoScript []byte

// A MongoServer is a server of the test's own, that it may stop and start.
type MongoServer struct {
	URI    string
	script string
	port   string
}

// WithMongo is for TestMain: it runs the tests of a package with one server for all of them, named by MongoEnv, and ends
// it after the last. Without a server the tests run too: those that ask for one skip, or fail where one is demanded.
//
//	func TestMain(m *testing.M) { os.Exit(peers.WithMongo(m.Run)) }
func WithMongo(run func() int) int {
	if os.Getenv(MongoEnv) != "" {
		return run()
	}
	s, err := startMongo()
	if err != nil {
		os.Setenv(mongoMissing, err.Error())
		defer os.Unsetenv(mongoMissing)
		return run()
	}
	os.Setenv(MongoEnv, s.URI)
	defer func() {
		os.Unsetenv(MongoEnv)
		if err := s.end(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	return run()
}

// Mongo gives the address of a server: the one that MongoEnv names, else one that is started for this test and
// ended with it. Where none can be had the test is skipped with words that say what is missing; with CI=true, or mongo
// in PEERS, it fails.
func Mongo(t testing.TB) string {
	t.Helper()
	if uri := os.Getenv(MongoEnv); uri != "" {
		return uri
	}
	return OwnMongo(t).URI
}

// OwnMongo starts a server for this test alone, which it may stop and start again.
func OwnMongo(t testing.TB) *MongoServer {
	t.Helper()
	if why := os.Getenv(mongoMissing); why != "" {
		noMongo(t, errors.New(why))
	}
	s, err := startMongo()
	if err != nil {
		noMongo(t, err)
	}
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// MongoDatabase gives the address of a server with a database that no other test uses; it is dropped after the test.
func MongoDatabase(t testing.TB) string {
	t.Helper()
	u, err := url.Parse(Mongo(t))
	if err != nil {
		t.Fatalf("%s: %v", MongoEnv, err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	server := *u
	u.Path = "/" + name
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		c, err := mongo.Connect(options.Client().ApplyURI(server.String()))
		if err != nil {
			t.Errorf("drop test database: %v", err)
			return
		}
		defer func() { _ = c.Disconnect(ctx) }()
		if err := c.Database(name).Drop(ctx); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	return u.String()
}

func noMongo(t testing.TB, err error) {
	t.Helper()
	words := fmt.Sprintf("no MongoDB server for tests: %v; name one in %s, or run as root on Debian with apt-get and go", err, MongoEnv)
	if os.Getenv("CI") == "true" || slices.Contains(strings.Split(os.Getenv("PEERS"), ","), "mongo") {
		t.Fatal(words)
	}
	t.Skip(words)
}

func startMongo() (*MongoServer, error) {
	if os.Getuid() != 0 {
		return nil, errors.New("installing one needs root")
	}
	for _, tool := range []string{"bash", "apt-get", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("installing one needs %s", tool)
		}
	}
	f, err := os.CreateTemp("", "postern-mongo-*.sh")
	if err != nil {
		return nil, err
	}
	_, err = f.Write(mongoScript)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	s := &MongoServer{script: f.Name()}
	s.URI, err = s.run("start")
	if err != nil {
		_ = os.Remove(s.script)
		return nil, err
	}
	u, err := url.Parse(s.URI)
	if err != nil {
		return nil, err
	}
	s.port = u.Port()
	return s, nil
}

// run runs the script. The server ends by itself when this process does, whichever way.
func (s *MongoServer) run(args ...string) (string, error) {
	cmd := exec.Command("bash", append([]string{s.script}, args...)...)
	cmd.Env = append([]string{"MONGO_FAST=1"}, os.Environ()...) // the environment's own word wins
	cmd.Env = append(cmd.Env, fmt.Sprintf("MONGO_OWNER=%d", os.Getpid()))
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(s.script), args[0], err, strings.TrimSpace(problem.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// Stop ends the server at once, as a kill does; its data stays.
func (s *MongoServer) Stop(t testing.TB) {
	t.Helper()
	if _, err := s.run("halt", s.port); err != nil {
		t.Fatal(err)
	}
}

// Start starts the server again, at its address and with its data.
func (s *MongoServer) Start(t testing.TB) {
	t.Helper()
	if _, err := s.run("resume", s.port); err != nil {
		t.Fatal(err)
	}
}

func (s *MongoServer) end() error {
	_, err := s.run("stop", s.port)
	return errors.Join(err, os.Remove(s.script))
}
