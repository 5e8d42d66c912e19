package storetest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"postern/internal/fault"
	"postern/internal/issue"
)

func shadows(w *world) {
	ctx := background()
	_, err := w.s.Shadow(ctx, true)
	w.kind(err, fault.NotFound, "no shadow")
	w.kind(w.s.PutShadowReport(ctx, "one", "a", json.RawMessage(`{}`)), fault.Conflict, "a report of none")
	one := issue.Shadow{
		ID: "one", Version: "v1", Files: map[string]string{"a.rules": "x", "lists/b.$c.txt": "ü"}, Share: 12.5, StartedAt: epoch, Until: epoch.Add(time.Hour),
		By: "local:ann", Note: "why",
	}
	w.must(w.s.PutShadow(ctx, one, ""), "put")
	w.kind(w.s.PutShadow(ctx, one, ""), fault.Conflict, "another first one")
	w.kind(w.s.PutShadow(ctx, issue.Shadow{ID: "x"}, "y"), fault.Conflict, "one in place of what is not there")
	check := func(want issue.Shadow, when string) {
		w.Helper()
		got, err := w.s.Shadow(ctx, true)
		w.must(err, when)
		w.same(*got, want, when)
		want.Files = nil
		got, err = w.s.Shadow(ctx, false)
		w.must(err, when)
		w.same(*got, want, when+", without files")
	}
	reports := func(id string, want map[string]json.RawMessage) {
		w.Helper()
		got, err := w.s.ShadowReports(ctx, id)
		w.must(err, "reports")
		w.same(got, want, "reports of "+id)
	}
	check(one, "put")
	w.must(w.s.PutShadowReport(ctx, "one", "a", json.RawMessage(`{"n":1}`)), "report")
	w.must(w.s.PutShadowReport(ctx, "one", "b", json.RawMessage(`{"n":2}`)), "report")
	w.must(w.s.PutShadowReport(ctx, "one", "a", json.RawMessage(`{"n":3}`)), "report again")
	found := map[string]json.RawMessage{"a": json.RawMessage(`{"n":3}`), "b": json.RawMessage(`{"n":2}`)}
	reports("one", found)
	stopped := epoch.Add(time.Minute)
	one.StoppedAt = &stopped
	w.must(w.s.PutShadow(ctx, one, "one"), "stop")
	w.restart()
	check(one, "stopped, and opened again")
	reports("one", found)
	dir := filepath.Join(w.TempDir(), "backup")
	w.must(w.s.Backup(ctx, dir), "backup")

	two := issue.Shadow{ID: "two", Version: "v2", Files: map[string]string{"big.txt": strings.Repeat("0123456789abcde\n", 200_000)}, Share: 100, StartedAt: epoch, Until: epoch.Add(time.Hour)}
	w.must(w.s.PutShadow(ctx, two, "one"), "put another")
	w.kind(w.s.PutShadow(ctx, one, "one"), fault.Conflict, "a late word about the one before")
	if _, err := w.s.Sweep(ctx, -time.Hour); err != nil {
		w.Errorf("sweep: %v", err)
	}
	check(two, "another")
	reports("one", map[string]json.RawMessage{})
	w.kind(w.s.PutShadowReport(ctx, "one", "a", json.RawMessage(`{}`)), fault.Conflict, "a late report")
	reports("two", map[string]json.RawMessage{})

	other := &world{T: w.T, place: w.fresh(), clock: w.now()}
	other.open()
	defer other.close()
	other.must(other.s.Restore(ctx, dir), "restore")
	if got, err := other.s.Shadow(ctx, true); err != nil || got.ID != "one" || got.StoppedAt == nil {
		w.Errorf("restored %+v, %v", got, err)
	}
}

// Of those who begin with a shadow at once one wins.
func shadowRace(w *world) {
	before := ""
	for round := range 4 {
		var won atomic.Int64
		var is atomic.Value
		together(senders, func(i int) {
			id := fmt.Sprintf("s%d-%d", round, i)
			switch err := w.s.PutShadow(background(), issue.Shadow{ID: id, Files: map[string]string{"a.rules": id}}, before); {
			case err == nil:
				won.Add(1)
				is.Store(id)
			case !fault.Is(err, fault.Conflict):
				w.Errorf("put: %v", err)
			}
		})
		got, err := w.s.Shadow(background(), true)
		w.must(err, "read")
		if won.Load() != 1 || got.ID != is.Load() || got.Files["a.rules"] != got.ID {
			w.Fatalf("%d of %d won, there is %+v, want %v", won.Load(), senders, got, is.Load())
		}
		before = got.ID
	}
}
