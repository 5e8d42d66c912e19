package metrics_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"postern/internal/metrics"
)

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(rec.Result().Body)
	if err != nil || rec.Code != 200 {
		t.Fatalf("scrape: status %d, %v", rec.Code, err)
	}
	return string(b)
}

func TestCounts(t *testing.T) {
	m := metrics.New()
	m.Message("smtp", "support", "committed", 3*time.Millisecond, 4096)
	m.Message("smtp", "support", "committed", 3*time.Millisecond, 4096)
	m.Message("api", "", "try later", time.Second, 10)
	m.Rule("vip", true, false, time.Millisecond)
	m.Rule("vip", false, false, time.Millisecond)
	m.Rule("vip", true, true, time.Millisecond)
	m.Connected()
	m.Connected()
	m.Disconnected()
	m.Refused("unknown recipient")
	version, failed := "old", false
	if err := m.Register(metrics.Ruleset(func() (string, bool, int) { return version, failed, 2 })); err != nil {
		t.Fatal(err)
	}
	if got := scrape(t, m); !strings.Contains(got, `postern_ruleset_info{version="old"} 1`) || !strings.Contains(got, "postern_ruleset_failed 0") {
		t.Errorf("the rule set at first: %s", got)
	}
	version, failed = "new", true
	m.Request("GET", "/api/v1/issues", 200, time.Millisecond)
	m.Request("BREW", "", 404, time.Millisecond)
	got := scrape(t, m)
	for _, want := range []string{
		`postern_messages_total{mailbox="support",source="smtp",verdict="committed"} 2`,
		`postern_messages_total{mailbox="none",source="api",verdict="try later"} 1`,
		`postern_message_seconds_count{source="smtp",verdict="committed"} 2`,
		`postern_message_bytes_sum 8202`,
		`postern_rule_runs_total{result="matched",rule="vip"} 1`,
		`postern_rule_runs_total{result="unmatched",rule="vip"} 1`,
		`postern_rule_runs_total{result="failed",rule="vip"} 1`,
		`postern_rule_last_match_timestamp_seconds{rule="vip"} 1.`,
		`postern_smtp_connections_total 2`,
		`postern_smtp_connections_open 1`,
		`postern_refused_total{reason="unknown recipient"} 1`,
		`postern_ruleset_info{version="new"} 1`,
		`postern_ruleset_failed 1`,
		`postern_rules_failing 2`,
		`postern_http_requests_total{method="GET",route="/api/v1/issues",status="200"} 1`,
		`postern_http_requests_total{method="other",route="none",status="404"} 1`,
		`go_goroutines`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(got, `version="old"`) {
		t.Error("the version that no longer decides is still there")
	}
}

// A label's values are bounded however many names come, also when they come at once, and none breaks the format.
func TestBounded(t *testing.T) {
	m := metrics.New()
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 1000 {
				m.Rule(fmt.Sprintf("rule %d/%d\n\"\xff", g, i), true, false, 0)
			}
		})
	}
	wg.Wait()
	got := scrape(t, m)
	if n := strings.Count(got, "\npostern_rule_runs_total{"); n != 3*501 { // matched, unmatched, failed
		t.Errorf("got %d series of rules, want those of 500 and of the others", n)
	}
	if !strings.Contains(got, `postern_rule_runs_total{result="matched",rule="other"} 3500`) {
		t.Error("the others are not counted together")
	}
}
