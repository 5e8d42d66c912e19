package storetest

import (
	"encoding/json"
	"path/filepath"
	"strings"
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
	w.must(w.s.PutShadow(ctx, one), "put")
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
	w.must(w.s.PutShadow(ctx, one), "stop")
	w.restart()
	check(one, "stopped, and opened again")
	reports("one", found)
	dir := filepath.Join(w.TempDir(), "backup")
	w.must(w.s.Backup(ctx, dir), "backup")

	two := issue.Shadow{ID: "two", Version: "v2", Files: map[string]string{"big.txt": strings.Repeat("0123456789abcde\n", 200_000)}, Share: 100, StartedAt: epoch, Until: epoch.Add(time.Hour)}
	w.must(w.s.PutShadow(ctx, two), "put another")
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
