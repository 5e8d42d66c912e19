package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata run the program as people do: a process of its own, built as it is given out.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "postern-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "postern"), ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build postern: %v\n%s", err, out)
			return 1
		}
		if err := os.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH")); err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			editors, err := filepath.Abs("../../editors")
			if err != nil {
				return err
			}
			env.Setenv("EDITORS", editors)
			for _, name := range []string{"SMTP", "HTTP"} {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				env.Setenv(name, l.Addr().String())
				_ = l.Close()
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"listens": listens, // listens ADDRESS: wait until somebody does
			"smtp":    sendSMTP,
			"post":    post,  // post STATUS URL FILE [NAME: VALUE…]: a POST of that file must be answered with that status
			"code":    code,  // ! code CODE …: postern fails with that exit code
			"wrong":   wrong, // ! wrong REGEXP …: postern exits with the code of wrong usage, and says so in one line
			"ids":     ids,   // ids [NAME]: $ID1, $ID2, … are the ids, or what is called NAME, in the JSON on standard output
			"until":   until, // until REGEXP postern …: run it again until its standard output matches
		},
	})
}

func listens(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", args[0]); err == nil {
			_ = conn.Close()
			return
		}
	}
	ts.Fatalf("nobody listens on %s", args[0])
}

func post(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.NewRequest("POST", args[1], strings.NewReader(ts.ReadFile(args[2])))
	ts.Check(err)
	for _, h := range args[3:] {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Add(name, value)
	}
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	ts.Check(err)
	if fmt.Sprint(res.StatusCode) != args[0] {
		ts.Fatalf("%s answered %s, not %s: %s", args[1], res.Status, args[0], body)
	}
}

func code(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("postern", args[1:]...)
	var failed *exec.ExitError
	if !errors.As(err, &failed) || fmt.Sprint(failed.ExitCode()) != args[0] {
		ts.Fatalf("postern %v ended with %v, not with exit code %s", args[1:], err, args[0])
	}
}

func wrong(ts *testscript.TestScript, _ bool, args []string) {
	want := "2"
	if args[1] == "deliver" {
		want = "75"
	}
	code(ts, true, append([]string{want}, args[1:]...))
	said := ts.ReadFile("stderr")
	if !regexp.MustCompile("^postern: "+args[0]).MatchString(said) || strings.Count(said, "\n") != 1 {
		ts.Fatalf("said %q", said)
	}
}

func ids(ts *testscript.TestScript, _ bool, args []string) {
	name := "id"
	if len(args) > 0 {
		name = args[0]
	}
	var items []map[string]any
	out := ts.ReadFile("stdout")
	if strings.HasPrefix(out, "{") {
		out = "[" + out + "]"
	}
	if err := json.Unmarshal([]byte(out), &items); err != nil {
		ts.Fatalf("%v", err)
	}
	for i, item := range items {
		ts.Setenv(fmt.Sprintf("ID%d", i+1), fmt.Sprint(item[name]))
	}
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[0])
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if err := ts.Exec(args[1], args[2:]...); err == nil && want.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%v never said %s, but %s", args[1:], want, ts.ReadFile("stdout"))
}

// sendSMTP: smtp ADDRESS FROM TO FILE sends a mail, or with ! is refused.
func sendSMTP(ts *testscript.TestScript, neg bool, args []string) {
	mail := strings.ReplaceAll(ts.ReadFile(args[3]), "\n", "\r\n")
	err := func() error {
		conn, err := net.Dial("tcp", args[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		buf := make([]byte, 4096)
		for _, step := range []string{"", "EHLO x.example\r\n", "MAIL FROM:<" + args[1] + ">\r\n", "RCPT TO:<" + args[2] + ">\r\n", "DATA\r\n", mail + ".\r\n"} {
			if _, err := conn.Write([]byte(step)); err != nil {
				return err
			}
			n, err := conn.Read(buf)
			if err != nil {
				return err
			}
			if buf[0] > '3' {
				return fmt.Errorf("%s", buf[:n])
			}
		}
		return nil
	}()
	if err == nil && neg {
		ts.Fatalf("the mail was taken")
	}
	if err != nil && !neg {
		ts.Fatalf("smtp: %v", err)
	}
	if err != nil {
		ts.Logf("refused: %v", err)
	}
}
