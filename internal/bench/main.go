// Command bench compares Postern as a whole process with its peers on one machine, in one run: the servers take turns, round by
// round, and each figure is the median of the rounds. docs/performance.md says how to read it.
//
// Postern runs on SQLite, durable, with twenty rules; on MongoDB where POSTERN_TEST_MONGODB_URI names a server. Beside it
// runs a bare go-smtp server that writes each message to a file and fsyncs it, and Mailpit where -mailpit names its program.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"
)

// A scenario is one kind of load.
type scenario struct {
	size  int  // bytes of one mail
	conns int  // connections at once
	keep  bool // connections stay open; else each mail has its own
	hook  bool // by a webhook, raw; else by SMTP
}

func (s scenario) String() string {
	kind := "one mail each"
	if s.keep {
		kind = "kept open"
	}
	if s.hook {
		kind += ", by webhook"
	}
	return fmt.Sprintf("%d KiB, %d connections, %s", s.size>>10, s.conns, kind)
}

var scenarios = []scenario{
	{size: 4 << 10, conns: 1, keep: true}, {size: 4 << 10, conns: 1}, {size: 4 << 10, conns: 32, keep: true}, {size: 4 << 10, conns: 32},
	{size: 100 << 10, conns: 1, keep: true}, {size: 100 << 10, conns: 1}, {size: 100 << 10, conns: 32, keep: true}, {size: 100 << 10, conns: 32},
}

func main() {
	log.SetFlags(0)
	if len(os.Args) == 4 && os.Args[1] == "bare" {
		log.Fatal(bare(os.Args[2], os.Args[3]))
	}
	rounds := flag.Int("rounds", 5, "rounds; the figures are medians of them")
	each := flag.Duration("for", 2*time.Second, "how long one load lasts")
	mailpit := flag.String("mailpit", "", "Mailpit's program; a path")
	only := flag.String("only", "", "only servers whose name contains this")
	var parts parts
	flag.BoolVar(&parts.loads, "loads", true, "the loads of mail")
	flag.BoolVar(&parts.hooks, "hooks", true, "the same mail by webhook and by SMTP, in turn")
	flag.BoolVar(&parts.nodes, "nodes", true, "one node on MongoDB, and two")
	flag.BoolVar(&parts.reload, "reload", true, "mail while sets of 10,000 rules are published")
	flag.BoolVar(&parts.big, "big", true, "32 mails of 25 MB at once, at the end")
	flag.Parse()
	if err := run(*rounds, *each, *mailpit, *only, parts); err != nil {
		log.Fatal(err)
	}
}

// parts are what is measured.
type parts struct{ loads, hooks, nodes, reload, big bool }

func run(rounds int, each time.Duration, mailpit, only string, do parts) error {
	dir, err := os.MkdirTemp("", "postern-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := contestants(dir, mailpit)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c *contestant) bool { return !strings.Contains(c.name, only) })
	defer func() {
		for _, c := range all {
			c.stop()
		}
	}()
	for _, c := range all {
		if err := c.start(); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if _, err := load(c, scenario{size: 4 << 10, conns: 4, keep: true}, each/4); err != nil { // warm up
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	fmt.Printf("%d rounds of %s a load, the servers in turn, medians; %s\n", rounds, each, machine())
	if do.loads {
		if err := loads(all, rounds, each); err != nil {
			return err
		}
	}
	if do.hooks {
		if err := webhooks(all, rounds, each); err != nil {
			return err
		}
	}
	for _, c := range all {
		if do.nodes && c.name == onMongo {
			if err := nodes(c, rounds, each); err != nil {
				return fmt.Errorf("two nodes: %w", err)
			}
		}
	}
	if do.reload {
		for _, c := range all {
			if !strings.HasPrefix(c.name, "postern") {
				continue
			}
			if err := reloads(c, rounds, each); err != nil {
				return fmt.Errorf("%s, publishing: %w", c.name, err)
			}
		}
	}
	if !do.big {
		return nil
	}
	fmt.Printf("\n### 32 mails of 25 MB at once, in a fresh process\n\n| server | seconds | peak MB |\n|---|---:|---:|\n")
	for _, c := range all {
		c.stop()
		if err := c.start(); err != nil {
			return err
		}
		took, err := bigOnes(c)
		if err != nil {
			return fmt.Errorf("%s, 25 MB: %w", c.name, err)
		}
		fmt.Printf("| %s | %.1f | %.0f |\n", c.name, took.Seconds(), c.peak())
	}
	return nil
}

// loads measures each load on each server.
func loads(all []*contestant, rounds int, each time.Duration) error {
	results := map[string]map[scenario][]figures{}
	for round := range rounds {
		for _, s := range scenarios {
			for i := range all {
				c := all[(i+round)%len(all)]
				f, err := load(c, s, each)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, s, err)
				}
				if results[c.name] == nil {
					results[c.name] = map[scenario][]figures{}
				}
				results[c.name][s] = append(results[c.name][s], f)
			}
		}
		log.Printf("round %d of %d done", round+1, rounds)
	}
	for _, s := range scenarios {
		fmt.Printf("\n### %s\n\n| server | messages/s | p50 ms | p99 ms | CPU ms a message | with what follows |\n|---|---:|---:|---:|---:|---:|\n", s)
		for _, c := range all {
			f := median(results[c.name][s])
			fmt.Printf("| %s | %.0f | %.2f | %.2f | %.3f | %.3f |\n", c.name, f.rate, f.p50, f.p99, f.cpu, f.all)
		}
	}
	fmt.Printf("\n### Peak memory of the process after all of that\n\n| server | MB |\n|---|---:|\n")
	for _, c := range all {
		fmt.Printf("| %s | %.0f |\n", c.name, c.peak())
	}
	return nil
}

func median(fs []figures) figures {
	pick := func(get func(figures) float64) float64 {
		var v []float64
		for _, f := range fs {
			v = append(v, get(f))
		}
		slices.Sort(v)
		if len(v) == 0 {
			return 0
		}
		return v[len(v)/2]
	}
	return figures{
		rate: pick(func(f figures) float64 { return f.rate }), p50: pick(func(f figures) float64 { return f.p50 }),
		p99: pick(func(f figures) float64 { return f.p99 }), cpu: pick(func(f figures) float64 { return f.cpu }), all: pick(func(f figures) float64 { return f.all }),
	}
}
