package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"postern/internal/peers"
)

// Rules change all the time while mail comes, by edits in place, by the API and by reloads, on either store: every mail that was taken
// is one issue, decided wholly by one set, which the message names. Run it with -race.
func TestReloadWhileDelivering(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(t *testing.T) string{
		"sqlite": func(*testing.T) string { return "" },
		"mongo": func(t *testing.T) string {
			return fmt.Sprintf("store: {mongodb: %q}\ndata: ./data\n", peers.MongoDatabase(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Each set gives three tags of its own, at both stages, and to many rules between.
			set := func(id string) string {
				return fmt.Sprintf("rule \"first\" { on envelope\n then { tag(\"first-%s\") } }\n", id) +
					strings.Repeat("\n", len(id)) + fmt.Sprintf("rule \"second\" { when mail.subject contains \"flow\" then { tag(\"second-%s\") } }\n", id) +
					func() string {
						var b strings.Builder
						for i := range 50 {
							fmt.Fprintf(&b, "rule \"miss %d\" { when mail.from.domain == \"%d.example\" then { stop() } }\n", i, i)
						}
						return b.String()
					}() + fmt.Sprintf("rule \"third\" { then { tag(\"third-%s\") } }\n", id)
			}
			s := serve(t, plainConfig+store(t), map[string]string{"10.rules": set("start")})
			const senders, each = 4, 40
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var changing, sending sync.WaitGroup
			var edits, published atomic.Int64
			changing.Go(func() { // in place, with a moment in which the file is empty, and one in which it is half there
				path := filepath.Join(s.dir, "rules", "10.rules")
				for n := 0; ctx.Err() == nil; n++ {
					text := set(fmt.Sprint("edit", n))
					for _, part := range []string{"", text[:len(text)/2], text} {
						if err := os.WriteFile(path, []byte(part), 0o600); err != nil {
							t.Error(err)
						}
						time.Sleep(20 * time.Millisecond)
					}
					edits.Add(1)
					time.Sleep(250 * time.Millisecond)
				}
			})
			changing.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					var latest struct{ Items []struct{ Number int64 } }
					s.get("/api/v1/rulesets?limit=1", &latest)
					body, _ := json.Marshal(map[string]any{"files": map[string]string{"10.rules": set(fmt.Sprint("sent", n))}, "after": latest.Items[0].Number, "note": "again"})
					resp, err := http.Post(s.url("/api/v1/rulesets"), "application/json", bytes.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					resp.Body.Close()
					switch resp.StatusCode {
					case 200, 201:
						published.Add(1)
					case 409: // the folder was published meanwhile
					default:
						t.Errorf("publish: %s", resp.Status)
					}
					s.app.Reload()
					time.Sleep(100 * time.Millisecond)
				}
			})
			for who := range senders {
				sending.Go(func() {
					for i := range each {
						id := fmt.Sprintf("flow-%d-%d", who, i)
						if err := s.send(simple(id, id)); err != nil {
							t.Errorf("mail while rules change: %v", err)
						}
					}
				})
			}
			sending.Wait()
			for deadline := time.Now().Add(20 * time.Second); (edits.Load() < 3 || published.Load() < 3) && time.Now().Before(deadline); {
				id := fmt.Sprint("flow-more-", time.Now().UnixNano())
				if err := s.send(simple(id, id)); err != nil {
					t.Errorf("mail while rules change: %v", err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			stop()
			changing.Wait()

			var messages struct{ Items []messageJSON }
			s.get("/api/v1/messages?limit=500", &messages)
			by := map[string]string{} // the set by its version
			seen := map[string]int{}
			tagged := map[int64][]string{}
			for _, is := range s.issues() {
				tagged[is.Number] = is.Tags
			}
			for _, m := range messages.Items {
				seen[m.Subject]++
				tags := tagged[m.Issue]
				if m.Verdict != "committed" || len(tags) != 3 {
					t.Errorf("%s: %s with tags %v", m.Subject, m.Verdict, tags)
					continue
				}
				_, id, _ := strings.Cut(tags[0], "-")
				if got := strings.Join(tags, " "); got != fmt.Sprintf("first-%s second-%[1]s third-%[1]s", id) {
					t.Errorf("%s is decided by several sets: %s", m.Subject, got)
				}
				if other, known := by[m.Decision.Ruleset]; known && other != id {
					t.Errorf("version %s is %s and %s", m.Decision.Ruleset, other, id)
				}
				by[m.Decision.Ruleset] = id
			}
			for who := range senders {
				for i := range each {
					if id := fmt.Sprintf("flow-%d-%d", who, i); seen[id] != 1 {
						t.Errorf("%s came %d times", id, seen[id])
					}
				}
			}
			if len(by) < 3 {
				t.Errorf("only %d sets decided", len(by))
			}
			t.Logf("%d messages by %d sets; %d edits, %d published by the API", len(messages.Items), len(by), edits.Load(), published.Load())
		})
	}
}
