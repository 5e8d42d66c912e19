package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// nodes measures one node against two on the same database, with as many connections in all.
func nodes(one *contestant, rounds int, each time.Duration) error {
	two, err := another(one)
	if err != nil {
		return err
	}
	defer two.stop()
	if err := two.start(); err != nil {
		return err
	}
	fmt.Printf("\n### One node and two, on one database\n\n| nodes | messages/s | p50 ms | p99 ms |\n|---|---:|---:|---:|\n")
	var single, double []figures
	whole, half := scenario{size: 4 << 10, conns: 32, keep: true}, scenario{size: 4 << 10, conns: 16, keep: true}
	for range rounds {
		f, err := load(one, whole, each)
		if err != nil {
			return err
		}
		single = append(single, f)
		var both [2]figures
		var errs [2]error
		var g sync.WaitGroup
		for i, c := range []*contestant{one, two} {
			g.Go(func() { both[i], errs[i] = load(c, half, each) })
		}
		g.Wait()
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
		double = append(double, figures{rate: both[0].rate + both[1].rate, p50: max(both[0].p50, both[1].p50), p99: max(both[0].p99, both[1].p99)})
	}
	for _, row := range []struct {
		name string
		fs   []figures
	}{{"one, 32 connections", single}, {"two, 16 connections each", double}} {
		f := median(row.fs)
		fmt.Printf("| %s | %.0f | %.2f | %.2f |\n", row.name, f.rate, f.p50, f.p99)
	}
	return nil
}

// another is a second node of the same: its own folder and addresses, the same database and key file.
func another(c *contestant) (*contestant, error) {
	dir := c.dir + "b"
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	web, err := freePort()
	if err != nil {
		return nil, err
	}
	err = os.CopyFS(filepath.Join(dir, "rules"), os.DirFS(filepath.Join(c.dir, "rules")))
	conf, rerr := os.ReadFile(filepath.Join(c.dir, "postern.yaml"))
	text := strings.NewReplacer(c.addr, addr, c.web, web).Replace(string(conf)) + fmt.Sprintf("key-file: %q\n", filepath.Join(c.dir, "data", "postern.key"))
	err = errors.Join(err, rerr, os.WriteFile(filepath.Join(dir, "postern.yaml"), []byte(text), 0o600), os.WriteFile(filepath.Join(dir, "secret"), []byte(hookSecret), 0o600))
	return &contestant{name: c.name + ", a second node", addr: addr, web: web, args: c.args, dir: dir}, err
}
