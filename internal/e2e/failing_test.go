package e2e

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A rule that fails on twenty mails one after the other is told in the log, once, in health details, metrics and statistics. By
// setting it is set aside then, until the rules are published anew; without, it is asked as before.
func TestFailingRules(t *testing.T) {
	t.Parallel()
	const script = `
		rule "breaks" { then { tag(fromJSON(mail.text).tag) } }
		rule "next" { then { tag("seen") } }`
	good := strings.Replace(simple("good", "good"), "Hello from good.", `{"tag": "read"}`, 1)
	for _, aside := range []bool{false, true} {
		t.Run(fmt.Sprintf("set aside %t", aside), func(t *testing.T) {
			t.Parallel()
			config := plainConfig
			if aside {
				config += "failing-rules: set-aside\n"
			}
			s := serve(t, config, map[string]string{"10.rules": script})
			for i := range 22 {
				id := fmt.Sprint("mail-", i)
				if err := s.send(simple(id, id)); err != nil {
					t.Fatal(err)
				}
				if tags := s.tagsOf(id); fmt.Sprint(tags) != "[seen]" {
					t.Fatalf("%s: %v", id, tags)
				}
			}
			const line = "a rule fails again and again"
			if log := s.logs.String(); strings.Count(log, line) != 1 || !strings.Contains(log, "rule=breaks path=10.rules:2:") {
				t.Errorf("the log tells it %d times", strings.Count(log, line))
			}
			times := 22
			if aside {
				times = 20
			}
			var ready struct {
				Details struct {
					Rules struct {
						Failing []struct {
							Rule  string
							Times int
						}
					}
				}
			}
			s.get("/readyz?details=true", &ready)
			if f := ready.Details.Rules.Failing; len(f) != 1 || f[0].Rule != "breaks" || f[0].Times != times {
				t.Errorf("health says %+v", ready)
			}
			var stats struct {
				Rules []struct {
					Rule    string
					Errors  int
					Failing int
				}
			}
			s.get("/api/v1/rulesets/latest/stats", &stats)
			if r := stats.Rules; len(r) != 2 || r[0].Failing != times || r[0].Errors != times || r[1].Failing != 0 {
				t.Errorf("statistics say %+v", stats)
			}
			resp, err := http.Get(s.url("/metrics"))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || !strings.Contains(string(text), "\npostern_rules_failing 1\n") {
				t.Errorf("metrics do not say it: %v", err)
			}

			if err := s.send(good); err != nil {
				t.Fatal(err)
			}
			if tags := s.tagsOf("good"); (len(tags) == 2) == aside {
				t.Errorf("a mail on which it would not fail: %v", tags)
			}
			write(t, filepath.Join(s.dir, "rules", "10.rules"), script+"\n")
			n := 0
			eventually(t, "published anew it is asked", 20*time.Second, func() bool {
				n++
				id := fmt.Sprint("anew-", n)
				if err := s.send(strings.NewReplacer("<good@", "<"+id+"@", "Subject: good", "Subject: "+id).Replace(good)); err != nil {
					t.Fatal(err)
				}
				return len(s.tagsOf(id)) == 2
			})
		})
	}
}
