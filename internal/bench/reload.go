package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// reloadRules is how many rules a set has that is published while mail comes.
const reloadRules = 10_000

// reloads measures what publishing large sets of rules does to the mail that comes meanwhile. Each load is measured with sets being published one
// after the other, and without, in turns; of the first only those mails count that waited for their answer while a set was published.
func reloads(c *contestant, rounds int, each time.Duration) error {
	if err := c.restart(); err != nil {
		return err
	}
	if _, err := load(c, scenario{size: 4 << 10, conns: 4, keep: true}, each/2); err != nil {
		return err
	}
	few := c.resident()
	var took []time.Duration
	edit := 0
	publish := func() error {
		edit++
		began := time.Now()
		err := c.publish(manyRules(reloadRules, edit))
		took = append(took, time.Since(began))
		return err
	}
	c.resetPeak()
	if err := publish(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	first := c.peak()
	c.settle()
	many := c.resident()
	fmt.Printf("\n### %s: mail of 4 KiB while sets of %d rules are published, one after the other\n\n", c.name, reloadRules)
	fmt.Printf("| mail | | p50 ms | p99 ms | the slowest ms | mails | messages/s |\n|---|---|---:|---:|---:|---:|---:|\n")
	c.resetPeak()
	for _, s := range []steady{{4, 50}, {4, 200}, {1, 0}, {32, 0}} {
		var quiet, busy moments
		for range rounds {
			q, err := s.send(c, each, nil)
			if err != nil {
				return err
			}
			b, err := s.send(c, each, publish)
			if err != nil {
				return err
			}
			quiet, busy = quiet.with(q), busy.with(b)
		}
		fmt.Printf("| %s | nothing else | %s |\n| | while publishing | %s |\n| | | **%.1f times** | **%.1f times** | | | |\n", s, quiet, busy, busy.at(50)/quiet.at(50), busy.at(99)/quiet.at(99))
	}
	slices.Sort(took)
	fmt.Printf("\nA set was checked, tested and stored in %.2f s (median of %d; the fastest %.2f, the slowest %.2f), while mail came. ", took[len(took)/2].Seconds(), len(took), took[0].Seconds(), took[len(took)-1].Seconds())
	fmt.Printf("Memory of the process: %.0f MB with twenty rules, %.0f MB at most while the first large set was published, %.0f MB with it, %.0f MB at most afterwards.\n", few, first, many, c.peak())
	return nil
}

// steady is mail that comes on so many connections at a rate of so many messages a second together; 0: as fast as it is answered.
type steady struct{ conns, rate int }

func (s steady) String() string {
	if s.rate == 0 {
		return fmt.Sprintf("%d connections, as fast as it goes", s.conns)
	}
	return fmt.Sprintf("%d connections, %d messages/s", s.conns, s.rate)
}

// moments are how long answers took, milliseconds, in so much time.
type moments struct {
	ms   []float64
	over time.Duration
}

func (m moments) with(o moments) moments {
	out := moments{slices.Concat(m.ms, o.ms), m.over + o.over}
	slices.Sort(out.ms)
	return out
}

func (m moments) at(percent int) float64 {
	if len(m.ms) == 0 {
		return 0
	}
	return m.ms[min(len(m.ms)-1, len(m.ms)*percent/100)]
}

func (m moments) String() string {
	return fmt.Sprintf("%.2f | %.2f | %.1f | %d | %.0f", m.at(50), m.at(99), m.at(100), len(m.ms), float64(len(m.ms))/m.over.Seconds())
}

// send sends mails for a while, and meanwhile does something again and again where it is asked to: then only what overlaps with that counts.
func (s steady) send(c *contestant, d time.Duration, meanwhile func() error) (moments, error) {
	body := strings.Repeat("The quick brown fox jumps over the lazy dog, and nothing else happens here.\r\n", 4<<10/76)
	type span struct{ from, to time.Time }
	var (
		mu    sync.Mutex
		sent  []span
		done  []span
		first error
		wg    sync.WaitGroup
	)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if first == nil {
			first = err
		}
	}
	began := time.Now()
	end := began.Add(d)
	if meanwhile != nil {
		wg.Go(func() {
			for time.Now().Before(end) {
				from := time.Now()
				if err := meanwhile(); err != nil {
					fail(err)
					return
				}
				done = append(done, span{from, time.Now()})
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	for i := range s.conns {
		wg.Go(func() {
			p, err := dial(c.addr)
			if err != nil {
				fail(err)
				return
			}
			defer p.quit()
			next := began
			if s.rate > 0 {
				next = next.Add(time.Duration(i) * time.Second / time.Duration(s.rate))
			}
			for time.Now().Before(end) {
				if s.rate > 0 {
					time.Sleep(time.Until(next))
					next = next.Add(time.Duration(s.conns) * time.Second / time.Duration(s.rate))
				}
				took, err := p.send(body)
				if err != nil {
					fail(err)
					return
				}
				now := time.Now()
				mu.Lock()
				sent = append(sent, span{now.Add(-took), now})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	out := moments{over: time.Since(began)}
	if meanwhile != nil {
		out.over = 0
		for _, b := range done {
			out.over += b.to.Sub(b.from)
		}
	}
	for _, m := range sent {
		if meanwhile == nil || slices.ContainsFunc(done, func(b span) bool { return m.from.Before(b.to) && b.from.Before(m.to) }) {
			out.ms = append(out.ms, ms(m.to.Sub(m.from)))
		}
	}
	c.settle()
	return out, first
}

// publish hands a set to the server by its socket, as `postern rules publish` does.
func (c *contestant) publish(files map[string]string) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(c.dir, "data", "postern.sock"))
	}}}
	defer client.CloseIdleConnections()
	const url = "http://postern/api/v1/rulesets"
	if c.published == 0 {
		c.published = 1 // the folder's
	}
	body, err := json.Marshal(map[string]any{"files": files, "after": c.published})
	if err != nil {
		return err
	}
	resp, err := client.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	var r struct{ Number int64 }
	if err := json.Unmarshal(answer, &r); err != nil || r.Number == 0 {
		return fmt.Errorf("%s: %.300s", resp.Status, answer)
	}
	c.published = r.Number
	return nil
}

// restart starts the server anew, on what it has.
func (c *contestant) restart() error {
	c.stop()
	return c.start()
}

// resident is the memory that the process has now, MB.
func (c *contestant) resident() float64 { return c.memory("VmRSS:") }

// resetPeak forgets the largest memory so far.
func (c *contestant) resetPeak() {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.cmd.Process.Pid), []byte("5"), 0)
}

// shapes of rules as people write them; § stands for the number of the rule.
var shapes = []string{
	`when mail.from.domain == "d§.example"`,
	"when mail.subject matches `(?i)\\b(order|invoice)[ -]?word§\\b` or mail.from.email == \"shop§@example.net\"",
	`when lower(mail.subject) contains "[project-§]" and not mail.isAutoReply`,
	`when mail.header("X-Project") == "project-§"`,
	`when has(mail.text, ["outage §", "customer-§ down"])`,
	"let m = find(mail.subject, `^(?P<state>PROBLEM|RECOVERY) host§:`)\n    when m.found",
	`when any(mail.to, .email == "team§@example.com") or under(mail.from.domain, "corp§.example")`,
	`when from_partner and mail.subject startsWith "Delivery §"`,
}

// manyRules writes n rules, a thousand a file, and a hundred tests. The last rule takes the load; edit makes each set another one.
func manyRules(n, edit int) map[string]string {
	files := map[string]string{"00.rules": fmt.Sprintf("// edit %d\nlist partners = [\"partner.example\", \"partner.test\"]\ndefine from_partner = under(mail.from.domain, partners)\n", edit)}
	var b strings.Builder
	for i := range n {
		does := `priority("high"); tag("seen")`
		if i%2 == 0 {
			does = "assign(\"team§@example.com\")\n        tag(\"customer-§\")"
		}
		rule := strings.ReplaceAll(shapes[i%len(shapes)]+"\n    then {\n        "+does+"\n    }", "§", strconv.Itoa(i))
		fmt.Fprintf(&b, "rule \"customer %d\" {\n    %s\n}\n", i, rule)
		if i%1000 == 999 || i == n-1 {
			files[fmt.Sprintf("%02d.rules", 10+i/1000)] = b.String()
			b.Reset()
		}
	}
	files["90.rules"] = twentyRules()[strings.Index(twentyRules(), `rule "load"`):]
	for i := range 100 {
		fmt.Fprintf(&b, "test \"customer %d\" {\n    mail \"\"\"\n        From: ann@d%d.example\n        To: support@example.com\n        Subject: load\n\n        Hello\n    \"\"\"\n    expect \"load\" in issue.tags\n}\n", i, i)
	}
	files["99_test.rules"] = b.String()
	return files
}
